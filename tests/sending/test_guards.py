"""Each guard of the protocol by itself: what one of them lets through, no other has to catch."""

import secrets
import signal
import time
import uuid
from dataclasses import replace

import pytest
from django.db import IntegrityError, connection, transaction
from django.utils import timezone

from campaigns.models import Campaign, Recipient
from chumi_api.errors import Unreachable
from sending.models import Attempt, Batch
from sending.senders import singly
from sending.services import batches, launches, singles
from tests.factories import (
    account_of,
    connect,
    drain,
    finish,
    launch,
    let_time_pass,
    make_checked_campaign,
    people,
)

BULK = "/api/v1/whatsapp/bulk-import-messages"


@pytest.fixture
def campaign(connected):
    connected.batch_size = 10
    connected.save()
    campaign = launch(make_checked_campaign(connected, people(25)[1:]))
    launches.begin(campaign)
    return campaign


@pytest.fixture
def single(connected):
    campaign = launch(make_checked_campaign(connected, people(5)[1:]), engine="singly")
    launches.begin(campaign)
    return campaign


def prepared(batch):
    return batches.prepare(batch)


def again(prepared):
    """Return the same file under another token, as another worker prepared it."""
    token = secrets.token_hex(16)
    return replace(prepared, token=token, file_name=f"chumi-{token[:8]}.xlsx")


def test_only_a_pending_batch_is_claimed(campaign):
    batch = campaign.batches.first()
    file = prepared(batch)
    Batch.objects.filter(pk=batch.pk).update(status="skipped", claimed_at=timezone.now())
    assert batches.claim(batch, file, []) is None


def test_no_batch_is_claimed_once_the_campaign_is_paused(campaign):
    batch = campaign.batches.first()
    file = prepared(batch)
    launches.pause(campaign)
    assert batches.claim(batch, file, []) is None


def test_a_batch_whose_people_changed_is_not_claimed(campaign):
    batch = campaign.batches.first()
    file = prepared(batch)
    Recipient.objects.filter(campaign=campaign, position=2).update(status="accepted")
    assert batches.claim(batch, file, []) is None
    batch.refresh_from_db()
    assert batch.status == "pending", "the claim is undone as a whole"


def test_the_database_refuses_a_second_batch_in_flight_with_one_key(campaign):
    first, second, _ = campaign.batches.all()
    assert batches.claim(first, prepared(first), [])
    with pytest.raises(IntegrityError), transaction.atomic():
        Batch.objects.filter(pk=second.pk).update(
            status="submitting",
            key_fingerprint=Batch.objects.get(pk=first.pk).key_fingerprint,
            claimed_at=timezone.now(),
        )


@pytest.mark.parametrize("outcome", ["open", "unconfirmed"])
def test_the_database_refuses_a_second_live_attempt(campaign, outcome):
    values = {"campaign": campaign, "started_at": timezone.now(), "outcome": outcome}
    for unit in ({"batch": campaign.batches.first()}, {"recipient": campaign.recipients.first()}):
        Attempt.objects.create(token=secrets.token_hex(16), **unit, **values)
        with pytest.raises(IntegrityError), transaction.atomic():
            Attempt.objects.create(token=secrets.token_hex(16), **unit, **values)


def test_an_attempt_that_lost_its_claim_may_not_finish(campaign):
    batch = campaign.batches.first()
    file = prepared(batch)
    old = batches.claim(batch, file, [])
    old.batch = batch
    batches.record_not_sent(old, Unreachable("It never left."))
    new = batches.claim(batch, again(file), [])
    assert batches.may_finish(new)
    assert not batches.may_finish(old)


@pytest.mark.parametrize("move", [launches.pause, launches.stop])
def test_no_request_finishes_after_a_pause_or_a_stop(campaign, single, move, marketer):
    batch = campaign.batches.first()
    of_batch = batches.claim(batch, prepared(batch), [])
    [one] = singles.claim(single, 1)
    assert batches.may_finish(of_batch)
    assert singles.may_finish(single, [one]) == {one.pk}
    move(campaign, by=marketer)
    move(single, by=marketer)
    assert not batches.may_finish(of_batch)
    assert not singles.may_finish(single, [one])


def test_a_person_claimed_by_another_worker_is_not_claimed(single):
    taken = []

    def take_first(execute, sql, params, many, context):
        """Be quicker: between the look at who is next and the claim."""
        if sql.startswith('UPDATE "campaigns_recipient"') and not taken:
            taken.append(True)
            Recipient.objects.filter(campaign=single, position=1).update(status="accepted")
        return execute(sql, params, many, context)

    with connection.execute_wrapper(take_first):
        assert singles.claim(single, 2) == []
    assert taken
    assert not Attempt.objects.exists()


def test_an_older_job_is_not_taken_for_ours(campaign, sandbox):
    """Without names, the baseline alone tells a job of ours from one of the same size."""
    size = campaign.batches.first().size
    sandbox.post("options", echo_file_name=False)
    sandbox.post("jobs", account=account_of(campaign.team), total=size)
    sandbox.fault("500", path=BULK)
    finish_or_wait(campaign)
    assert campaign.batches.first().status == "unconfirmed"


def finish_or_wait(campaign):
    for _ in range(4):
        drain()
        let_time_pass()


def test_a_job_of_another_teams_batch_is_not_taken_for_ours(campaign, sandbox, other_team):
    """Two teams with one key see each other's jobs: one that is linked is not looked at."""
    connect(other_team, sandbox, account=account_of(campaign.team))
    sandbox.post("options", echo_file_name=False)
    sandbox.fault("500", path=BULK)
    finish_or_wait(campaign)
    other_team.batch_size = 10
    other_team.save()
    other = make_checked_campaign(other_team, people(25, start=500)[1:])
    finish(launch(other))
    finish_or_wait(campaign)
    batch = campaign.batches.first()
    assert (batch.status, batch.candidates) == ("unconfirmed", 0)


def test_a_launch_that_was_quicker_wins(connected):
    """Between the look at the campaign and the launch, another person launches it."""
    campaign = make_checked_campaign(connected, people(5)[1:])
    quicker = uuid.uuid4()

    def be_quicker(execute, sql, params, many, context):
        if sql.startswith('UPDATE "campaigns_campaign"') and not taken:
            taken.append(True)
            Campaign.objects.filter(pk=campaign.pk).update(
                status="queued",
                intent=quicker,
                engine="batches",
                snapshot={},
                launched_at=timezone.now(),
            )
        return execute(sql, params, many, context)

    taken = []
    with connection.execute_wrapper(be_quicker), pytest.raises(launches.AlreadyLaunched):
        launch(campaign)
    campaign.refresh_from_db()
    # On the way out the test's own transaction took the other's launch back, too.
    assert campaign.intent in (None, quicker)
    assert not campaign.batches.exists()


def test_an_answer_that_is_back_at_once_is_counted_once(single, monkeypatch):
    """On a slow machine, a request may be over before its question has been dealt with."""
    answer = singly.SendingSlice._answer

    def answer_slowly(slice_, asking):
        answer(slice_, asking)
        if asking:
            time.sleep(0.05)

    hung = []

    def give_up(number, frame):
        hung.append(True)
        raise AssertionError("the slice never ended")

    monkeypatch.setattr(singly.SendingSlice, "_answer", answer_slowly)
    before = signal.signal(signal.SIGALRM, give_up)
    signal.alarm(10)
    try:
        finish(single)
    finally:
        signal.alarm(0)
        signal.signal(signal.SIGALRM, before)
    assert not hung
    assert single.status == "completed"
    assert set(Attempt.objects.values_list("outcome", flat=True)) == {"accepted"}
