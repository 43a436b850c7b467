"""Bulk jobs. A job has no thread: its progress is computed from the clock when it is read."""

import bisect
from dataclasses import dataclass, field
from typing import NamedTuple

# How long a job waits, and how fast it sends then; in seconds of the sandbox's clock.
PENDING_SECONDS = 2.0
MESSAGES_PER_SECOND = 20.0
ENDED = ("completed", "failed", "cancelled")
# What a job can be made to do, and the status with which it ends by that, if it ends.
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
    """A row that a job could not send; `code` is None if the phone is no phone number."""

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
    """A bulk job: its request, and the rows that fail when it gets to them."""

    id: str
    template: str
    language: str
    file_name: str | None
    total: int
    made_at: float
    errors: list[RowError] = field(default_factory=list)
    refused: str | None = None
    # Set by an action: since when the job is stalled, the delay by earlier stalls, the status
    # with which it ended early, whether the API hides it, whether its counters are halved.
    stalled_at: float | None = None
    delay: float = 0.0
    ended: str | None = None
    vanished: bool = False
    fallen: bool = False

    @property
    def starts_at(self) -> float:
        return self.made_at + PENDING_SECONDS + self.delay

    @property
    def ends_at(self) -> float:
        if self.ended and self.stalled_at is not None:
            return self.stalled_at
        return self.starts_at + (0 if self.refused else self.total / MESSAGES_PER_SECOND)

    def moment(self, now: float) -> float:
        """Return the time as the job sees it: for a stalled job, the time of the stall."""
        return now if self.stalled_at is None else self.stalled_at

    def change(self, action: str, now: float) -> None:
        """Misbehave, or behave again: see `ACTIONS`. Raise ValueError."""
        if action not in ACTIONS:
            raise ValueError(f"action must be one of {', '.join(ACTIONS)}")
        if self.status(now) in ENDED and action not in ("vanish", "resume"):
            raise ValueError("that job has ended")
        match action:
            case "vanish":
                self.vanished = True
            case "fall":
                self.fallen = True
            case "stall":
                self.stalled_at = self.moment(now)
            case "resume":
                self.vanished = self.fallen = False
                if self.stalled_at is not None and not self.ended:
                    self.delay, self.stalled_at = self.delay + now - self.stalled_at, None
            case _:
                self.stalled_at = self.moment(now)
                self.ended = ACTIONS[action]

    @property
    def invalid(self) -> int:
        return sum(error.is_invalid for error in self.errors)

    def processed(self, now: float) -> int:
        """Return the number of processed rows, as the API shows it."""
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
