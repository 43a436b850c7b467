"""What a database does that may be a restored copy, and what becomes of it when it is adopted.

Its rows go back by a savepoint; the file of the second place and the sandbox do not.
"""

from contextlib import contextmanager

import pytest
from django.core.management import CommandError
from django.db import transaction
from django.urls import reverse
from django.utils import timezone

from campaigns.models import Campaign, Recipient
from core.errors import Refused
from core.formats import sentence
from sending import senders
from sending.labels import pause_sentence, wait_sentence
from sending.models import Batch
from sending.services import batches, launches, singles
from sending.services.batches import Decision
from sending.tasks import poll_jobs, sync_jobs
from tasks import continuity, second_place, services
from tasks.continuity import Doubt
from tasks.models import Continuity
from teams.models import AuditEvent
from tests.chaos.ledger_check import check_ledger
from tests.factories import (
    account_of,
    adopt,
    again,
    finish,
    launch,
    let_time_pass,
    make_checked_campaign,
    make_ready_campaign,
    people,
    send_test,
    soup,
)

pytestmark = pytest.mark.django_db

PEOPLE = 12
Status = Campaign.Status


@contextmanager
def put_back():
    """Undo in the database what happens inside, as a restored copy does."""
    point = transaction.savepoint()
    yield
    transaction.savepoint_rollback(point)


@pytest.fixture
def team(team):
    type(team).objects.filter(pk=team.pk).update(batch_size=4)
    team.refresh_from_db()
    return team


@pytest.fixture
def make(connected):
    def make(engine):
        return launch(make_ready_campaign(connected, count=PEOPLE), engine=engine)

    return make


def ledger(sandbox, campaign):
    return [line["to"] for line in sandbox.ledger(account_of(campaign.team))]


def send_batches(campaign, count):
    """Let the worker go on until `count` batches more are accepted."""
    accepted = campaign.batches.filter(status=Batch.Status.ACCEPTED)
    wanted = accepted.count() + count
    for _ in range(100):
        if accepted.count() >= wanted:
            return
        senders.work(campaign.team)
        poll_jobs(campaign.team_id)
        let_time_pass()
    raise AssertionError("the batches were not accepted")


def send_singly(campaign, count):
    """Send to the next people, as a worker does that is ended then."""
    launches.begin(campaign)
    assert continuity.catch_up()
    client = senders.singly.client_for(campaign.team)
    for attempt in singles.claim(campaign, count):
        answer = client.send_template(
            to=attempt.recipient.phone.lstrip("+"),
            template_name="welcome_message",
            language="en_US",
            values=attempt.recipient.values,
            gate=lambda: True,
        )
        singles.record(campaign, [(attempt, answer)])


def end(campaign, sandbox, by):
    """Go on as worker and person do, who looks up at ChumiAI what was sent."""
    for _ in range(10):
        finish(campaign)
        if campaign.is_terminal:
            return
        for batch in campaign.batches.filter(status=Batch.Status.UNCONFIRMED):
            first = Recipient.objects.of_batch(batch).first().phone.lstrip("+")
            sent = first in ledger(sandbox, campaign)
            answer = Decision.COUNT_AS_SENT if sent else Decision.SEND_AGAIN
            batches.decide(batch, answer, by=by)
        campaign.refresh_from_db()
        if campaign.status == Status.PAUSED:
            launches.resume(campaign)
    raise AssertionError("the campaign never ended")


def check(sandbox, campaign):
    intended = {phone: [name, code] for phone, name, code in people(PEOPLE)[1:]}
    lines = sandbox.ledger(account_of(campaign.team))
    assert check_ledger(campaign, lines, intended) == []
    assert len(lines) == PEOPLE


