"""Read ChumiAI's webhooks: two families of payload, and their signatures. Pure.

One family is Meta's own envelope ("entry", "changes", "value"), the other a flat object with a
word for its kind ("message.delivered") and its data. Both may hold many events. Nothing here
raises but `Malformed`: an event that we can't understand comes back as an `UnknownEvent`.
"""

from __future__ import annotations

import hashlib
import hmac
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace
from datetime import datetime
from typing import Any

from chumi_api.parsing.json_values import (
    JSON,
    MAX_NAME,
    Object,
    Path,
    aliases,
    as_id,
    as_name,
    as_text,
    as_time,
    by_word,
    constant,
    filled,
    fold,
    load,
    pick,
    picks,
    shorten,
    word_set,
)
from chumi_api.parsing.messages import (
    MEDIA_KINDS,
    MESSAGE_STATES,
    read_failure,
    read_message,
    unwrap,
)
from chumi_api.types import (
    Event,
    MessageStatus,
    Preference,
    StatusUpdate,
    TemplateUpdate,
    UnknownEvent,
)

SIGNATURES = (
    "x-hub-signature-256",
    "x-chumiai-signature",
    "x-webhook-signature",
    "x-signature",
)
MAX_KIND = 60


class Malformed(ValueError):
    """The body is no JSON object and no list of JSON objects."""


# --- Assumed: the words -----------------------------------------------------------------------

KIND = aliases("event eventType type topic action")
DATA = aliases("data payload message body event")
EVENTS = aliases("events items notifications")
AT = aliases("timestamp at time createdAt created sentAt occurredAt date updatedAt")

STATUS_ID = aliases("messageId wamid whatsappMessageId waMessageId id externalId message.id")
STATUS_WORD = aliases("status messageStatus state deliveryStatus")
STATUS_PHONE = aliases("recipient_id to recipient phone phoneNumber waId contact.phone")

# Each in the order of trust. Where none of the values looks like a number, the first text with
# a digit in it is what the person is known by; WhatsApp has an id for people who hide theirs.
SENDER = aliases(
    "from sender from.phone sender.phone waId phone phoneNumber contact.phone contact.waId"
    " customer.phone customerPhone"
)
RECEIVER = aliases("to recipient_id recipient to.phone recipient.phone phone phoneNumber")
CONTACT_ID = aliases("wa_id user_id")
USER_ID = aliases("from_user_id recipient_user_id user_id userId contact.user_id")
PROFILE = aliases(
    "profile.name name pushName senderName profileName contact.name contact.profile.name"
    " customer.name from.name sender.name"
)
MESSAGE_KIND = aliases("type messageType")
DIRECTION = aliases("direction")
FROM_THEM = word_set("inbound incoming in")
FROM_US = word_set("outbound outgoing out")
# The kind of a flat event may be the kind of the message itself.
MESSAGE_KINDS = frozenset(("text", "button", "interactive", "reaction", "location", *MEDIA_KINDS))

TEMPLATE_NAME = aliases("message_template_name templateName name template.name")
TEMPLATE_LANGUAGE = aliases(
    "message_template_language templateLanguage language languageCode template.language"
)
TEMPLATE_ID = aliases("message_template_id templateId template.id id")
TEMPLATE_STATUS = aliases("event status newStatus templateStatus template.status")
TEMPLATE_QUALITY = aliases("new_quality_score qualityScore quality quality_score.score")
TEMPLATE_CATEGORY = aliases("new_category message_template_category category")
TEMPLATE_REASON = aliases("rejection_info.reason reason rejectedReason disable_info.reason")
ABOUT_TEMPLATE = word_set("messagetemplatename messagetemplateid newqualityscore newcategory")
QUALITIES = word_set("GREEN YELLOW RED UNKNOWN HIGH MEDIUM LOW")

PREFERENCE_PHONE = aliases("wa_id phone phoneNumber from contact.phone contact.waId number")
PREFERENCE_VALUE = aliases("value preference")
# Whether a word says that a person wants marketing messages.
WANTS = by_word(
    {
        False: "stop optout optedout unsubscribe unsubscribed blocked",
        True: "resume optin optedin subscribe subscribed unblocked",
    }
)
RECEIVED = word_set("received inbound incoming reply new")


# --- Signatures -------------------------------------------------------------------------------


def sign(body: bytes, secret: str) -> str:
    """Return the signature of a body, as its header carries it."""
    return "sha256=" + hmac.new(secret.encode(), body, hashlib.sha256).hexdigest()


def verify(body: bytes, headers: Mapping[str, str], secrets: Iterable[str]) -> bool:
    """Return True if a signature was made with one of the secrets; in constant time."""
    given = {name.lower(): value for name, value in headers.items()}
    signatures = [given[name].strip() for name in SIGNATURES if name in given]
    good = False
    for secret in secrets:
        ours = sign(body, secret).encode()
        for signature in signatures:
            theirs = signature if "=" in signature else f"sha256={signature}"
            good |= hmac.compare_digest(ours, theirs.lower().encode("utf-8", "replace"))
    return good


