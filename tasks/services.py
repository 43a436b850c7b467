"""Request a task, find what is due, run it under a lease, and know which workers are alive."""

import logging
import secrets
import threading
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta
from typing import NamedTuple

from django.conf import settings
from django.db import (
    DatabaseError,
    IntegrityError,
    close_old_connections,
    connection,
    models,
    transaction,
)
from django.db.models import Case, Count, F, Max, Q, Value, When
from django.db.models.functions import Coalesce, Greatest
from django.utils.module_loading import import_string

from core import clocks
from tasks import data_folder, wakeups
from tasks.models import Task, TaskQuerySet, Worker

logger = logging.getLogger(__name__)

# A handler takes the key and returns None (nothing more to do) or the seconds until it wants to
# run again.
Handler = Callable[[str], float | None]

WORKER_SILENT_AFTER = timedelta(seconds=30)
# Seconds between two looks of a worker in the database: no wake-up is needed for what comes later.
LOOK_EVERY = 2.0
# The queue of every task that settings.TASK_QUEUES does not name.
CALLS = "calls"
# Longest pause after repeated failures, in seconds.
LONGEST_BACKOFF = 300
# How soon a running task looks again after `request_soon`.
SOON = timedelta(seconds=0.5)
# A leased task whose due_at is in the future was requested again while running.
# Hot path: building this with the ORM takes longer than the database takes to answer.
ABOUT_TO_RUN = f"""
    SELECT 1 FROM {Task._meta.db_table} WHERE name = %s AND key = %s
    AND (leased_until IS NULL AND due_at <= %s OR leased_until > %s AND due_at > %s)
"""


def request(name: str, key: int | str, *, delay: float = 0.0) -> None:
    """Make the task due in `delay` seconds at the latest, and wake a worker on commit.

    Idempotent. The row is written in the caller's transaction, so that the request and the change
    that caused it are committed together or not at all.
    """
    due_at = clocks.now() + timedelta(seconds=delay)
    tasks = Task.objects.filter(name=name, key=str(key))
    if not _make_due(tasks, due_at):
        try:
            with transaction.atomic():
                Task.objects.create(name=name, key=str(key), due_at=due_at, wanted=1)
        except IntegrityError:
            _make_due(tasks, due_at)
    if delay < LOOK_EVERY:
        transaction.on_commit(lambda: wakeups.ring(queue_of(name)))


def request_soon(name: str, key: int | str) -> None:
    """Make the task due, from a place that runs many times a second.

    Call it after the commit of what the task is about. It writes nothing where a worker is about
    to look; a task that runs at the moment is made due once, half a second later.
    """
    now = clocks.now()
    if _is_about_to_run(name, str(key), now):
        return
    running = Task.objects.filter(name=name, key=str(key), leased_until__gt=now)
    if not running.update(wanted=F("wanted") + 1, due_at=now + SOON):
        request(name, key)


def _is_about_to_run(name: str, key: str, now: datetime) -> bool:
    """Return True if a worker is going to look, or look again, without another request."""
    soon = connection.ops.adapt_datetimefield_value(now + timedelta(seconds=1))
    moment = connection.ops.adapt_datetimefield_value(now)
    with connection.cursor() as cursor:
        cursor.execute(ABOUT_TO_RUN, [name, key, soon, moment, moment])
        return cursor.fetchone() is not None


def _make_due(tasks: TaskQuerySet, due_at: datetime) -> int:
    """Do it in one statement: between two, a worker could put the row back as not due."""
    sooner = Q(due_at=None) | Q(due_at__gt=due_at)
    return tasks.update(
        due_at=Case(When(sooner, then=Value(due_at)), default=F("due_at")),
        wanted=F("wanted") + 1,
    )


def queue_of(name: str) -> str:
    """Return the queue in which the task waits."""
    return next((queue for queue, names in settings.TASK_QUEUES.items() if name in names), CALLS)


def tasks_of(queue: str) -> list[str]:
    """Return the names of the tasks that wait in the queue."""
    return [name for name in settings.TASK_HANDLERS if queue_of(name) == queue]


def upcoming(names: Iterable[str], until: datetime) -> list[tuple[str, str, datetime]]:
    """Return name, key and the moment from which it can run of each task until then, in order."""
    return list(
        Task.objects.waiting()
        .filter(name__in=list(names), due_at__lte=until)
        .exclude(leased_until__gt=until)
        .annotate(ready_at=Greatest("due_at", Coalesce("leased_until", "due_at")))
        .order_by("ready_at", "pk")
        .values_list("name", "key", "ready_at")
    )


