"""The engine that carries wake-ups between processes: huey, on the store of TASKS_STORE.

A wake-up carries no truth. Lost, late or delivered twice, it changes nothing: the Task row
says what is due.
"""

from urllib.parse import urlsplit

from django.conf import settings
from django.core.exceptions import ImproperlyConfigured
from django.db import close_old_connections
from huey import MemoryHuey, PostgresHuey, RedisHuey, SqliteHuey, crontab
from huey.serializer import SignedSerializer

from tasks import services


def _open(url):
    options = {
        "name": "chumi",
        "results": False,
        "serializer": SignedSerializer(secret=settings.SECRET_KEY, salt="tasks"),
    }
    scheme = urlsplit(url).scheme
    if scheme == "sqlite":
        return SqliteHuey(filename=url.removeprefix("sqlite://"), timeout=20, **options)
    if scheme in {"redis", "rediss"}:
        return RedisHuey(url=url, **options)
    if scheme in {"postgres", "postgresql"}:
        return PostgresHuey(dsn=url, **options)
    if scheme == "memory":
        return MemoryHuey(**options)
    raise ImproperlyConfigured("TASKS_STORE must begin with sqlite://, redis:// or postgresql://.")


huey = _open(settings.TASKS_STORE)


@huey.task()
def _run(name, key):
    close_old_connections()
    try:
        services.run(name, key)
    finally:
        close_old_connections()


@huey.periodic_task(crontab(minute="*"))
def _sweep():
    close_old_connections()
    try:
        services.sweep()
    finally:
        close_old_connections()


def wake(name, key, delay=0.0):
    """Ask a worker to look at the task, in `delay` seconds."""
    if delay > 0:
        _run.schedule(args=(name, key), delay=delay)
    else:
        _run(name, key)
