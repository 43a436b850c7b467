"""Ask ChumiAI about open jobs: once for everyone who watches."""

import time
from datetime import timedelta

import pytest
from django.urls import reverse
from django.utils import timezone

from campaigns.models import Campaign, Recipient
from chumi_api.types import BulkJob as RemoteJob
from chumi_api.types import JobState, RowResult
from sending import tasks
from sending.message_state import reason_of
from sending.models import TERMINAL_JOBS, BulkJob, JobPolling
from sending.services import jobs
from teams.models import Connection
from tests import factories


@pytest.fixture
def running(connected, drain, sandbox):
    """A campaign whose only job stands still at ChumiAI."""
    sandbox.post("speed", speed=0)
    campaign = factories.launch(factories.make_ready_campaign(connected))
    drain("send_batches")
    return campaign


def poll(team):
    """Poll as if every job's turn had come."""
    BulkJob.objects.exclude(next_poll_at=None).update(next_poll_at=timezone.now())
    return tasks.poll_jobs(team.pk)


def follow(team):
    """Poll until no job is open any more."""
    for _ in range(100):
        if poll(team) is None:
            return
        time.sleep(0.02)
    raise AssertionError("the jobs never ended")


def start_elsewhere(team, sandbox, count):
    """Return `count` open jobs without progress, not started here, all of them due."""
    sandbox.post("speed", speed=0)
    for _ in range(count):
        sandbox.post("jobs", account=team.slug, total=50)
    tasks.sync_jobs(team.pk)
    BulkJob.objects.open().update(asked_at=None)
    return list(BulkJob.objects.open().order_by("pk"))


def was_asked(job):
    return BulkJob.objects.get(pk=job.pk).asked_at is not None


def asked(sandbox, team):
    """Return how often ChumiAI was asked for the status of a job of the team."""
    return sum(
        row["count"]
        for row in sandbox.get("requests", account=team.slug)
        if row["path"].endswith("/status")
    )


def test_a_job_is_followed_to_its_end(connected, running, sandbox, drain):
    job = BulkJob.objects.get()
    poll(connected)
    job.refresh_from_db()
    assert job.state not in TERMINAL_JOBS and job.next_poll_at is not None
    sandbox.post("speed", speed=1000)
    follow(connected)
    job.refresh_from_db()
    assert (job.state, job.processed, job.accepted, job.failed) == ("completed", 5, 5, 0)
    assert job.next_poll_at is None
    drain("send_batches")
    running.refresh_from_db()
    assert running.status == Campaign.Status.COMPLETED


def test_counters_never_fall(connected, running, sandbox):
    BulkJob.objects.update(processed=4, accepted=3, failed=1)
    poll(connected)
    job = BulkJob.objects.get()
    assert job.asked_at is not None
    assert (job.processed, job.accepted, job.failed) == (4, 3, 1)


def test_a_job_that_is_over_stays_over(connected, running, sandbox):
    BulkJob.objects.update(state=BulkJob.State.COMPLETED, processed=5, accepted=5)
    poll(connected)
    assert BulkJob.objects.get().state == BulkJob.State.COMPLETED


def test_one_request_a_job_however_many_watch(
    connected, running, login, marketer, viewer, sandbox
):
    detail = reverse("campaigns:campaign_detail", args=(connected.slug, running.uuid))
    region = reverse("campaigns:campaign_progress", args=(connected.slug, running.uuid))
    before = asked(sandbox, connected)
    for user in (marketer, viewer):
        client = login(user)
        for address in (detail, region, region):
            assert client.get(address).status_code == 200
    assert asked(sandbox, connected) == before
    poll(connected)
    assert asked(sandbox, connected) == before + 1
    # Its next turn has not come.
    assert tasks.poll_jobs(connected.pk) > 0
    assert asked(sandbox, connected) == before + 1


def test_row_results_reach_their_people(connected, sandbox, drain):
    numbers = ["233244100026", "233244200111", "233244300050"]
    rows = [["Phone", "Name", "Code"], *([n, "Ama", "C"] for n in numbers)]
    factories.launch(factories.make_ready_campaign(connected, rows=rows))
    drain("send_batches")
    follow(connected)
    people = {p.phone: p for p in Recipient.objects.all()}
    failed = people["+233244100026"]
    assert (failed.status, failed.failure_code) == ("failed", 131026)
    assert reason_of(failed.campaign, failed).startswith("This number is not on WhatsApp")
    assert people["+233244200111"].status == "accepted"
    assert people["+233244300050"].failure_code == 131050
    job = BulkJob.objects.get()
    assert job.named == 2
    assert (job.state, job.failed) == ("completed_with_errors", 2)


