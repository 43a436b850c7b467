"""The group of a launched campaign, as ChumiAI shows it just before anything is sent."""

from django.db import transaction
from django.utils import timezone

from campaigns.models import Campaign, GroupChoice
from campaigns.services import groups
from sending.models import Batch
from sending.services import launches

Way = GroupChoice.Way


def record_count(campaign, size):
    """Keep the size that ChumiAI just told. Hold the campaign if it is another group by now.

    Return False where the campaign is held.
    """
    choice = GroupChoice.objects.filter(campaign=campaign)
    with transaction.atomic():
        group = choice.get()
        # The campaign before what hangs on it, as everywhere.
        held = groups.is_other_group(group.size, size) and launches.pause(
            campaign,
            reason=Campaign.Pause.GROUP_CHANGED,
            note=f"“{group.name[:100]}” had {people(group.size)} when you last saw it and has "
            f"{people(size)} now. Nobody was written to yet. {_what_then(group, size)}",
        )
        choice.update(counted_size=size, counted_at=timezone.now())
    return not held


def _what_then(group, size):
    if group.way == Way.ENDPOINT:
        return f"Resume to write to all {size:,}, or stop."
    return (
        "Resume to write to those who were checked, or stop and check the group again in a new "
        "campaign."
    )


def record_refused(campaign, why):
    """Hold a campaign whose group ChumiAI must not send to by itself (any more)."""
    launches.pause(
        campaign,
        reason=Campaign.Pause.GROUP_REFUSED,
        note=f"{why} Nobody was written to. Change the group in ChumiAI and resume, or stop and "
        f"send to it in a new campaign “{Way.EXPANDED.label.lower()}”.",
    )


@transaction.atomic
def set_size(batch, size):
    """Count the one part of a campaign through ChumiAI's group anew, before it is claimed."""
    waits = Batch.objects.filter(pk=batch.pk, status=Batch.Status.PENDING)
    if size != batch.size and waits.update(last=batch.first + size - 1):
        Campaign.objects.filter(pk=batch.campaign_id).update(recipient_count=size)
        batch.last = batch.first + size - 1


def people(number):
    """Write a number of people."""
    return "1 person" if number == 1 else f"{number:,} people"
