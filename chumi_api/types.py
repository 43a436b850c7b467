"""What ChumiAI's answers and webhooks hold, as frozen values. No repr shows a person's data."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import TYPE_CHECKING, Any, Literal, TypeVar

if TYPE_CHECKING:
    from chumi_api.errors import ChumiError

T = TypeVar("T")


class Listing(list[T]):
    """A list; `skipped` counts the entries that could not be understood."""

    skipped: int = 0

    def add(self, other: Listing[T]) -> None:
        """Append another list, with what it skipped."""
        self.extend(other)
        self.skipped += other.skipped


@dataclass(frozen=True, slots=True)
class Template:
    """A WhatsApp template. Its identity is (name, language); the vendor's id may be missing.

    `language` is exactly the string received. `status`, `category` and `quality` are upper
    case, and words that we don't know are kept. `components` carry upper-case `type` and
    `format`; one that can't be read has the type "UNKNOWN".
    """

    name: str
    language: str
    remote_id: str | None = None
    status: str = "APPROVED"
    status_assumed: bool = False
    category: str = ""
    components: tuple[dict[str, Any], ...] = field(default=(), repr=False)
    parameter_format: str = "POSITIONAL"
    quality: str = "UNKNOWN"
    rejected_reason: str = field(default="", repr=False)
    raw: dict[str, Any] = field(default_factory=dict, repr=False)


@dataclass(frozen=True, slots=True)
class SyncResult:
    """ChumiAI's own sync with Meta; counts are None where ChumiAI gives none."""

    total: int | None = None
    created: int | None = None
    updated: int | None = None
    removed: int | None = None
    queued: bool = False


class JobState(StrEnum):
    QUEUED = "queued"
    RUNNING = "running"
    PAUSED = "paused"
    COMPLETED = "completed"
    COMPLETED_WITH_ERRORS = "completed_with_errors"
    FAILED = "failed"
    CANCELLED = "cancelled"
    UNKNOWN = "unknown"

    @property
    def terminal(self) -> bool:
        """Return True if a job in this state has ended."""
        return self in (
            JobState.COMPLETED,
            JobState.COMPLETED_WITH_ERRORS,
            JobState.FAILED,
            JobState.CANCELLED,
        )


@dataclass(frozen=True, slots=True)
class RowResult:
    """The result of one row of a bulk job; `row` is in ChumiAI's own numbering."""

    row: int | None = None
    phone: str = field(default="", repr=False)
    state: Literal["accepted", "failed", "unknown"] = "unknown"
    message_id: str | None = field(default=None, repr=False)
    code: int | None = None
    reason: str = field(default="", repr=False)


@dataclass(frozen=True, slots=True)
class BulkJob:
    """A bulk job at one moment. A counter that ChumiAI does not give is None, never zero.

    No counter exceeds the total; `is_believable` is False if one did in ChumiAI's answer.
    """

    remote_id: str
    state: JobState = JobState.UNKNOWN
    raw_state: str = ""
    template_name: str = ""
    language: str = ""
    file_name: str = ""
    total: int | None = None
    processed: int | None = None
    accepted: int | None = None
    failed: int | None = None
    skipped: int | None = None
    pending: int | None = None
    delivered: int | None = None
    read: int | None = None
    is_believable: bool = True
    created_at: datetime | None = None
    started_at: datetime | None = None
    completed_at: datetime | None = None
    row_results: tuple[RowResult, ...] = field(default=(), repr=False)
    error_text: str = field(default="", repr=False)


@dataclass(frozen=True, slots=True)
class BulkAccepted:
    """A bulk send that ChumiAI accepted, with the job that runs it."""

    job_id: str
    state: JobState = JobState.QUEUED
    total: int | None = None
    valid: int | None = None
    invalid: int | None = None
    request_id: str | None = None


@dataclass(frozen=True, slots=True)
class SendResult:
    """A single message that was accepted; without `message_id` it can't be traced."""

    message_id: str | None = field(default=None, repr=False)
    status: str = ""
    wa_id: str = field(default="", repr=False)
    request_id: str | None = None

    @property
    def is_held(self) -> bool:
        """Return True if WhatsApp checks the template first and sends the message later."""
        return self.status.lower() in ("held_for_quality_assessment", "held", "paused")


