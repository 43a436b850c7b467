"""A disk that is full or read-only: nothing half is left, and the page says what happened."""

import html
import os
import subprocess
import tempfile
from pathlib import Path

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.db import connection

from campaigns.models import Campaign, Check, Upload
from campaigns.services import checks, drafts
from core.errors import Refused
from sending import senders
from sending.labels import wait_sentence
from sending.management.commands import launch_campaign
from teams.models import AuditEvent
from tests import factories
from tests.campaigns import pages
from tests.campaigns.pages import url

NO_ROOM = "There is no room on the server. Nothing was saved."
NOT_WRITABLE = "The server can't write its files. Nothing was saved. Tell your administrator."


def text(response):
    return html.unescape(pages.text(response))


def large(size, name="people.csv", phone="23324"):
    """Return a list of at least `size` bytes."""
    rows = ["phone,name,code\n"]
    rows += [f"{phone}{n:07d},Ama,{'x' * 80}\n" for n in range(size // 90)]
    return SimpleUploadedFile(name, "".join(rows).encode())


def attach(campaign, file):
    drafts.attach_upload(campaign, file, name=file.name, by=None)
    campaign.refresh_from_db()


def files_in(folder):
    return [path for path in folder.rglob("*") if path.is_file()]


def fill(folder, *, but):
    """Leave room for a few bytes."""
    disk = os.statvfs(folder)
    (folder / "filler").write_bytes(b"x" * (disk.f_bavail * disk.f_frsize - but))


def read_only(folder):
    (folder / "uploads").mkdir()
    subprocess.run(["mount", "-o", "remount,ro", folder], check=True)


@pytest.fixture
def campaign(team):
    return factories.make_ready_campaign(team)


def state(campaign):
    """Return everything that an upload changes."""
    return (
        Campaign.objects.values().get(pk=campaign.pk),
        list(Upload.objects.values()),
        list(Check.objects.values()),
        AuditEvent.objects.count(),
    )


@pytest.mark.parametrize("size", [200_000, 1_500_000], ids=["in memory", "in a temporary file"])
def test_a_full_disk_leaves_nothing_behind(campaign, login, marketer, settings, small_disk, size):
    settings.MEDIA_ROOT = small_disk("64k")
    before = state(campaign)
    page = login(marketer).post(url(campaign, "file"), {"file": large(size)})
    assert page.status_code == 507
    assert NO_ROOM in text(page)
    assert files_in(settings.MEDIA_ROOT) == []
    assert state(campaign) == before


def test_no_room_for_the_upload_itself(campaign, login, marketer, settings, small_disk):
    settings.FILE_UPLOAD_TEMP_DIR = str(small_disk("64k"))
    before = state(campaign)
    page = login(marketer).post(url(campaign, "file"), {"file": large(3_000_000)})
    assert page.status_code == 507
    assert NO_ROOM in text(page)
    assert files_in(Path(settings.FILE_UPLOAD_TEMP_DIR)) == []
    assert state(campaign) == before


def test_a_read_only_folder(campaign, login, marketer, settings, small_disk):
    settings.MEDIA_ROOT = small_disk("64k")
    read_only(settings.MEDIA_ROOT)
    before = state(campaign)
    page = login(marketer).post(url(campaign, "file"), {"file": large(1000)})
    assert page.status_code == 507
    assert NOT_WRITABLE in text(page)
    assert state(campaign) == before


def test_a_file_that_can_be_saved_is_saved_after_the_trouble(
    campaign, login, marketer, settings, small_disk
):
    settings.MEDIA_ROOT = small_disk("64k")
    client = login(marketer)
    assert client.post(url(campaign, "file"), {"file": large(200_000)}).status_code == 507
    assert client.post(url(campaign, "file"), {"file": large(1000)}).status_code == 302
    assert Upload.objects.get().name == "people.csv"


def test_the_command_says_it_too(campaign, settings, small_disk, tmp_path):
    settings.MEDIA_ROOT = small_disk("64k")
    (tmp_path / "people.csv").write_bytes(large(200_000).read())
    with pytest.raises(Refused, match=NO_ROOM):
        launch_campaign.attach(campaign, tmp_path / "people.csv", by=None)


@pytest.mark.parametrize("where", ["while it works", "for its result"])
def test_a_check_without_room_says_so_and_can_be_repeated(
    team, settings, small_disk, monkeypatch, login, marketer, where
):
    campaign = factories.make_campaign(team, template=factories.make_template(team))
    # Every row is refused, so the report is as large as the file.
    attach(campaign, large(200_000, phone="999"))
    folder = small_disk("512k")
    if where == "while it works":
        monkeypatch.setattr(tempfile, "tempdir", str(folder))
    else:
        stored = Upload.objects.get().file.name
        (folder / "uploads" / str(team.pk)).mkdir(parents=True)
        (folder / stored).write_bytes((settings.MEDIA_ROOT / stored).read_bytes())
        settings.MEDIA_ROOT = folder
    fill(folder, but=12_000)
    checks.request_check(campaign, by=marketer)
    factories.drain("check_campaign")
    page = text(login(marketer).get(url(campaign, "check")))
    assert "There is no room on the server for the result of the check." in page
    assert "Save it again" not in page
    assert not (folder / "reports").exists() or files_in(folder / "reports") == []
    if where == "while it works":
        monkeypatch.setattr(tempfile, "tempdir", None)
        checks.request_check(campaign, by=marketer)
        factories.drain("check_campaign")
        assert Check.objects.get().state == "done"


@pytest.mark.parametrize("fault", ["missing", "another", "unreadable"])
def test_a_file_that_the_worker_does_not_find_is_not_a_bad_file(
    team, settings, login, marketer, tmp_path, fault
):
    campaign = factories.make_campaign(team, template=factories.make_template(team))
    attach(campaign, factories.xlsx(factories.people(3)))
    if fault == "missing":
        settings.MEDIA_ROOT = tmp_path / "another folder"
    else:
        stored = settings.MEDIA_ROOT / Upload.objects.get().file.name
        stored.write_bytes(b"PK") if fault == "another" else (stored.unlink(), stored.mkdir())
    checks.request_check(campaign, by=marketer)
    factories.drain("check_campaign")
    page = text(login(marketer).get(url(campaign, "check")))
    assert "Our server can't find the uploaded file. Nothing is wrong with it" in page
    assert "Save it again" not in page
    page = text(login(marketer).post(url(campaign, "header"), {}, follow=True))
    assert "Our server can't find the uploaded file." in page


def test_a_batch_without_room_waits_and_goes_out_later(connected, settings, small_disk, sandbox):
    campaign = factories.launch(factories.make_ready_campaign(connected, count=500))
    settings.MEDIA_ROOT = small_disk("256k")
    # Above the share of the disk that must stay free, but too little for the file.
    fill(settings.MEDIA_ROOT, but=8192)
    senders.work(connected)
    campaign.refresh_from_db()
    assert (campaign.wait_reason, campaign.attempts.count()) == ("disk", 0)
    assert "There is too little room on the server. Nothing was lost." in wait_sentence(campaign)
    [filler] = files_in(settings.MEDIA_ROOT)
    assert set(campaign.batches.values_list("status", flat=True)) == {"pending"}
    filler.unlink()
    factories.finish(campaign)
    assert campaign.status == "completed"
    assert campaign.wait_reason == ""
    assert len(sandbox.ledger(factories.account_of(connected))) == 500


@pytest.mark.django_db(transaction=True)
@pytest.mark.skipif(connection.vendor != "sqlite", reason="SQLite's own limit")
def test_a_full_database_leaves_no_file(team, login, marketer, settings):
    campaign = factories.make_ready_campaign(team)
    client, before = login(marketer), (state(campaign), files_in(settings.MEDIA_ROOT))
    # Its first rows are stored, too, and need another page.
    row = ",".join(["x" * 190] * 50)
    wide = SimpleUploadedFile("wide.csv", "\n".join(["233244123456," + row] * 25).encode())
    with connection.cursor() as cursor:
        cursor.execute("VACUUM")
        cursor.execute("PRAGMA max_page_count = 1")
        page = client.post(url(campaign, "file"), {"file": wide})
        cursor.execute("PRAGMA max_page_count = 1073741823")
    assert page.status_code == 507
    assert NO_ROOM in text(page)
    assert (state(campaign), files_in(settings.MEDIA_ROOT)) == before