def named(*phones, **fields):
    """What ChumiAI says of a job with row errors."""
    rows = tuple(RowResult(phone=phone, state="failed", code=131026) for phone in phones)
    return RemoteJob("j", row_results=rows, **fields)


@pytest.mark.parametrize("failed", [None, 0, 1])
def test_named_failures_count_where_the_counter_lags(connected, running, failed):
    job = BulkJob.objects.get()
    one, two, three = Recipient.objects.values_list("phone", flat=True)[:3]
    jobs.apply_status(job, named(one, one.lstrip("+"), two, state=JobState.RUNNING, failed=failed))
    job.refresh_from_db()
    assert (job.failed, job.state) == (2, "running")
    # Another answer names another person: both have failed.
    jobs.apply_status(job, named(three, state=JobState.COMPLETED, processed=5, failed=failed))
    job.refresh_from_db()
    assert (job.failed, job.state) == (3, "completed_with_errors")
    assert Recipient.objects.filter(status="failed").count() == 3


def test_named_failures_never_exceed_the_total_nor_lower_the_counter(connected, running):
    job = BulkJob.objects.get()
    jobs.apply_status(job, named("1", state=JobState.RUNNING, failed=4))
    jobs.apply_status(job, named("1", "2", state=JobState.RUNNING))
    job.refresh_from_db()
    assert job.failed == 4
    jobs.apply_status(job, named(*"123456789", state=JobState.RUNNING))
    job.refresh_from_db()
    assert job.failed == job.total == 5


def test_an_error_without_a_person_fails_nobody(connected, running):
    job = BulkJob.objects.get()
    jobs.apply_status(job, named("", state=JobState.COMPLETED, processed=5, accepted=5))
    job.refresh_from_db()
    assert (job.failed, job.state) == (0, "completed")


def test_without_row_results_the_failures_belong_to_the_batch(connected, sandbox, drain):
    sandbox.post("options", row_errors=False)
    rows = [["Phone", "Name", "Code"], ["233244100026", "Ama", "C"], ["233244200111", "B", "C"]]
    factories.launch(factories.make_ready_campaign(connected, rows=rows))
    drain("send_batches")
    follow(connected)
    job = BulkJob.objects.get()
    assert (job.failed, job.named) == (1, 0)
    assert set(Recipient.objects.values_list("status", flat=True)) == {"accepted"}


def test_a_vanished_job_is_said_and_ends_the_waiting(
    connected, running, sandbox, drain, login, marketer
):
    sandbox.post("reset", account=connected.slug)
    BulkJob.objects.update(asked_at=timezone.now())
    assert poll(connected) is None
    job = BulkJob.objects.get()
    assert (
        job.stopped_polling_at is not None
        and job.stopped_polling_because == BulkJob.Stop.NOT_LISTED
    )
    drain("send_batches")
    running.refresh_from_db()
    assert running.status == Campaign.Status.COMPLETED
    page = reverse("campaigns:campaign_detail", args=(connected.slug, running.uuid))
    html = login(marketer).get(page).content.decode()
    assert "ChumiAI no longer lists this job." in html
    assert "Not reported" in html
    assert "hx-trigger" not in html


def test_a_young_job_that_is_not_shown_yet_is_looked_for_again(connected, running, sandbox):
    sandbox.post("reset", account=connected.slug)
    assert poll(connected) > 0
    assert BulkJob.objects.get().stopped_polling_at is None


def test_a_vanished_job_keeps_what_was_known_of_it(connected, running, sandbox):
    poll(connected)
    BulkJob.objects.update(processed=3, accepted=3)
    sandbox.post("jobs/last", account=connected.slug, action="vanish")
    assert poll(connected) is None
    job = BulkJob.objects.get()
    lost = BulkJob.Stop.NOT_LISTED
    assert (job.stopped_polling_because, job.processed, job.accepted) == (lost, 3, 3)


@pytest.mark.parametrize("fault", [None, "500"])
def test_a_job_that_never_ends_is_given_up_after_a_last_look(connected, running, sandbox, fault):
    long_ago = timezone.now() - timedelta(days=2)
    BulkJob.objects.update(first_seen_at=long_ago, asked_at=long_ago)
    before = asked(sandbox, connected)
    if fault:
        sandbox.fault(fault, path="/api/v1/whatsapp/bulk-jobs", method="GET")
    assert poll(connected) is None
    assert BulkJob.objects.get().stopped_polling_because == BulkJob.Stop.TIMED_OUT
    assert poll(connected) is None
    assert asked(sandbox, connected) == before + 1
    # Refresh looks once more, however the two tasks come about.
    jobs.request_sync(connected)
    assert poll(connected) is None
    assert asked(sandbox, connected) == before + 2


