"""Delivery updates of accepted messages: held, sent, delivered, read, or failed.

Updates come in any order, and more than once; the result is always the same. A delivery status
only climbs, and a failure counts only while no update says that the message was delivered.
"""

from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from datetime import datetime

from django.db import transaction

from campaigns.models import Campaign, Recipient
from chumi_api.types import MessageStatus, StatusUpdate
from contacts.models import OptOut
from contacts.services import opt_out_all
from core import clocks
from sending import holds
from sending.models import Batch, ReceiptSource
from sending.services import jobs, launches
from tasks import services as tasks
from teams.models import Team
from whatsapp import errors

Status, DeliveryStatus = Recipient.Status, Recipient.DeliveryStatus

DELIVERY_STATUS = {
    MessageStatus.ACCEPTED: DeliveryStatus.UNKNOWN,
    MessageStatus.HELD: DeliveryStatus.HELD,
    MessageStatus.SENT: DeliveryStatus.SENT,
    MessageStatus.DELIVERED: DeliveryStatus.DELIVERED,
    MessageStatus.READ: DeliveryStatus.READ,
}
# Messages per query.
CHUNK = 1000


@transaction.atomic
def record_statuses(team: Team, updates: Sequence[StatusUpdate]) -> set[str]:
    """Write the updates to the recipients of the messages.

    Return the ids of the messages that we know; the answer to the send of any other may not be
    recorded yet.
    """
    _record_source(team, updates)
    by_message: dict[str, list[StatusUpdate]] = defaultdict(list)
    for update in updates:
        by_message[update.remote_id].append(update)
    ids = sorted(by_message)
    known: set[str] = set()
    for start in range(0, len(ids), CHUNK):
        chunk = {remote_id: by_message[remote_id] for remote_id in ids[start : start + CHUNK]}
        known |= _record_chunk(team, chunk)
    return known


def _record_source(team: Team, updates: Iterable[StatusUpdate]) -> None:
    """Store since when the team receives updates: before that, no update does not mean zero."""
    reported = {update.status for update in updates}
    fields = ["reporting_since"] if reported else []
    if reported & {MessageStatus.DELIVERED, MessageStatus.READ}:
        fields.append("delivered_since")
    if MessageStatus.READ in reported:
        fields.append("read_since")
    source = ReceiptSource.objects.filter(team=team).first() if fields else None
    missing = [name for name in fields if source is None or getattr(source, name) is None]
    if missing:
        ReceiptSource.objects.get_or_create(team=team)
        for name in missing:
            unset = ReceiptSource.objects.filter(team=team, **{name: None})
            unset.update(**{name: clocks.now()})


def _record_chunk(team: Team, by_message: Mapping[str, Sequence[StatusUpdate]]) -> set[str]:
    people = list(
        Recipient.objects.of_team(team)
        .of_messages(list(by_message))
        .only("pk", "remote_id", "phone", "campaign_id", "position", "retries")
    )
    climbing: dict[int, list[int]] = defaultdict(list)
    failing: dict[tuple[int | None, datetime | None], list[Recipient]] = defaultdict(list)
    for person in people:
        updates = by_message[person.remote_id]
        best = max(
            (DELIVERY_STATUS[u.status] for u in updates if u.status in DELIVERY_STATUS), default=0
        )
        if best:
            climbing[best].append(person.pk)
        failure = next((u for u in updates if u.status == MessageStatus.FAILED), None)
        if failure and best < DeliveryStatus.DELIVERED:
            failing[failure.code, failure.at].append(person)
    for best, pks in sorted(climbing.items()):
        Recipient.objects.filter(pk__in=pks, delivery_status__lt=best).update(delivery_status=best)
        if best >= DeliveryStatus.DELIVERED:
            # It was delivered after all, whatever an earlier update said.
            Recipient.objects.filter(pk__in=pks, status=Status.FAILED).update(
                status=Status.ACCEPTED, failure_code=None, reason=""
            )
    failed: list[Recipient] = []
    for (code, at), several in failing.items():
        failed += _fail(team, code, at, several)
    if failed:
        _update_campaigns(failed, {code for code, _ in failing})
    return {person.remote_id for person in people}


def _fail(
    team: Team, code: int | None, at: datetime | None, people: Sequence[Recipient]
) -> list[Recipient]:
    """Mark people failed whose message was accepted but not delivered. Return them."""
    reachable = Recipient.objects.filter(
        pk__in=[person.pk for person in people],
        status=Status.ACCEPTED,
        delivery_status__lt=DeliveryStatus.DELIVERED,
    )
    # Read before they are marked, so that a repeated update does not opt a person out again
    # after the opt-out was removed.
    fresh = set(reachable.values_list("pk", flat=True))
    reachable.update(
        status=Status.FAILED,
        failure_code=code,
        settled_at=at or clocks.now(),
    )
    failed = [person for person in people if person.pk in fresh]
    if code == errors.STOPPED_MARKETING:
        phones = [person.phone for person in failed]
        opt_out_all(team, phones, source=OptOut.Source.WHATSAPP)
    return failed


def _update_campaigns(people: Iterable[Recipient], codes: Collection[int | None]) -> None:
    """Count the failures of batches, and pause a campaign that would continue to fail."""
    positions: dict[int, list[int]] = defaultdict(list)
    for person in people:
        positions[person.campaign_id].append(person.position)
    campaigns = Campaign.objects.filter(pk__in=positions).select_related("team").order_by("pk")
    for campaign in campaigns:
        if campaign.engine == Campaign.Engine.BATCHES:
            _count_in_batches(campaign, positions[campaign.pk])
        if campaign.status not in (Campaign.Status.QUEUED, Campaign.Status.SENDING):
            continue
        if not _pause_for_failure(campaign, codes) and not holds.pause_if_unhealthy(campaign):
            tasks.request("send_batches", campaign.team_id)


def _count_in_batches(campaign: Campaign, positions: Collection[int]) -> None:
    """Count people who failed later in the jobs of their batches."""
    for batch in Batch.objects.filter(campaign=campaign, job__isnull=False):
        if any(batch.first <= position <= batch.last for position in positions):
            jobs.count_late_failures(batch)


def _pause_for_failure(campaign: Campaign, codes: Iterable[int | None]) -> bool:
    """Pause a campaign if one of its failures would hit every recipient."""
    pausing = [code for code in codes if code is not None and errors.explain(code).pauses]
    if not pausing:
        return False
    code = min(pausing)
    reason = launches.reason_for(errors.explain(code))
    return launches.pause(campaign, reason=reason, details={"code": code})
