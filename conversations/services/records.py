"""Record messages and delivery statuses, in any order and any number of times.

A conversation's row is locked while its messages are merged: otherwise two transactions that
report the same message would overwrite each other's fields.
"""

from collections.abc import Collection, Iterable, Sequence
from datetime import datetime, timedelta
from typing import Any

from django.db import transaction
from django.db.models import Count, F, OuterRef, Q, Subquery
from django.db.models.functions import Coalesce

from campaigns.models import Recipient
from chumi_api.types import Message as RemoteMessage
from chumi_api.types import StatusUpdate
from conversations.models import Conversation, Message
from conversations.services import incoming
from conversations.services.attribution import attribute
from conversations.services.incoming import MERGED, Incoming, identity_of
from conversations.services.matching import Sighting, assign_message_ids, link_to_recipients
from conversations.text import folded
from core import clocks
from sending.services import receipts
from teams.models import Team

# Messages per transaction: a long history must not block the sending.
CHUNK = 500
MAX_ID_LENGTH = Recipient._meta.get_field("remote_id").max_length or 0
_SECOND = timedelta(seconds=1)

# Messages by their ids.
Rows = dict[str, Message]


def record_messages(team: Team, messages: Iterable[RemoteMessage]) -> None:
    """Store or merge messages; create the conversations that are new."""
    messages = [message for message in messages if identity_of(team, message.phone)]
    now = clocks.now()
    for start in range(0, len(messages), CHUNK):
        chunk = messages[start : start + CHUNK]
        _record_chunk(team, [incoming.from_message(team, m, now) for m in chunk])


def record_statuses(team: Team, updates: Iterable[StatusUpdate]) -> set[str]:
    """Store delivery statuses. Return the ids of the messages that are known.

    A status of an unknown message gets a row of its own, to be completed later, unless the
    message belongs to a campaign: then its recipient holds the status.
    """
    updates = [u for u in updates if u.remote_id and incoming.STATUSES[u.status]]
    now = clocks.now()
    known_ids: set[str] = set()
    for start in range(0, len(updates), CHUNK):
        chunk = updates[start : start + CHUNK]
        rows = Message.objects.filter(team=team, remote_id__in={u.remote_id for u in chunk})
        rows = rows.select_related("conversation")
        rows = rows.only("remote_id", "kind", "at", "conversation__phone")
        stored = {row.remote_id: row for row in rows}
        # A row without a kind is only an earlier status: its message may be a campaign's.
        complete = {remote_id for remote_id, row in stored.items() if row.kind}
        open_updates = [u for u in chunk if u.remote_id not in complete]
        phones = _phones_of_sends(team, open_updates)
        unmatched = [u for u in open_updates if u.remote_id not in phones]
        phones |= _match_sends(team, unmatched, stored)
        _bump_versions(team, phones.values())
        own = [
            update
            for update in chunk
            if update.remote_id in stored or (update.remote_id not in phones and update.phone)
        ]
        _record_chunk(team, [incoming.from_status(team, u, now) for u in own])
        known_ids |= phones.keys() | complete
    return known_ids


def _match_sends(team: Team, updates: list[StatusUpdate], stored: Rows) -> dict[str, str]:
    """Assign the updates' message ids to sends without one, and record the updates there.

    Return the phones of the matched messages by their ids.
    """
    sightings: dict[str, Sighting] = {}
    for update in updates:
        row = stored.get(update.remote_id)
        # An update that is retried has no phone: its row has it.
        if update.phone:
            phone = identity_of(team, update.phone)
        else:
            phone = row.conversation.phone if row else ""
        moments = [update.at or clocks.now()]
        moments += [row.at] if row else []
        if update.remote_id in sightings:
            moments += [sightings[update.remote_id].at]
        if phone and len(update.remote_id) <= MAX_ID_LENGTH:
            sightings[update.remote_id] = Sighting(phone, min(moments))
    matched = assign_message_ids(team, sightings)
    if matched:
        receipts.record_statuses(team, [u for u in updates if u.remote_id in matched])
    return {remote_id: sightings[remote_id].phone for remote_id in matched}


def _phones_of_sends(team: Team, updates: list[StatusUpdate]) -> dict[str, str]:
    """Return the phones of the messages that campaigns sent, by their ids."""
    ids = {update.remote_id for update in updates}
    if not ids:
        return {}
    found = Recipient.objects.of_team(team).of_messages(ids)
    phones = {identity_of(team, update.phone) for update in updates if update.phone}
    if phones and all(update.phone for update in updates):
        found = found.filter(phone__in=phones)
    return dict(found.values_list("remote_id", "phone"))


def _bump_versions(team: Team, phones: Iterable[str]) -> None:
    """Make open threads refresh: the status of these messages is stored with the recipients."""
    Conversation.objects.for_team(team).filter(phone__in=set(phones)).update(
        version=F("version") + 1
    )


