"""Bulk jobs. A job has no thread: where it stands is computed from the clock when asked."""

import bisect
from dataclasses import dataclass, field
from typing import NamedTuple

# A job waits, then sends so many messages a second; both in seconds of the sandbox's clock.
PENDING_SECONDS = 2.0
MESSAGES_PER_SECOND = 20.0
OVER = ("completed", "failed", "cancelled")
# What a job can be ordered to do, and how it has ended then, if it has.
ACTIONS = {
    "stall": None,
    "vanish": None,
    "fall": None,
    "resume": None,
    "fail": "failed",
    "cancel": "cancelled",
    "finish": "completed",
}


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
    # What an order made of it: since when it stands still, how late that has made it, how it
    # ended before its time, whether the API still knows it, whether its counters went back.
    held_at: float | None = None
    late: float = 0.0
    ended: str | None = None
    vanished: bool = False
    fallen: bool = False

    @property
    def starts_at(self) -> float:
        return self.made_at + PENDING_SECONDS + self.late

    @property
    def ends_at(self) -> float:
        if self.ended and self.held_at is not None:
            return self.held_at
        return self.starts_at + (0 if self.refused else self.total / MESSAGES_PER_SECOND)

    def moment(self, now: float) -> float:
        """Return the moment that it is for the job: one that stands still knows no later one."""
        return now if self.held_at is None else self.held_at

    def order(self, action: str, now: float) -> None:
        """Misbehave, or behave again: see `ACTIONS`."""
        if action not in ACTIONS:
            raise ValueError(f"action must be one of {', '.join(ACTIONS)}")
        if self.status(now) in OVER and action not in ("vanish", "resume"):
            raise ValueError("that job has ended")
        match action:
            case "vanish":
                self.vanished = True
            case "fall":
                self.fallen = True
            case "stall":
                self.held_at = self.moment(now)
            case "resume":
                self.vanished = self.fallen = False
                if self.held_at is not None and not self.ended:
                    self.late, self.held_at = self.late + now - self.held_at, None
            case _:
                self.held_at = self.moment(now)
                self.ended = ACTIONS[action]

    @property
    def invalid(self) -> int:
        return sum(error.is_invalid for error in self.errors)

    def processed(self, now: float) -> int:
        """Return how many rows the job has gone through, or says that it has."""
        if self.ended == "completed":
            return self.total
        now = self.moment(now)
        if self.refused or now < self.starts_at:
            return 0
        done = min(self.total, int((now - self.starts_at) * MESSAGES_PER_SECOND))
        return done // 2 if self.fallen else done

    def status(self, now: float) -> str:
        if self.ended:
            return self.ended
        if self.moment(now) < self.starts_at:
            return "pending"
        if self.refused:
            return "failed"
        return "completed" if self.processed(now) == self.total else "processing"

    def errors_so_far(self, now: float) -> list[RowError]:
        end = bisect.bisect_left(self.errors, self.processed(now), key=lambda e: e.position)
        return self.errors[:end]
