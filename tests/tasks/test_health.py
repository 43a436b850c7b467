"""`/health/` says what is wrong with the installation, and stays 200."""

from datetime import timedelta
from pathlib import Path

import pytest
from django.urls import reverse

from core import clocks
from tasks import services
from tasks.health import problems
from tasks.models import Worker

pytestmark = pytest.mark.django_db


def health(client):
    return client.get(reverse("health")).content.decode()


@pytest.fixture
def worker():
    services.record_heartbeat("w", clocks.now())
    return Worker.objects.filter(name="w")


def codes():
    return [problem.code for problem in problems()]


def test_health_answers_ok_without_a_login(client):
    answer = client.get(reverse("health"))

    assert (answer.status_code, answer.content) == (200, b"ok")


def test_a_full_disk(client, settings, small_disk):
    settings.MEDIA_ROOT = small_disk("64k")
    assert health(client) == "ok"
    (settings.MEDIA_ROOT / "large").write_bytes(b"x" * 65_536)
    assert health(client) == "no_room: There is too little room on the server"


def test_no_room_for_uploads(client, settings, small_disk):
    settings.FILE_UPLOAD_TEMP_DIR = small_disk("64k")
    (settings.FILE_UPLOAD_TEMP_DIR / "large").write_bytes(b"x" * 65_536)
    assert health(client) == "no_room: There is too little room on the server"


def test_a_folder_that_cannot_be_written(client, settings):
    settings.MEDIA_ROOT = Path(__file__) / "files"
    assert health(client) == "not_writable: The server can't write its files"


def test_a_worker_without_wake_ups_is_named_until_it_gets_them(client, worker):
    worker.update(store_away_since=clocks.now())
    assert health(client) == "store_of_wakeups: The store of wake-ups can't be reached"
    services.record_heartbeat("w", clocks.now())
    assert codes() == []


@pytest.mark.parametrize(
    ("ahead", "title"),
    [
        (900, "The clock of a server is 15 min ahead"),
        (-7, "The clock of a server is 7 s behind"),
        (4, None),
    ],
)
def test_a_wrong_clock_is_named(worker, ahead, title):
    worker.update(clock_ahead=ahead)
    assert [str(problem.title) for problem in problems()] == [title] * bool(title)


def test_a_worker_that_is_off_says_nothing(worker):
    worker.update(store_away_since=clocks.now(), clock_ahead=900)
    worker.update(seen_at=clocks.now() - services.WORKER_SILENT_AFTER - timedelta(seconds=1))
    assert codes() == []