@transaction.atomic
def _record_chunk(team: Team, reports: Sequence[Incoming]) -> None:
    if not reports:
        return
    conversations = _lock_conversations(team, reports, _stored(team, reports))
    # Read again: another transaction may have written while we waited for the lock.
    stored = _stored(team, reports)
    fresh: Rows = {}
    changed: dict[int, Message] = {}
    for report in reports:
        row = _find(report, stored, fresh, conversations)
        if row is None:
            conversation = conversations.get(report.phone)
            if conversation is None:
                continue
            row = Message(team=team, conversation=conversation, **report.fields)
            fresh[row.remote_id] = row
            continue
        before = {name: getattr(row, name) for name in MERGED}
        after = incoming.merge(before, report.fields)
        if after == before:
            continue
        if after["remote_id"] != before["remote_id"]:
            index = fresh if row.pk is None else stored
            index[after["remote_id"]] = index.pop(before["remote_id"])
        for name, value in after.items():
            setattr(row, name, value)
        if row.pk is not None:
            changed[row.pk] = row
    Message.objects.bulk_create(fresh.values(), batch_size=200)
    Message.objects.bulk_update(changed.values(), MERGED, batch_size=100)
    touched = [*fresh.values(), *changed.values()]
    if touched:
        link_to_recipients(team, touched)
        attribute(team, touched)
    _update_names(team, reports, conversations)
    if touched:
        update_list_columns({row.conversation_id for row in touched})


def _stored(team: Team, reports: Sequence[Incoming]) -> Rows:
    """Return the stored messages with the ids or the fingerprints of the reports."""
    ids = {report.fields["remote_id"] for report in reports}
    ids |= {report.fingerprint for report in reports}
    found = Message.objects.filter(team=team, remote_id__in=ids).select_related("conversation")
    return {row.remote_id: row for row in found}


def _lock_conversations(
    team: Team, reports: Sequence[Incoming], stored: Rows
) -> dict[str, Conversation]:
    """Return the conversations of the reports by phone, locked; create those that are new."""
    by_phone = {report.phone: report for report in reports if report.phone}
    existing = Conversation.objects.for_team(team).filter(phone__in=by_phone)
    missing = sorted(by_phone.keys() - set(existing.values_list("phone", flat=True)))
    Conversation.objects.bulk_create(
        [
            Conversation(team=team, phone=phone, last_message_at=by_phone[phone].fields["at"])
            for phone in missing
        ],
        ignore_conflicts=True,
    )
    of_phones = Q(team=team, phone__in=by_phone)
    of_messages = Q(pk__in={row.conversation_id for row in stored.values()})
    # Sorted, so that concurrent writers lock in the same order.
    rows = Conversation.objects.filter(of_phones | of_messages).order_by("pk")
    return {row.phone: row for row in rows.select_for_update()}


def _find(
    report: Incoming, stored: Rows, fresh: Rows, conversations: dict[str, Conversation]
) -> Message | None:
    """Return the row of the reported message, by its id or by its content."""
    remote_id = report.fields["remote_id"]
    row = fresh.get(remote_id) or stored.get(remote_id)
    if row is not None:
        return row
    if not report.fields["at_is_reported"]:
        return None
    if not remote_id.startswith("~"):
        return fresh.get(report.fingerprint) or stored.get(report.fingerprint)
    # Reported without an id: the message may be stored with one.
    same = [
        row
        for row in fresh.values()
        if row.conversation.phone == report.phone and report.is_same_as(row)
    ]
    conversation = conversations.get(report.phone)
    if same or conversation is None:
        return same[0] if same else None
    second = report.fields["at"].replace(microsecond=0)
    for row in Message.objects.filter(
        conversation=conversation, at__gte=second, at__lt=second + _SECOND
    ).select_related("conversation"):
        row = stored.setdefault(row.remote_id, row)
        if report.is_same_as(row):
            return row
    return None


def _update_names(
    team: Team, reports: Sequence[Incoming], conversations: dict[str, Conversation]
) -> None:
    """Store the newest profile names."""
    newest: dict[str, tuple[datetime, str]] = {}
    for report in reports:
        if report.name and report.fields["at_is_reported"]:
            named = (report.fields["at"], report.name)
            newest[report.phone] = max(newest.get(report.phone, named), named)
    for phone, (at, name) in newest.items():
        row = conversations[phone]
        if row.named_at is None or (row.named_at, row.name) < (at, name):
            Conversation.objects.filter(pk=row.pk).update(
                name=name,
                named_at=at,
                folded=folded(team.pk, name),
                version=F("version") + 1,
            )


def update_list_columns(conversation_ids: Collection[int]) -> None:
    """Recompute what the list shows of these conversations from their messages."""
    messages = Message.objects.filter(conversation=OuterRef("pk"))
    newest = messages.order_by("-at", "-pk").values("pk")
    # A row that is only a status has nothing that the list could show.
    with_content = newest.exclude(kind="")
    inbound = messages.filter(inbound=True)
    unread = (
        inbound.filter(Q(at__gt=OuterRef("read_until")) | Q(conversation__read_until=None))
        .order_by()
        .values("conversation")
        .annotate(number=Count("pk"))
        .values("number")
    )
    rows: list[Any] = list(
        Conversation.objects.filter(pk__in=sorted(conversation_ids)).annotate(
            newest=Coalesce(Subquery(with_content[:1]), Subquery(newest[:1])),
            newest_inbound_at=Subquery(inbound.order_by("-at").values("at")[:1]),
            unread=Coalesce(Subquery(unread), 0),
        )
    )
    newest_messages = Message.objects.in_bulk([row.newest for row in rows if row.newest])
    for row in rows:
        message = newest_messages.get(row.newest)
        if message is None:
            continue
        row.last_message = message if message.summary else None
        row.last_message_at = message.at
        row.last_inbound_at = row.newest_inbound_at
        row.unread_count = row.unread
        row.version += 1
    Conversation.objects.bulk_update(
        rows,
        ["last_message", "last_message_at", "last_inbound_at", "unread_count", "version"],
    )
