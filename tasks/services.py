"""Ask for a task, run it under a lease, and find what was left behind."""

import logging
import secrets
import threading
from datetime import timedelta

from django.conf import settings
from django.db import DatabaseError, IntegrityError, connection, transaction
from django.db.models import Case, Count, F, Max, Q, Value, When
from django.utils import timezone
from django.utils.module_loading import import_string

from tasks.models import Task, Worker

logger = logging.getLogger(__name__)

WORKER_SILENT_AFTER = timedelta(seconds=30)
LONGEST_BACKOFF = 300
LOOK_AGAIN_AFTER = timedelta(seconds=0.5)
# Of one that is at it: it was due when it was taken, so a moment to come was set after that.
# The ORM takes longer to write this than the database to answer, and a flood asks it each time.
ABOUT_TO_RUN = f"""
    SELECT 1 FROM {Task._meta.db_table} WHERE name = %s AND key = %s
    AND (leased_until IS NULL AND due_at <= %s OR leased_until > %s AND due_at > %s)
"""


def request(name, key, *, delay=0.0):
    """Make the task due, no later than in `delay` seconds, and wake a worker on commit.

    Asking twice is asking once. The row is written in the caller's transaction, so that
    the wish and the change that caused it stand or fall together.
    """
    due_at = timezone.now() + timedelta(seconds=delay)
    tasks = Task.objects.filter(name=name, key=str(key))
    if not _make_due(tasks, due_at):
        try:
            with transaction.atomic():
                Task.objects.create(name=name, key=str(key), due_at=due_at, wanted=1)
        except IntegrityError:
            _make_due(tasks, due_at)
    transaction.on_commit(lambda: _wake(name, str(key), delay))


def nudge(name, key):
    """Make the task due from a place that many pass at a time.

    Call it when what the task is about has been committed. Nothing is written where a worker is
    about to look; one that is at it by now is told, once, to look again in half a second.
    """
    now = timezone.now()
    if _is_about_to_run(name, str(key), now):
        return
    wish = {"wanted": F("wanted") + 1, "due_at": now + LOOK_AGAIN_AFTER}
    if not Task.objects.filter(name=name, key=str(key), leased_until__gt=now).update(**wish):
        request(name, key)


def _is_about_to_run(name, key, now):
    """Say whether a worker is going to look, or look again, without being asked."""
    soon = connection.ops.adapt_datetimefield_value(now + timedelta(seconds=1))
    now = connection.ops.adapt_datetimefield_value(now)
    with connection.cursor() as cursor:
        cursor.execute(ABOUT_TO_RUN, [name, key, soon, now, now])
        return cursor.fetchone() is not None


def _make_due(tasks, due_at):
    """Do it in one statement: between two, a worker could put the row back as not due."""
    sooner = Q(due_at=None) | Q(due_at__gt=due_at)
    return tasks.update(
        due_at=Case(When(sooner, then=Value(due_at)), default=F("due_at")),
        wanted=F("wanted") + 1,
    )


def _wake(name, key, delay):
    from tasks import engine

    engine.wake(name, key, delay)


def run(name, key):
    """Claim the task, run its handler once, and put the row back. Return True if it ran.

    A handler takes the key and returns None (nothing more to do) or the seconds until it
    wants to be called again. Of any number of workers, one gets the lease.
    """
    now = timezone.now()
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
        # We were frozen so long that the lease has become another's.
        return False
    handler = import_string(settings.TASK_HANDLERS[name])
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


def _put_back(unasked, mine, again):
    """Release the lease, and wake again if the handler or anyone else asked for it."""
    due_at = None if again is None else timezone.now() + timedelta(seconds=again)
    free = {"leased_until": None, "token": ""}
    task = mine.first()
    if task is None:
        return
    if unasked.update(due_at=due_at, **free):
        if again is not None:
            _wake(task.name, task.key, again)
    elif mine.update(**free):
        # Somebody asked while we were busy, perhaps for later than the handler wants.
        if due_at is not None:
            Task.objects.filter(pk=task.pk, due_at__gt=due_at).update(due_at=due_at)
        task.refresh_from_db()
        delay = (task.due_at - timezone.now()).total_seconds() if task.due_at else 0
        _wake(task.name, task.key, max(delay, 0))


class _lease_kept:
    """Renew the lease from a thread while the handler runs."""

    def __init__(self, mine, lease):
        self.mine, self.lease = mine, lease
        self.done = threading.Event()
        self.thread = threading.Thread(target=self._renew, daemon=True)

    def __enter__(self):
        self.thread.start()

    def __exit__(self, *exc):
        self.done.set()
        self.thread.join()

    def _renew(self):
        while not self.done.wait(self.lease.total_seconds() / 3):
            try:
                self.mine.update(leased_until=timezone.now() + self.lease)
            except DatabaseError:
                # A busy database: the next turn comes before the lease has run out.
                logger.warning("lease not renewed")
            finally:
                connection.close()


def sweep():
    """Wake everything that is due or will be within the next minute."""
    now = timezone.now()
    soon = now + timedelta(seconds=60)
    for task in Task.objects.waiting().filter(due_at__lte=soon).order_by("due_at"):
        ready = max(task.due_at, task.leased_until or task.due_at)
        if ready <= soon:
            engine_delay = max((ready - now).total_seconds(), 0)
            _wake(task.name, task.key, engine_delay)
    Worker.objects.filter(seen_at__lt=now - timedelta(days=1)).delete()


def record_heartbeat(name, started_at):
    """Write that the worker is alive."""
    Worker.objects.update_or_create(
        name=name,
        defaults={"seen_at": timezone.now(), "started_at": started_at, "stopped_at": None},
    )


def record_farewell(name):
    """Write that the worker has stopped."""
    Worker.objects.filter(name=name).update(stopped_at=timezone.now())


def pulse():
    """Return whether any worker is alive, and when one was last seen (None: never)."""
    alive = Count("pk", filter=_is_alive())
    told = Worker.objects.aggregate(alive=alive, seen_at=Max("seen_at"))
    return bool(told["alive"]), told["seen_at"]


def worker_is_alive():
    """Say whether any worker was seen lately that has not stopped since."""
    return Worker.objects.filter(_is_alive()).exists()


def _is_alive():
    return Q(seen_at__gt=timezone.now() - WORKER_SILENT_AFTER, stopped_at=None)