# --- Bodies -----------------------------------------------------------------------------------


def read(body: bytes) -> list[Object]:
    """Return the objects that a body holds. Raise `Malformed` unless it holds an object."""
    try:
        value = load(body.decode("utf-8-sig"))
    except UnicodeDecodeError:
        value = None
    items = value if isinstance(value, list) else [value]
    if not items or not all(isinstance(item, dict) for item in items):
        raise Malformed
    return items


def parse(body: bytes) -> list[Event]:
    """Return the events of a body, in its order. Raise `Malformed` unless it holds an object."""
    return [event for item in read(body) for event in _events(item)]


def with_time(event: Any, at: datetime) -> Any:
    """Return the event with the time of its arrival where it has no time of its own."""
    return event if getattr(event, "at", at) is not None else replace(event, at=at)


def _events(item: Object) -> Iterator[Event]:
    entries = pick(item, aliases("entry data.entry payload.entry body.entry"), _objects)
    if entries:
        for entry in entries:
            changes = pick(entry, aliases("changes"), _objects)
            for change in changes or [{"field": "unknown", "value": {}}]:
                value = pick(change, aliases("value"), filled) or {}
                yield from _change(pick(change, aliases("field"), as_name) or "", value)
        return
    several = pick(item, EVENTS, _objects)
    if several:
        for inner in several:
            yield from _flat(inner)
        return
    yield from _flat(item)


def _objects(value: JSON) -> list[Object] | None:
    """Return the objects of a list, or one alone as a list of it."""
    if isinstance(value, dict):
        return [value] if value else None
    found = [item for item in value if isinstance(item, dict)] if isinstance(value, list) else []
    return found or None


def _unknown(kind: str) -> UnknownEvent:
    """Name an event that we do not use; long numbers are left out, as they may be a person's."""
    return UnknownEvent(re.sub(r"\d{5,}", "…", kind)[:MAX_KIND] or "unknown")


# --- Meta's envelope --------------------------------------------------------------------------


def _change(field: str, value: Object) -> Iterator[Event]:
    """Read one change; its kind shows in its keys, because Meta's own field may be wrong."""
    keys = {fold(key) for key in value}
    lists = _value(value)
    if lists:
        yield from lists
    elif keys & ABOUT_TEMPLATE:
        yield _template(value, None) or _unknown(field)
    else:
        yield _unknown(field)


def _value(value: Object) -> list[Event]:
    """Read the lists of statuses, messages, echoes and preferences that an object holds."""
    found: list[Event] = []
    contacts = pick(value, aliases("contacts"), _objects) or []
    names = _names(contacts)
    known = (pick(contacts[0], CONTACT_ID, as_name) or "") if len(contacts) == 1 else ""
    for status in pick(value, aliases("statuses"), _objects) or []:
        found.append(_status(status, "", None))
    for message in pick(value, aliases("messages"), _objects) or []:
        found.append(_message(message, True, None, names, known))
    for echo in pick(value, aliases("message_echoes"), _objects) or []:
        found.append(_message(echo, False, None, {}))
    for preference in pick(value, aliases("user_preferences"), _objects) or []:
        found.append(_preference(preference, "", None))
    return found


def _names(contacts: Iterable[Object]) -> dict[str, str]:
    """Return the profile names that came with the messages, by the digits of number or id."""
    pairs = (
        (_digits(number), pick(contact, PROFILE, as_text))
        for contact in contacts
        for number in picks(contact, CONTACT_ID, as_name)
    )
    return {phone: name[:MAX_NAME] for phone, name in pairs if phone and name}


# --- The flat family --------------------------------------------------------------------------


def _flat(item: Object) -> Iterator[Event]:
    kind = pick(item, KIND, as_name) or ""
    at = pick(item, AT, as_time)
    inner = pick(item, DATA, _objects)
    if inner is None or fold(kind) in MESSAGE_KINDS:
        inner = [item]
    for data in inner:
        lists = _value(data)
        if lists:
            yield from lists
        else:
            yield _one(kind, data, at)


def _one(kind: str, data: Object, at: datetime | None) -> Event:
    """Read one flat event by the words of its kind, or by its keys where these say little."""
    words = [fold(word) for word in re.split(r"[.:/\s_-]+", kind) if word]
    folded, last = "".join(words), words[-1] if words else ""
    if "template" in folded and not folded.startswith("message.sent"):
        return _template(data, at, last) or _unknown(kind)
    if "preference" in folded or "opt" in words or _ending(folded):
        return _preference(data, folded, at)
    direction = fold(pick(data, DIRECTION, as_name) or "")
    if last in RECEIVED or direction in FROM_THEM:
        return _message(data, True, at, {})
    if last in MESSAGE_STATES:
        return _status(data, last, at)
    if "status" in words or "update" in last:
        return _status(data, "", at)
    if direction in FROM_US:
        return _message(data, False, at, {})
    sender = pick(data, SENDER, _number)
    if last in ("message", *MESSAGE_KINDS) and sender and not direction:
        return _message(data, True, at, {})
    if not kind and pick(data, STATUS_WORD, _known_status) is not None:
        return _status(data, "", at)
    return _unknown(kind)


