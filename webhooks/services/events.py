"""Events of deliveries: their keys, their rows, and the handlers that they are dispatched to."""

import hashlib
from collections import defaultdict
from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta
from operator import attrgetter
from typing import Any

from django.db import transaction

from chumi_api.types import (
    Event,
    Message,
    MessageStatus,
    Preference,
    StatusUpdate,
    TemplateUpdate,
    UnknownEvent,
)
from contacts import stop_words
from contacts.models import OptOut
from contacts.services import Unread, opt_out, record_unreadable_opt_outs
from conversations import services as conversations
from core import clocks, phones
from message_templates.services import record_update
from sending.services import launches, receipts
from teams.models import Team
from webhooks.models import Delivery, Webhook, WebhookEvent

# Handlers for messages and statuses. Must be idempotent; run in the event's transaction. Each
# takes the team and a list of events. Handlers for statuses return the ids of the messages that
# they know; a status that no handler knows is retried.
MESSAGE_HANDLERS = (conversations.record_messages,)
STATUS_HANDLERS = (receipts.record_statuses, conversations.record_statuses)

# Statuses retried per transaction.
RETRY_CHUNK = 300
# Seconds from one try of a status without its message to the next: two days in all.
RETRY_SECONDS = (2, 5, 15, 60, 300, 1800, 7200, 21_600, 43_200, 86_400)


def key_of(event: Event, delivery: Delivery) -> str:
    """Return the same key for repetitions of an event.

    An event without a time of its own counts again on another day.
    """
    match event:
        case StatusUpdate():
            content: list[Any] = ["status", event.remote_id, event.status, event.code]
        case Message():
            content = ["message", event.remote_id]
        case UnknownEvent():
            content = ["unknown", event.kind, delivery.digest]
        case Preference():
            content = ["Preference", event.phone, event.wants, _moment(event, delivery)]
        case TemplateUpdate():
            content = [
                "TemplateUpdate",
                event.name,
                event.language,
                event.remote_id,
                event.status,
                event.quality,
                event.category,
                _moment(event, delivery),
            ]
    return hashlib.sha256("\0".join(map(str, content)).encode()).hexdigest()


def _moment(event: Preference | TemplateUpdate, delivery: Delivery) -> datetime | str:
    return event.at or f"{delivery.received_at:%Y-%m-%d}"


def kind_of(event: Event) -> str:
    """Return the code of an event's kind: `delivered`, `message`, `template`, …"""
    match event:
        case StatusUpdate():
            return event.status.value
        case Message() if not event.phone:
            return "message without a number"
        case Message():
            return "message" if event.inbound else "echo"
        case TemplateUpdate():
            return "template"
        case Preference():
            return "preference"
    return event.kind


def is_lost(event: Event) -> bool:
    """Return True for what no handler can use: an unknown kind, or a message of no one."""
    return isinstance(event, UnknownEvent) or (isinstance(event, Message) and not event.phone)


def row_of(
    team: Team, key: str, event: Event, received_at: datetime, known_ids: set[str]
) -> WebhookEvent:
    """Return the event's row; a status whose message is unknown waits for it."""
    row = WebhookEvent(team=team, key=key, kind=kind_of(event), received_at=received_at)
    if is_lost(event):
        row.state = WebhookEvent.State.UNKNOWN
    elif isinstance(event, StatusUpdate):
        row.data = {"message": event.remote_id[:500]}
        if event.remote_id not in known_ids:
            row.state = WebhookEvent.State.WAITING
            row.data |= {
                "status": event.status.value,
                "code": event.code,
                "at": event.at.isoformat() if event.at else None,
            }
            row.next_try_at = clocks.now() + timedelta(seconds=RETRY_SECONDS[0])
    return row


