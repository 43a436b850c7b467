"""A launched campaign goes out in batches: each person once, in order, with their values."""

import pytest
from django.utils import timezone

from campaigns.models import Campaign, Recipient
from chumi_api.types import Listing
from contacts.services import opt_out
from core.errors import Refused
from sending.batch_words import words_of
from sending.labels import batch_sentence, pause_sentence, wait_sentence
from sending.message_state import reason_of
from sending.models import Attempt, Batch, BulkJob
from sending.progress import progress_of
from sending.senders import in_batches
from sending.services import batches, launches
from tests.factories import (
    account_of,
    connect,
    drain,
    finish,
    launch,
    let_time_pass,
    make_ready_campaign,
    people,
)

BULK = "/api/v1/whatsapp/bulk-import-messages"
LIST = "/api/v1/whatsapp/bulk-jobs"


@pytest.fixture
def campaign(connected):
    connected.batch_size = 10
    connected.save()
    return make_ready_campaign(connected, count=25)


def sent(sandbox, team):
    return [(m["to"], m["values"]) for m in sandbox.ledger(account_of(team))]


def intended(count):
    return [(phone, [name, code]) for phone, name, code in people(count)[1:]]


def states(campaign):
    return [batch.status for batch in campaign.batches.all()]


def test_everyone_gets_it_once_in_order(campaign, sandbox):
    finish(launch(campaign))
    assert campaign.status == Campaign.Status.COMPLETED
    assert sent(sandbox, campaign.team) == intended(25)
    assert states(campaign) == ["accepted"] * 3
    assert Attempt.objects.count() == 3
    assert set(Recipient.objects.values_list("status", flat=True)) == {"accepted"}


def test_no_more_jobs_are_open_than_the_team_wants(campaign, sandbox):
    sandbox.post("speed", speed=0.01)
    launch(campaign)
    for _ in range(3):
        drain()
        let_time_pass()
    assert states(campaign) == ["accepted", "accepted", "pending"]


def test_neighbouring_batches_differ_in_size(campaign):
    launch(campaign)
    sizes = [batch.size for batch in campaign.batches.all()]
    assert sum(sizes) == 25
    assert all(a != b for a, b in zip(sizes, sizes[1:], strict=False))


def test_who_opts_out_after_the_check_is_left_out(campaign, sandbox):
    phone = campaign.recipients.get(position=3).phone
    launch(campaign)
    opt_out(campaign.team, phone)
    finish(campaign)
    assert phone.lstrip("+") not in [to for to, _ in sent(sandbox, campaign.team)]
    assert len(sent(sandbox, campaign.team)) == 24
    assert campaign.recipients.get(phone=phone).status == "skipped"


def test_a_batch_of_opt_outs_alone_is_not_sent(connected, sandbox):
    campaign = make_ready_campaign(connected, count=2)
    launch(campaign)
    for phone in campaign.recipients.values_list("phone", flat=True):
        opt_out(connected, phone)
    finish(campaign)
    assert campaign.status == Campaign.Status.COMPLETED
    assert sent(sandbox, connected) == []
    assert states(campaign) == ["skipped"]


@pytest.mark.parametrize(
    "kind", ["500", "502html", "503", "half_json", "wrong_types", "redirect", "200_no_id"]
)
def test_an_unclear_answer_is_never_repeated(campaign, sandbox, kind):
    sandbox.fault(kind, path=BULK, location="http://127.0.0.1:9/")
    launch(campaign)
    drain("send_batches")
    first = campaign.batches.first()
    assert first.attempts.get().response_status or kind == "half_json"
    if first.status == "accepted":
        # It had been accepted, and its job was found.
        assert "did start batch 1" in batch_sentence(first)
        finish(campaign)
        assert sent(sandbox, campaign.team) == intended(25)
        return
    campaign.refresh_from_db()
    assert campaign.pause_reason == Campaign.Pause.UNCONFIRMED
    for _ in range(4):
        let_time_pass()
        drain("send_batches", "poll_jobs")
    assert states(campaign) == ["unconfirmed", "pending", "pending"]
    assert sent(sandbox, campaign.team) == []


