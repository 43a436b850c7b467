"""A worker killed with -9 at any point of the hand-over: nothing doubled, lost, or stuck."""

import os
import random
import signal
import subprocess
import sys
import time
from collections import Counter
from pathlib import Path

import pytest

from campaigns.models import Campaign, Recipient
from sending.models import Batch
from sending.services import batches
from tasks.models import Task
from tests.factories import (
    account_of,
    connect,
    finish,
    launch,
    make_ready_campaign,
    make_team,
    make_user,
    people,
)
from tests.processes import ROOT, wait_until

pytestmark = pytest.mark.stack

BULK = "/api/v1/whatsapp/bulk-import-messages"
# Statements of one step from the lease of the task to the record of the answer.
STATEMENTS = 45


@pytest.fixture
def campaign(stack, sandbox, settings):
    settings.RECONCILE_SECONDS = 0
    team = make_team("kente", batch_size=10)
    connect(team, sandbox)
    return make_ready_campaign(team, count=19)


def intended(count):
    return [(phone, [name, code]) for phone, name, code in people(count)[1:]]


def sent(sandbox, team):
    return [(m["to"], m["values"]) for m in sandbox.ledger(account_of(team))]


def start_dying_worker(stack, team, fatal, name):
    return subprocess.Popen(
        [sys.executable, "-m", "tests.dying_worker", str(team.pk), str(fatal), name],
        cwd=ROOT,
        env=stack.env,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
    )


def let_leases_run_out():
    """Do what time does after a crash: leases and claims grow old."""
    Task.objects.exclude(leased_until=None).update(leased_until=None)
    for batch in Batch.objects.filter(status=Batch.Status.SUBMITTING):
        old = batch.claimed_at - batches.claim_lifetime() * 2
        Batch.objects.filter(pk=batch.pk).update(claimed_at=old)


def settle(campaign, sandbox):
    """Go on as another worker and, where it is asked, a person would."""
    let_leases_run_out()
    finish(campaign)
    if campaign.status == Campaign.Status.PAUSED:
        assert campaign.pause_reason == Campaign.Pause.UNCONFIRMED
        batch = campaign.batches.get(status=Batch.Status.UNCONFIRMED)
        assert batch.search_ended_at, "a person must be able to decide"
        # Only a batch that was never sent may come to this: had it been, it would be found.
        first = Recipient.objects.of_batch(batch).first().phone.lstrip("+")
        assert first not in [to for to, _ in sent(sandbox, campaign.team)]
        batches.decide(batch, batches.Decision.SEND_AGAIN, by=make_user("Ama M", campaign.team))
        finish(campaign)
    assert campaign.status == Campaign.Status.COMPLETED
    assert sent(sandbox, campaign.team) == intended(19)
    assert set(campaign.recipients.values_list("status", flat=True)) == {"accepted"}


def die_and_settle(campaign, stack, sandbox, fatal):
    launch(campaign)
    doomed = start_dying_worker(stack, campaign.team, fatal, "SIGKILL")
    _, complaint = doomed.communicate(timeout=60)
    assert doomed.returncode in (0, -signal.SIGKILL), complaint.decode()[-500:]
    settle(campaign, sandbox)


def freeze_and_settle(campaign, stack, sandbox, fatal):
    """Freeze a worker, let others and a person go on without it, then let it wake up."""
    seconds = 3
    stack.env["CHUMIAI_SEND_SECONDS"] = str(seconds)
    launch(campaign)
    frozen = start_dying_worker(stack, campaign.team, fatal, "SIGSTOP")
    try:
        wait_until(lambda: frozen.poll() is not None or is_stopped(frozen.pid), what="the freeze")
        settle(campaign, sandbox)
        # No person decides sooner than this: the search for a job outlasts any request.
        time.sleep(seconds)
        frozen.send_signal(signal.SIGCONT)
        _, complaint = frozen.communicate(timeout=60)
    finally:
        frozen.kill()
        frozen.communicate()
    assert frozen.returncode == 0, complaint.decode()[-500:]
    assert sent(sandbox, campaign.team) == intended(19)
    assert campaign.batches.exclude(status=Batch.Status.ACCEPTED).count() == 0


def is_stopped(pid):
    return (Path("/proc") / str(pid) / "stat").read_text().rpartition(")")[2].split()[0] == "T"


def some_statements(count):
    # By chance, but the same ones in every worker that takes part in a run.
    chance = random.Random(os.environ.get("PYTEST_XDIST_TESTRUNUID"))
    return sorted(chance.sample(range(1, STATEMENTS), count))


# A handful in every run, by chance; the long run tries each one.
@pytest.mark.parametrize("fatal", some_statements(12))
def test_killed_after_some_statement(campaign, stack, sandbox, fatal):
    die_and_settle(campaign, stack, sandbox, fatal)


@pytest.mark.skipif(sys.platform != "linux", reason="asks /proc whether a process is stopped")
@pytest.mark.parametrize("fatal", some_statements(5))
def test_frozen_after_some_statement(campaign, stack, sandbox, fatal):
    freeze_and_settle(campaign, stack, sandbox, fatal)


@pytest.mark.long
@pytest.mark.parametrize("fatal", range(1, 2 * STATEMENTS))
def test_killed_after_every_statement(campaign, stack, sandbox, fatal):
    die_and_settle(campaign, stack, sandbox, fatal)


@pytest.mark.long
@pytest.mark.skipif(sys.platform != "linux", reason="asks /proc whether a process is stopped")
@pytest.mark.parametrize("fatal", range(1, STATEMENTS))
def test_frozen_after_every_statement(campaign, stack, sandbox, fatal):
    freeze_and_settle(campaign, stack, sandbox, fatal)


def test_on_sigterm_it_finishes_what_is_in_flight(stack, sandbox):
    team = connect(make_team("kente", messages_per_second=20), sandbox)
    campaign = launch(make_ready_campaign(team, count=300), engine="singly")
    worker = stack.start_worker()
    wait_until(lambda: len(sent(sandbox, team)) > 20, what="the first messages")
    worker.popen.terminate()
    assert worker.popen.wait(30) == 0
    reached = len(sent(sandbox, team))
    states = Counter(campaign.recipients.values_list("status", flat=True))
    assert states == {"accepted": reached, "pending": 300 - reached}
    assert reached < 300


def test_killed_after_the_file_was_accepted(campaign, stack, sandbox):
    sandbox.fault("accepted_then_hang", path=BULK, seconds=20)
    launch(campaign)
    worker = stack.start_worker()
    wait_until(lambda: sent(sandbox, campaign.team), what="the file to arrive")
    worker.kill()
    assert campaign.batches.first().status == "submitting"
    settle(campaign, sandbox)


def test_killed_before_the_file_was_accepted(campaign, stack, sandbox):
    sandbox.fault("hang", path=BULK, seconds=20)
    launch(campaign)
    worker = stack.start_worker()
    wait_until(lambda: campaign.batches.filter(status="submitting").exists(), what="the claim")
    worker.kill()
    # On a busy machine it dies before its request is there, which would meet the next one.
    sandbox.clear_faults()
    settle(campaign, sandbox)
