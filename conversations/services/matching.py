"""Match messages that ChumiAI reports to the sends of campaigns."""

from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from django.db.models import F, Q

from campaigns.models import Recipient
from conversations.models import WINDOW, Message
from sending.models import Attempt, ReceiptSource
from sending.services import singles
from teams.models import Team

# A send in a batch has no message id: it is recognised by phone, template and time. ChumiAI may
# need hours for a long file, and two clocks never agree.
BEFORE, AFTER = timedelta(minutes=10), timedelta(hours=24)
# For an unconfirmed send: a single send is either delivered within ten minutes or never.
UNCONFIRMED_BEFORE, SOON = timedelta(seconds=5), timedelta(minutes=10)

Status = Recipient.Status


@dataclass(frozen=True, slots=True)
class Sighting:
    """The phone and the first status time of a message id that no send has yet."""

    phone: str
    at: datetime


@dataclass(frozen=True, slots=True)
class _Send:
    """A send without a message id."""

    pk: int
    at: datetime
    status: str
    is_first_try: bool
    template: str

    @property
    def is_unconfirmed(self) -> bool:
        return self.status == Status.UNCONFIRMED

    def fits(self, at: datetime, template: str = "") -> bool:
        """Return whether a message of this time and template may be this send."""
        before, after = BEFORE, AFTER
        if self.is_unconfirmed:
            before, after = UNCONFIRMED_BEFORE, SOON
        return -before <= at - self.at <= after and template in ("", self.template)


def link_to_recipients(team: Team, messages: Iterable[Message]) -> None:
    """Link outbound messages to the recipients that they went to, one message each."""
    ours = [m for m in messages if not m.inbound and m.recipient_id is None and _may_be_send(m)]
    if not ours:
        return
    phones = {message.conversation.phone for message in ours}
    recipients = Recipient.objects.of_team(team).filter(phone__in=phones)
    by_id = {
        (recipient.phone, recipient.remote_id): recipient.pk
        for recipient in recipients.of_messages({message.remote_id for message in ours})
    }
    candidates = sends_without_id(team, phones, [message.at for message in ours])
    taken = set(
        Message.objects.filter(recipient_id__in=by_id.values()).values_list(
            "recipient_id", flat=True
        )
    )
    linked: list[Message] = []
    ids: dict[_Send, str] = {}
    for message in sorted(ours, key=lambda m: (m.at, m.remote_id)):
        phone = message.conversation.phone
        found = by_id.get((phone, message.remote_id))
        # A row that is only a status says too little to be recognised by its time.
        if found is None and message.kind:
            near = [
                send
                for send in candidates[phone]
                if send.pk not in taken and send.fits(message.at, message.template_name)
            ]
            if len(near) == 1 and not message.remote_id.startswith("~"):
                ids[near[0]] = message.remote_id
            elif near := [send for send in near if not send.is_unconfirmed]:
                near = [min(near, key=lambda send: (abs(message.at - send.at), send.pk))]
            found = near[0].pk if near else None
        if found is not None and found not in taken:
            taken.add(found)
            message.recipient_id = found
            linked.append(message)
    Message.objects.bulk_update(linked, ["recipient"])
    # From now on, statuses with these ids belong to the sends.
    _store_ids(ids)


def assign_message_ids(team: Team, sightings: Mapping[str, Sighting]) -> set[str]:
    """Store ids of unknown messages with the sends that they fit. Return the assigned ids.

    `sightings` are unknown messages by id. An id is assigned only if exactly one send fits. The
    first status of a message comes soon after its send, so a message first seen before a send
    is another one. For sends before the team's first webhook a status may be missing.

    A message that someone wrote by hand must not be matched. WhatsApp allows those for 24 hours
    after the person's last message: within that window only messages seen soon after a send
    match, and unconfirmed sends stay unconfirmed.
    """
    if not sightings:
        return set()
    source = ReceiptSource.objects.filter(team=team).first()
    if source is None or source.reporting_since is None:
        return set()
    candidates = sends_without_id(
        team, {s.phone for s in sightings.values()}, [s.at for s in sightings.values()]
    )
    inbound = _inbound_times(team, candidates, sightings)
    reporting_since = source.reporting_since - BEFORE
    ids: dict[_Send, str] = {}
    for remote_id, seen in sorted(sightings.items(), key=lambda item: (item[1].at, item[0])):
        near = [
            send
            for send in candidates[seen.phone]
            if send.fits(seen.at)
            and send.is_first_try
            and send.status != Status.FAILED
            and send.at >= reporting_since
            and send not in ids
        ]
        if len(near) == 1 and not _may_be_by_hand(near[0], seen.at, inbound[seen.phone]):
            ids[near[0]] = remote_id
    _store_ids(ids)
    return set(ids.values())


