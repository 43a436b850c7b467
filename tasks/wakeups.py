"""Wake-ups: a process tells the workers to look in the database now.

A wake-up is one byte in a queue of huey's, in the store that TASKS_STORE names. It carries no
truth: one that is lost, late or delivered twice changes nothing, because the Task row says what
is due, and workers look by themselves every other second. So nobody waits for the store: a thread
of its own puts wake-ups in, and what goes wrong there is logged once.
"""

import os
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from datetime import datetime
from functools import cache
from urllib.parse import urlsplit

from django.conf import settings
from huey.storage import BaseStorage, MemoryStorage, PostgresStorage, RedisStorage, SqliteStorage
from redis import ConnectionPool
from redis.backoff import NoBackoff
from redis.retry import Retry

from tasks.outages import Outage

# Seconds until a store that is away is tried again.
TRY_AGAIN = 2.0
# Seconds between two looks into a store that can't wake its readers.
POLL = 0.25
# Longest time of one connection, and of one answer, in seconds.
TIMEOUT = 5


class _Redis(RedisStorage):  # type: ignore[misc]
    def dequeue(self) -> bytes | None:
        # huey takes a server that does not answer for an empty queue.
        found = self.conn.brpop(self.queue_key, timeout=self.read_timeout)
        return found[1] if found else None


def open_store(queue: str) -> BaseStorage:
    """Connect to the store. Raise the store's own errors."""
    url, name = settings.TASKS_STORE, f"chumi-{queue}"
    scheme = urlsplit(url).scheme
    if scheme == "sqlite":
        # A wake-up is not worth a write to the disk.
        return SqliteStorage(name, url.removeprefix("sqlite://"), timeout=TIMEOUT, fsync=False)
    if scheme in {"redis", "rediss"}:
        pool = ConnectionPool.from_url(
            url,
            socket_connect_timeout=TIMEOUT,
            socket_timeout=TIMEOUT,
            retry=Retry(NoBackoff(), 0),
        )
        return _Redis(name, connection_pool=pool)
    if scheme in {"postgres", "postgresql"}:
        return PostgresStorage(
            name, dsn=url, connect_timeout=TIMEOUT, tcp_user_timeout=TIMEOUT * 1000
        )
    if scheme == "memory":
        return _memory(name)
    raise ValueError(scheme)


@cache
def _memory(name: str) -> MemoryStorage:
    return MemoryStorage(name)


class _Line:
    """One end of a queue in the store, connected when needed."""

    def __init__(self, queue: str, outage: Outage, end: str) -> None:
        self.queue, self.outage, self.end = queue, outage, f"{end} {queue}"
        self.store: BaseStorage | None = None

    def put(self) -> bool:
        """Put a wake-up in. Return False if the store is away."""
        return self._use(lambda store: store.enqueue(b"1") or True) is not None

    def take(self) -> bool | None:
        """Take a wake-up out. Return False if there is none, None if the store is away."""
        return self._use(lambda store: store.dequeue() is not None)

    def _use(self, use: Callable[[BaseStorage], bool]) -> bool | None:
        try:
            if self.store is None:
                with _opening:
                    self.store = open_store(self.queue)
            answer = use(self.store)
        except Exception as error:
            # Each store has its own errors, and none of them may stop a task.
            self.outage.begin(error, self.end)
            self._close()
            return None
        self.outage.end(self.end)
        return answer

    def _close(self) -> None:
        store, self.store = self.store, None
        # It is broken: closing it may fail like its use.
        with suppress(Exception):
            if store:
                store.close()


class _Ringer:
    """Puts wake-ups in from a thread, which starts with the first one."""

    def __init__(self, outage: Outage) -> None:
        self.outage = outage
        self.lines: dict[str, _Line] = {}
        self.wanted: set[str] = set()
        self.changed = threading.Condition()
        self.thread: threading.Thread | None = None

    def ring(self, queue: str) -> None:
        with self.changed:
            # Two that were not delivered yet are one.
            self.wanted.add(queue)
            if self.thread is None:
                self.thread = threading.Thread(target=self._run, daemon=True)
                self.thread.start()
            self.changed.notify()

    def _run(self) -> None:
        while True:
            with self.changed:
                while not self.wanted:
                    self.changed.wait()
                queue = self.wanted.pop()
            line = self.lines.setdefault(queue, _Line(queue, self.outage, "into"))
            while not line.put():
                time.sleep(TRY_AGAIN)


class Listener:
    """The worker's end of a queue."""

    def __init__(self, queue: str) -> None:
        self.line = _Line(queue, _outage, "out of")

    def hear(self, stopping: threading.Event) -> bool:
        """Wait a moment for a wake-up. Return True if one came."""
        heard = self.line.take()
        if heard is None:
            stopping.wait(TRY_AGAIN)
        elif not heard and not (self.line.store and self.line.store.blocking):
            stopping.wait(POLL)
        return bool(heard)


def _begin() -> None:
    """Begin with nothing: a forked process has no threads, and must not share connections."""
    global _outage, _ringer, _opening
    _outage = Outage("store of wake-ups")
    _ringer = _Ringer(_outage)
    # The tables of a new store are made by one thread.
    _opening = threading.Lock()


_outage: Outage
_ringer: _Ringer
_opening: threading.Lock
_begin()
os.register_at_fork(after_in_child=_begin)


def ring(queue: str) -> None:
    """Tell one worker to look for tasks of the queue. Returns at once, whatever the store does."""
    _ringer.ring(queue)


def away_since() -> datetime | None:
    """Return since when this process can't use the store, None if it can or has not tried."""
    return _outage.since
