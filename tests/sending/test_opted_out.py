"""No way of sending reaches people who opted out; WhatsApp reports opt-outs, too."""

import ast
from datetime import timedelta

import pytest
from django.apps import apps as django_apps
from django.utils import timezone

from campaigns.models import Campaign, Recipient
from campaigns.services import checks
from chumi_api.client import Client
from chumi_api.types import BulkJob, JobState, RowResult
from contacts.models import OptOut
from contacts.services import lift, opt_out, opted_out_of
from core.errors import Refused
from sending import senders
from sending.senders import in_batches, singly, to_group
from sending.services import jobs, retries
from teams.models import AuditEvent
from tests.factories import (
    account_of,
    drain,
    finish,
    launch,
    make_campaign,
    make_group,
    make_group_campaign,
    make_ready_campaign,
    make_single,
    make_test_number,
    members,
    people,
    send_test,
)
from tests.processes import ROOT
from whatsapp.errors import STOPPED_MARKETING

GONE = "233240000222"
STOPPED = ("233240001050", "233240002050")
PATHS = [(engine, sender) for engine in senders.ENGINES for sender in senders.ENGINES[engine]]
OF_FILES = [engine for engine in senders.ENGINES if engine != Campaign.Engine.GROUP]
# What sends anything to anybody.
SENDING_CALLS = {"send_template", "send_template_to_group", "bulk_import"}


def sent(sandbox, team):
    ledger = sandbox.ledger(account_of(team))
    return {message["to"] for message in ledger if message["outcome"] == "accepted"}


def rows_with(*phones):
    return people(3) + [[phone, "Ama", "C"] for phone in phones]


@pytest.fixture
def fast(connected):
    connected.messages_per_second = 100
    connected.save()
    return connected


# Each function takes a campaign to where the sender of that path would write to GONE next. It
# calls `now` with the name of each moment at which the person may opt out.


def reached_at_once(team, engine, now, sandbox):
    make_campaign(team)
    now("before the check")
    campaign = make_ready_campaign(team, rows=rows_with(GONE))
    now("after the check")
    launch(campaign, engine=engine)
    now("after the launch")
    return campaign


def reached_by_another_try(team, engine, now, sandbox):
    """The engine sends batches; people who failed are retried one by one."""
    now("before the check")
    campaign = make_ready_campaign(team, rows=rows_with(GONE))
    now("after the check")
    finish(launch(campaign, engine=engine))
    person = Recipient.objects.filter(campaign=campaign, phone=f"+{GONE}").first()
    if person and person.status == "failed":
        Recipient.objects.filter(pk=person.pk).update(
            settled_at=timezone.now() - timedelta(days=2)
        )
        retries.retry(campaign, 131000, by=None)
    now("after the launch")
    return campaign


def reached_as_one_message(team, engine, now):
    """A message to one number, typed by hand."""
    single = make_single(team, phone=f"+{GONE}")
    now("before the check")
    try:
        checks.check_number(single, by=None)
    except Refused:
        return None
    now("after the check")
    launch(single, engine=engine)
    now("after the launch")
    return single


def reached_as_a_test(team, engine, now):
    """A saved phone of the team's own gets a test of a draft."""
    draft = make_ready_campaign(team)
    number = make_test_number(team, phone=f"+{GONE}")
    now("before the check")
    now("after the check")
    try:
        test = send_test(draft, number=number)
    except Refused:
        return None
    now("after the launch")
    return test


def reached_as_a_member(team, engine, now, sandbox):
    """ChumiAI writes to everybody in a group or, with one of them opted out, to nobody."""
    group = make_group(team, sandbox, [*members(3), {"phone": GONE, "name": "Esi"}])
    now("before the check")
    try:
        campaign = make_group_campaign(team, group, way="endpoint")
        now("after the check")
        launch(campaign, engine=engine)
    except Refused:
        return None
    now("after the launch")
    return campaign


WAYS = {
    (Campaign.Engine.BATCHES, in_batches): reached_at_once,
    (Campaign.Engine.BATCHES, singly): reached_by_another_try,
    (Campaign.Engine.SINGLY, singly): reached_at_once,
    (Campaign.Engine.GROUP, to_group): reached_as_a_member,
}


def test_every_path_of_the_code_is_tried_here():
    assert set(WAYS) == set(PATHS)


