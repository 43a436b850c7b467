"""A database put back in the middle of a campaign: nothing is sent until it is adopted."""

import time
from datetime import timedelta

import pytest
from django.utils import timezone

from campaigns.models import Campaign, GroupChoice
from sending.labels import pause_sentence
from sending.services import launches, singles
from sending.services.batches import Decision
from tasks import continuity, services
from tasks.models import Task
from tests.chaos.copies import DatabaseCopy
from tests.chaos.ledger_check import check_ledger, problems_in_words
from tests.factories import (
    account_of,
    adopt,
    connect,
    finish,
    launch,
    let_time_pass,
    make_group,
    make_group_campaign,
    make_ready_campaign,
    make_team,
    make_user,
    members,
    people,
)
from tests.processes import wait_until

pytestmark = pytest.mark.stack

# At four a second, a worker that is ended finishes its step of five seconds.
PEOPLE = 60
Status = Campaign.Status


def intended(count=PEOPLE):
    return {phone: [name, code] for phone, name, code in people(count)[1:]}


def ledger(sandbox, campaign):
    return sandbox.ledger(account_of(campaign.team))


def work_until(condition):
    """Run the team's tasks, one at a time, until the condition holds."""
    for _ in range(300):
        if condition():
            return
        task = Task.objects.due().order_by("due_at").first()
        if task is None:
            let_time_pass()
        else:
            services.run(task.name, task.key)
    raise AssertionError("it never came to it")


def begin_batches(stack, sandbox, team):
    campaign = launch(make_ready_campaign(team, count=PEOPLE), engine="batches")
    work_until(lambda: campaign.batches.filter(status="accepted").count() == 2)
    return campaign


def begin_singly(stack, sandbox, team):
    campaign = launch(make_ready_campaign(team, count=PEOPLE), engine="singly")
    send_more(stack, sandbox, campaign, 5)
    return campaign


def begin_group(stack, sandbox, team):
    group = make_group(team, sandbox, members(PEOPLE))
    return launch(make_group_campaign(team, group, way=GroupChoice.Way.ENDPOINT), engine="group")


def send_more(stack, sandbox, campaign, count):
    """Let a worker send until `count` messages more are accepted, then end it."""
    before = len(ledger(sandbox, campaign))
    worker = stack.start_worker()
    wait_until(lambda: len(ledger(sandbox, campaign)) >= before + count, what="messages")
    worker.stop()


BEGIN = {"batches": begin_batches, "singly": begin_singly, "group": begin_group}


@pytest.mark.parametrize("engine", BEGIN)
def test_a_restored_copy_sends_nothing_until_it_is_adopted(stack, sandbox, engine):
    team = connect(make_team("kente", batch_size=6, messages_per_second=4), sandbox)
    person = make_user("Ama Mensah", team)
    campaign = BEGIN[engine](stack, sandbox, team)
    copy = DatabaseCopy()
    send_more(stack, sandbox, campaign, 10)
    sent = ledger(sandbox, campaign)

    copy.restore()
    worker = stack.start_worker()
    campaign = Campaign.objects.get(pk=campaign.pk)
    wait_until(lambda: paused(campaign), what="the pause")
    time.sleep(1)
    assert ledger(sandbox, campaign) == sent
    assert "restored copy" in pause_sentence(campaign)
    worker.stop()

    assert "Nothing was changed" in adopt()
    adopt("--yes")
    assert continuity.doubt() is None
    decide_unconfirmed(campaign, sandbox, by=person)
    finish(campaign)
    if campaign.status == Status.PAUSED:
        launches.resume(campaign)
    finish(campaign)
    assert campaign.status == Status.COMPLETED
    if engine == "group":
        assert len(ledger(sandbox, campaign)) == PEOPLE
        assert list(problems_in_words(campaign)) == []
    else:
        decided = dict.fromkeys(
            (p.phone.lstrip("+") for p in campaign.recipients.exclude(decision="")),
            Decision.COUNT_AS_SENT,
        )
        assert check_ledger(campaign, ledger(sandbox, campaign), intended(), decided=decided) == []
        # All who were sent to after the copy were in doubt, and nobody else.
        assert len(ledger(sandbox, campaign)) == PEOPLE


def paused(campaign):
    campaign.refresh_from_db()
    return campaign.pause_reason == Campaign.Pause.RESTORED_COPY


def decide_unconfirmed(campaign, sandbox, *, by):
    """Do what a person does who looks into ChumiAI: these were sent."""
    old = timezone.now() - timedelta(hours=1)
    attempts = campaign.attempts.filter(recipient__isnull=False, outcome="unconfirmed")
    attempts.update(started_at=old)
    unconfirmed = singles.undecided([campaign])
    phones = {person.phone.lstrip("+") for person in unconfirmed}
    assert phones <= {line["to"] for line in ledger(sandbox, campaign)}
    if phones:
        singles.decide(campaign, Decision.COUNT_AS_SENT, people=len(phones), by=by)
