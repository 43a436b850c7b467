"""A job that ChumiAI names and never shows, and a job that two answers name."""

from datetime import timedelta

import pytest
from django.urls import reverse
from django.utils import timezone

from campaigns.models import Campaign, Recipient
from sending.models import Attempt, Batch, BulkJob
from sending.services import batches, jobs
from tests import factories

BULK = "/api/v1/whatsapp/bulk-import-messages"
States = Batch.Status


def launched(team, *, count=5):
    return factories.launch(factories.make_ready_campaign(team, count=count))


def grow_old():
    """Let each job be older than what may only be late in the list."""
    BulkJob.objects.update(first_seen_at=timezone.now() - jobs.SHOWN_WITHIN * 2)


def end_searches():
    """Let each search be old enough to end."""
    Batch.objects.filter(status=States.UNCONFIRMED).update(
        claimed_at=timezone.now() - timedelta(minutes=20), searches=9
    )


def page(client, campaign):
    url = reverse("campaigns:campaign_detail", args=(campaign.team.slug, campaign.uuid))
    return client.get(url).content.decode()


def statuses(campaign):
    return set(campaign.recipients.values_list("status", flat=True))


@pytest.fixture
def phantom(connected, sandbox, drain):
    """A campaign whose one batch was answered with the id of a job that does not exist."""
    sandbox.fault("made_up_id", path=BULK, method="POST", account=connected.slug)
    campaign = launched(connected)
    drain("send_batches")
    assert campaign.batches.get().status == States.ACCEPTED
    return campaign


def test_a_job_never_shown_is_an_unconfirmed_batch(
    phantom, connected, sandbox, drain, login, marketer
):
    factories.let_time_pass()
    drain("poll_jobs")
    # It may only be late.
    assert phantom.batches.get().status == States.ACCEPTED
    assert "We wait until its job list shows it" in page(login(marketer), phantom)
    grow_old()
    factories.let_time_pass()
    drain("poll_jobs")
    batch = phantom.batches.get()
    assert (batch.status, statuses(phantom)) == (States.UNCONFIRMED, {"unconfirmed"})
    assert not BulkJob.objects.exists()
    attempt = Attempt.objects.get()
    assert (attempt.outcome, attempt.error) == ("unconfirmed", batches.NEVER_SHOWN)
    phantom.refresh_from_db()
    assert (phantom.status, phantom.pause_reason) == ("paused", "unconfirmed")
    end_searches()
    factories.let_time_pass()
    drain("send_batches")
    html = page(login(marketer), phantom)
    assert "needs your decision" in html and 'value="send_again"' in html
    assert "no longer lists this job" not in html
    login(marketer).post(
        reverse("campaigns:batch_decide", args=(connected.slug, batch.uuid)),
        {"decision": "send_again"},
    )
    factories.finish(phantom)
    assert phantom.status == Campaign.Status.COMPLETED
    assert len(sandbox.ledger(account=connected.slug)) == 5


def test_a_campaign_that_has_ended_asks_as_well(phantom, drain):
    phantom.refresh_from_db()
    job = BulkJob.objects.get()
    jobs.stop_polling(job, BulkJob.Stop.TIMED_OUT)
    drain("send_batches")
    phantom.refresh_from_db()
    assert phantom.status == Campaign.Status.COMPLETED
    assert batches.record_never_shown(job)
    phantom.refresh_from_db()
    assert (phantom.status, phantom.pause_reason) == ("paused", "unconfirmed")


def test_a_job_that_is_late_in_the_list_is_followed(connected, sandbox, drain):
    campaign = launched(connected)
    drain("send_batches")
    sandbox.post("jobs/last", account=connected.slug, action="vanish")
    for _ in range(3):
        factories.let_time_pass()
        drain("poll_jobs", "send_batches")
        assert campaign.batches.get().status == States.ACCEPTED
    sandbox.post("jobs/last", account=connected.slug, action="resume")
    factories.finish(campaign)
    assert campaign.status == Campaign.Status.COMPLETED
    assert BulkJob.objects.get().state == "completed"


def test_a_job_that_shows_after_all_is_found(connected, sandbox, drain):
    campaign = launched(connected)
    drain("send_batches")
    sandbox.post("jobs/last", account=connected.slug, action="vanish")
    grow_old()
    factories.let_time_pass()
    drain("poll_jobs")
    assert campaign.batches.get().status == States.UNCONFIRMED
    sandbox.post("jobs/last", account=connected.slug, action="resume")
    factories.finish(campaign)
    assert (campaign.status, statuses(campaign)) == ("completed", {"accepted"})
    assert BulkJob.objects.get().batch == campaign.batches.get()
    assert len(sandbox.ledger(account=connected.slug)) == 5


def test_a_job_shown_at_the_last_moment_stays(phantom):
    job = BulkJob.objects.get()
    BulkJob.objects.update(asked_at=timezone.now())
    assert not batches.record_never_shown(job)
    assert phantom.batches.get().status == States.ACCEPTED


@pytest.fixture
def two_batches(connected):
    connected.batch_size = 4
    connected.save()
    return launched(connected, count=7)


def test_two_answers_with_one_job_leave_the_second_batch_unconfirmed(two_batches, sandbox, drain):
    sandbox.fault("made_up_id", path=BULK, times=2)
    drain("send_batches")
    first, second = two_batches.batches.order_by("number")
    assert (first.status, second.status) == (States.ACCEPTED, States.UNCONFIRMED)
    assert BulkJob.objects.get().batch == first
    assert second.attempts.get().error == batches.OTHERS_JOB
    people = Recipient.objects.of_batch(second)
    assert set(people.values_list("status", flat=True)) == {"unconfirmed"}
    grow_old()
    factories.let_time_pass()
    drain("poll_jobs")
    first.refresh_from_db()
    assert first.status == States.UNCONFIRMED


def test_two_batches_whose_answers_named_one_job_are_found_by_their_files(
    two_batches, sandbox, drain
):
    sandbox.fault("made_up_id", path=BULK, times=2, accepted=True)
    drain("send_batches")
    grow_old()
    factories.finish(two_batches)
    assert set(two_batches.batches.values_list("status", flat=True)) == {States.ACCEPTED}
    linked = BulkJob.objects.exclude(batch=None)
    assert linked.count() == 2 and not linked.filter(remote_id="job_made_up").exists()
    assert len(sandbox.ledger(account=two_batches.team.slug)) == 7


def test_an_answer_that_names_an_older_job_says_nothing(connected, sandbox, drain):
    first = launched(connected)
    factories.finish(first)
    older = BulkJob.objects.get()
    sandbox.fault("made_up_id", path=BULK, id=older.remote_id)
    second = launched(connected)
    drain("send_batches")
    assert second.batches.get().status == States.UNCONFIRMED
    older.refresh_from_db()
    assert older.batch == first.batches.get()