def dispatch(webhook: Webhook, events: Iterable[Event]) -> set[str]:
    """Pass new events to their handlers. Return the ids of the known messages of statuses."""
    team = webhook.team
    messages: list[Message] = []
    statuses: list[StatusUpdate] = []
    preferences: list[Preference] = []
    templates: list[TemplateUpdate] = []
    for event in events:
        match event:
            case Message():
                messages.append(event)
            case StatusUpdate():
                statuses.append(event)
            case TemplateUpdate():
                templates.append(event)
            case Preference():
                preferences.append(event)
    if messages:
        _record_stops(webhook, messages)
        for handle in MESSAGE_HANDLERS:
            handle(team, messages)
    for preference in preferences:
        # WhatsApp's "resume" is no consent to campaigns: only a manager lifts an opt-out.
        if not preference.wants:
            _opt_out(team, preference, OptOut.Source.WHATSAPP)
    for update in sorted(templates, key=attrgetter("at")):
        for template in record_update(team, update):
            if not template.is_sendable:
                launches.pause_for_template(template)
    return _dispatch_statuses(team, statuses)


def _dispatch_statuses(team: Team, statuses: Sequence[StatusUpdate]) -> set[str]:
    known_ids: set[str] = set()
    if statuses:
        for handle in STATUS_HANDLERS:
            known_ids |= handle(team, statuses)
    return known_ids


def _record_stops(webhook: Webhook, messages: Iterable[Message]) -> None:
    """Opt out people who sent a stop word or pressed a stop button."""
    words = stop_words.read_words(webhook.stop_words)
    for message in messages:
        if not message.inbound:
            continue
        is_button = message.kind in ("button", "interactive")
        if is_button and stop_words.is_stop_button(message.text):
            _opt_out(webhook.team, message, OptOut.Source.BUTTON, message.text)
        elif message.kind in ("text", "button", "interactive") and stop_words.is_stop_word(
            message.text, words
        ):
            source = OptOut.Source.BUTTON if is_button else OptOut.Source.KEYWORD
            _opt_out(webhook.team, message, source, message.text)


def _opt_out(team: Team, event: Message | Preference, source: str, text: str = "") -> None:
    phone = phones.from_outside(event.phone, region=team.default_region)
    if phone:
        opt_out(team, phone, source=source, message=text, at=event.at)
        return
    name, origin = "", f"{event.phone} {event.at}"
    if isinstance(event, Message):
        name, origin = event.name, event.remote_id
    unread = Unread(origin, event.phone, source, message=text, name=name, at=event.at)
    record_unreadable_opt_outs(team, [unread])


def retry_waiting(team: Team) -> int:
    """Dispatch due statuses again whose messages were unknown. Return how many were due."""
    now = clocks.now()
    due = WebhookEvent.objects.waiting(team).filter(next_try_at__lte=now).order_by("next_try_at")
    rows = list(due[:RETRY_CHUNK])
    if not rows:
        return 0
    statuses = [
        StatusUpdate(
            row.data["message"],
            MessageStatus(row.data["status"]),
            code=row.data["code"],
            at=datetime.fromisoformat(row.data["at"]),
        )
        for row in rows
    ]
    with transaction.atomic():
        known_ids = _dispatch_statuses(team, statuses)
        by_try: defaultdict[tuple[bool, int], list[int]] = defaultdict(list)
        for row in rows:
            by_try[row.data["message"] in known_ids, row.tries].append(row.pk)
        for (is_known, tries), pks in by_try.items():
            fields: dict[str, Any] = {"tries": tries + 1, "next_try_at": None}
            if is_known:
                fields["state"] = WebhookEvent.State.APPLIED
            elif tries + 1 < len(RETRY_SECONDS):
                fields["next_try_at"] = now + timedelta(seconds=RETRY_SECONDS[tries + 1])
            else:
                fields["state"] = WebhookEvent.State.UNMATCHED
            waiting = WebhookEvent.objects.waiting(team)
            waiting.filter(pk__in=pks, tries=tries).update(**fields)
    return len(rows)
