"""Whether a template that ChumiAI does not document in full was tested, before a campaign."""

from campaigns.audiences import audience_of
from campaigns.models import Campaign, Recipient

# Tests that are looked at, the newest first.
MOST = 50


def lacks_test(campaign: Campaign) -> bool:
    """Return True if a test of its template has to be accepted before the campaign starts.

    A message to one number risks no more than a test does.
    """
    template = campaign.template
    if template is None or not template.must_be_tested:
        return False
    if campaign.is_test or audience_of(campaign).is_single:
        return False
    accepted = (
        Recipient.objects.filter(
            campaign__team=campaign.team,
            campaign__is_test=True,
            campaign__template=template,
            status=Recipient.Status.ACCEPTED,
            decision="",
        )
        .order_by("-pk")
        .values_list("campaign__snapshot", flat=True)[:MOST]
    )
    # A test of an earlier text says nothing about this one.
    return all(snapshot["components"] != template.components for snapshot in accepted)