def test_batches_that_chumiai_lists_are_accepted_and_the_rest_goes_out(make, sandbox, settings):
    campaign = make("batches")
    send_batches(campaign, 1)
    with put_back():
        send_batches(campaign, 2)
    sent = ledger(sandbox, campaign)
    # Without the file nothing says how many batches are missing.
    settings.CONTINUITY_FILE.unlink()
    senders.work(campaign.team)
    said = adopt()
    assert "batches that ChumiAI has accepted: 2, 3" in said
    campaign.refresh_from_db()
    assert campaign.pause_reason == Campaign.Pause.RESTORED_COPY
    assert campaign.batches.filter(status="accepted").count() == 1, "nothing was changed"
    adopt("--yes")
    assert ledger(sandbox, campaign) == sent
    assert campaign.batches.filter(status="accepted").count() == 3
    assert not campaign.batches.filter(status="unconfirmed").exists()
    campaign.refresh_from_db()
    assert campaign.status == Status.PAUSED
    assert "put back from a copy" in pause_sentence(campaign)
    launches.resume(campaign)
    finish(campaign)
    check(sandbox, campaign)


def test_the_file_says_which_batches_were_claimed(make, sandbox):
    campaign = make("batches")
    send_batches(campaign, 1)
    with put_back():
        send_batches(campaign, 1)
    # ChumiAI is not needed for those that were never claimed.
    sandbox.fault("500", path="/api/v1/whatsapp/bulk-jobs", method="GET", times=50)
    adopt("--yes")
    sandbox.clear_faults()
    states = list(campaign.batches.order_by("number").values_list("status", flat=True))
    assert states[:2] == ["accepted", "unconfirmed"]
    assert set(states[2:]) == {"pending"}


def test_without_names_a_batch_is_searched_for_or_decided(make, sandbox, settings, manager):
    settings.RECONCILE_SECONDS = 0
    sandbox.post("options", echo_file_name=False)
    campaign = make("batches")
    send_batches(campaign, 1)
    with put_back():
        send_batches(campaign, 2)
    sent = ledger(sandbox, campaign)
    adopt("--yes")
    assert campaign.batches.filter(status="pending").count() == campaign.batches.count() - 3
    assert ledger(sandbox, campaign) == sent
    end(campaign, sandbox, manager)
    assert sorted(ledger(sandbox, campaign)) == sorted(p for p, _, _ in people(PEOPLE)[1:])


def test_a_batch_that_was_sent_again_since_is_searched_for(make, sandbox, settings, manager):
    """At the copy its search had ended without a result; then a person sent it again."""
    settings.RECONCILE_SECONDS = 0
    sandbox.post("options", echo_file_name=False)
    campaign = make("batches")
    sandbox.fault("reset_before", path="/api/v1/whatsapp/bulk-import-messages")
    undecided = campaign.batches.filter(search_ended_at__isnull=False)
    for _ in range(20):
        if undecided.exists():
            break
        senders.work(campaign.team)
        let_time_pass()
    with put_back():
        batches.decide(undecided.get(), Decision.SEND_AGAIN, by=manager)
        send_batches(campaign, 1)
    sent = ledger(sandbox, campaign)
    assert sent
    adopt("--yes")
    batch = campaign.batches.get(number=1)
    assert (batch.status, batch.search_ended_at) == ("unconfirmed", None)
    end(campaign, sandbox, manager)
    assert sorted(ledger(sandbox, campaign)) == sorted(p for p, _, _ in people(PEOPLE)[1:])


@pytest.mark.parametrize("file_is_lost", [False, True])
def test_one_by_one_a_person_decides(make, sandbox, settings, manager, file_is_lost):
    settings.RECONCILE_SECONDS = 0
    campaign = make("singly")
    send_singly(campaign, 3)
    with put_back():
        send_singly(campaign, 4)
    sent = ledger(sandbox, campaign)
    if file_is_lost:
        settings.CONTINUITY_FILE.unlink()
    senders.work(campaign.team)
    assert ledger(sandbox, campaign) == sent
    adopt("--yes")
    unconfirmed = campaign.recipients.filter(status="unconfirmed").order_by("position")
    # The file knows who was claimed; without it, everyone may have been.
    assert unconfirmed.count() == (PEOPLE - 3 if file_is_lost else 4)
    assert unconfirmed.first().position == 4
    assert campaign.attempts.filter(outcome="unconfirmed").count() == unconfirmed.count()
    campaign.refresh_from_db()
    launches.resume(campaign)
    settings.CHUMIAI_SEND_SECONDS = 0
    undecided = singles.undecided([campaign]).count()
    assert undecided == unconfirmed.count()
    settings.CHUMIAI_SEND_SECONDS = 60
    finish_pending(campaign)
    assert len(ledger(sandbox, campaign)) == (7 if file_is_lost else PEOPLE)
    assert len(set(ledger(sandbox, campaign))) == len(ledger(sandbox, campaign)), "twice"


