"""Ask ChumiAI about open jobs: once for everyone who watches."""

import time
from datetime import timedelta

import pytest
from django.urls import reverse
from django.utils import timezone

from campaigns import tasks
from campaigns.models import TERMINAL_JOBS, BulkJob, Campaign, Recipient
from campaigns.services import jobs
from chumi_api.types import BulkJob as RemoteJob
from chumi_api.types import JobState, RowResult
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
    assert failed.reason.startswith("This number is not on WhatsApp")
    assert people["+233244200111"].status == "accepted"
    assert people["+233244300050"].failure_code == 131050
    job = BulkJob.objects.get()
    assert job.has_row_results
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
    # Another answer names somebody else: both have failed.
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


def test_without_row_results_the_failures_belong_to_the_part(connected, sandbox, drain):
    sandbox.post("options", row_errors=False)
    rows = [["Phone", "Name", "Code"], ["233244100026", "Ama", "C"], ["233244200111", "B", "C"]]
    factories.launch(factories.make_ready_campaign(connected, rows=rows))
    drain("send_batches")
    follow(connected)
    job = BulkJob.objects.get()
    assert (job.failed, job.has_row_results) == (1, False)
    assert set(Recipient.objects.values_list("status", flat=True)) == {"accepted"}


def test_a_vanished_job_is_said_and_ends_the_waiting(
    connected, running, sandbox, drain, login, marketer
):
    sandbox.post("reset", account=connected.slug)
    BulkJob.objects.update(asked_at=timezone.now())
    assert poll(connected) is None
    job = BulkJob.objects.get()
    assert job.lost_at is not None and job.error == jobs.LOST
    drain("send_batches")
    running.refresh_from_db()
    assert running.status == Campaign.Status.COMPLETED
    page = reverse("campaigns:campaign_detail", args=(connected.slug, running.uuid))
    html = login(marketer).get(page).content.decode()
    assert "ChumiAI no longer lists this job." in html
    assert "Outcome not told" in html
    assert "hx-trigger" not in html


def test_a_young_job_that_is_not_shown_yet_is_looked_for_again(connected, running, sandbox):
    sandbox.post("reset", account=connected.slug)
    assert poll(connected) > 0
    assert BulkJob.objects.get().lost_at is None


def test_a_job_is_not_asked_for_more_than_a_day(connected, running, sandbox):
    BulkJob.objects.update(first_seen_at=timezone.now() - timedelta(days=2))
    before = asked(sandbox, connected)
    assert poll(connected) is None
    assert BulkJob.objects.get().error == jobs.GIVEN_UP
    assert asked(sandbox, connected) == before


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
    wait = poll(connected)
    assert 1 <= wait <= 30
    after = BulkJob.objects.get()
    assert (after.state, after.asked_at) == (before.state, before.asked_at)


@pytest.mark.parametrize("kind", ["500", "502html", "half_json", "wrong_types"])
def test_an_answer_that_is_none_changes_nothing(connected, running, sandbox, kind):
    BulkJob.objects.update(processed=3, accepted=3)
    sandbox.post("faults", kind=kind, path="/api/v1/whatsapp/bulk-jobs", times=9)
    assert poll(connected) > 0
    job = BulkJob.objects.get()
    assert (job.processed, job.accepted, job.lost_at) == (3, 3, None)
    assert job.state not in TERMINAL_JOBS
