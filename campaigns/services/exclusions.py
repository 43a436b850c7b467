"""Who is left out beyond the opt-outs: an earlier campaign's people, and who had enough lately.

Both are asked when the file is checked, and once more when a person's turn comes: a launch may
come days after the check, and two campaigns may go out at a time.
"""

from datetime import timedelta

from django.db.models import Count, Q
from django.utils import timezone

from campaigns.models import Campaign, Recipient
from contacts.services import opted_out_of
from core.sentences import Sentence, gettext_noop, ngettext_noop

Status, SkipReason = Recipient.Status, Recipient.SkipReason
MARKETING = "MARKETING"
# Overlap with what went out in so many days is told, from such a share of the people.
OVERLAP_DAYS, OVERLAP_PERCENT = 7, 50

ALREADY_IN = gettext_noop("Already in {campaign}.")
TOO_OFTEN = ngettext_noop(
    "Got a marketing message in the last {hours} hours.",
    "Got {count} marketing messages or more in the last {hours} hours.",
)
TOO_OFTEN_IN_AN_HOUR = ngettext_noop(
    "Got a marketing message in the last hour.",
    "Got {count} marketing messages or more in the last hour.",
)


def already_sent_to(campaign):
    """Return the people of a campaign who got it, may have got it, or are about to."""
    return Recipient.objects.filter(campaign=campaign).exclude(
        status__in=(Status.SKIPPED, Status.FAILED)
    )


def already_in(campaign):
    """Return the sentence for those who are left out because of the earlier campaign."""
    return Sentence(ALREADY_IN, {"campaign": campaign.exclude_campaign.name})


def has_frequency_cap(campaign, category):
    """Say whether the team's limit of marketing messages holds for the campaign."""
    return bool(
        campaign.team.marketing_messages and category == MARKETING and not campaign.is_test
    )


def over_frequency_cap(campaign):
    """Return the phones with as many marketing messages as the team allows, as a queryset.

    Those of the campaign itself do not count, or its own second tries would be in its way; nor
    do tests to the team's own numbers. What may have been sent counts as sent.
    """
    since = timezone.now() - timedelta(hours=campaign.team.marketing_hours)
    # The campaigns first, which are few: their people are then found by the index of each.
    lately = (
        Campaign.objects.for_team(campaign.team)
        .filter(Q(finished_at=None) | Q(finished_at__gt=since), launched_at__isnull=False)
        .filter(snapshot__category=MARKETING, is_test=False)
        .exclude(pk=campaign.pk)
        .values_list("pk", flat=True)
    )
    got = Q(status=Status.ACCEPTED, settled_at__gt=since) | Q(
        status__in=(Status.SUBMITTING, Status.UNCONFIRMED)
    )
    return (
        Recipient.objects.filter(got, campaign__in=list(lately))
        .order_by()
        .values("phone")
        .annotate(times=Count("pk"))
        .filter(times__gte=campaign.team.marketing_messages)
        .values_list("phone", flat=True)
    )


def too_often(team):
    """Return the sentence for those who had enough."""
    most, hours = team.marketing_messages, team.marketing_hours
    message = TOO_OFTEN_IN_AN_HOUR if hours == 1 else TOO_OFTEN
    return Sentence(message, {"count": most, "hours": hours})


def reasons(campaign, numbers):
    """Map each `SkipReason` that holds now to the phones of `numbers` (E.164) it concerns."""
    found = {SkipReason.OPTED_OUT: opted_out_of(campaign.team, numbers)}
    if campaign.exclude_campaign_id:
        known = already_sent_to(campaign.exclude_campaign).filter(phone__in=numbers)
        found[SkipReason.EARLIER_CAMPAIGN] = set(known.values_list("phone", flat=True))
    if has_frequency_cap(campaign, campaign.snapshot["category"]):
        found[SkipReason.FREQUENCY_CAP] = set(
            over_frequency_cap(campaign).filter(phone__in=numbers)
        )
    return {reason: phones for reason, phones in found.items() if phones}


def skip(campaign, people):
    """Leave out those of `people`, a queryset that waits, who must not be written to now.

    Return whether there were any.
    """
    found = reasons(campaign, list(people.values_list("phone", flat=True)))
    for reason, phones in found.items():
        people.filter(phone__in=phones).update(status=Status.SKIPPED, skip_reason=reason)
    return bool(found)


def overlap(campaign):
    """Return which of the team's last campaigns most of these people got, or None.

    {"uuid", "name", "launched_at", "percent", "same_template"}; a share of half and more.
    """
    since = timezone.now() - timedelta(days=OVERLAP_DAYS)
    lately = {
        row.pk: row
        for row in Campaign.objects.for_team(campaign.team)
        .filter(launched_at__gt=since, is_test=False)
        .exclude(pk=campaign.pk)
    }
    people = Recipient.objects.filter(campaign=campaign)
    total = people.count()
    if not (lately and total):
        return None
    most = (
        Recipient.objects.filter(campaign__in=list(lately), phone__in=people.values("phone"))
        .exclude(status__in=(Status.SKIPPED, Status.FAILED))
        .order_by()
        .values_list("campaign")
        .annotate(people=Count("pk"))
        .order_by("-people", "-campaign")
        .first()
    )
    if most is None or most[1] * 100 < total * OVERLAP_PERCENT:
        return None
    earlier = lately[most[0]]
    sent, template = earlier.snapshot, campaign.template
    return {
        "uuid": str(earlier.uuid),
        "name": earlier.name,
        "launched_at": earlier.launched_at.isoformat(),
        "percent": most[1] * 100 // total,
        "same_template": [sent["template"], sent["language"]]
        == [template.name, template.language],
    }