def finish_pending(campaign):
    while campaign.recipients.filter(status="pending").exists():
        senders.work(campaign.team)


def test_a_job_that_only_chumiai_knows_is_proof(make, sandbox):
    """A snapshot of the whole machine, in which both places agree."""
    campaign = make("batches")
    send_batches(campaign, 1)
    kept = second_place.read()
    with put_back():
        send_batches(campaign, 1)
    second_place.write(kept, replace=True)
    assert continuity.doubt() is None
    sent = ledger(sandbox, campaign)
    for _ in range(3):
        let_time_pass()
        poll_jobs(campaign.team_id)
        senders.work(campaign.team)
    assert ledger(sandbox, campaign) == sent
    assert continuity.doubt() == Doubt.UNKNOWN_JOB
    campaign.refresh_from_db()
    assert campaign.pause_reason == Campaign.Pause.RESTORED_COPY
    adopt("--yes")
    campaign.refresh_from_db()
    launches.resume(campaign)
    finish(campaign)
    check(sandbox, campaign)


@pytest.fixture
def restored(make, sandbox):
    """A campaign in a restored copy that nobody has adopted."""
    campaign = make("singly")
    send_singly(campaign, 3)
    with put_back():
        send_singly(campaign, 3)
    assert continuity.doubt() == Doubt.BEHIND
    return campaign


def test_nothing_that_sends_can_be_asked_for(restored, marketer, manager):
    campaign = restored
    senders.work(campaign.team)
    campaign.refresh_from_db()
    ready = make_checked_campaign(campaign.team, people(3, start=900)[1:], name="Other")
    batch = Batch.objects.create(campaign=campaign, number=1, first=1, last=2)
    for ask in (
        lambda: launch(ready),
        lambda: send_test(ready),
        lambda: launches.resume(campaign, by=marketer),
        lambda: launches.reopen(campaign),
        lambda: batches.decide(batch, Decision.SEND_AGAIN, by=marketer),
        lambda: singles.decide(campaign, Decision.SEND_AGAIN, people=0, by=marketer),
        # Those who got it since the copy would count as skipped.
        lambda: launches.stop(campaign, by=marketer),
    ):
        with pytest.raises(Refused, match="restored copy"):
            ask()


def test_its_past_is_not_settled(restored, sandbox, settings):
    settings.CHUMIAI_SEND_SECONDS = 0
    person = restored.recipients.filter(status="pending").first()
    restored.attempts.create(recipient=person, token="x", started_at=restored.launched_at)
    sandbox.fault("500", path=".*", method="GET", times=5)
    assert senders.work(restored.team) > 0
    assert poll_jobs(restored.team_id) > 0
    assert sync_jobs(restored.team_id) > 0
    assert restored.attempts.get(token="x").outcome == "open"
    assert [fault["times"] for fault in sandbox.get("faults")] == [5], "ChumiAI was asked"


def test_home_and_health_say_so(restored, login, marketer, client):
    assert b"restored_copy: This may be a restored copy" in client.get(reverse("health")).content
    home = login(marketer).get(reverse("reports:home", args=[restored.team.slug]))
    assert "This may be a restored copy" in soup(home).get_text()
    adopt("--yes")
    assert client.get(reverse("health")).content == b"ok"


