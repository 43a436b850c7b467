"""What a message holds, as webhooks and the history give it: one reader for both.

The caller knows who the person is and which way the message went; all else is read here.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime

from chumi_api.parsing.json_values import (
    MAX_NAME,
    Object,
    aliases,
    as_code,
    as_count,
    as_id,
    as_name,
    as_text,
    by_word,
    filled,
    fold,
    pick,
    picks,
    shorten,
    word_set,
)
from chumi_api.types import Media, Message, MessageStatus

MAX_TEXT = 32_768
MAX_LINK = 2_000
MAX_KIND = 40

# --- Assumed: the status of a message ---------------------------------------------------------

MESSAGE_STATUS = aliases("messageStatus messages.0.message_status status")
MESSAGE_STATES = by_word(
    {
        MessageStatus.ACCEPTED: "accepted queued pending submitted success ok scheduled enqueued",
        MessageStatus.HELD: "heldforqualityassessment held paused",
        MessageStatus.SENT: "sent dispatched",
        MessageStatus.DELIVERED: "delivered",
        MessageStatus.READ: "read seen opened played",
        MessageStatus.FAILED: "failed failure error errored rejected undelivered undeliverable",
    }
)
# In the answer to a send, and for a row of a job.
ACCEPTED_WORDS = word_set(
    "accepted heldforqualityassessment paused queued sent submitted success ok delivered read"
    " pending scheduled"
)
REFUSED_WORDS = word_set(
    "error errored fail failed failure rejected undelivered undeliverable invalid blocked"
    " unsuccessful"
)
ERROR_CODE = aliases("errors.0.code error.code errorCode code failureCode reason.code")
ERROR_TEXT = aliases(
    "errors.0.error_data.details errors.0.message errors.0.title error.error_data.details"
    " error.message error errorMessage failureReason reason"
)

# --- Assumed: what a message holds ------------------------------------------------------------

MESSAGE_ID = aliases("wamid messageId whatsappMessageId waMessageId externalId id _id key.id")
INBOUND_WORDS = word_set("inbound incoming in received user customer contact client person")
OUTBOUND_WORDS = word_set(
    "outbound outgoing out sent business agent admin bot system company me template api"
)
KIND = aliases("messageType kind type contentType")
# Words in the place of the kind that name the direction, or nothing.
NOT_KINDS = (INBOUND_WORDS | OUTBOUND_WORDS | {"message", "chat"}) - {"template", "system"}
MEDIA_KINDS = ("image", "video", "audio", "document", "sticker", "voice")
BUTTON_TEXT = aliases(
    "button.text interactive.button_reply.title interactive.list_reply.title"
    " buttonReply.title listReply.title buttonText button.title"
)
BUTTON_PAYLOAD = aliases(
    "button.payload interactive.button_reply.id interactive.list_reply.id buttonReply.id"
    " listReply.id buttonPayload payload"
)
TEXT = (
    *BUTTON_TEXT,
    *aliases(
        "reaction.emoji"
        + "".join(f" {kind}.caption" for kind in MEDIA_KINDS)
        + " text.body text body body.text content content.text caption message.text message emoji"
    ),
)
REPLY_TO = aliases(
    "context.id context.message_id replyTo replyToId quotedMessageId quoted.id"
    " reaction.message_id inReplyTo"
)
TEMPLATE_NAME = aliases("templateName template.name template")
MEDIA_ID = aliases("id mediaId")
MEDIA_URL = aliases("url link mediaUrl")
MEDIA_TYPE = aliases("mime_type contentType mediaType")
MEDIA_FILE = aliases("filename name mediaName")
MEDIA_SIZE = aliases("size fileSize bytes mediaSize")


def unwrap(item: Object) -> Object:
    """Return a message whose fields may be in an inner `message`, where only that has an id."""
    inner = pick(item, aliases("message"), filled)
    if inner is not None and pick(item, MESSAGE_ID, as_id) is None:
        return item | inner
    return item


def read_message(
    item: Object, *, phone: str, inbound: bool, name: str, at: datetime | None
) -> Message:
    """Read a message; `phone` and `name` are the person's, `at` is when it was written."""
    media = _media(item)
    template = pick(item, TEMPLATE_NAME, as_name) or ""
    return Message(
        remote_id=pick(item, MESSAGE_ID, as_id) or "",
        phone=phone,
        inbound=inbound,
        kind=_kind(item, media, "" if inbound else template),
        text=(pick(item, TEXT, as_text) or "")[:MAX_TEXT],
        payload=(pick(item, BUTTON_PAYLOAD, as_text) or "")[:MAX_NAME],
        reply_to=pick(item, REPLY_TO, as_id) or "",
        media=media,
        template_name=template,
        name=name[:MAX_NAME],
        at=at,
    )


def read_failure(item: Object) -> tuple[int | None, str]:
    """Return the code and the reason of a message that failed."""
    return pick(item, ERROR_CODE, as_code), shorten(pick(item, ERROR_TEXT, as_text) or "")


def _kind(item: Object, media: Media | None, template: str) -> str:
    """Return WhatsApp's word for the kind; where ChumiAI gives none, what the content says."""
    kind = next(filter(None, map(_as_kind, picks(item, KIND, as_name))), "")
    if template and kind in ("", "text"):
        return "template"
    if media and kind in ("", "text", "media", "file"):
        return media.kind
    if not kind and pick(item, BUTTON_TEXT, as_text) is not None:
        return "button"
    return kind[:MAX_KIND] or "text"


def _as_kind(word: str) -> str:
    """Return the kind that a word names, or ''."""
    word = fold(word)
    # A media type ("image/jpeg") and a library's own name ("imageMessage") say as much.
    media_kind = next((kind for kind in MEDIA_KINDS if word.startswith(kind)), "")
    is_other = word in NOT_KINDS or "." in word or "/" in word
    return media_kind or ("" if is_other else word)


def _media(item: Object) -> Media | None:
    """Return what is known of the file of a message, from an object of its own or flat fields."""
    for kind in MEDIA_KINDS:
        inner = pick(item, ((kind,),), filled)
        if inner:
            return _media_fields(inner, kind)
    inner = pick(item, aliases("media attachment file"), filled)
    url = pick(item, aliases("mediaUrl media attachmentUrl fileUrl"), as_text)
    remote_id = pick(item, aliases("mediaId"), as_id)
    words = [*picks(item, KIND, as_name), *picks(inner, KIND, as_name)]
    if not (inner or url or remote_id):
        kind = next((kind for kind in map(_as_kind, words) if kind in MEDIA_KINDS), "")
        url = pick(item, MEDIA_URL, as_text) or ""
        return Media(kind, url=url[:MAX_LINK]) if kind else None
    flat = {key: value for key, value in item.items() if fold(key).startswith(("media", "mime"))}
    media = _media_fields((inner or {}) | flat, "")
    kinds = map(_as_kind, (*words, media.content_type))
    kind = next((kind for kind in kinds if kind in MEDIA_KINDS), "document")
    return replace(media, kind=kind, url=media.url or (url or "")[:MAX_LINK])


def _media_fields(fields: Object, kind: str) -> Media:
    content_type = pick(fields, MEDIA_TYPE, as_name) or ""
    return Media(
        kind=kind,
        remote_id=pick(fields, MEDIA_ID, as_id) or "",
        url=(pick(fields, MEDIA_URL, as_text) or "")[:MAX_LINK],
        content_type=content_type[:100] if "/" in content_type else "",
        file_name=pick(fields, MEDIA_FILE, as_name) or "",
        size=pick(fields, MEDIA_SIZE, as_count),
    )