@contextmanager
def old_connections_closed() -> Iterator[None]:
    """Close connections that are too old or broken, before and after."""
    close_old_connections()
    try:
        yield
    finally:
        close_old_connections()


def run(name: str, key: str) -> bool:
    """Claim the task, run its handler once, and put the row back. Return True if it ran.

    Of any number of workers, one gets the lease.
    """
    now = clocks.now()
    token = secrets.token_hex(16)
    lease = timedelta(seconds=settings.TASK_LEASE_SECONDS)
    mine = Task.objects.filter(name=name, key=key, token=token)
    claimed = (
        Task.objects.due(now)
        .filter(name=name, key=key)
        .update(token=token, leased_until=now + lease)
    )
    if not claimed:
        return False
    task = mine.first()
    if task is None:
        # This process was frozen, the lease ran out, and another worker has it.
        return False
    handler: Handler = import_string(settings.TASK_HANDLERS[name])
    try:
        with _lease_kept(mine, lease):
            again = handler(key)
    except Exception as error:
        # The runner is the one place that must outlive every bug of a handler.
        again = min(2.0**task.tries, LONGEST_BACKOFF)
        logger.exception("task failed", extra={"task": name, "again_in": again})
        mine.update(tries=F("tries") + 1, last_error=type(error).__name__)
    else:
        if task.tries:
            mine.update(tries=0, last_error="")
    _put_back(mine.filter(wanted=task.wanted, due_at__lte=now), mine, again)
    return True


def _put_back(unasked: TaskQuerySet, mine: TaskQuerySet, again: float | None) -> None:
    """Release the lease; the row says when the handler, or a request, wants another run.

    `unasked` is the row if nothing has requested it since the claim.
    """
    due_at = None if again is None else clocks.now() + timedelta(seconds=again)
    free = {"leased_until": None, "token": ""}
    if unasked.update(due_at=due_at, **free):
        return
    # A request came in during the run, perhaps for later than the handler wants.
    if due_at is not None:
        mine.filter(due_at__gt=due_at).update(due_at=due_at)
    mine.update(**free)


class _lease_kept:
    """Renew the lease from a thread while the handler runs."""

    def __init__(self, mine: TaskQuerySet, lease: timedelta) -> None:
        self.mine, self.lease = mine, lease
        self.done = threading.Event()
        self.thread = threading.Thread(target=self._renew, daemon=True)

    def __enter__(self) -> None:
        self.thread.start()

    def __exit__(self, *exc: object) -> None:
        self.done.set()
        self.thread.join()

    def _renew(self) -> None:
        while not self.done.wait(self.lease.total_seconds() / 3):
            try:
                self.mine.update(leased_until=clocks.now() + self.lease)
            except DatabaseError:
                # A busy database: the next renewal comes before the lease runs out.
                logger.warning("lease not renewed")
            finally:
                connection.close()


def record_heartbeat(name: str, started_at: datetime) -> None:
    """Write that the worker is alive, and what its process knows; forget those of former days."""
    now = clocks.now()
    Worker.objects.update_or_create(
        name=name,
        defaults={
            "seen_at": now,
            "started_at": started_at,
            "stopped_at": None,
            "store_away_since": wakeups.away_since(),
            "clock_ahead": clocks.ahead(),
            "data_folder": data_folder.identify(),
        },
    )
    Worker.objects.filter(seen_at__lt=now - timedelta(days=1)).delete()


def record_stopped(name: str) -> None:
    """Write that the worker has stopped."""
    Worker.objects.filter(name=name).update(stopped_at=clocks.now())


class WorkerStatus(NamedTuple):
    """Whether any worker is alive, and when one was last seen (None: never)."""

    is_alive: bool
    seen_at: datetime | None


def worker_status() -> WorkerStatus:
    """Return the status of the workers together, in one query."""
    found = Worker.objects.aggregate(alive=Count("pk", filter=_is_alive()), seen_at=Max("seen_at"))
    return WorkerStatus(bool(found["alive"]), found["seen_at"])


def worker_is_alive() -> bool:
    """Return True if any worker was seen lately and has not stopped since."""
    return live_workers().exists()


def live_workers() -> models.QuerySet[Worker]:
    """Return the workers that were seen lately and have not stopped since."""
    return Worker.objects.filter(_is_alive())


def _is_alive() -> Q:
    return Q(seen_at__gt=clocks.now() - WORKER_SILENT_AFTER, stopped_at=None)