def test_a_campaign_launched_after_the_copy_needs_a_new_check(connected, sandbox, make):
    assert continuity.catch_up()
    launched = make_ready_campaign(connected, count=3)
    other = make_checked_campaign(connected, people(3, start=900)[1:], name="Other")
    with put_back():
        send_singly(launch(launched, engine="singly"), 3)
    adopt("--yes")
    launched, other = again(launched), again(other)
    assert launched.status == Status.DRAFT
    assert "put back from a copy" in sentence(launched.check_result.errors[0])
    assert other.status == Status.READY, "it was not launched"


def test_without_the_file_any_ready_campaign_needs_a_new_check(connected, settings):
    assert continuity.catch_up()
    ready = make_checked_campaign(connected, people(3)[1:])
    Continuity.objects.update(counter=1)
    settings.CONTINUITY_FILE.unlink()
    adopt("--yes")
    assert again(ready).status == Status.DRAFT


def test_it_is_adopted_once(restored):
    adopt("--yes")
    events = AuditEvent.objects.filter(action="restored copy adopted")
    assert events.get().team == restored.team
    assert "no restored copy" in adopt("--yes")
    assert events.count() == 1


def test_what_it_says(restored):
    said = adopt()
    assert "1 claims are missing" in said
    assert "3 people become unconfirmed" in said
    assert "opt-outs" in said
    assert "Nothing was changed" in said
    assert restored.recipients.filter(status="unconfirmed").count() == 0


def test_a_planned_move_loses_nothing(make, sandbox):
    campaign = make("singly")
    send_singly(campaign, 3)
    Continuity.objects.update(database="elsewhere")
    assert continuity.doubt() == Doubt.OTHER_DATABASE
    adopt("--nothing-since", "--yes")
    assert campaign.recipients.filter(status="pending").count() == PEOPLE - 3
    assert continuity.doubt() is None


def test_it_is_not_run_beside_another_data_folder(restored, settings, tmp_path):
    services.record_heartbeat("other:1", timezone.now())
    settings.MEDIA_ROOT = tmp_path / "elsewhere"
    settings.CONTINUITY_FILE = tmp_path / "elsewhere.json"
    with pytest.raises(CommandError, match="another DATA_DIR"):
        adopt("--yes")


def test_nothing_since_is_not_believed_against_proof(restored):
    with pytest.raises(CommandError, match="Something was sent"):
        adopt("--nothing-since", "--yes")


def test_a_snapshot_that_nothing_shows_is_adopted_anyway(make):
    campaign = make("singly")
    send_singly(campaign, 3)
    assert "no restored copy" in adopt("--yes")
    adopt("--anyway", "--yes")
    assert campaign.recipients.filter(status="unconfirmed").count() == PEOPLE - 3
    campaign.refresh_from_db()
    assert campaign.status == Status.PAUSED


def test_if_the_file_cant_be_written_nothing_is_adopted(restored, settings):
    lock = settings.CONTINUITY_FILE.with_suffix(".lock")
    lock.unlink()
    lock.mkdir()
    with pytest.raises(CommandError, match="can't be written"):
        adopt("--yes")
    assert restored.recipients.filter(status="unconfirmed").count() == 0
    assert Continuity.objects.get().identity


@pytest.mark.parametrize("engine", ["batches", "singly"])
def test_a_claim_that_is_not_in_the_second_place_is_given_back(make, sandbox, settings, engine):
    assert continuity.catch_up()
    campaign = make(engine)
    lock = settings.CONTINUITY_FILE.with_suffix(".lock")
    lock.unlink()
    lock.mkdir()
    for _ in range(3):
        senders.work(campaign.team)
    assert ledger(sandbox, campaign) == []
    assert set(campaign.attempts.values_list("outcome", flat=True)) == {"not_sent"}
    tried = campaign.attempts.count()
    assert campaign.recipients.filter(status="pending").count() == PEOPLE
    campaign.refresh_from_db()
    assert "can't write its files" in wait_sentence(campaign)
    senders.work(campaign.team)
    assert campaign.attempts.count() == tried, "it waits, and does not try again and again"
    lock.rmdir()
    finish(campaign)
    assert len(ledger(sandbox, campaign)) == PEOPLE
