"""Who is skipped beyond the opt-outs: people of an earlier campaign, and the frequency limit.

Both are checked twice: at the check and before sending. A launch may come days after the check,
and two campaigns may go out at the same time.
"""

from collections.abc import Collection
from datetime import timedelta
from typing import Any

from django.db.models import Count, Q, QuerySet

from audience.check import Outcome
from campaigns.models import Campaign, Recipient, RecipientQuerySet
from contacts.services import opted_out_of
from core import clocks
from core.sentences import Sentence, gettext_noop, ngettext_noop
from teams.models import Team

Status, SkipReason = Recipient.Status, Recipient.SkipReason
MARKETING = "MARKETING"
# Report an overlap with campaigns of the last days, from this share of the people on.
OVERLAP_DAYS, OVERLAP_PERCENT = 7, 50

Phones = QuerySet[Any, str]

ALREADY_IN = gettext_noop("Already in {campaign}.")
OVER_CAP = ngettext_noop(
    "Got a marketing message in the last {hours} hours.",
    "Got {count} marketing messages or more in the last {hours} hours.",
)
OVER_CAP_IN_AN_HOUR = ngettext_noop(
    "Got a marketing message in the last hour.",
    "Got {count} marketing messages or more in the last hour.",
)


def already_sent_to(campaign: Campaign) -> RecipientQuerySet:
    """Return the people of a campaign who got it, may have got it, or are about to."""
    return Recipient.objects.filter(campaign=campaign).exclude(
        status__in=(Status.SKIPPED, Status.FAILED)
    )


def already_in(campaign: Campaign) -> Sentence:
    """Return the sentence for those who are skipped because of the earlier campaign."""
    earlier = campaign.exclude_campaign
    return Sentence(ALREADY_IN, {"campaign": earlier.name if earlier else ""})


def has_frequency_cap(campaign: Campaign, category: str) -> bool:
    """Return True if the team's limit of marketing messages applies to the campaign."""
    return bool(
        campaign.team.marketing_messages and category == MARKETING and not campaign.is_test
    )


def over_frequency_cap(campaign: Campaign) -> Phones:
    """Return the phones with as many marketing messages as the team allows.

    Messages of the campaign itself do not count, or its retries would block themselves; nor do
    tests to the team's own numbers. A message that may have been sent counts as sent.
    """
    since = clocks.now() - timedelta(hours=campaign.team.marketing_hours)
    # The campaigns first, which are few: their people are then found by the index of each.
    recent = (
        Campaign.objects.for_team(campaign.team)
        .filter(Q(finished_at=None) | Q(finished_at__gt=since), launched_at__isnull=False)
        .filter(snapshot__category=MARKETING, is_test=False)
        .exclude(pk=campaign.pk)
        .values_list("pk", flat=True)
    )
    got = Q(status=Status.ACCEPTED, settled_at__gt=since) | Q(
        status__in=(Status.SUBMITTING, Status.UNCONFIRMED)
    )
    phones: Phones = (
        Recipient.objects.filter(got, campaign__in=list(recent))
        .order_by()
        .values("phone")
        .annotate(times=Count("pk"))
        .filter(times__gte=campaign.team.marketing_messages)
        .values_list("phone", flat=True)
    )
    return phones


def frequency_cap_reason(team: Team) -> Sentence:
    """Return the sentence for those who reached the frequency limit."""
    most, hours = team.marketing_messages or 1, team.marketing_hours
    message = OVER_CAP_IN_AN_HOUR if hours == 1 else OVER_CAP
    return Sentence(message, {"count": most, "hours": hours})


def of_check(campaign: Campaign) -> list[tuple[Outcome, Phones, Sentence]]:
    """List who the check excludes beyond the opt-outs: the outcome, the phones, the sentence."""
    found: list[tuple[Outcome, Phones, Sentence]] = []
    if campaign.exclude_campaign:
        excluded = already_sent_to(campaign.exclude_campaign).values_list("phone", flat=True)
        found.append((Outcome.EXCLUDED, excluded, already_in(campaign)))
    if campaign.template and has_frequency_cap(campaign, campaign.template.category):
        found.append(
            (
                Outcome.FREQUENCY_CAP,
                over_frequency_cap(campaign),
                frequency_cap_reason(campaign.team),
            )
        )
    return found


def reasons(campaign: Campaign, numbers: Collection[str]) -> dict[Recipient.SkipReason, set[str]]:
    """Map each exclusion reason that applies now to the excluded numbers of `numbers` (E.164)."""
    found = {SkipReason.OPTED_OUT: opted_out_of(campaign.team, numbers)}
    if campaign.exclude_campaign:
        known = already_sent_to(campaign.exclude_campaign).filter(phone__in=numbers)
        found[SkipReason.EARLIER_CAMPAIGN] = set(known.values_list("phone", flat=True))
    if has_frequency_cap(campaign, (campaign.snapshot or {})["category"]):
        found[SkipReason.FREQUENCY_CAP] = set(
            over_frequency_cap(campaign).filter(phone__in=numbers)
        )
    return {reason: phones for reason, phones in found.items() if phones}


def skip(campaign: Campaign, people: RecipientQuerySet) -> bool:
    """Skip those of `people`, who wait to be sent, that are excluded now.

    Return True if there were any.
    """
    found = reasons(campaign, list(people.values_list("phone", flat=True)))
    for reason, phones in found.items():
        people.filter(phone__in=phones).update(status=Status.SKIPPED, skip_reason=reason)
    return bool(found)


def overlap(campaign: Campaign) -> dict[str, Any] | None:
    """Return the recent campaign of the team that most of these people got, or None.

    {"uuid", "name", "launched_at", "percent", "same_template"}, from OVERLAP_PERCENT on.
    """
    since = clocks.now() - timedelta(days=OVERLAP_DAYS)
    recent = {
        row.pk: row
        for row in Campaign.objects.for_team(campaign.team)
        .filter(launched_at__gt=since, is_test=False)
        .exclude(pk=campaign.pk)
    }
    people = Recipient.objects.filter(campaign=campaign)
    total = people.count()
    if not (recent and total):
        return None
    most = (
        Recipient.objects.filter(campaign__in=list(recent), phone__in=people.values("phone"))
        .exclude(status__in=(Status.SKIPPED, Status.FAILED))
        .order_by()
        .values_list("campaign")
        .annotate(people=Count("pk"))
        .order_by("-people", "-campaign")
        .first()
    )
    if most is None or most[1] * 100 < total * OVERLAP_PERCENT:
        return None
    earlier = recent[most[0]]
    sent, template = earlier.snapshot or {}, campaign.template
    return {
        "uuid": str(earlier.uuid),
        "name": earlier.name,
        "launched_at": earlier.launched_at.isoformat() if earlier.launched_at else "",
        "percent": most[1] * 100 // total,
        "same_template": template is not None
        and [sent["template"], sent["language"]] == [template.name, template.language],
    }
