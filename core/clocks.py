"""The moment by the database's clock.

Processes on several machines compare the times in the rows, so these are times of one clock. A
machine whose own clock is wrong sends, polls and takes over like any other.
"""

import time
from datetime import UTC, datetime, timedelta
from typing import NamedTuple

import psycopg
from django.db import DatabaseError, connection
from django.db.models.expressions import CombinedExpression
from django.db.models.functions import Now

# Seconds after which the two clocks are compared again.
COMPARE_EVERY = 30.0
# A larger step of this machine's clock, in seconds, asks for a comparison at once.
STEP = 1.0
# A clock that is further off is wrong, in seconds.
MAY_BE_OFF = 5.0


class _Comparison(NamedTuple):
    """How many seconds this clock was ahead, at two moments of clocks of this machine."""

    ahead: float
    wall: float
    steady: float

    def is_good(self) -> bool:
        passed = time.monotonic() - self.steady
        return passed < COMPARE_EVERY and abs(time.time() - self.wall - passed) < STEP


_last: _Comparison | None = None


def now() -> datetime:
    """Return the current moment by the database's clock."""
    return datetime.fromtimestamp(time.time() - ahead(), UTC)


def machine_time() -> float:
    """Return the epoch seconds by this machine's clock, where Django's own times are compared."""
    return time.time()


def seconds_ago(seconds: float) -> CombinedExpression:
    """Return a moment that the database works out when it runs the query.

    For a question on which a message depends: it holds even if this whole machine was frozen.
    """
    return Now() - timedelta(seconds=seconds)


def ahead() -> float:
    """Return how many seconds this machine's clock is ahead of the database's.

    A file has no clock of its own: 0. While the database does not answer, the last answer holds.
    """
    global _last
    if connection.vendor != "postgresql":
        return 0.0
    if _last is None or not _last.is_good():
        _last = _compare() or _last
    return _last.ahead if _last else 0.0


def is_wrong(seconds: float) -> bool:
    """Return True if a clock that is this many seconds ahead (or behind) needs a person."""
    return abs(seconds) > MAY_BE_OFF


def _compare() -> _Comparison | None:
    try:
        connection.ensure_connection()
        # On a busy machine an answer may be late: the fastest one says most.
        _, ahead = min(_ask() for _ in range(3))
    except (DatabaseError, psycopg.Error):
        return None
    return _Comparison(ahead, time.time(), time.monotonic())


def _ask() -> tuple[float, float]:
    """Return how long an answer took, and how far this clock is ahead by it."""
    before = time.time()
    # Below Django's cursor: an internal question is no query of the page that causes it.
    found = connection.connection.execute("SELECT extract(epoch FROM clock_timestamp())")
    database = float(found.fetchone()[0])
    after = time.time()
    return after - before, (before + after) / 2 - database