@dataclass(frozen=True, slots=True)
class ContactGroup:
    remote_id: str
    name: str = ""
    description: str = ""
    size: int | None = None
    created_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class Contact:
    """A person in ChumiAI's address book; `opted_out` is None where ChumiAI does not say."""

    remote_id: str
    phone: str = field(default="", repr=False)
    name: str = field(default="", repr=False)
    email: str = field(default="", repr=False)
    tags: tuple[str, ...] = ()
    custom: dict[str, str] = field(default_factory=dict, repr=False)
    opted_out: bool | None = None
    channel: str = ""
    created_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class GroupDetail:
    """A group with its members, over all pages."""

    group: ContactGroup
    members: tuple[Contact, ...] = field(default=(), repr=False)
    skipped: int = 0

    @property
    def complete(self) -> bool:
        """Return True if all members came that the group says it has."""
        return not self.skipped and (
            self.group.size is None or len(self.members) >= self.group.size
        )


class MessageStatus(StrEnum):
    """The delivery status of a message of ours. It only climbs, in the order given here."""

    ACCEPTED = "accepted"
    HELD = "held"
    SENT = "sent"
    DELIVERED = "delivered"
    READ = "read"
    FAILED = "failed"
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True)
class Media:
    """The file of a message: its description and link, never its content."""

    kind: str
    remote_id: str = field(default="", repr=False)
    url: str = field(default="", repr=False)
    content_type: str = ""
    file_name: str = field(default="", repr=False)
    size: int | None = None


@dataclass(frozen=True, slots=True)
class Message:
    """One message between a business and a person, from a webhook or from the history.

    `phone` is the person's, in digits, in both directions. `kind` is WhatsApp's own word for the
    type ("text", "image", "button", "interactive", "reaction", "template", …); unknown words
    are kept. `text` is the body, a caption, the title of the pressed button, or the emoji of a
    reaction; `payload` is the button's hidden text; `reply_to` is the id of the message that is
    answered or reacted to. Only outbound messages have `status`, `code` and `reason`.
    """

    remote_id: str = field(repr=False)
    phone: str = field(repr=False)
    inbound: bool
    kind: str = "text"
    text: str = field(default="", repr=False)
    payload: str = field(default="", repr=False)
    reply_to: str = field(default="", repr=False)
    media: Media | None = None
    template_name: str = ""
    name: str = field(default="", repr=False)
    status: MessageStatus = MessageStatus.UNKNOWN
    code: int | None = None
    reason: str = field(default="", repr=False)
    at: datetime | None = None


@dataclass(frozen=True, slots=True)
class StatusUpdate:
    """The delivery status of one message of ours; `code` and `reason` where it failed."""

    remote_id: str = field(repr=False)
    status: MessageStatus
    raw_status: str = ""
    phone: str = field(default="", repr=False)
    code: int | None = None
    reason: str = field(default="", repr=False)
    at: datetime | None = None


@dataclass(frozen=True, slots=True)
class TemplateUpdate:
    """A change of a template; '' for each field that the webhook does not give."""

    name: str
    language: str = ""
    remote_id: str = ""
    status: str = ""
    quality: str = ""
    category: str = ""
    reason: str = field(default="", repr=False)
    at: datetime | None = None


@dataclass(frozen=True, slots=True)
class Preference:
    """A person stopped, or resumed, marketing messages in WhatsApp itself."""

    phone: str = field(repr=False)
    wants: bool
    at: datetime | None = None


@dataclass(frozen=True, slots=True)
class UnknownEvent:
    """An event that we do not use, or could not understand; `kind` names it."""

    kind: str


Event = Message | StatusUpdate | TemplateUpdate | Preference | UnknownEvent


@dataclass(frozen=True, slots=True)
class AccessCheck:
    """The result of one read-only call, for people to read."""

    path: str
    ok: bool
    items: int | None = None
    skipped: int = 0
    paging: str = ""
    envelope: str = ""
    problem: ChumiError | None = None


@dataclass(frozen=True, slots=True)
class AccessReport:
    """What a key may do: "granted", "missing" or "untested" by scope; and the calls made."""

    scopes: dict[str, Literal["granted", "missing", "untested"]]
    checks: tuple[AccessCheck, ...]

    @property
    def problem(self) -> ChumiError | None:
        """Return the first error, if there was one."""
        return next((check.problem for check in self.checks if check.problem), None)
