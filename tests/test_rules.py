"""The rules of the house, asked of every URL that the resolver knows."""

import re
import subprocess
import sys
import uuid

import pytest
from bs4 import BeautifulSoup
from django.core.management import call_command
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from django.utils.module_loading import import_string

from campaigns.models import Campaign
from campaigns.services import checks, drafts, groups, media
from contacts.services import request_contact_sync
from conversations.services import request_history
from message_templates.models import TemplateSync
from message_templates.services import request_sync
from sending.services import jobs
from tasks import services as tasks
from tasks.models import Task
from teams.roles import PERMISSIONS
from tests import factories
from tests.access import ACCESS, LOGGED_IN, OPEN, address, other_urls, team_urls
from tests.processes import ROOT
from webhooks import services as webhooks

GETS = sorted(name for name, url in ACCESS.items() if "GET" in url.methods)
POSTS = sorted(name for name, url in ACCESS.items() if "POST" in url.methods)
POST_ONLY = sorted(name for name, url in ACCESS.items() if url.methods == "POST")
REGIONS = sorted(name for name, url in ACCESS.items() if url.region_of)
WITH_SUBJECT = sorted(name for name, url in ACCESS.items() if url.subject)
# Home shows what is wrong with the installation, too.
MOST_QUERIES = 14
FUZZED = (
    "page=x",
    "page=-1",
    "page=99999999999999999999",
    "q=%00",
    "q=" + "x" * 5000,
    "state=%F0%9F%98%80&category[]=1",
    "after=nonsense",
    "row=abc",
    "show=longest",
)
# PostgreSQL streams a download through a cursor that it declares for a SELECT.
READING = ("SELECT", "SAVEPOINT", "RELEASE", "DECLARE")


def test_every_url_has_a_row_in_the_access_table():
    assert set(team_urls()) == set(ACCESS)
    assert set(other_urls()) == OPEN | LOGGED_IN


# 1. Who sees what


def test_anonymous_is_sent_to_the_log_in(team):
    for name, url in ACCESS.items():
        path = address(name, team, {"draft": "x"}, subject_uuid=uuid.uuid4())
        for method in url.methods.split():
            answer = Client().generic(method, path)
            assert answer.status_code == 302, (name, method)
            assert answer.url.startswith(reverse("account_login")), (name, method)


def test_a_stranger_finds_nothing(subjects, team, outsider, login):
    client = login(outsider)
    for name, url in ACCESS.items():
        for method in url.methods.split():
            answer = client.generic(method, address(name, team, subjects))
            assert answer.status_code == 404, (name, method)


def test_in_ones_own_team_a_foreign_object_is_a_missing_one(
    subjects, other_team, outsider, login, team
):
    client = login(outsider)
    for name in WITH_SUBJECT:
        for method in ACCESS[name].methods.split():
            foreign = client.generic(method, address(name, other_team, subjects))
            missing = client.generic(
                method, address(name, other_team, subjects, subject_uuid=uuid.uuid4())
            )
            assert foreign.status_code == missing.status_code == 404, (name, method)
            assert text(foreign) == text(missing)


def test_a_role_that_may_not_is_refused(subjects, team, viewer, marketer, login):
    for user, role in ((viewer, "viewer"), (marketer, "marketer")):
        client = login(user)
        for name in POSTS:
            if role not in PERMISSIONS[ACCESS[name].permission]:
                answer = client.post(address(name, team, subjects))
                assert answer.status_code == 403, (name, role)


def test_every_post_needs_more_than_reading_but_to_say_that_one_looks():
    for name in POSTS:
        assert (ACCESS[name].permission == "read") == ACCESS[name].only_looks, name


# 2. A GET only reads


def test_a_get_only_selects_and_never_calls_chumiai(subjects, team, manager, login, sandbox):
    client = login(manager)
    before = sandbox.get("requests")
    for name in GETS:
        path = address(name, team, subjects)
        with CaptureQueriesContext(
            connection,
        ) as queries:
            answer = client.get(path, follow=False)
            if answer.streaming:
                b"".join(answer.streaming_content)
        assert answer.status_code == 200, (name, answer.status_code)
        written = [
            query["sql"]
            for query in queries
            if not query["sql"].lstrip("( ").upper().startswith(READING)
        ]
        assert written == [], name
        assert len(queries) <= MOST_QUERIES, (name, [query["sql"] for query in queries])
    assert sandbox.get("requests") == before


def test_a_viewer_reads_everything_but_drafts(subjects, team, viewer, login):
    client = login(viewer)
    for name in GETS:
        may = "viewer" in PERMISSIONS[ACCESS[name].permission] or name == "teams:connection"
        answer = client.get(address(name, team, subjects))
        assert answer.status_code == (200 if may else 403), name


def test_a_fuzzed_query_never_gives_a_500(subjects, team, manager, login):
    client = login(manager)
    for name in GETS:
        for query in FUZZED:
            answer = client.get(f"{address(name, team, subjects)}?{query}")
            assert answer.status_code in {200, 404}, (name, query[:40])


# 3. Live regions


def test_a_live_region_equals_the_element_of_its_page(subjects, team, marketer, login):
    client = login(marketer)
    for name in REGIONS:
        path = address(name, team, subjects)
        region = soup(client.get(path, headers={"HX-Request": "true"})).find(True)
        page = soup(client.get(address(ACCESS[name].region_of, team, subjects)))
        element = page.find(id=region["id"])
        assert element.decode(indent_level=1) == region.decode(indent_level=1), name


