"""The group of a launched campaign, as ChumiAI shows it just before anything is sent."""

from collections.abc import Mapping
from typing import Any

from django.db import transaction

from campaigns.models import Campaign, GroupChoice
from core import clocks
from sending import holds
from sending.models import Batch


def record_count(campaign: Campaign, size: int) -> bool:
    """Store the size that ChumiAI shows. Pause the campaign if it is another group now.

    Return False if it is.
    """
    choice = GroupChoice.objects.filter(campaign=campaign)
    with transaction.atomic():
        group = choice.get()
        # The campaign before its group, the order in which both are locked everywhere.
        hold = holds.hold_for_size(group, size)
        if hold:
            holds.apply_hold(campaign, hold)
        choice.update(counted_size=size, counted_at=clocks.now())
    return hold is None


def record_refused(campaign: Campaign, why: Mapping[str, Any]) -> None:
    """Pause a campaign whose group ChumiAI must not send to (any more).

    `why` are the arguments of `group_rules.refusal`, or {"gone": True}.
    """
    holds.apply_hold(campaign, holds.pause(Campaign.Pause.GROUP_REFUSED, **why))


@transaction.atomic
def set_size(batch: Batch, size: int) -> None:
    """Set the size of the one batch of a send through ChumiAI's group, before it is claimed."""
    pending = Batch.objects.filter(pk=batch.pk, status=Batch.Status.PENDING)
    if size != batch.size and pending.update(last=batch.first + size - 1):
        Campaign.objects.filter(pk=batch.campaign_id).update(recipient_count=size)
        batch.last = batch.first + size - 1
