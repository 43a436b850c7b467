"""Retry failed messages for which another try makes sense; each try is an attempt of its own."""

from collections import defaultdict
from datetime import datetime, timedelta

from django.db import transaction
from django.db.models import F, Q
from django.utils.translation import gettext as _

from campaigns.models import Campaign, Recipient
from core import clocks
from core.errors import Refused
from sending.models import Batch
from sending.services import launches
from teams.models import User
from teams.services import audit
from whatsapp import errors


def can_be_tried(now: datetime) -> Q:
    """Return the condition on a recipient for another try, from the table of error codes."""
    kinds: dict[tuple[timedelta, int], list[int]] = defaultdict(list)
    for code, failure in errors.FAILURES.items():
        if failure.can_be_tried:
            kinds[failure.wait, failure.most].append(code)
    condition = Q(pk__in=[])
    for (wait, most), codes in kinds.items():
        condition |= Q(failure_code__in=codes, retries__lt=most, settled_at__lte=now - wait)
    return Q(status=Recipient.Status.FAILED) & condition


@transaction.atomic
def retry(campaign: Campaign, code: int, *, by: User) -> int:
    """Send again, one by one, to the people who failed with `code`. Raise `Refused`.

    Return their number. Each gets an attempt of its own; the failed one stays as it was.
    """
    failed = campaign.recipients.filter(can_be_tried(clocks.now()), failure_code=code)
    again = failed.update(
        status=Recipient.Status.PENDING,
        # Later delivery updates about the first message must not count for the next.
        remote_id="",
        delivery_status=Recipient.DeliveryStatus.UNKNOWN,
        retries=F("retries") + 1,
        failure_code=None,
        settled_at=None,
        decision="",
        decided_by=None,
        reason="",
    )
    if not again:
        raise Refused(
            _("Nobody who failed for this reason can be retried now. Nothing was changed.")
        )
    launches.reopen(campaign)
    audit(
        campaign.team,
        "failed messages tried again",
        by=by,
        subject=str(campaign.uuid),
        after={"code": code, "people": again},
    )
    return again


@transaction.atomic
def retry_batch(batch: Batch, *, by: User) -> None:
    """Submit a batch again that ChumiAI refused. Raise `Refused`."""
    again = Batch.objects.filter(pk=batch.pk, status=Batch.Status.REJECTED).update(
        status=Batch.Status.PENDING,
        token="",
        key_fingerprint="",
        claimed_at=None,
        settled_at=None,
        submitted=0,
        details={},
    )
    if not again:
        raise Refused(_("ChumiAI did not refuse this batch. Nothing was changed."))
    Recipient.objects.of_batch(batch).filter(status=Recipient.Status.FAILED, retries=0).update(
        status=Recipient.Status.PENDING, failure_code=None, settled_at=None, reason=""
    )
    launches.reopen(batch.campaign)
    audit(
        batch.campaign.team,
        "refused batch tried again",
        by=by,
        subject=f"{batch.campaign.uuid} batch {batch.number}",
    )
