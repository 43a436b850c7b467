"""What a worker depends on is away or hangs: what does not need it goes on."""

import json
import shutil
import time
from datetime import datetime, timedelta
from itertools import pairwise

import pytest
import requests
from django.db import connection

from campaigns.models import Campaign
from campaigns.services import checks, drafts
from contacts.models import OptOut
from contacts.services import request_contact_sync
from core import clocks
from sending.models import JobSync
from sending.services import jobs
from tasks.models import Task
from tests import factories
from tests.processes import Process, free_port, wait_until
from tests.tabs import browser, launch_form, press_launch
from tests.webhooks.conftest import inbound
from webhooks import services as webhooks

pytestmark = pytest.mark.stack

HANGS = 30


def test_a_stop_and_a_check_do_not_wait_for_teams_whose_chumiai_hangs(stack, sandbox):
    slow = [factories.connect(factories.make_team(f"slow{n}"), sandbox) for n in range(5)]
    team = factories.connect(factories.make_team("kente"), sandbox)
    manager = factories.make_user("Ama Mensah", team, "manager")
    webhook = webhooks.renew_address(team, by=manager)
    for other in slow:
        hang = {"path": "/", "account": other.slug, "times": None, "params": {"seconds": HANGS}}
        sandbox.post("faults", kind="hang", **hang)
        request_contact_sync(other)
        jobs.request_sync(other)
    stack.start_worker()
    calls = Task.objects.exclude(token="").filter(name__in=["sync_contacts", "sync_jobs"])
    wait_until(lambda: calls.count() == 4, what="the calls that hang")

    start = time.monotonic()
    webhooks.receive(webhook, json.dumps(inbound("STOP")).encode(), {})
    wait_until(OptOut.objects.for_team(team).exists, what="the opt-out")
    stopped = time.monotonic() - start
    template = factories.make_template(team)
    campaign = factories.make_campaign(team, by=manager, template=template)
    drafts.attach_upload(
        campaign, factories.xlsx(factories.people(1000)), name="a.xlsx", by=manager
    )
    start = time.monotonic()
    checks.request_check(Campaign.objects.get(pk=campaign.pk), by=manager)
    wait_until(lambda: factories.again(campaign).status == "ready", what="the check")
    checked = time.monotonic() - start

    print(f"\nSTOP in force after {stopped:.1f} s, 1,000 rows checked in {checked:.1f} s")
    assert calls.count() >= 3, "they no longer hang, so this proves nothing"
    assert stopped < HANGS / 2
    assert checked < HANGS / 2


@pytest.mark.skipif(not shutil.which("redis-server"), reason="no Redis on this machine")
def test_without_redis_a_campaign_is_launched_and_goes_on(stack, sandbox, tmp_path):
    port = free_port()
    command = ["redis-server", "--port", str(port), "--save", "", "--dir", str(tmp_path)]
    redis = Process(command)
    try:
        stack.env["TASKS_STORE"] = f"redis://127.0.0.1:{port}/0"
        stack.start_web()
        stack.start_worker()
        team = factories.connect(factories.make_team("kente"), sandbox)
        manager = factories.make_user("Ama Mensah", team, "manager")
        campaign = factories.make_ready_campaign(team, count=60)
        tab = browser(manager)
        redis.kill()
        answer = press_launch(tab, stack.url, campaign, launch_form(campaign, engine="singly"))
        assert answer.status_code == 302, answer.text
        home = tab.get(f"{stack.url}/t/kente/", timeout=10).text
        assert "not touched" not in home
        wait_until(
            lambda: "store_of_wakeups" in requests.get(f"{stack.url}/health/", timeout=5).text,
            what="its name on /health/",
        )
        wait_until(lambda: factories.again(campaign).is_terminal, what="the campaign")
        sent_at = [datetime.fromisoformat(line["at"]) for line in sandbox.ledger("kente")]
        assert len(sent_at) == 60
        longest = max(later - earlier for earlier, later in pairwise(sent_at))
        print(f"\nThe longest gap between two messages: {longest.total_seconds():.1f} s")
        assert longest < timedelta(seconds=15), "sending stopped with the store"
        redis = Process(command)
        wait_until(
            lambda: requests.get(f"{stack.url}/health/", timeout=5).text == "ok",
            what="the return",
        )
        assert stack.log().count('"thing": "store of wake-ups", "error"') <= 2
    finally:
        redis.kill()


@pytest.mark.skipif(connection.vendor != "postgresql", reason="a file has no clock of its own")
def test_a_worker_whose_clock_is_15_minutes_ahead_stalls_nobody(stack, sandbox, client):
    stack.env["TASK_LEASE_SECONDS"] = "3"
    team = factories.connect(factories.make_team("kente"), sandbox)
    campaign = factories.make_ready_campaign(team, count=6)
    # It holds the lease of a task that hangs, and then it dies.
    hang = {"path": "/", "account": "kente", "times": None, "params": {"seconds": HANGS}}
    sandbox.post("faults", kind="hang", **hang)
    ahead = stack._start("-m", "tests.tasks.ahead_worker", "900")
    jobs.request_sync(team)
    held = Task.objects.exclude(token="").filter(name="sync_jobs")
    wait_until(held.exists, what="the lease")
    title = "wrong_clock: The clock of a server is 15 min ahead"
    wait_until(lambda: client.get("/health/").content.decode() == title, what="its name")
    ahead.kill()
    sandbox.clear_faults()
    stack.start_worker()
    wait_until(
        lambda: JobSync.objects.filter(team=team, state="succeeded").exists(), what="the take-over"
    )
    stack._start("-m", "tests.tasks.ahead_worker", "900")
    factories.launch(campaign)
    wait_until(lambda: factories.again(campaign).is_terminal, what="the campaign")
    assert not Task.objects.filter(leased_until__gt=clocks.now() + timedelta(minutes=1)).exists()