@pytest.mark.parametrize("kind", ["accepted_then_500", "reset_after"])
def test_a_batch_that_did_start_is_found_again(campaign, sandbox, kind):
    sandbox.fault(kind, path=BULK)
    finish(launch(campaign))
    assert campaign.status == Campaign.Status.COMPLETED
    assert sent(sandbox, campaign.team) == intended(25)
    assert "did start batch 1" in batch_sentence(campaign.batches.first())


def test_without_an_echoed_file_name_the_size_tells_the_job(campaign, sandbox):
    sandbox.post("options", echo_file_name=False)
    sandbox.fault("accepted_then_500", path=BULK)
    finish(launch(campaign))
    assert campaign.status == Campaign.Status.COMPLETED
    assert sent(sandbox, campaign.team) == intended(25)


def test_of_two_similar_jobs_a_person_decides(campaign, sandbox, settings):
    settings.RECONCILE_SECONDS = 0
    sandbox.post("options", echo_file_name=False)
    sandbox.fault("accepted_then_500", path=BULK)
    sandbox.fault("500", path=LIST, method="GET", after=1, times=1)
    launch(campaign)
    drain("send_batches")
    rows = campaign.batches.first().attempts.get().rows
    sandbox.post("jobs", account=account_of(campaign.team), template="welcome_message", total=rows)
    for _ in range(8):
        let_time_pass()
        drain()
    batch = campaign.batches.first()
    assert (batch.status, batch.candidates) == ("unconfirmed", 2)
    assert batch.search_ended_at
    words = words_of_first(campaign)
    assert "ChumiAI shows 2 jobs that may be this batch" in words
    assert "most likely sent" in words


def words_of_first(campaign):
    progress = progress_of(campaign, campaign.batches.select_related("job"), timezone.now())
    return words_of(campaign, progress.batches[0], timezone.now()).sentence


def test_a_job_that_may_be_another_campaigns_is_nobodys(connected, sandbox, settings):
    settings.RECONCILE_SECONDS = 0
    sandbox.post("options", echo_file_name=False)
    # Both get no answer; the first did not arrive, the second did.
    sandbox.fault("500", path=BULK)
    sandbox.fault("accepted_then_500", path=BULK)
    first = launch(make_ready_campaign(connected, count=10))
    drain("send_batches")
    second = launch(make_ready_campaign(connected, count=10, name="Second"))
    for _ in range(10):
        let_time_pass()
        drain()
    states = [row.batches.get().status for row in (first, second)]
    assert len(sandbox.ledger(account_of(connected))) == 10
    assert states == ["unconfirmed", "unconfirmed"]
    assert [row.batches.get().candidates for row in (first, second)] == [1, 1]


def test_a_list_with_jobs_that_we_cannot_read_never_says_not_sent(campaign, sandbox, settings):
    settings.RECONCILE_SECONDS = 0
    sandbox.fault("500", path=BULK)
    launch(campaign)
    drain("send_batches")
    batch = campaign.batches.first()
    unreadable = Listing()
    unreadable.skipped = 1
    for _search in range(batch.searches, 4):
        in_batches._search(Batch.objects.get(pk=batch.pk), unreadable)
    batch.refresh_from_db()
    assert batch.search_ended_at
    assert "ChumiAI shows 1 job that may be this batch" in words_of_first(campaign)


def test_two_teams_with_one_key_share_its_line(campaign, sandbox, other_team):
    # The other team has been given the same key.
    connect(other_team, sandbox, account=account_of(campaign.team))
    other_team.batch_size = 10
    other_team.save()
    other = make_ready_campaign(other_team, count=25, name="Other")
    for row in (campaign, other):
        launches.begin(launch(row))
    first = batches.claim(campaign.batches.first(), batches.prepare(campaign.batches.first()), [])
    assert first is not None
    mine = other.batches.first()
    assert batches.claim(mine, batches.prepare(mine), []) is None


def test_a_foreign_job_is_not_matched(campaign, sandbox):
    sandbox.fault("500", path=BULK)
    launch(campaign)
    drain("send_batches")
    sandbox.post("jobs", account=account_of(campaign.team), template="welcome_message", total=10)
    let_time_pass()
    drain()
    assert campaign.batches.first().status == "unconfirmed"


def never_found(campaign, sandbox, settings):
    settings.RECONCILE_SECONDS = 0
    sandbox.fault("500", path=BULK)
    launch(campaign)
    for _ in range(8):
        drain()
        let_time_pass()
    batch = campaign.batches.first()
    assert batch.status == "unconfirmed"
    assert batch.search_ended_at
    return batch


