"""The sandbox's clock, which runs at any speed or not at all."""

import time
from datetime import UTC, datetime
from typing import NamedTuple


class Mark(NamedTuple):
    """A moment at which the clock changed its speed."""

    wall: float
    monotonic: float
    elapsed: float
    speed: float


class Clock:
    """Sandbox seconds since the start; at a speed of 50 fifty pass in a second, at 0 none."""

    def __init__(self, speed: float) -> None:
        self.marks = [Mark(time.time(), time.monotonic(), 0.0, speed)]

    @property
    def speed(self) -> float:
        return self.marks[-1].speed

    @speed.setter
    def speed(self, speed: float) -> None:
        self.marks.append(Mark(time.time(), time.monotonic(), self.elapsed(), speed))

    def elapsed(self) -> float:
        """Return the sandbox seconds since the start."""
        last = self.marks[-1]
        return last.elapsed + (time.monotonic() - last.monotonic) * last.speed

    def at(self, elapsed: float) -> datetime | None:
        """Return the real time of a sandbox moment; None if a stopped clock never reaches it.

        Before the start, sandbox seconds are real seconds.
        """
        mark = next((m for m in reversed(self.marks) if m.elapsed <= elapsed), self.marks[0])
        since = elapsed - mark.elapsed
        if since > 0 and mark.speed == 0:
            return None
        seconds = since / mark.speed if since > 0 else since
        return datetime.fromtimestamp(mark.wall + seconds, UTC)
