"""Bulk jobs. A job has no thread: where it stands is computed from the clock when asked."""

import bisect
from dataclasses import dataclass, field
from typing import NamedTuple

# A job waits, then sends so many messages a second; both in seconds of the sandbox's clock.
PENDING_SECONDS = 2.0
MESSAGES_PER_SECOND = 20.0


class RowError(NamedTuple):
    """A row that a job could not send; `code` is None where the phone is no phone."""

    position: int
    row: int
    phone: str
    code: int | None
    message: str

    @property
    def is_invalid(self) -> bool:
        return self.code is None


@dataclass
class Job:
    """A bulk job: what it was given, and which rows will fail as it gets to them."""

    id: str
    template: str
    language: str
    file_name: str | None
    total: int
    made_at: float
    errors: list[RowError] = field(default_factory=list)
    refused: str | None = None

    @property
    def starts_at(self) -> float:
        return self.made_at + PENDING_SECONDS

    @property
    def ends_at(self) -> float:
        return self.starts_at + (0 if self.refused else self.total / MESSAGES_PER_SECOND)

    @property
    def invalid(self) -> int:
        return sum(error.is_invalid for error in self.errors)

    def processed(self, now: float) -> int:
        """Return how many rows the job has gone through."""
        if self.refused or now < self.starts_at:
            return 0
        return min(self.total, int((now - self.starts_at) * MESSAGES_PER_SECOND))

    def status(self, now: float) -> str:
        if now < self.starts_at:
            return "pending"
        if self.refused:
            return "failed"
        return "completed" if self.processed(now) == self.total else "processing"

    def errors_so_far(self, now: float) -> list[RowError]:
        end = bisect.bisect_left(self.errors, self.processed(now), key=lambda e: e.position)
        return self.errors[:end]