def test_a_job_that_ended_after_more_than_a_day_has_ended(connected, running, sandbox):
    BulkJob.objects.update(first_seen_at=timezone.now() - timedelta(days=2))
    sandbox.post("jobs/last", account=connected.slug, action="finish")
    assert poll(connected) is None
    job = BulkJob.objects.get()
    assert (job.state, job.error, job.stopped_polling_at) == ("completed", "", None)


def test_a_job_started_elsewhere_is_followed_without_a_batch(connected, sandbox):
    sandbox.post("speed", speed=0)
    made = sandbox.post("jobs", account=connected.slug, total=120)
    tasks.sync_jobs(connected.pk)
    job = BulkJob.objects.get(remote_id=made["job_id"])
    assert job.batch is None and job.total == 120
    sandbox.post("speed", speed=1000)
    follow(connected)
    job.refresh_from_db()
    assert (job.state, job.processed) == ("completed", 120)


def test_too_many_requests_wait_as_long_as_chumiai_asks(connected, running, sandbox):
    sandbox.post(
        "faults", kind="429", path="/api/v1/whatsapp/bulk-jobs", params={"retry_after": 7}
    )
    before = BulkJob.objects.get()
    assert poll(connected) == 7
    after = BulkJob.objects.get()
    assert (after.state, after.asked_at) == (before.state, before.asked_at)
    calls = asked(sandbox, connected)
    # ChumiAI is not asked before that time, however often the task is woken.
    assert 6 < poll(connected) <= 7
    assert 6 < tasks.sync_jobs(connected.pk) <= 7
    assert asked(sandbox, connected) == calls
    JobPolling.objects.update(waits_until=timezone.now())
    poll(connected)
    assert asked(sandbox, connected) == calls + 1


def test_waiting_for_chumiai_is_said(connected, running, sandbox, login, viewer):
    client = login(viewer)
    pages = [
        reverse("campaigns:job_list", args=(connected.slug,)),
        reverse("campaigns:campaign_detail", args=(connected.slug, running.uuid)),
    ]
    for page in pages:
        assert b"too many requests" not in client.get(page).content
    sandbox.post(
        "faults", kind="429", path="/api/v1/whatsapp/bulk-jobs", params={"retry_after": 90}
    )
    poll(connected)
    for page in pages:
        html = client.get(page).content.decode()
        assert "ChumiAI had too many requests." in html and "again in 1 min 30 s" in html


@pytest.mark.parametrize(
    ("named", "waits"), [(None, 10), ("0", 1), ("86400", 3600), ("soon", 10), ("-5", 1)]
)
def test_a_strange_wish_to_wait_is_bounded(connected, running, sandbox, named, waits):
    params = {} if named is None else {"retry_after": named}
    sandbox.post("faults", kind="429", path="/api/v1/whatsapp/bulk-jobs", params=params)
    assert poll(connected) == waits


def test_a_job_without_an_answer_holds_no_other_up(connected, sandbox):
    open_jobs = start_elsewhere(connected, sandbox, 4)
    sandbox.fault("500", path=f".*/{open_jobs[0].remote_id}/", method="GET")
    assert poll(connected) > 0
    now = timezone.now()
    assert [was_asked(job) for job in open_jobs] == [False, True, True, True]
    # It waits for its next turn like everybody.
    assert BulkJob.objects.get(pk=open_jobs[0].pk).next_poll_at > now + timedelta(seconds=5)


def test_one_turn_asks_no_more_than_its_share_and_nobody_waits_for_ever(
    connected, sandbox, monkeypatch
):
    monkeypatch.setattr(tasks, "JOBS_A_RUN", 3)
    monkeypatch.setattr(tasks, "AT_ONCE", 2)
    open_jobs = start_elsewhere(connected, sandbox, 7)
    now = timezone.now()
    for number, job in enumerate(open_jobs):
        due_at = now - timedelta(minutes=7 - number)
        BulkJob.objects.filter(pk=job.pk).update(next_poll_at=due_at, asked_at=None)
    for count in (3, 6, 7):
        before = asked(sandbox, connected)
        wait = tasks.poll_jobs(connected.pk)
        assert asked(sandbox, connected) - before <= 3
        # Those that were due for longest were first.
        assert [was_asked(job) for job in open_jobs] == [n < count for n in range(7)]
    assert wait > 0


