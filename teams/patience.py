"""How a long reading from ChumiAI lives with a bad moment: it waits, and asks again."""

import time

from chumi_api.errors import RateLimited, Unavailable, Unreachable

# How long to wait, in seconds, before a page that did not come is asked for again.
TRIES = (1, 5, 20)


class Patience:
    """Wait and let a page be asked for again, a few times.

    `longest` is the most that we wait at a time, in seconds; `say` is told before each wait.
    """

    def __init__(self, *, longest, say=None):
        self.longest, self.say = longest, say

    def __call__(self, error, tries):
        """Return after a while if the page is worth another try; else raise."""
        passes = isinstance(error, (RateLimited, Unavailable, Unreachable))
        if not passes or tries >= len(TRIES):
            raise error
        told = error.retry_after if isinstance(error, RateLimited) else None
        wait = TRIES[tries] if told is None else max(told, 0.1)
        if wait > self.longest:
            raise error
        if self.say:
            self.say(wait)
        time.sleep(wait)
