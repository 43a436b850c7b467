"""The cast, the connected team, and the one fake: the sandbox, over real HTTP."""

import os
import shutil
import subprocess
import uuid

import pytest
from django.conf import settings
from django.db import connection
from django.test import Client
from hypothesis import HealthCheck
from hypothesis import settings as hypothesis

from contacts.services import opt_out
from message_templates.models import MessageTemplate
from sending.models import Batch
from tests import factories
from tests.processes import SandboxProcess, Stack, database_url
from tests.worker_pool import WorkerPool

# On a busy machine making examples is slow; that says nothing about the product.
hypothesis.register_profile("busy", deadline=None, suppress_health_check=[HealthCheck.too_slow])
hypothesis.load_profile("busy")

IN_CI = os.environ.get("CI", "").lower() == "true"


def pytest_addoption(parser):
    parser.addoption("--long", action="store_true", help="run the tests that take minutes, too")


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(config, items):
    # The longest first, so that no core waits at the end for another one's browser.
    items.sort(key=lambda item: not item.get_closest_marker("browser"))
    if not config.getoption("--long"):
        skip = pytest.mark.skip(reason="runs with script/test --long")
        for item in items:
            if "long" in item.keywords:
                item.add_marker(skip)


def skipped_browser_tests(terminalreporter):
    """Return the reports of the browser tests that did not run where they should have."""
    return [
        report
        for report in terminalreporter.stats.get("skipped", [])
        if "browser" in report.keywords and "long" not in report.keywords
    ]


# Both see the whole run: pytest-xdist's controller does not read a conftest beside the
# browser tests.
def pytest_sessionfinish(session):
    reporter = session.config.pluginmanager.get_plugin("terminalreporter")
    if IN_CI and reporter and skipped_browser_tests(reporter):
        session.exitstatus = pytest.ExitCode.TESTS_FAILED


def pytest_terminal_summary(terminalreporter):
    if skipped := skipped_browser_tests(terminalreporter):
        terminalreporter.section("BROWSER TESTS DID NOT RUN", sep="!", red=True, bold=True)
        for reason in sorted({report.longrepr[2] for report in skipped}):
            terminalreporter.line(reason)


def pytest_unconfigure():
    if folder := getattr(settings, "OWN_FOLDER", None):
        shutil.rmtree(folder, ignore_errors=True)


def end_sessions(cursor, database):
    """End what killed processes left behind at the database.

    PostgreSQL may go on with the statement of a process that is no more, and nobody can drop a
    database that it works on.
    """
    cursor.execute(
        "SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity"
        " WHERE datname = %s AND pid <> pg_backend_pid()",
        [database],
    )


@pytest.fixture(scope="session")
def django_db_modify_db_settings(django_db_modify_db_settings, django_db_blocker):
    """End the sessions of an earlier run, so that its database can be replaced."""
    if connection.vendor == "postgresql":
        creation = connection.creation
        with django_db_blocker.unblock(), creation._nodb_cursor() as cursor:
            end_sessions(cursor, creation._get_test_db_name())


@pytest.fixture(scope="session")
def django_db_setup(django_db_setup, django_db_blocker):
    """End the remaining sessions before the database is dropped."""
    yield
    if connection.vendor == "postgresql":
        with django_db_blocker.unblock(), connection.cursor() as cursor:
            end_sessions(cursor, connection.settings_dict["NAME"])


@pytest.fixture(scope="session")
def _sandbox():
    process = SandboxProcess()
    yield process
    process.stop()


@pytest.fixture
def sandbox(_sandbox, settings):
    """The sandbox after a reset, and the only ChumiAI that the settings allow."""
    _sandbox.reset()
    settings.CHUMIAI_BASE_URLS = [_sandbox.url]
    settings.CHUMIAI_SANDBOX_URLS = [_sandbox.url]
    settings.MEDIA_TEST_URLS = [f"{_sandbox.url}/__sandbox__/media/"]
    return _sandbox


@pytest.fixture
def team(db):
    return factories.make_team("kente", name="Kente Corner")


@pytest.fixture
def other_team(db):
    return factories.make_team("mango", name="Mango Foods")


