"""Run due tasks in this process: each queue in threads of its own.

One thread looks in the database, which is the queue, and gives each due task to a free thread:
when a wake-up comes, when a task has ended, when the next one becomes due, and every other second.
So a lost wake-up costs two seconds, and nothing waits in a process that is too busy for it.
"""

import logging
import queue
import threading
import time
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from functools import lru_cache

from django.conf import settings
from django.db import DatabaseError, connection
from django.utils.module_loading import import_string

from core import clocks
from tasks import services, wakeups
from tasks.outages import Outage
from tasks.services import LOOK_EVERY

logger = logging.getLogger(__name__)

# A team whose task takes longer waits for something that hangs, in seconds.
SLOW = 10.0


@dataclass(frozen=True, slots=True)
class Run:
    """A task that was given to a thread; `team` is the id of its team."""

    name: str
    key: str
    team: str
    started_at: float


class Lane:
    """The threads of one queue, and what they run.

    A team leaves one thread to the others, and so do all teams together whose calls hang. A team
    whose last call hung gets half of the threads at most.
    """

    def __init__(self, name: str, threads: int) -> None:
        self.name = name
        self.threads = threads
        self.inbox: queue.SimpleQueue[Run | None] = queue.SimpleQueue()
        self.running: dict[tuple[str, str], Run] = {}
        self.slow: set[str] = set()
        self.has_room = threading.Event()
        self.has_room.set()
        self.lock = threading.Lock()

    def admits(self, team: str) -> bool:
        """Return True if a task of the team may start now."""
        with self.lock:
            now, most = time.monotonic(), max(self.threads - 1, 1)
            running = list(self.running.values())
            own = sum(run.team == team for run in running)
            if len(running) >= self.threads or own >= most:
                return False
            if team not in self.slow:
                return True
            hanging = sum(run.team in self.slow or now - run.started_at > SLOW for run in running)
            return hanging < most and own < max(self.threads // 2, 1)

    def begin(self, run: Run) -> None:
        """Give the task to a free thread."""
        with self.lock:
            self.running[run.name, run.key] = run
            if len(self.running) >= self.threads:
                self.has_room.clear()
        self.inbox.put(run)

    def end(self, run: Run) -> None:
        """Record that the thread is free again."""
        with self.lock:
            del self.running[run.name, run.key]
            is_slow = time.monotonic() - run.started_at > SLOW
            (self.slow.add if is_slow else self.slow.discard)(run.team)
            self.has_room.set()


class Runner:
    """Everything that a worker process does until it is stopped."""

    def __init__(self, threads: Mapping[str, int], database: Outage) -> None:
        self.lanes = {name: Lane(name, count) for name, count in threads.items()}
        self.bell = threading.Event()
        self.stopping = threading.Event()
        self.database = database

    def run(self) -> None:
        """Run due tasks until `stop`; then wait for those that run."""
        workers = [
            threading.Thread(target=self._work, args=(lane,), name=lane.name, daemon=True)
            for lane in self.lanes.values()
            for _ in range(lane.threads)
        ]
        for lane in self.lanes.values():
            threading.Thread(target=self._listen, args=(lane,), daemon=True).start()
        for worker in workers:
            worker.start()
        while not self.stopping.is_set():
            self.bell.clear()
            self.bell.wait(self._look())
        for lane in self.lanes.values():
            for _ in range(lane.threads):
                lane.inbox.put(None)
        for worker in workers:
            worker.join()
        connection.close()

    def stop(self) -> None:
        """Start nothing more. May be called from a signal handler or another thread."""
        self.stopping.set()
        self.bell.set()

    def _look(self) -> float:
        """Start what is due. Return the seconds until the next look."""
        try:
            with services.old_connections_closed():
                wait = self._start_due()
        except DatabaseError as error:
            self.database.begin(error)
            return LOOK_EVERY
        self.database.end()
        return wait

    def _start_due(self) -> float:
        lanes = {
            name: lane
            for lane in self.lanes.values()
            if lane.has_room.is_set()
            for name in services.tasks_of(lane.name)
        }
        now = clocks.now()
        until = now + timedelta(seconds=LOOK_EVERY)
        for name, key, ready_at in services.upcoming(lanes, until):
            lane = lanes[name]
            if (name, key) in lane.running:
                continue
            if ready_at > now:
                return (ready_at - now).total_seconds()
            if lane.has_room.is_set() and lane.admits(team := _team_of(name, key)):
                lane.begin(Run(name, key, team, time.monotonic()))
        return LOOK_EVERY

    def _listen(self, lane: Lane) -> None:
        """Hear the wake-ups of a queue while it has a free thread; others are left to others."""
        listener = wakeups.Listener(lane.name)
        while not self.stopping.is_set():
            if lane.has_room.wait(1) and listener.hear(self.stopping):
                self.bell.set()

    def _work(self, lane: Lane) -> None:
        while run := lane.inbox.get():
            try:
                with services.old_connections_closed():
                    services.run(run.name, run.key)
            except Exception:
                # Most likely the database. The row stays due: not at once again.
                logger.exception("task not run", extra={"task": run.name})
                self.stopping.wait(LOOK_EVERY)
            finally:
                lane.end(run)
                self.bell.set()
        connection.close()


@lru_cache(maxsize=10_000)
def _team_of(name: str, key: str) -> str:
    """Return the id of the team that the task works for: its key, unless the settings differ."""
    resolver = settings.TASK_TEAMS.get(name)
    return str(import_string(resolver)(key)) if resolver else key
