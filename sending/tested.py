"""Whether a template that ChumiAI does not document in full was tested, before a campaign."""

from campaigns.audiences import audience_of
from campaigns.models import Campaign, Recipient


def lacks_test(campaign: Campaign) -> bool:
    """Return True if a test of its template has to be accepted before the campaign starts.

    A message to one number risks no more than a test does.
    """
    template = campaign.template
    if template is None or not template.must_be_tested:
        return False
    if campaign.is_test or audience_of(campaign).is_single:
        return False
    accepted = Recipient.objects.filter(
        campaign__team=campaign.team,
        campaign__is_test=True,
        campaign__template=template,
        # A test of an earlier text says nothing about this one.
        campaign__template_hash=template.content_hash,
        status=Recipient.Status.ACCEPTED,
        decision="",
    )
    return not accepted.exists()