def test_send_again_sends_once(campaign, sandbox, settings, marketer):
    batch = never_found(campaign, sandbox, settings)
    batches.decide(batch, batches.Decision.SEND_AGAIN, by=marketer)
    with pytest.raises(Refused):
        batches.decide(batch, batches.Decision.SEND_AGAIN, by=marketer)
    finish(campaign)
    assert sent(sandbox, campaign.team) == intended(25)
    assert batch.attempts.count() == 2


def test_leave_out_and_count_as_sent_send_nothing(campaign, sandbox, settings, marketer):
    batch = never_found(campaign, sandbox, settings)
    batches.decide(batch, batches.Decision.SKIP, by=marketer)
    finish(campaign)
    assert sent(sandbox, campaign.team) == intended(25)[batch.size :]


def test_nobody_decides_while_we_are_still_looking(campaign, sandbox, marketer):
    sandbox.fault("500", path=BULK)
    launch(campaign)
    drain()
    with pytest.raises(Refused):
        batches.decide(campaign.batches.first(), batches.Decision.SEND_AGAIN, by=marketer)


def test_a_429_waits_and_carries_on(campaign, sandbox):
    sandbox.fault("429", path=BULK, retry_after=7)
    launch(campaign)
    drain()
    campaign.refresh_from_db()
    assert wait_sentence(campaign) == "Too many requests. We wait 7 seconds, then continue."
    assert campaign.status == Campaign.Status.SENDING
    finish(campaign)
    assert sent(sandbox, campaign.team) == intended(25)
    assert campaign.wait_reason == ""


def test_no_baseline_means_nothing_is_sent(campaign, sandbox):
    sandbox.fault("500", path=LIST, method="GET", times=1)
    launch(campaign)
    drain("send_batches")
    campaign.refresh_from_db()
    assert sent(sandbox, campaign.team) == []
    assert campaign.status == Campaign.Status.SENDING
    assert "try again" in wait_sentence(campaign)
    finish(campaign)
    assert sent(sandbox, campaign.team) == intended(25)


@pytest.mark.parametrize(
    ("kind", "reason"), [("readonly", "forbidden"), ("revoked", "unauthorized")]
)
def test_a_key_that_may_not_send_pauses(team, sandbox, kind, reason, marketer):
    connect(team, sandbox, kind=kind)
    campaign = make_ready_campaign(team, count=3)
    finish(launch(campaign))
    assert (campaign.status, campaign.pause_reason) == ("paused", reason)
    assert states(campaign) == ["pending"]
    connect(team, sandbox)
    launches.resume(campaign, by=marketer)
    finish(campaign)
    assert sent(sandbox, team) == intended(3)


def test_a_refused_batch_stops_the_line(campaign, sandbox):
    sandbox.fault("400", path=BULK)
    finish(launch(campaign))
    assert campaign.pause_reason == Campaign.Pause.REJECTED
    assert states(campaign) == ["rejected", "pending", "pending"]
    assert sent(sandbox, campaign.team) == []


def test_an_error_that_every_batch_would_get_leaves_this_one_pending(campaign, sandbox, marketer):
    # ChumiAI says with a 200 that WhatsApp does not know the template.
    sandbox.fault("200_success_false", path=BULK)
    finish(launch(campaign))
    assert campaign.pause_reason == Campaign.Pause.TEMPLATE
    assert states(campaign) == ["pending", "pending", "pending"]
    assert sent(sandbox, campaign.team) == []
    launches.resume(campaign, by=marketer)
    finish(campaign)
    assert sent(sandbox, campaign.team) == intended(25)
    assert campaign.batches.first().attempts.count() == 2


def test_too_many_failures_pause_before_the_next_batch(connected, sandbox, marketer):
    connected.batch_size, connected.open_jobs = 40, 1
    connected.save()
    rows = people(100)
    for row in rows[1:15]:
        row[0] = row[0][:9] + "026"
    campaign = make_ready_campaign(connected, rows=rows)
    finish(launch(campaign))
    assert campaign.pause_reason == Campaign.Pause.FAILURES
    assert states(campaign)[:2] == ["accepted", "pending"]
    assert "14 of the last 40 messages failed" in pause_sentence(campaign)
    launches.resume(campaign, by=marketer)
    finish(campaign)
    assert campaign.status == Campaign.Status.COMPLETED
    assert len(sent(sandbox, connected)) == 100