@pytest.fixture
def manager(team):
    return factories.make_user("Ama Mensah", team, "manager")


@pytest.fixture
def marketer(team):
    return factories.make_user("Kofi Boateng", team, "marketer")


@pytest.fixture
def viewer(team):
    return factories.make_user("Esi Owusu", team, "viewer")


@pytest.fixture
def outsider(other_team):
    """A manager, but of another team."""
    return factories.make_user("Yaw Darko", other_team, "manager")


@pytest.fixture
def login():
    """Return a function that gives a browser-like client of a user."""

    def log_in(user):
        client = Client()
        client.force_login(user)
        return client

    return log_in


@pytest.fixture
def connected(team, sandbox):
    """The team, with a key for an account of its own at the sandbox."""
    return factories.connect(team, sandbox)


@pytest.fixture
def drain():
    """Return a function that runs due tasks until none is left."""
    return factories.drain


@pytest.fixture
def subjects(connected, marketer):
    """One object of each kind, made as people make them."""
    ready = factories.make_ready_campaign(connected, count=3, by=marketer)
    launched = factories.make_ready_campaign(connected, count=3, by=marketer, name="May sale")
    factories.launch(launched, by=marketer)
    factories.send_test(ready, by=marketer)
    factories.drain()
    reading = factories.mirror(connected, groups={"Regulars": factories.contact_page("1")})
    return {
        "grouped": factories.make_group_campaign(
            connected, reading.groups.get(), way="expanded", by=marketer
        ),
        "draft": factories.make_campaign(connected, by=marketer, name="June sale"),
        "ready": ready,
        "launched": launched,
        "batch": Batch.objects.get(campaign=launched),
        "template": MessageTemplate.objects.get(name="welcome_message"),
        "media": factories.make_media_campaign(connected, by=marketer),
        "single": factories.make_single(connected, by=marketer),
        "test_number": connected.test_numbers.get(),
        "contact": reading.contacts.get(),
        "unreadable": factories.make_unreadable(connected),
        "opt_out": opt_out(connected, "+233244123456", by=marketer)[0],
        "conversation": factories.make_conversation(connected),
    }


@pytest.fixture(autouse=True)
def _own_files(settings, tmp_path):
    settings.MEDIA_ROOT = tmp_path / "files"
    settings.CONTINUITY_FILE = tmp_path / "continuity.json"


@pytest.fixture
def small_disk(tmp_path):
    """Return a function that mounts a real, small file system and returns its folder."""
    mounted = []

    def mount(size="64k"):
        folder = tmp_path / f"disk{len(mounted)}"
        folder.mkdir()
        command = ["mount", "-t", "tmpfs", "-o", f"size={size},mode=0700", "tmpfs", folder]
        if subprocess.run(command, check=False, capture_output=True).returncode:
            pytest.skip("only root may mount a file system")
        mounted.append(folder)
        return folder

    yield mount
    for folder in mounted:
        subprocess.run(["umount", "--lazy", folder], check=True)


@pytest.fixture
def stack(transactional_db, tmp_path, sandbox, settings):
    """The processes of the product on the test's own database; start what the test needs."""
    settings.MEDIA_ROOT = settings.DATA_DIR / "files"
    settings.CONTINUITY_FILE = settings.DATA_DIR / "continuity.json"
    settings.CONTINUITY_FILE.unlink(missing_ok=True)
    stack = Stack(tmp_path, database_url(), sandbox)
    yield stack
    stack.stop()
    if os.environ.get("SHOW_LOGS"):
        print(stack.log())
    connection.close()


@pytest.fixture
def make_nursery(stack, tmp_path):
    """Return a function that starts a pool of workers with the given settings."""
    made = []

    def make(**values):
        env = stack.env | {name: str(value) for name, value in values.items()}
        # What is due is found in the rows: its workers need no wake-ups.
        env["TASKS_STORE"] = "memory://"
        made.append(WorkerPool(env=env, log=tmp_path / "workers.log"))
        return made[-1]

    yield make
    for worker_pool in made:
        worker_pool.close()


@pytest.fixture
def intent():
    return uuid.uuid4()


assert settings.configured
