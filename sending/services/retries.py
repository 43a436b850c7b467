"""Try again whom WhatsApp turned away, where another try makes sense: a new attempt each."""

from collections import defaultdict

from django.db import transaction
from django.db.models import F, Q
from django.utils import timezone

from campaigns.models import Recipient
from core.errors import Refused
from sending.models import Batch
from sending.services import launches
from teams.services import audit
from whatsapp import errors


def can_be_tried(now):
    """Return the condition under which another try makes sense, by the table of failures."""
    kinds = defaultdict(list)
    for code, failure in errors.FAILURES.items():
        if failure.can_be_tried:
            kinds[failure.wait, failure.most].append(code)
    condition = Q(pk__in=[])
    for (wait, most), codes in kinds.items():
        condition |= Q(failure_code__in=codes, retries__lt=most, settled_at__lte=now - wait)
    return Q(status=Recipient.Status.FAILED) & condition


@transaction.atomic
def retry(campaign, code, *, by):
    """Write once more to the people who failed with `code`, one by one. Raise `Refused`.

    Return how many they are. Each gets an attempt of its own; the failed one stays as it was.
    """
    failed = campaign.recipients.filter(can_be_tried(timezone.now()), failure_code=code)
    again = failed.update(
        status=Recipient.Status.PENDING,
        # What is told of the first message from now on is not told of the next.
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
        raise Refused("Nobody can be tried again for this reason now. Nothing was changed.")
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
def retry_batch(batch, *, by):
    """Hand a part that ChumiAI refused over once more. Raise `Refused`."""
    again = Batch.objects.filter(pk=batch.pk, status=Batch.Status.REJECTED).update(
        status=Batch.Status.PENDING,
        token="",
        key_fingerprint="",
        claimed_at=None,
        settled_at=None,
        submitted=0,
        note="",
    )
    if not again:
        raise Refused("This part is not one that ChumiAI refused. Nothing was changed.")
    Recipient.objects.of_batch(batch).filter(status=Recipient.Status.FAILED, retries=0).update(
        status=Recipient.Status.PENDING, failure_code=None, settled_at=None, reason=""
    )
    launches.reopen(batch.campaign)
    audit(
        batch.campaign.team,
        "refused part tried again",
        by=by,
        subject=f"{batch.campaign.uuid} part {batch.number}",
    )