def text(answer):
    # Django masks the CSRF token differently each time.
    return re.sub(rb"\b\w{64}\b", b"", answer.content)


def soup(answer):
    parsed = BeautifulSoup(answer.content, "html.parser")
    for token in parsed.find_all("input", {"name": "csrfmiddlewaretoken"}):
        # Masked differently each time.
        token["value"] = ""
    return parsed


# 4. Unsafe requests


def test_a_post_url_refuses_get(subjects, team, manager, login):
    client = login(manager)
    for name in POST_ONLY:
        assert client.get(address(name, team, subjects)).status_code == 405, name


def test_a_post_without_a_csrf_token_is_refused(subjects, team, manager):
    client = Client(enforce_csrf_checks=True)
    client.force_login(manager)
    for name in POSTS:
        assert client.post(address(name, team, subjects)).status_code == 403, name


# 5. Tasks


@pytest.mark.django_db
@pytest.mark.parametrize("engine", Campaign.Engine.values)
def test_every_task_run_twice_is_run_once(connected, marketer, sandbox, settings, engine):
    """Each handler runs a second time outside its lease, at every step."""
    connected.batch_size = 2
    connected.save()
    campaign = factories.make_campaign(
        connected, by=marketer, template=factories.make_template(connected)
    )
    intended = [(phone, [name, code]) for phone, name, code in factories.people(3)[1:]]
    if engine == Campaign.Engine.GROUP:
        group = factories.make_group(connected, sandbox, factories.members(3))
        groups.choose_group(campaign, group, by=marketer)
        groups.choose_way(factories.again(campaign), "endpoint", by=marketer)
        values = {"1": {"text": "all"}, "2": {"text": "C-1"}}
        drafts.set_mapping(campaign, {"phone_column": 0, "values": values}, by=marketer)
        intended = [(phone, ["all", "C-1"]) for phone, _ in intended]
    else:
        drafts.attach_upload(
            campaign, factories.xlsx(factories.people(3)), name="customers.xlsx", by=marketer
        )
    checks.request_check(Campaign.objects.get(pk=campaign.pk), by=marketer)
    pictured = factories.make_media_campaign(
        connected, by=marketer, template=factories.make_media_template(connected)
    )
    media.set_media(pictured, link=factories.media_link(sandbox), by=marketer)
    request_sync(connected, by=marketer)
    jobs.request_sync(connected, by=marketer)
    request_contact_sync(connected, by=marketer)
    request_history(factories.make_conversation(connected))
    body = b'{"event": "message.sent", "data": {"id": "wamid.else"}}'
    webhooks.receive(webhooks.renew_address(connected, by=marketer), body, {})
    seen = set()

    def go_on(status):
        for _ in range(40):
            factories.let_time_pass()
            for task in Task.objects.due():
                seen.add(task.name)
                tasks.run(task.name, task.key)
                import_string(settings.TASK_HANDLERS[task.name])(task.key)
            campaign.refresh_from_db()
            if campaign.status == status:
                return
        raise AssertionError(f"the campaign never became {status}")

    go_on("ready")
    # The sync brought another text than the draft was checked with.
    checks.request_check(campaign, by=marketer)
    go_on("ready")
    factories.launch(campaign, by=marketer, engine=engine)
    go_on("completed")

    assert seen == set(settings.TASK_HANDLERS)
    sent = [(m["to"], m["values"]) for m in sandbox.ledger(factories.account_of(connected))]
    assert sorted(sent) == intended
    known = 0 if engine == Campaign.Engine.GROUP else 3
    assert campaign.recipients.filter(status="accepted").count() == known
    # Two batches, a group or three people: one attempt at each.
    parts = {Campaign.Engine.BATCHES: 2, Campaign.Engine.GROUP: 1}.get(engine, 0)
    assert campaign.attempts.count() == (parts or 3)
    assert connected.bulk_jobs.exclude(batch=None).count() == parts
    assert TemplateSync.objects.filter(team=connected).count() == 1
    assert connected.webhook_events.count() == 1


# 6. The code itself


def test_the_import_contracts_hold():
    lint = subprocess.run(
        [sys.executable, "-c", "from importlinter.cli import lint_imports_command as c; c()"],
        cwd=ROOT,
        capture_output=True,
        text=True,
    )
    assert lint.returncode == 0, lint.stdout


@pytest.mark.django_db
def test_no_migration_is_missing():
    call_command("makemigrations", check=True, dry_run=True, verbosity=0)


def test_production_settings_pass_djangos_own_check(settings):
    check = subprocess.run(
        [sys.executable, "manage.py", "check", "--deploy", "--fail-level", "WARNING"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        env={
            "PATH": "",
            "SECRET_KEY": "long-enough-" * 6,
            "ENCRYPTION_KEYS": "some",
            "DATA_DIR": str(settings.DATA_DIR),
        },
    )
    assert check.returncode == 0, check.stderr


@pytest.mark.django_db
def test_every_answer_carries_the_strict_policy(subjects, team, manager, login):
    client = login(manager)
    paths = [address(name, team, subjects) for name in GETS] + [
        "/accounts/login/",
        "/nowhere/",
        "/health/",
        "/admin/",
    ]
    for path in paths:
        policy = client.get(path)["Content-Security-Policy"]
        assert "unsafe" not in policy
        assert "script-src 'self'" in policy
        assert "default-src 'none'" in policy


def test_pages_of_a_team_are_never_cached(subjects, team, manager, login):
    client = login(manager)
    for name in GETS:
        assert "no-store" in client.get(address(name, team, subjects))["Cache-Control"], name
