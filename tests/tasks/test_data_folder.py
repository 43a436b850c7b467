"""One folder of files for web server and worker, closed to other users of the machine."""

import os
import subprocess
import sys

import pytest
from django.urls import reverse
from django.utils import timezone

from tasks import data_folder, services
from tasks.models import Worker
from tests import factories
from tests.processes import ROOT, wait_until

ANOTHER = "data_folder: The worker uses another data folder than the web server"


def health(client):
    return client.get(reverse("health")).content.decode()


def beat(name="w", **fields):
    services.record_heartbeat(name, timezone.now())
    Worker.objects.filter(name=name).update(**fields)


@pytest.mark.django_db
def test_the_first_worker_gives_the_folder_an_identity(settings, client):
    assert data_folder.identity() == ""
    beat()
    assert Worker.objects.get().data_folder == data_folder.identity() != ""
    beat("v")
    assert health(client) == "ok"


@pytest.mark.django_db
@pytest.mark.parametrize("other", ["empty", "of another worker"])
def test_home_and_health_name_a_worker_in_another_folder(
    settings, tmp_path, client, team, viewer, login, other
):
    beat()
    beat("v")
    settings.MEDIA_ROOT = tmp_path / "other"
    if other != "empty":
        data_folder.identify()
        beat("v")
    assert health(client) == ANOTHER
    home = login(viewer).get(reverse("reports:home", args=(team.slug,))).content.decode()
    assert "The worker uses another data folder than the web server" in home
    # One that has stopped does no harm.
    services.record_stopped("w")
    if other == "empty":
        services.record_stopped("v")
    assert health(client) == "ok"


@pytest.mark.django_db
def test_a_worker_that_cannot_write_its_folder_still_beats(settings, small_disk, client):
    settings.MEDIA_ROOT = small_disk("64k")
    (settings.MEDIA_ROOT / "large").write_bytes(b"x" * 65_536)
    beat()
    assert Worker.objects.get().data_folder == ""
    assert not (settings.MEDIA_ROOT / data_folder.IDENTITY).exists()
    (settings.MEDIA_ROOT / "large").unlink()
    beat()
    assert Worker.objects.get().data_folder == data_folder.identity() != ""


@pytest.mark.stack
def test_a_real_worker_in_another_folder(stack, client, tmp_path):
    data_folder.identify()
    stack.start_worker(env={"DATA_DIR": str(tmp_path / "elsewhere")})
    wait_until(lambda: health(client) == ANOTHER, what="the worker")


def modes(folder):
    """Return the permissions of all files, and of all folders, without the mode that is right."""
    paths = [folder, *folder.rglob("*")]
    assert any(path.is_file() for path in paths)
    return {
        str(path.relative_to(folder)): oct(mode)
        for path in paths
        if (mode := path.stat().st_mode & 0o777) != (0o700 if path.is_dir() else 0o600)
    }


@pytest.fixture
def open_umask():
    """As most systems have it."""
    before = os.umask(0o022)
    yield
    os.umask(before)


def test_what_a_campaign_stores_is_closed_to_others(
    connected, login, marketer, settings, open_umask, drain
):
    campaign = factories.make_campaign(connected, template=factories.make_template(connected))
    args = (connected.slug, campaign.uuid)
    file = factories.xlsx([*factories.people(5), ["12", "nobody", "-"]])
    login(marketer).post(reverse("campaigns:campaign_file", args=args), {"file": file})
    values = {"phone_column": 0, "source_0": 1, "source_1": 2, "then": "check"}
    login(marketer).post(reverse("campaigns:campaign_values", args=args), values)
    drain("check_campaign")
    campaign.refresh_from_db()
    factories.finish(factories.launch(campaign))
    data_folder.identify()
    kinds = {path.name for path in settings.MEDIA_ROOT.iterdir()}
    assert kinds >= {"uploads", "reports", "batches", data_folder.IDENTITY}
    assert modes(settings.MEDIA_ROOT) == {}


def run(command, folder):
    """Run a command of the product with an open umask, in a folder and database of its own."""
    env = {name: value for name, value in os.environ.items() if name != "DATABASE_URL"}
    env |= {"DATA_DIR": str(folder), "DJANGO_SETTINGS_MODULE": "chumi_admin.settings"}
    command = [sys.executable, "manage.py", *command]
    return subprocess.run(
        command, cwd=ROOT, env=env, umask=0o022, check=True, capture_output=True, text=True
    ).stdout


def test_the_database_is_closed_to_others(tmp_path):
    folder = tmp_path / "data"
    run(["migrate", "tasks", "--verbosity", "0"], folder)
    assert (folder / "chumi.sqlite3").exists()
    assert modes(folder) == {}


def test_files_of_an_earlier_version_are_closed_with_the_update(settings, tmp_path):
    settings.DATA_DIR, settings.MEDIA_ROOT = tmp_path, tmp_path / "files"
    (tmp_path / "files" / "uploads").mkdir(parents=True)
    (tmp_path / "outside").touch(mode=0o644)
    (tmp_path / "files" / "link").symlink_to(tmp_path / "outside")
    for name in ("chumi.sqlite3", "chumi.sqlite3-wal", "files/uploads/a"):
        (tmp_path / name).touch()
        (tmp_path / name).chmod(0o644)
    for folder in (tmp_path, tmp_path / "files", tmp_path / "files" / "uploads"):
        folder.chmod(0o755)
    outside = (tmp_path / "outside").stat().st_mode
    data_folder.make_private()
    assert (tmp_path / "outside").stat().st_mode == outside
    (tmp_path / "outside").unlink()
    (tmp_path / "files" / "link").unlink()
    assert modes(tmp_path) == {}


@pytest.mark.parametrize("command", ["collectstatic", "runworker"])
def test_static_files_are_for_everyone(command):
    code = (
        f"import os, sys; sys.argv = ['manage.py', '{command}']\n"
        "from chumi_admin import settings; print(oct(os.umask(0)))\n"
        "import django; django.setup()\n"
        "from django.core.files.storage import storages; s = storages['staticfiles']\n"
        "print(oct(s.file_permissions_mode), oct(s.directory_permissions_mode))"
    )
    env = os.environ | {"DJANGO_SETTINGS_MODULE": "chumi_admin.settings"}
    found = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, env=env, umask=0o022, check=True,
        capture_output=True, text=True,
    ).stdout.split()  # fmt: skip
    umask = "0o22" if command == "collectstatic" else "0o77"
    assert found == [umask, "0o644", "0o755"]
