"""The engine that carries wake-ups between processes: huey, on the store of TASKS_STORE.

A wake-up carries no truth: one that is lost, late or delivered twice changes nothing, because
the Task row says what is due. `tasks.services` puts wake-ups in and says what they run.
"""

from urllib.parse import urlsplit

from django.conf import settings
from django.core.exceptions import ImproperlyConfigured
from huey import Huey, MemoryHuey, PostgresHuey, RedisHuey, SqliteHuey
from huey.serializer import SignedSerializer


def _open(url: str) -> Huey:
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