def test_many_are_asked_at_the_same_time(connected, sandbox):
    open_jobs = start_elsewhere(connected, sandbox, 16)
    sandbox.post("options", latency=0.25)
    begun = time.monotonic()
    poll(connected)
    assert time.monotonic() - begun < 16 * 0.25 / 2
    assert all(was_asked(job) for job in open_jobs)


def test_after_too_many_requests_no_further_job_is_asked_about(connected, sandbox, monkeypatch):
    monkeypatch.setattr(tasks, "AT_ONCE", 2)
    start_elsewhere(connected, sandbox, 6)
    sandbox.fault("429", path=".*/status", method="GET", times=9)
    before = asked(sandbox, connected)
    poll(connected)
    assert asked(sandbox, connected) - before == 2


def test_a_refused_key_is_shown_and_polled_rarely(connected, running, sandbox):
    factories.connect(connected, sandbox, kind="revoked")
    assert poll(connected) == 60
    assert "key" in Connection.objects.get().problem


def test_a_network_that_is_gone_passes_by_itself(connected, running, sandbox, settings):
    nowhere = "http://127.0.0.1:9"
    settings.CHUMIAI_BASE_URLS = [nowhere]
    Connection.objects.update(base_url=nowhere)
    assert poll(connected) == 10
    assert Connection.objects.get().problem == ""


def test_a_shrinking_answer_lowers_nothing(connected, sandbox, drain):
    # Slow enough to be met half-way.
    sandbox.post("speed", speed=0)
    factories.launch(factories.make_ready_campaign(connected, count=40))
    drain("send_batches")
    sandbox.post("speed", speed=10)
    for _ in range(100):
        poll(connected)
        seen = BulkJob.objects.get()
        if seen.processed > 3:
            break
        time.sleep(0.02)
    sandbox.post("speed", speed=0)
    sandbox.post("jobs/last", account=connected.slug, action="fall")
    poll(connected)
    job = BulkJob.objects.get()
    assert job.asked_at > seen.asked_at
    assert job.processed >= seen.processed and job.accepted >= seen.accepted


class Overtaken(RemoteJob):
    """An answer about a job; while it is being written, a later one is written whole."""

    @property
    def total(self):
        if not Overtaken.done:
            Overtaken.done = True
            jobs.apply_status(BulkJob.objects.get(), Overtaken.later)
        return 5

    @total.setter
    def total(self, value):
        pass


@pytest.mark.parametrize(
    ("later", "kept"),
    [
        ({"state": JobState.RUNNING, "processed": 4, "accepted": 3}, ("running", 4, 3)),
        ({"state": JobState.COMPLETED, "processed": 5, "accepted": 5}, ("completed", 5, 5)),
    ],
)
def test_an_answer_that_is_overtaken_takes_nothing_back(connected, running, later, kept):
    Overtaken.done, Overtaken.later = False, RemoteJob("j", total=5, **later)
    late = Overtaken("j", state=JobState.RUNNING, processed=2, accepted=2)
    assert jobs.apply_status(BulkJob.objects.get(), late) is False
    assert Overtaken.done
    job = BulkJob.objects.get()
    assert (job.state, job.processed, job.accepted) == kept


@pytest.mark.parametrize(
    ("action", "state"), [("fail", "failed"), ("cancel", "cancelled"), ("finish", "completed")]
)
def test_a_job_that_ends_before_its_time_has_ended(connected, running, sandbox, action, state):
    sandbox.post("jobs/last", account=connected.slug, action=action)
    assert poll(connected) is None
    job = BulkJob.objects.get()
    assert (job.state, job.next_poll_at) == (state, None)


def test_young_and_watched_jobs_are_asked_about_more_often():
    ages = [timedelta(seconds=s) for s in (0, 29, 31, 299, 301, 3599, 3601, 80_000)]
    unwatched = [jobs.poll_interval(age).total_seconds() for age in ages]
    watched = [jobs.poll_interval(age, watched=True).total_seconds() for age in ages]
    assert unwatched == [2, 2, 5, 5, 15, 15, 60, 60]
    assert watched == [2, 2, 2, 2, 2, 5, 15, 15]


@pytest.mark.parametrize("kind", ["500", "502html", "half_json", "wrong_types"])
def test_an_answer_that_is_none_changes_nothing(connected, running, sandbox, kind):
    BulkJob.objects.update(processed=3, accepted=3)
    sandbox.post("faults", kind=kind, path="/api/v1/whatsapp/bulk-jobs", times=9)
    assert poll(connected) > 0
    job = BulkJob.objects.get()
    assert (job.processed, job.accepted, job.stopped_polling_at) == (3, 3, None)
    assert job.state not in TERMINAL_JOBS