def submitted(campaign, sandbox, settings, by):
    """Submit the first batch, and get a clear answer."""
    launch(campaign)
    drain("send_batches")


def found_again(campaign, sandbox, settings, by):
    """Submit the first batch, and find its job after an unclear answer."""
    sandbox.fault("accepted_then_500", path=BULK)
    launch(campaign)
    drain("send_batches")
    assert campaign.batches.first().attempts.get().response_status == 500


def sent_again(campaign, sandbox, settings, by):
    """Submit the first batch a second time, as a person decided."""
    batch = never_found(campaign, sandbox, settings)
    batches.decide(batch, batches.Decision.SEND_AGAIN, by=by)
    drain("send_batches")


@pytest.mark.parametrize("way", [submitted, found_again, sent_again])
@pytest.mark.parametrize(("action", "state"), [("fail", "failed"), ("cancel", "cancelled")])
def test_a_failed_job_pauses_before_the_next_batch(
    campaign, sandbox, settings, marketer, way, action, state
):
    campaign.team.open_jobs = 1
    campaign.team.save()
    sandbox.post("speed", speed=0)
    way(campaign, sandbox, settings, marketer)
    assert states(campaign) == ["accepted", "pending", "pending"]
    sandbox.post("jobs/last", account=account_of(campaign.team), action=action)
    sandbox.post("speed", speed=1000)
    finish(campaign)
    assert (campaign.status, campaign.pause_reason) == ("paused", Campaign.Pause.REJECTED)
    assert BulkJob.objects.get().state == state
    assert states(campaign) == ["accepted", "pending", "pending"]
    # A person who resumes has seen it: the batches after it are sent in spite of it.
    launches.resume(campaign, by=marketer)
    finish(campaign)
    assert campaign.status == Campaign.Status.COMPLETED
    assert states(campaign) == ["accepted"] * 3


def test_the_kill_switch(campaign, sandbox, settings):
    settings.SENDING_ENABLED = False
    launch(campaign)
    drain()
    campaign.refresh_from_db()
    assert sent(sandbox, campaign.team) == []
    assert "turned off" in wait_sentence(campaign)


def test_stop_before_the_first_batch_sends_nothing(campaign, sandbox, marketer):
    launch(campaign)
    launches.stop(campaign, by=marketer)
    finish(campaign)
    assert sent(sandbox, campaign.team) == []
    assert set(campaign.recipients.values_list("status", flat=True)) == {"skipped"}


def test_pause_between_batches(campaign, sandbox, marketer):
    sandbox.post("speed", speed=0.01)
    launch(campaign)
    drain("send_batches")
    launches.pause(campaign, by=marketer)
    sandbox.post("speed", speed=1000)
    let_time_pass()
    drain()
    assert states(campaign) == ["accepted", "accepted", "pending"]
    launches.resume(campaign, by=marketer)
    finish(campaign)
    assert sent(sandbox, campaign.team) == intended(25)


def test_failed_rows_are_reported_by_person(connected, sandbox):
    rows = people(3)
    rows[2][0] = "233244000026"
    campaign = make_ready_campaign(connected, rows=rows)
    finish(launch(campaign))
    person = campaign.recipients.get(phone="+233244000026")
    assert (person.status, person.failure_code) == ("failed", 131026)
    assert "not on WhatsApp" in reason_of(campaign, person)
    assert BulkJob.objects.get(batch__campaign=campaign).failed == 1


def test_a_claim_without_an_answer_becomes_unconfirmed(campaign, sandbox):
    launch(campaign)
    launches.begin(campaign)
    batch = campaign.batches.first()
    attempt = batches.claim(batch, batches.prepare(batch), [])
    assert batches.claim(batch, batches.prepare(campaign.batches.last()), []) is None
    Batch.objects.filter(pk=batch.pk).update(
        claimed_at=attempt.started_at - batches.claim_lifetime() * 2
    )
    assert not batches.may_finish(attempt)
    drain("send_batches")
    batch.refresh_from_db()
    assert batch.status == "unconfirmed"
    assert sent(sandbox, campaign.team) == []
