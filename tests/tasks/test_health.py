"""`/health/` says what is wrong with the installation, and stays 200."""

from pathlib import Path

import pytest
from django.urls import reverse

pytestmark = pytest.mark.django_db


def health(client):
    return client.get(reverse("health")).content.decode()


def test_health_answers_ok_without_a_login(client):
    answer = client.get(reverse("health"))

    assert (answer.status_code, answer.content) == (200, b"ok")


def test_a_full_disk(client, settings, small_disk):
    settings.MEDIA_ROOT = small_disk("64k")
    assert health(client) == "ok"
    (settings.MEDIA_ROOT / "large").write_bytes(b"x" * 65_536)
    assert health(client) == "no_room: There is no room on the server"


def test_no_room_for_uploads(client, settings, small_disk):
    settings.FILE_UPLOAD_TEMP_DIR = small_disk("64k")
    (settings.FILE_UPLOAD_TEMP_DIR / "large").write_bytes(b"x" * 65_536)
    assert health(client) == "no_room: There is no room on the server"


def test_a_folder_that_cannot_be_written(client, settings):
    settings.MEDIA_ROOT = Path(__file__) / "files"
    assert health(client) == "not_writable: The server can't write its files"
