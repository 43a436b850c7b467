"""Read what ChumiAI tells by itself: two families of payload, and their signatures. Pure.

One family is Meta's own envelope ("entry", "changes", "value"), the other a flat object with a
word for what happened ("message.delivered") and its data. Both may hold many events. Nothing
here raises but `Malformed`: what makes no sense comes back as an `UnknownEvent`.
"""

from __future__ import annotations

import hashlib
import hmac
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace
from datetime import datetime
from typing import Any

from chumi_api.parsing import (
    JSON,
    MAX_NAME,
    Object,
    _aliases,
    _filled,
    _shorten,
    as_code,
    as_count,
    as_id,
    as_name,
    as_text,
    as_time,
    fold,
    load,
    pick,
)
from chumi_api.types import (
    Event,
    Media,
    Message,
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
MAX_TEXT = 4_096
MAX_KIND = 60


class Malformed(ValueError):
    """The body is no JSON object and no list of such."""


# --- Assumed: the words ------------------------------------------------------------------------

KIND = _aliases("event eventType type topic action")
DATA = _aliases("data payload message body event")
EVENTS = _aliases("events items notifications")
AT = _aliases("timestamp at time createdAt created sentAt occurredAt date updatedAt")

STATUS_ID = _aliases("messageId wamid whatsappMessageId waMessageId id externalId message.id")
STATUS_WORD = _aliases("status messageStatus state deliveryStatus")
STATUS_PHONE = _aliases("recipient_id to recipient phone phoneNumber waId contact.phone")
ERROR_CODE = _aliases("errors.0.code error.code errorCode code failureCode reason.code")
ERROR_TEXT = _aliases(
    "errors.0.error_data.details errors.0.message errors.0.title error.error_data.details"
    " error.message error errorMessage failureReason reason"
)
STATUSES = {
    word: status
    for status, words in {
        MessageStatus.ACCEPTED: "accepted queued pending submitted success ok scheduled enqueued",
        MessageStatus.HELD: "heldforqualityassessment held paused",
        MessageStatus.SENT: "sent dispatched",
        MessageStatus.DELIVERED: "delivered",
        MessageStatus.READ: "read seen opened played",
        MessageStatus.FAILED: "failed failure error rejected undelivered undeliverable",
    }.items()
    for word in words.split()
}

MESSAGE_ID = _aliases("id messageId wamid whatsappMessageId waMessageId externalId key.id")
SENDER = _aliases(
    "from sender from.phone sender.phone waId phone phoneNumber contact.phone contact.waId"
    " customer.phone customerPhone"
)
RECEIVER = _aliases("to recipient_id recipient to.phone recipient.phone phone phoneNumber")
TEXT = _aliases("text.body text body content caption message.text message")
PROFILE = _aliases(
    "profile.name name pushName senderName profileName contact.name contact.profile.name"
    " customer.name from.name sender.name"
)
DIRECTION = _aliases("direction")
FROM_US = frozenset(("outbound", "outgoing", "out"))
REPLY_TO = _aliases("context.id context.message_id replyTo quotedMessageId reaction.message_id")
TEMPLATE_OF_MESSAGE = _aliases("template.name templateName")
# The parts of a message that carry a file, and those that carry the press of a button.
FILES = ("image", "video", "audio", "document", "sticker", "voice")
MESSAGE_KINDS = ("message", "text", "button", "interactive", "reaction", "location", *FILES)
MEDIA_URL = _aliases("url link mediaUrl")
MEDIA_TYPE = _aliases("mime_type mimeType contentType")
BUTTON_TEXT = _aliases(
    "button.text interactive.button_reply.title interactive.list_reply.title"
    " buttonReply.title listReply.title buttonText button.title"
)
BUTTON_PAYLOAD = _aliases(
    "button.payload interactive.button_reply.id interactive.list_reply.id buttonReply.id"
    " listReply.id buttonPayload payload"
)

TEMPLATE_NAME = _aliases("message_template_name templateName name template.name")
TEMPLATE_LANGUAGE = _aliases(
    "message_template_language templateLanguage language languageCode template.language"
)
TEMPLATE_ID = _aliases("message_template_id templateId template.id id")
TEMPLATE_STATUS = _aliases("event status newStatus templateStatus template.status")
TEMPLATE_QUALITY = _aliases("new_quality_score qualityScore quality quality_score.score")
# An impending change names the right category first; nothing has changed yet.
TEMPLATE_CATEGORY = _aliases("new_category message_template_category category")
TEMPLATE_REASON = _aliases("rejection_info.reason reason rejectedReason disable_info.reason")
ABOUT_TEMPLATE = frozenset(
    ("messagetemplatename", "messagetemplateid", "newqualityscore", "newcategory")
)
QUALITIES = frozenset(("GREEN", "YELLOW", "RED", "UNKNOWN", "HIGH", "MEDIUM", "LOW"))

PREFERENCE_PHONE = _aliases("wa_id phone phoneNumber from contact.phone contact.waId number")
PREFERENCE_VALUE = _aliases("value preference")
PREFERENCE_CATEGORY = _aliases("category")
STOPS = frozenset(("stop", "optout", "optedout", "unsubscribe", "unsubscribed", "blocked"))
RESUMES = frozenset(("resume", "optin", "optedin", "subscribe", "subscribed", "unblocked"))
RECEIVED = frozenset(("received", "inbound", "incoming", "reply", "new"))


# --- Signatures ----------------------------------------------------------------------------------


def sign(body: bytes, secret: str) -> str:
    """Return the signature of a body, as its header carries it."""
    return "sha256=" + hmac.new(secret.encode(), body, hashlib.sha256).hexdigest()


def verify(body: bytes, headers: Mapping[str, str], secrets: Iterable[str]) -> bool:
    """Tell whether one of the signatures was made with one of the secrets, in constant time."""
    given = {name.lower(): value for name, value in headers.items()}
    signatures = [given[name].strip() for name in SIGNATURES if name in given]
    good = False
    for secret in secrets:
        ours = sign(body, secret).encode()
        for signature in signatures:
            theirs = signature if "=" in signature else f"sha256={signature}"
            good |= hmac.compare_digest(ours, theirs.lower().encode("utf-8", "replace"))
    return good


# --- Bodies --------------------------------------------------------------------------------------


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
    """Return what a body tells, in its order. Raise `Malformed` for what is no JSON object."""
    return [event for item in read(body) for event in _events(item)]


def _events(item: Object) -> Iterator[Event]:
    entries = pick(item, _aliases("entry data.entry payload.entry body.entry"), _objects)
    if entries:
        for entry in entries:
            changes = pick(entry, _aliases("changes"), _objects)
            for change in changes or [{"field": "unknown", "value": {}}]:
                value = pick(change, _aliases("value"), _filled) or {}
                yield from _change(pick(change, _aliases("field"), as_name) or "", value)
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
    """Name something that we have no use for; what could be a person's data is left out."""
    return UnknownEvent(re.sub(r"\d{5,}", "…", kind)[:MAX_KIND] or "unknown")


# --- Meta's envelope -----------------------------------------------------------------------------


def _change(field: str, value: Object) -> Iterator[Event]:
    """Read one change; which kind it is shows in its keys, for Meta's own field may be wrong."""
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
    names = _names(value)
    for status in pick(value, _aliases("statuses"), _objects) or []:
        found.append(_status(status, "", None))
    for message in pick(value, _aliases("messages"), _objects) or []:
        found.append(_message(message, True, None, names))
    for echo in pick(value, _aliases("message_echoes"), _objects) or []:
        found.append(_message(echo, False, None, {}))
    for preference in pick(value, _aliases("user_preferences"), _objects) or []:
        found.append(_preference(preference, "", None))
    return found


def _names(value: Object) -> dict[str, str]:
    """Return the profile names that came with the messages, by number."""
    contacts = pick(value, _aliases("contacts"), _objects) or []
    pairs = (
        (_digits(pick(c, _aliases("wa_id"), as_name)), pick(c, PROFILE, as_text)) for c in contacts
    )
    return {phone: name[:MAX_NAME] for phone, name in pairs if phone and name}


# --- The flat family -----------------------------------------------------------------------------


def _flat(item: Object) -> Iterator[Event]:
    kind = pick(item, KIND, as_name) or ""
    at = pick(item, AT, as_time)
    inner = pick(item, DATA, _objects)
    if inner is None or fold(kind) in MESSAGE_KINDS[1:]:
        inner = [item]
    for data in inner:
        lists = _value(data)
        if lists:
            yield from lists
        else:
            yield _one(kind, data, at)


def _one(kind: str, data: Object, at: datetime | None) -> Event:
    """Read one flat event by the words of its kind, and where these say little by its keys."""
    words = [fold(word) for word in re.split(r"[.:/\s_-]+", kind) if word]
    folded, last = "".join(words), words[-1] if words else ""
    if "template" in folded and not folded.startswith("message.sent"):
        return _template(data, at, last) or _unknown(kind)
    if "preference" in folded or "opt" in words or _ends_in(folded, (*STOPS, *RESUMES)):
        return _preference(data, folded, at)
    direction = fold(pick(data, DIRECTION, as_name) or "")
    if last in RECEIVED or direction in ("inbound", "incoming", "in"):
        return _message(data, True, at, {})
    if last in STATUSES:
        return _status(data, last, at)
    if "status" in words or "update" in last:
        return _status(data, "", at)
    if direction in FROM_US:
        return _message(data, False, at, {})
    sender, status = pick(data, SENDER, _phone), pick(data, STATUS_WORD, _known_status)
    if last in MESSAGE_KINDS and sender and not direction:
        return _message(data, True, at, {})
    if not kind and status:
        return _status(data, "", at)
    return _unknown(kind)


def _ends_in(text: str, words: Iterable[str]) -> bool:
    return any(text.endswith(word) for word in words)


# --- Single events -------------------------------------------------------------------------------


def _digits(text: str | None) -> str:
    """Return the digits of a number, without what libraries hang on it ("@c.us")."""
    return re.sub(r"\D", "", (text or "").split("@")[0])


def _phone(value: JSON) -> str | None:
    """Return a phone number in digits; None for what can't be one."""
    digits = _digits(as_name(value))
    return digits if 7 <= len(digits) <= 15 else None


def _known_status(value: JSON) -> MessageStatus | None:
    return STATUSES.get(fold(as_name(value) or ""))


def _status(data: Object, word: str, at: datetime | None) -> Event:
    told = pick(data, STATUS_WORD, as_name) or ""
    status = STATUSES.get(fold(told)) or STATUSES.get(word)
    remote_id = pick(data, STATUS_ID, as_id)
    if status is None or remote_id is None:
        return _unknown(f"status {told or word}")
    failed = status is MessageStatus.FAILED
    return StatusUpdate(
        remote_id=remote_id,
        status=status,
        raw_status=(told or word)[:MAX_KIND],
        phone=pick(data, STATUS_PHONE, _phone) or "",
        code=pick(data, ERROR_CODE, as_code) if failed else None,
        reason=_shorten(pick(data, ERROR_TEXT, as_text) or "") if failed else "",
        at=pick(data, AT, as_time) or at,
    )


def _message(data: Object, inbound: bool, at: datetime | None, names: dict[str, str]) -> Event:
    inner = pick(data, _aliases("message"), _filled)
    if inner is not None and pick(data, MESSAGE_ID, as_id) is None:
        data = {**data, **inner}
    kind = fold(pick(data, _aliases("type messageType"), as_name) or "")
    remote_id = pick(data, MESSAGE_ID, as_id)
    phone = pick(data, SENDER if inbound else RECEIVER, _phone)
    if remote_id is None or phone is None:
        return _unknown(f"message {kind}")
    media = _media(data, kind)
    button = pick(data, BUTTON_TEXT, as_text)
    reaction = pick(data, _aliases("reaction.emoji"), as_text)
    caption = pick(data, _aliases(f"{media.kind}.caption"), as_text) if media else None
    text = button or reaction or caption or pick(data, TEXT, as_text) or ""
    if not kind or "." in kind or kind in ("message", "inbound", "chat"):
        kind = media.kind if media else "button" if button else "text"
    return Message(
        remote_id=remote_id,
        phone=phone,
        inbound=inbound,
        kind=kind[:MAX_KIND],
        text=text[:MAX_TEXT],
        payload=(pick(data, BUTTON_PAYLOAD, as_text) or "")[:MAX_NAME] if button else "",
        reply_to=pick(data, REPLY_TO, as_id) or "",
        media=media,
        template_name=pick(data, TEMPLATE_OF_MESSAGE, as_name) or "",
        name=names.get(phone) or (pick(data, PROFILE, as_text) or "")[:MAX_NAME],
        at=pick(data, AT, as_time) or at,
    )


def _media(data: Object, kind: str) -> Media | None:
    part: Object | None = None
    for name in FILES:
        part = pick(data, _aliases(name), _filled)
        if part is not None:
            kind = name
            break
    if part is None:
        part = pick(data, _aliases("media attachment file"), _filled)
    if part is None and kind in FILES:
        part = {"url": pick(data, MEDIA_URL, as_text)}
    if part is None:
        return None
    return Media(
        kind=kind or "document",
        remote_id=pick(part, _aliases("id mediaId"), as_id) or "",
        url=(pick(part, MEDIA_URL, as_text) or "")[:2_000],
        content_type=pick(part, MEDIA_TYPE, as_name) or "",
        file_name=pick(part, _aliases("filename name"), as_name) or "",
        size=pick(part, _aliases("file_size size"), as_count),
    )


def _template(data: Object, at: datetime | None, word: str = "") -> TemplateUpdate | None:
    name = pick(data, TEMPLATE_NAME, as_name) or ""
    remote_id = pick(data, TEMPLATE_ID, as_id) or ""
    if not name and not remote_id:
        return None
    keys = {fold(key) for key in data}
    quality = _upper(pick(data, TEMPLATE_QUALITY, as_name))
    # The score of the news of a quality has no status beside it.
    status = "" if "newqualityscore" in keys else _upper(pick(data, TEMPLATE_STATUS, as_name))
    if "." in status or fold(status).startswith(("template", "message")):
        status = ""
    if not status and word in ("approved", "rejected", "paused", "disabled", "deleted"):
        status = word.upper()
    impending = "correctcategory" in keys
    category = "" if impending else _upper(pick(data, TEMPLATE_CATEGORY, as_name))
    reason = pick(data, TEMPLATE_REASON, as_text) or ""
    return TemplateUpdate(
        name=name,
        language=pick(data, TEMPLATE_LANGUAGE, as_name) or "",
        remote_id=remote_id,
        status=status,
        quality=quality if quality in QUALITIES else "",
        category=category,
        reason="" if reason.strip().upper() == "NONE" else _shorten(reason),
        at=pick(data, AT, as_time) or at,
    )


def _upper(word: str | None) -> str:
    return re.sub(r"[\s\-]+", "_", (word or "").strip()).upper()


def _preference(data: Object, kind: str, at: datetime | None) -> Event:
    phone = pick(data, PREFERENCE_PHONE, _phone)
    word = fold(pick(data, PREFERENCE_VALUE, as_name) or "")
    wants = False if word in STOPS else True if word in RESUMES else None
    if wants is None:
        told = kind.replace(".", "")
        wants = True if _ends_in(told, RESUMES) else False if _ends_in(told, STOPS) else None
    if phone is None or wants is None:
        return _unknown(f"preference {word}")
    return Preference(phone=phone, wants=wants, at=pick(data, AT, as_time) or at)


def with_time(event: Any, at: datetime) -> Any:
    """Return the event with the moment of its arrival where it tells none."""
    return event if getattr(event, "at", at) is not None else replace(event, at=at)
