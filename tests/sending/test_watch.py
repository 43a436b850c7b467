"""The heartbeat of an open campaign page: its jobs are polled more often."""

from datetime import timedelta

import pytest
from django.urls import reverse
from django.utils import timezone

from campaigns.models import Campaign
from chumi_api.errors import RateLimited
from sending import tasks
from sending.models import BulkJob
from sending.services import jobs
from tasks.models import Task
from tests import factories
from tests.campaigns.pages import url


@pytest.fixture
def running(connected, drain, sandbox):
    """A campaign whose only job does not move at ChumiAI and is not due for a while."""
    sandbox.post("speed", speed=0)
    campaign = factories.launch(factories.make_ready_campaign(connected))
    drain("send_batches", "poll_jobs")
    now = timezone.now()
    BulkJob.objects.update(
        first_seen_at=now - timedelta(hours=2), next_poll_at=now + timedelta(minutes=1)
    )
    Task.objects.filter(name="poll_jobs").update(due_at=now + timedelta(minutes=1))
    return campaign


def watch(client, campaign):
    return client.post(url(campaign, "watch"))


def seconds_to_poll():
    return (BulkJob.objects.get().next_poll_at - timezone.now()).total_seconds()


def test_it_works_for_a_viewer(running, viewer, login):
    answer = watch(login(viewer), running)
    assert (answer.status_code, answer.content) == (204, b"")
    job = BulkJob.objects.get()
    assert 50 < (job.watched_until - timezone.now()).total_seconds() <= 60
    assert 0 < seconds_to_poll() <= 2
    due_at = Task.objects.get(name="poll_jobs").due_at
    assert due_at <= timezone.now() + timedelta(seconds=2)


def test_the_job_is_polled_often_while_the_page_is_open(
    connected, running, viewer, login, sandbox
):
    watch(login(viewer), running)
    BulkJob.objects.update(next_poll_at=timezone.now())
    assert tasks.poll_jobs(connected.pk) <= 15
    assert 10 < seconds_to_poll() <= 15
    # Later no page is open.
    BulkJob.objects.update(next_poll_at=timezone.now(), watched_until=timezone.now())
    tasks.poll_jobs(connected.pk)
    assert seconds_to_poll() > 50


def test_a_second_viewer_does_not_poll_more_often(running, viewer, marketer, login):
    watch(login(viewer), running)
    BulkJob.objects.update(next_poll_at=timezone.now() + timedelta(seconds=15))
    first = BulkJob.objects.get().watched_until
    assert watch(login(marketer), running).status_code == 204
    assert seconds_to_poll() > 10
    assert BulkJob.objects.get().watched_until > first


def test_an_earlier_poll_stays(running, viewer, login):
    BulkJob.objects.update(next_poll_at=timezone.now())
    watch(login(viewer), running)
    assert seconds_to_poll() <= 0


def test_retry_after_takes_precedence(connected, running, viewer, login, sandbox):
    jobs.record_wait(connected, RateLimited("Too many requests.", retry_after=30))
    before = sandbox.get("requests")
    watch(login(viewer), running)
    assert tasks.poll_jobs(connected.pk) > 25
    assert sandbox.get("requests") == before


def test_a_finished_job_is_not_touched_and_the_page_stops(
    connected, running, viewer, login, sandbox
):
    client = login(viewer)
    page = url(running, "detail")
    assert b'id="campaign-watch"' in client.get(page).content
    sandbox.post("speed", speed=1000)
    running = factories.finish(running)
    assert running.status == Campaign.Status.COMPLETED
    answer = watch(client, running)
    # An element that is swapped for nothing is removed with its trigger.
    assert (answer.status_code, answer.content) == (200, b"")
    job = BulkJob.objects.get()
    assert (job.watched_until, job.next_poll_at) == (None, None)
    assert b'id="campaign-watch"' not in client.get(page).content


def test_jobs_of_other_campaigns_are_not_watched(connected, running, viewer, login, drain):
    other = factories.launch(factories.make_ready_campaign(connected, name="May sale"))
    drain("send_batches")
    watch(login(viewer), running)
    watched = BulkJob.objects.exclude(watched_until=None)
    assert [job.batch.campaign_id for job in watched] == [running.pk]
    assert BulkJob.objects.get(batch__campaign=other).watched_until is None


def test_a_draft_has_nothing_to_watch(team, viewer, login):
    assert watch(login(viewer), factories.make_campaign(team)).status_code == 200


def test_it_is_invisible_to_a_stranger(running, outsider, login):
    client = login(outsider)
    assert watch(client, running).status_code == 404
    foreign = reverse("campaigns:campaign_watch", args=("mango", running.uuid))
    assert client.post(foreign).status_code == 404
    assert BulkJob.objects.get().watched_until is None


def test_it_takes_a_post(running, viewer, login):
    assert login(viewer).get(url(running, "watch")).status_code == 405
    assert BulkJob.objects.get().watched_until is None