def sends_without_id(
    team: Team, phones: Collection[str], moments: Sequence[datetime]
) -> defaultdict[str, list[_Send]]:
    """Return the sends around these moments that have neither id nor message, by phone."""
    around = (min(moments) - AFTER, max(moments) + BEFORE)
    rows = list(
        Recipient.objects.of_team(team)
        .filter(phone__in=phones, remote_id="", message=None)
        .filter(
            Q(status__in=(Status.ACCEPTED, Status.FAILED), settled_at__range=around)
            | Q(status=Status.UNCONFIRMED)
        )
        .annotate(template=F("campaign__snapshot__template"))
        .only("campaign", "phone", "position", "status", "settled_at", "retries")
    )
    tried_at = _tried_at([row for row in rows if row.status == Status.UNCONFIRMED])
    found: defaultdict[str, list[_Send]] = defaultdict(list)
    for row in rows:
        at = tried_at.get(row.pk, row.settled_at)
        if at is not None:
            send = _Send(row.pk, at, row.status, row.retries == 0, row.template)
            found[row.phone].append(send)
    return found


def _inbound_times(
    team: Team, candidates: Mapping[str, list[_Send]], sightings: Mapping[str, Sighting]
) -> defaultdict[str, list[datetime]]:
    """Return when people with a candidate wrote to us around the sightings, by phone."""
    found: defaultdict[str, list[datetime]] = defaultdict(list)
    moments = [seen.at for seen in sightings.values() if candidates.get(seen.phone)]
    if moments:
        inbound = Message.objects.inbound().filter(
            conversation__team=team,
            conversation__phone__in=[phone for phone in candidates if candidates[phone]],
            at__range=(min(moments) - WINDOW, max(moments)),
        )
        for phone, at in inbound.values_list("conversation__phone", "at"):
            found[phone].append(at)
    return found


def _may_be_by_hand(send: _Send, at: datetime, inbound: Iterable[datetime]) -> bool:
    """Return whether the message may be handwritten, because the service window was open."""
    was_open = any(timedelta(0) <= at - moment <= WINDOW for moment in inbound)
    return was_open and (send.is_unconfirmed or at - send.at > SOON)


def _tried_at(unconfirmed: Sequence[Recipient]) -> dict[int, datetime]:
    """Return when the unconfirmed attempt at each of these recipients started."""
    if not unconfirmed:
        return {}
    campaigns = {row.campaign_id for row in unconfirmed}
    attempts = Attempt.objects.filter(campaign__in=campaigns, outcome=Attempt.Outcome.UNCONFIRMED)
    found = {}
    for attempt in attempts.select_related("batch"):
        for row in unconfirmed:
            batch = attempt.batch
            if attempt.recipient_id == row.pk or (
                batch
                and batch.campaign_id == row.campaign_id
                and batch.first <= row.position <= batch.last
            ):
                found[row.pk] = attempt.started_at
    return found


def _store_ids(ids: Mapping[_Send, str]) -> None:
    """Store message ids with their sends. An unconfirmed send with an id was sent."""
    confirmed = {
        send.pk: remote_id
        for send, remote_id in ids.items()
        if send.is_unconfirmed and send.is_first_try
    }
    # Attempts before recipients: every writer locks them in that order.
    singles.record_reported(confirmed)
    Recipient.objects.assign_message_ids({send.pk: remote_id for send, remote_id in ids.items()})


def _may_be_send(message: Message) -> bool:
    return message.kind in ("", "template") or bool(message.template_name)