@pytest.mark.parametrize("moment", ["before the check", "after the check", "after the launch", ""])
@pytest.mark.parametrize(("engine", "sender"), PATHS)
def test_who_opted_out_is_not_reached(engine, sender, moment, fast, sandbox):
    way = WAYS[engine, sender]
    if way is reached_by_another_try:
        account = account_of(fast)
        sandbox.post("codes", code=131000, phones=[GONE], account=account, times=1)

    def now(name):
        if name == moment:
            opt_out(fast, f"+{GONE}")

    campaign = way(fast, engine, now, sandbox)
    if campaign:
        finish(campaign)
    reached = sent(sandbox, fast)
    if sender is to_group and moment:
        assert reached == set()
        assert campaign is None or campaign.pause_reason == Campaign.Pause.GROUP_REFUSED
        return
    assert campaign.status == Campaign.Status.COMPLETED
    assert {phone for phone, *_ in people(3)[1:]} <= reached
    # Without a moment nobody opted out: the path does reach the person then.
    assert (GONE in reached) == (moment == "")


@pytest.mark.parametrize("moment", ["before the check", "after the check", "after the launch", ""])
@pytest.mark.parametrize("way", [reached_as_one_message, reached_as_a_test])
def test_who_opted_out_gets_no_message_alone(way, moment, fast, sandbox):
    def now(name):
        if name == moment:
            opt_out(fast, f"+{GONE}")

    campaign = way(fast, Campaign.Engine.SINGLY, now)
    if campaign:
        assert finish(campaign).status == Campaign.Status.COMPLETED
    assert sent(sandbox, fast) == ({GONE} if moment == "" else set())


def test_nothing_but_the_senders_calls_what_sends():
    """A way of sending that is not in ENGINES would not be tried above."""
    assert all(hasattr(Client, name) for name in SENDING_CALLS)
    apps = [app.name for app in django_apps.get_app_configs() if (ROOT / app.name).is_dir()]
    found = {
        path
        for app in apps
        for path in (ROOT / app).rglob("*.py")
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.Attribute) and node.attr in SENDING_CALLS
    }
    allowed = {sender.__file__ for engine in senders.ENGINES.values() for sender in engine}
    assert {str(path) for path in found} == allowed


@pytest.mark.parametrize("engine", OF_FILES)
def test_who_stopped_marketing_at_whatsapp_is_put_on_the_list(engine, fast, sandbox):
    campaign = finish(launch(make_ready_campaign(fast, rows=rows_with(*STOPPED)), engine=engine))
    rows = OptOut.objects.for_team(fast)
    assert {(row.phone, row.source, row.created_by) for row in rows} == {
        (f"+{phone}", "whatsapp", None) for phone in STOPPED
    }
    assert AuditEvent.objects.filter(action__startswith="opt-out").exists()
    failed = campaign.recipients.filter(status="failed")
    assert {person.failure_code for person in failed} == {STOPPED_MARKETING}
    # The next campaign leaves them out before anything is sent.
    again = make_ready_campaign(fast, rows=rows_with(*STOPPED), name="Once more")
    assert again.recipient_count == 3


@pytest.mark.parametrize("engine", OF_FILES)
def test_another_reason_is_no_opt_out(engine, fast):
    rows = rows_with("233240001026", "233240001049")
    finish(launch(make_ready_campaign(fast, rows=rows), engine=engine))
    assert not OptOut.objects.exists()


def test_an_answer_that_repeats_it_does_not_undo_a_lifting(fast, sandbox, manager):
    """Every answer about a job repeats its failures, also after an opt-out was removed."""
    sandbox.post("speed", speed=0.01)
    campaign = launch(make_ready_campaign(fast, rows=rows_with(STOPPED[0])))
    drain()
    job = campaign.batches.get().job
    answer = answer_about(job, STOPPED[0])
    assert not jobs.apply_status(job, answer)
    lift(OptOut.objects.get(), reason="Asked for it", by=manager)
    jobs.apply_status(job, answer)
    assert opted_out_of(fast, [f"+{STOPPED[0]}"]) == set()
    assert OptOut.objects.count() == 1


def answer_about(job, phone):
    """Return what ChumiAI says of a job that goes on and in which this person failed."""
    result = RowResult(phone=phone, row=5, state="failed", code=STOPPED_MARKETING)
    return BulkJob(
        remote_id=job.remote_id, state=JobState.RUNNING, total=4, failed=1, row_results=(result,)
    )
