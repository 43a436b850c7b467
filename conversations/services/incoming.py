"""Messages as they are reported, and how two reports of one message merge. No queries.

Merging is order-independent: of two values of a field the same one wins, whichever came first.
"""

import hashlib
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from chumi_api.types import Message as RemoteMessage
from chumi_api.types import MessageStatus, StatusUpdate
from conversations.models import Conversation, Message
from conversations.text import folded
from core import phones
from core.columns import fit
from teams.models import Team

# The columns of a message, by name.
Fields = dict[str, Any]

STATUSES = {
    MessageStatus.UNKNOWN: Message.Status.UNKNOWN,
    MessageStatus.ACCEPTED: Message.Status.ACCEPTED,
    MessageStatus.HELD: Message.Status.HELD,
    MessageStatus.SENT: Message.Status.SENT,
    MessageStatus.FAILED: Message.Status.FAILED,
    MessageStatus.DELIVERED: Message.Status.DELIVERED,
    MessageStatus.READ: Message.Status.READ,
}
LONGEST_TEXT = 32_768
# Any other kind is more specific and replaces these; "text" is the most specific of them.
VAGUE_KINDS = ("", "unknown", "unsupported", "text")


@dataclass(frozen=True, slots=True)
class Incoming:
    """A reported message, cleaned, ready to be merged with the row of the same message."""

    phone: str
    name: str
    fields: Fields

    @property
    def fingerprint(self) -> str:
        """Return an id made of the content: same person, side, second and text."""
        at = self.fields["at"].astimezone(UTC).replace(microsecond=0)
        when = at.isoformat() if self.fields["at_is_reported"] else ""
        content = "\n".join((self.phone, str(self.fields["inbound"]), when, self.fields["text"]))
        return "~" + hashlib.sha256(content.encode(errors="surrogatepass")).hexdigest()[:40]

    def is_same_as(self, message: Message) -> bool:
        """Return whether a stored message has the same side, second and text."""
        return (
            message.at_is_reported
            and message.inbound == self.fields["inbound"]
            and message.text == self.fields["text"]
            and message.at.replace(microsecond=0) == self.fields["at"].replace(microsecond=0)
        )


def from_message(team: Team, message: RemoteMessage, received_at: datetime) -> Incoming:
    """Return the cleaned message; `received_at` stands in for a missing time."""
    media = message.media
    status = Message.Status.UNKNOWN if message.inbound else STATUSES[message.status]
    name = " ".join(message.name.split()) if message.inbound else ""
    fields = fit(
        Message,
        {
            "remote_id": message.remote_id,
            "inbound": message.inbound,
            "kind": message.kind,
            "text": message.text[:LONGEST_TEXT],
            "payload": message.payload,
            "reply_to": message.reply_to,
            "media_kind": media.kind if media else "",
            "media_type": media.content_type if media else "",
            "media_name": media.file_name if media else "",
            "media_size": media.size if media else None,
            "template_name": message.template_name,
            "status": int(status),
            "code": message.code if status == Message.Status.FAILED else None,
            "at": message.at or received_at,
            "at_is_reported": message.at is not None,
        },
    )
    incoming = Incoming(
        phone=identity_of(team, message.phone),
        name=fit(Conversation, {"name": name})["name"],
        fields=fields | {"folded": folded(team.pk, fields["text"])},
    )
    if not incoming.fields["remote_id"]:
        incoming.fields["remote_id"] = incoming.fingerprint
    return incoming


def from_status(team: Team, update: StatusUpdate, received_at: datetime) -> Incoming:
    """Return a message of which only the delivery status is known."""
    message = RemoteMessage(
        remote_id=update.remote_id,
        phone=update.phone,
        inbound=False,
        kind="",
        status=update.status,
        code=update.code,
        # The time of the status is not the time of the message: it only stands in for it.
        at=None,
        name="",
    )
    return from_message(team, message, update.at or received_at)


def identity_of(team: Team, phone: str) -> str:
    """Return E.164; of what is no number, as WhatsApp's user id of a hidden one, the text."""
    found = phones.from_outside(phone, region=team.default_region)
    return found or phone.replace("\0", "").strip().lstrip("+")[:64]


def merge(stored: Fields, incoming: Fields) -> Fields:
    """Return the merged fields; swapping the two arguments gives the same result."""
    merged = {name: max(stored[name], incoming[name], key=WEIGHTS[name]) for name in WEIGHTS}
    both = (stored, incoming)
    # A reported time beats a stand-in; of two of the same sort the earlier one counts.
    reported = [fields["at"] for fields in both if fields["at_is_reported"]]
    merged["at"] = min(reported or [fields["at"] for fields in both])
    merged["folded"] = next(f["folded"] for f in both if f["text"] == merged["text"])
    has_failed = merged["status"] == Message.Status.FAILED
    codes = [fields["code"] for fields in both if has_failed and fields["code"]]
    merged["code"] = max(codes, default=None)
    return merged


def _longest(text: str) -> tuple[int, str]:
    return len(text), text


# Of two values of a field, the one with the greater weight stays.
WEIGHTS: dict[str, Callable[[Any], Any]] = {
    # WhatsApp's id beats a fingerprint.
    "remote_id": lambda value: (not value.startswith("~"), value),
    "kind": lambda kind: (VAGUE_KINDS.index(kind) if kind in VAGUE_KINDS else 9, kind),
    "media_size": lambda size: size or 0,
    **dict.fromkeys(("inbound", "status", "at_is_reported"), int),
    **dict.fromkeys(
        (
            "text",
            "payload",
            "reply_to",
            "media_kind",
            "media_type",
            "media_name",
            "template_name",
        ),
        _longest,
    ),
}
# The columns that a later report may fill in.
MERGED = (*WEIGHTS, "at", "code", "folded")
