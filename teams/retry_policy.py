"""Retry policy for reads from ChumiAI."""

import time
from collections.abc import Callable
from dataclasses import dataclass

from chumi_api.errors import ChumiError, RateLimited, Unavailable, Unreachable

# The longest Retry-After that a task waits for, in seconds.
LONGEST_WAIT = 3600


def wait_after(error: Exception, *, default: float, longest: float = LONGEST_WAIT) -> float:
    """Return the seconds until ChumiAI may be asked again: its Retry-After, or `default`.

    At least a second and at most `longest`.
    """
    retry_after: float | None = getattr(error, "retry_after", None)
    return min(max(retry_after or default, 1), longest)


@dataclass(frozen=True, slots=True)
class RetryPolicy:
    """Whether a page of a list that failed is asked for again, and when.

    `pauses` are the seconds before each further try, where ChumiAI names no Retry-After.
    A Retry-After above `longest` seconds ends the read. `on_wait` is called with the seconds
    before each pause.
    """

    longest: float
    pauses: tuple[float, ...] = (1, 5, 20)
    retried: tuple[type[ChumiError], ...] = (RateLimited, Unavailable, Unreachable)
    on_wait: Callable[[float], None] | None = None

    def __call__(self, error: ChumiError, tries: int) -> None:
        """Return after a pause if the page is to be asked for again, else raise the error."""
        if not isinstance(error, self.retried) or tries >= len(self.pauses):
            raise error
        seconds = getattr(error, "retry_after", None) or self.pauses[tries]
        if seconds > self.longest:
            raise error
        if self.on_wait:
            self.on_wait(seconds)
        time.sleep(seconds)
