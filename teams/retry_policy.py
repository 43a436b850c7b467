"""Retry policy for reads from ChumiAI."""

import time
from collections.abc import Callable
from dataclasses import dataclass

from chumi_api.errors import ChumiError, RateLimited, Unavailable, Unreachable

# The longest Retry-After that we believe, in seconds.
LONGEST_WAIT = 3600


def wait_after(error: Exception, *, default: float) -> float:
    """Return the seconds until ChumiAI may be asked again.

    That is its Retry-After, of at least a second and at most `LONGEST_WAIT`, or else `default`.
    """
    retry_after: float | None = getattr(error, "retry_after", None)
    return default if retry_after is None else min(max(retry_after, 1), LONGEST_WAIT)


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
        seconds = wait_after(error, default=self.pauses[tries])
        if seconds > self.longest:
            raise error
        if self.on_wait:
            self.on_wait(seconds)
        time.sleep(seconds)
