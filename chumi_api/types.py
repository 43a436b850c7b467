"""What ChumiAI tells us, as frozen values. Nothing here shows a person's data in its repr."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import TYPE_CHECKING, Any, Literal, TypeVar

if TYPE_CHECKING:
    from chumi_api.errors import ChumiError

T = TypeVar("T")


class Listing(list[T]):
    """A whole list; `skipped` counts the entries that could not be understood."""

    skipped: int = 0


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
    """What ChumiAI says about its own sync with Meta; counts are None where it says nothing."""

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
        """Tell whether a job in this state moves no further."""
        return self in (
            JobState.COMPLETED,
            JobState.COMPLETED_WITH_ERRORS,
            JobState.FAILED,
            JobState.CANCELLED,
        )


@dataclass(frozen=True, slots=True)
class RowResult:
    """What became of one row of a bulk job; `row` is in the vendor's own numbering."""

    row: int | None = None
    phone: str = field(default="", repr=False)
    state: Literal["accepted", "failed", "unknown"] = "unknown"
    message_id: str | None = field(default=None, repr=False)
    code: int | None = None
    reason: str = field(default="", repr=False)


@dataclass(frozen=True, slots=True)
class BulkJob:
    """A bulk job at one moment. A counter that ChumiAI does not give is None, never zero."""

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
    created_at: datetime | None = None
    started_at: datetime | None = None
    completed_at: datetime | None = None
    row_results: tuple[RowResult, ...] = field(default=(), repr=False)
    error_text: str = field(default="", repr=False)


@dataclass(frozen=True, slots=True)
class BulkAccepted:
    """A bulk send that ChumiAI took over, with the job that runs it."""

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


@dataclass(frozen=True, slots=True)
class ContactGroup:
    remote_id: str
    name: str = ""
    description: str = ""
    size: int | None = None
    created_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class Contact:
    """A person in ChumiAI's address book; `opted_out` is None where nothing is said."""

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
    """A group with the members that ChumiAI gave us, over all pages."""

    group: ContactGroup
    members: tuple[Contact, ...] = field(default=(), repr=False)
    skipped: int = 0

    @property
    def complete(self) -> bool:
        """Tell whether as many members came as the group says it has."""
        return not self.skipped and (
            self.group.size is None or len(self.members) >= self.group.size
        )


@dataclass(frozen=True, slots=True)
class AccessCheck:
    """How one read-only question went, for people to read."""

    path: str
    ok: bool
    items: int | None = None
    skipped: int = 0
    paging: str = ""
    envelope: str = ""
    problem: ChumiError | None = None


@dataclass(frozen=True, slots=True)
class AccessReport:
    """What a key may do: "granted", "missing" or "untested" by scope, and what was asked."""

    scopes: dict[str, Literal["granted", "missing", "untested"]]
    checks: tuple[AccessCheck, ...]

    @property
    def problem(self) -> ChumiError | None:
        """Return the first thing that went wrong, if any did."""
        return next((check.problem for check in self.checks if check.problem), None)
