"""What WhatsApp tells of messages that were accepted: held, sent, delivered, read, or failed.

News come in any order and any number of times, and the end is always the same: a message only
climbs, and a failure counts only where nothing says that the message arrived.
"""

from collections import defaultdict

from django.db import transaction
from django.db.models import F, Q, Value
from django.db.models.functions import Greatest
from django.utils import timezone

from campaigns.models import Campaign, Recipient
from chumi_api.types import MessageStatus
from contacts.models import OptOut
from contacts.services import opt_out_all
from sending.models import Batch, BulkJob, ReceiptSource
from sending.services import launches, singles
from tasks import services as tasks
from whatsapp import errors

Status, DeliveryStatus = Recipient.Status, Recipient.DeliveryStatus

DELIVERY_STATUS = {
    MessageStatus.ACCEPTED: DeliveryStatus.UNKNOWN,
    MessageStatus.HELD: DeliveryStatus.HELD,
    MessageStatus.SENT: DeliveryStatus.SENT,
    MessageStatus.DELIVERED: DeliveryStatus.DELIVERED,
    MessageStatus.READ: DeliveryStatus.READ,
}
# So many messages are looked up in one statement.
CHUNK = 1000


@transaction.atomic
def record_statuses(team, updates):
    """Write `chumi_api.types.StatusUpdate`s to the people whom the messages were for.

    Return the ids of those messages that we know; any other may be one whose answer we have
    yet to write.
    """
    _record_source(team, updates)
    by_message = defaultdict(list)
    for update in updates:
        by_message[update.remote_id].append(update)
    ids, known = sorted(by_message), set()
    for start in range(0, len(ids), CHUNK):
        chunk = {remote_id: by_message[remote_id] for remote_id in ids[start : start + CHUNK]}
        known |= _record_chunk(team, chunk)
    return known


def _record_source(team, updates):
    """Remember since when the team is told what arrives: before, nothing told is not zero."""
    told = {update.status for update in updates}
    fields = ["reporting_since"] if told else []
    if told & {MessageStatus.DELIVERED, MessageStatus.READ}:
        fields.append("delivered_since")
    if MessageStatus.READ in told:
        fields.append("read_since")
    source = ReceiptSource.objects.filter(team=team).first() if fields else None
    missing = [name for name in fields if source is None or getattr(source, name) is None]
    if missing:
        ReceiptSource.objects.get_or_create(team=team)
        for name in missing:
            unset = ReceiptSource.objects.filter(team=team, **{name: None})
            unset.update(**{name: timezone.now()})


def _record_chunk(team, by_message):
    people = list(
        Recipient.objects.of_team(team)
        .of_messages(list(by_message))
        .only("pk", "remote_id", "phone", "campaign_id", "position", "retries")
    )
    climbing, failing = defaultdict(list), defaultdict(list)
    for person in people:
        updates = by_message[person.remote_id]
        best = max(
            (DELIVERY_STATUS[u.status] for u in updates if u.status in DELIVERY_STATUS), default=0
        )
        if best:
            climbing[best].append(person.pk)
        failed = next((u for u in updates if u.status == MessageStatus.FAILED), None)
        if failed and best < DeliveryStatus.DELIVERED:
            failing[failed.code, failed.at].append(person)
    for best, pks in sorted(climbing.items()):
        Recipient.objects.filter(pk__in=pks, delivery_status__lt=best).update(delivery_status=best)
        if best >= DeliveryStatus.DELIVERED:
            # It arrived after all, whatever was told before.
            Recipient.objects.filter(pk__in=pks, status=Status.FAILED).update(
                status=Status.ACCEPTED, failure_code=None, reason=""
            )
    failed = []
    for (code, at), several in failing.items():
        failed += _fail(team, code, at, several)
    if failed:
        _tell_campaigns(failed, {code for code, _ in failing})
    return {person.remote_id for person in people}


def _fail(team, code, at, people):
    """Let people fail whose message was accepted and did not arrive. Return those who did."""
    reachable = Recipient.objects.filter(
        pk__in=[person.pk for person in people],
        status=Status.ACCEPTED,
        delivery_status__lt=DeliveryStatus.DELIVERED,
    )
    # Asked before they are marked: told again, nobody is added again after somebody lifted it.
    fresh = set(reachable.values_list("pk", flat=True))
    reachable.update(
        status=Status.FAILED,
        failure_code=code,
        settled_at=at or timezone.now(),
    )
    failed = [person for person in people if person.pk in fresh]
    if code == errors.STOPPED_MARKETING:
        phones = [person.phone for person in failed]
        opt_out_all(team, phones, source=OptOut.Source.WHATSAPP)
    return failed


def _tell_campaigns(people, codes):
    """Count the failures of parts, and pause a campaign that would go on failing."""
    positions = defaultdict(list)
    for person in people:
        positions[person.campaign_id].append(person.position)
    campaigns = Campaign.objects.filter(pk__in=positions).select_related("team").order_by("pk")
    for campaign in campaigns:
        if campaign.engine == Campaign.Engine.BATCHES:
            _count_in_parts(campaign, positions[campaign.pk])
        if campaign.status not in (Campaign.Status.QUEUED, Campaign.Status.SENDING):
            continue
        if not _stopped_by_a_failure(campaign, codes) and not singles.pause_if_unwell(campaign):
            tasks.request("send_batches", campaign.team_id)


def _count_in_parts(campaign, positions):
    """Let the counters of a part's job speak of whoever failed later, too: they never fall."""
    for batch in Batch.objects.filter(campaign=campaign, job__isnull=False):
        if any(batch.first <= position <= batch.last for position in positions):
            people = Recipient.objects.of_batch(batch)
            gone = people.filter(Q(status=Status.FAILED) | Q(retries__gt=0)).count()
            BulkJob.objects.filter(batch=batch).update(
                failed=Greatest(F("failed"), Value(gone)), has_row_results=True
            )


def _stopped_by_a_failure(campaign, codes):
    """Pause a campaign one of whose failures would meet everybody."""
    known = next((f for f in map(errors.explain, codes) if f.pauses), None)
    return known is not None and launches.pause(
        campaign,
        reason=launches.reason_for(known),
        note=f"{known.sentence} {known.advice} The people who are left were not written to.",
    )