# --- Single events ----------------------------------------------------------------------------


def _digits(text: str) -> str:
    """Return the digits of a number, without a library's suffix ("@c.us")."""
    return re.sub(r"\D", "", text.split("@")[0])


def _number(value: JSON) -> str | None:
    """Return a text that may be a phone number, as it came."""
    text = (as_name(value) or "").strip()
    has_letters = any(map(str.isalpha, re.sub(r"^[a-z]+:", "", text.lower()).split("@")[0]))
    if has_letters or len(_digits(text)) < 7:
        return None
    return text[1:] if text.startswith("+") and text[1:].isdecimal() else text


def _with_a_digit(value: JSON) -> str | None:
    text = (as_name(value) or "").strip()
    return text if any(map(str.isdecimal, text)) else None


def _phone(data: Object, paths: tuple[Path, ...], known: str = "") -> str:
    """Return the person's number as it came, or what stands in its place; '' for neither.

    `known` is the number of the only person that the event is about.
    """
    return (
        pick(data, paths, _number)
        or known
        or pick(data, USER_ID, as_id)
        or pick(data, paths, _with_a_digit)
        or ""
    )


def _known_status(value: JSON) -> MessageStatus | None:
    return MESSAGE_STATES.get(fold(as_name(value) or ""))


def _status(data: Object, word: str, at: datetime | None) -> Event:
    """Read a delivery status; `word` is the status that the kind of the event names."""
    given = pick(data, STATUS_WORD, as_name) or ""
    status = MESSAGE_STATES.get(fold(given)) or MESSAGE_STATES.get(word)
    remote_id = pick(data, STATUS_ID, as_id)
    if status is None or remote_id is None:
        return _unknown(f"status {given or word}")
    code, reason = read_failure(data) if status is MessageStatus.FAILED else (None, "")
    return StatusUpdate(
        remote_id=remote_id,
        status=status,
        raw_status=(given or word)[:MAX_KIND],
        phone=_phone(data, STATUS_PHONE),
        code=code,
        reason=reason,
        at=pick(data, AT, as_time) or at,
    )


def _message(
    data: Object, inbound: bool, at: datetime | None, names: dict[str, str], known: str = ""
) -> Event:
    data = unwrap(data)
    phone = _phone(data, SENDER if inbound else RECEIVER, known)
    name = names.get(_digits(phone)) or pick(data, PROFILE, as_text) or ""
    at = pick(data, AT, as_time) or at
    message = read_message(data, phone=phone, inbound=inbound, name=name, at=at)
    # A message without a number may still be a STOP.
    if message.remote_id and (phone or inbound):
        return message
    return _unknown(f"message {fold(pick(data, MESSAGE_KIND, as_name) or '')}")


def _template(data: Object, at: datetime | None, word: str = "") -> TemplateUpdate | None:
    name = pick(data, TEMPLATE_NAME, as_name) or ""
    remote_id = pick(data, TEMPLATE_ID, as_id) or ""
    if not name and not remote_id:
        return None
    keys = {fold(key) for key in data}
    quality = constant(pick(data, TEMPLATE_QUALITY, as_name))
    # An update of the quality has no status beside it.
    status = "" if "newqualityscore" in keys else constant(pick(data, TEMPLATE_STATUS, as_name))
    if "." in status or fold(status).startswith(("template", "message")):
        status = ""
    if not status and word in ("approved", "rejected", "paused", "disabled", "deleted"):
        status = word.upper()
    # A change that is only announced names the right category first; nothing has changed yet.
    is_announced = "correctcategory" in keys
    category = "" if is_announced else constant(pick(data, TEMPLATE_CATEGORY, as_name))
    reason = pick(data, TEMPLATE_REASON, as_text) or ""
    return TemplateUpdate(
        name=name,
        language=pick(data, TEMPLATE_LANGUAGE, as_name) or "",
        remote_id=remote_id,
        status=status,
        quality=quality if quality in QUALITIES else "",
        category=category,
        reason="" if reason.strip().upper() == "NONE" else shorten(reason),
        at=pick(data, AT, as_time) or at,
    )


def _preference(data: Object, kind: str, at: datetime | None) -> Event:
    """Read a person's choice from its value, or from the kind of the event ("contactoptout")."""
    word = fold(pick(data, PREFERENCE_VALUE, as_name) or "")
    wants = WANTS.get(word, WANTS.get(_ending(kind)))
    if wants is None:
        return _unknown(f"preference {word}")
    phone = _phone(data, PREFERENCE_PHONE)
    return Preference(phone=phone, wants=wants, at=pick(data, AT, as_time) or at)


def _ending(kind: str) -> str:
    """Return the word for a choice with which a kind ends: of "unsubscribe", all of it."""
    return max((word for word in WANTS if kind.endswith(word)), key=len, default="")
