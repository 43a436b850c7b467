"""The counters of a job: those that can't be don't count, and those that can don't contradict."""

import pytest
from django.urls import reverse
from django.utils import timezone

from campaigns.models import Campaign
from chumi_api.parsing.jobs import parse_job_answer
from chumi_api.types import BulkJob as RemoteJob
from chumi_api.types import JobState
from sending import holds
from sending.counters import Counters, merge
from sending.models import BulkJob
from sending.progress_queries import load_progress
from sending.services import jobs
from tests import factories


@pytest.mark.parametrize(
    ("said", "fits"),
    [
        ({"processed": 60, "accepted": 55, "failed": 5}, True),
        ({"processed": 40, "accepted": 40}, True),
        # Everyone was accepted, and five failed later.
        ({"processed": 60, "accepted": 60, "failed": 5}, True),
        # A header that counts as a row.
        ({"processed": 61, "accepted": 60, "failed": 1}, True),
        ({"accepted": 180}, False),
        ({"failed": 62}, False),
        ({"processed": 120}, False),
        ({"skipped": 99}, False),
        ({"accepted": 50, "failed": 40}, False),
        ({"accepted": 60, "failed": 60}, False),
    ],
)
def test_which_counters_can_be(said, fits):
    assert Counters(**said).fit(60) is fits
    remote = RemoteJob("j", state=JobState.RUNNING, **said)
    assert (merge(Counters(), remote, named=0, people=60) is not None) is fits


def test_without_a_size_everything_can_be():
    assert Counters(accepted=5, failed=9).fit(None)


def test_a_counter_falls_only_where_it_would_contradict():
    known = Counters(60, 58, 0, 0)
    lower = merge(known, RemoteJob("j", processed=20, accepted=20), named=0, people=60)
    assert lower == known
    moved = merge(known, RemoteJob("j", processed=60, accepted=30, failed=30), named=0, people=60)
    assert moved == Counters(60, 30, 30, 0)


def test_people_with_names_have_failed_and_are_not_skipped():
    said = RemoteJob("j", processed=60, accepted=57, failed=1, skipped=2)
    assert merge(Counters(), said, named=3, people=60) == Counters(60, 57, 3, 0)


@pytest.mark.parametrize(
    "counters", [{"sent": 180}, {"sent": 5, "failed": 99}, {"processed": 7, "total": 5}]
)
def test_an_answer_with_too_much_is_not_believed(counters):
    body = {"status": "processing", "total": 60, **counters}
    job = parse_job_answer(body, "j")
    assert not job.is_believable
    assert max(filter(None, (job.accepted, job.failed, job.processed)), default=0) <= job.total


@pytest.fixture
def running(connected, drain, sandbox):
    """A campaign of two batches whose first job stands still at ChumiAI."""
    sandbox.post("speed", speed=0)
    connected.batch_size, connected.open_jobs = 60, 1
    connected.save()
    campaign = factories.launch(factories.make_ready_campaign(connected, count=100))
    drain("send_batches")
    return campaign


def say(**body):
    job = BulkJob.objects.get()
    jobs.apply_status(job, parse_job_answer(body, job.remote_id))
    job.refresh_from_db()
    return job


def test_impossible_counters_are_a_dash_with_a_word(running, login, marketer):
    size = running.batches.get(number=1).size
    assert not say(status="processing", total=size, sent=5, failed=0).counters_wrong
    job = say(status="processing", total=size, sent=3 * size, failed=0)
    assert job.counters_wrong and job.total == size
    # Nor are later ones believed: all of them have failed now.
    job = say(status="completed", total=size, sent=0, failed=size)
    assert (job.state, job.counters_wrong, job.accepted, job.failed) == (
        "completed", True, 0, 0
    )  # fmt: skip
    progress = load_progress(running)
    first = progress.batches[0]
    assert (first.accepted, first.failed, first.unreported) == (None, None, size)
    assert holds.too_many_failed(running, timezone.now()) is None
    client = login(marketer)
    page = client.get(reverse("campaigns:campaign_detail", args=("kente", running.uuid)))
    row = factories.soup(page).select_one(f"#row-{first.uuid}")
    assert "ChumiAI's counters can't be right, so they are not shown." in row.get_text()
    assert [cell.get_text(strip=True) for cell in row.select("td.number")] == ["—", "—"]
    history = factories.soup(client.get(reverse("campaigns:job_list", args=("kente",))))
    row = history.select_one("main tbody tr")
    assert [cell.get_text(strip=True) for cell in row.select("td.number")] == ["—", "—"]
    assert "counters can't be right" in row.get_text()


def test_a_job_that_sent_nothing_failed_for_everyone(running, sandbox, drain):
    size = running.batches.get(number=1).size
    error = "(#132015) Template is paused"
    say(status="failed", total=size, sent=0, failed=0, error=error)
    progress = load_progress(running)
    assert (progress.failed, progress.unreported) == (size, 0)
    people = running.recipients.filter(status="failed", failure_code=132015)
    assert people.count() == size
    drain("send_batches")
    running.refresh_from_db()
    assert (running.status, running.pause_details["event"]) == ("paused", "job_failed")


def test_a_job_that_sent_something_leaves_the_rest_open(running):
    size = running.batches.get(number=1).size
    say(status="failed", total=size, sent=5, failed=0)
    progress = load_progress(running)
    assert (progress.accepted, progress.failed, progress.unreported) == (5, None, size - 5)
    assert not running.recipients.filter(status="failed").exists()


def test_the_last_job_that_fails_ends_the_campaign(connected, sandbox, drain):
    sandbox.post("speed", speed=0)
    campaign = factories.launch(factories.make_ready_campaign(connected, count=5))
    drain("send_batches")
    say(status="failed", total=5, sent=0, failed=0, error="(#132015) Template is paused")
    drain("send_batches")
    campaign.refresh_from_db()
    assert campaign.status == Campaign.Status.COMPLETED
    assert load_progress(campaign).failed == 5
