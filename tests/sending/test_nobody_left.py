"""A pause is for people who still wait: what it says of the others, and where there is none."""

from datetime import timedelta

import pytest
from django.urls import reverse
from django.utils import timezone

from campaigns.models import Campaign, Recipient
from sending import holds
from sending.models import BulkJob
from sending.progress_queries import load_progress, load_progresses
from sending.services import launches, receipts
from tests import factories
from tests.campaigns.pages import text
from tests.sending.test_receipts import updates_of

BULK = "/api/v1/whatsapp/bulk-import-messages"
Status = Campaign.Status


def detail(client, campaign):
    return client.get(
        reverse("campaigns:campaign_detail", args=(campaign.team.slug, campaign.uuid))
    )


@pytest.fixture
def running(connected, sandbox, drain):
    """A campaign whose only batch ChumiAI accepted; its job stands still."""
    sandbox.post("speed", speed=0)
    campaign = factories.launch(factories.make_ready_campaign(connected, count=5))
    drain("send_batches")
    campaign.refresh_from_db()
    return campaign


def test_a_person_has_nothing_to_pause(running, login, marketer):
    client = login(marketer)
    assert "pause-form" not in detail(client, running).content.decode()
    answer = client.post(
        reverse("campaigns:campaign_pause", args=("kente", running.uuid)), follow=True
    )
    assert "Nobody is left to send to. Nothing was changed." in text(answer)
    running.refresh_from_db()
    assert running.status == Status.SENDING


def test_no_hold_pauses_it(running):
    for reason in (Campaign.Pause.FAILURES, Campaign.Pause.TEMPLATE, Campaign.Pause.ACCOUNT):
        holds.apply_hold(running, holds.pause(reason))
    launches.pause_for_template(running.template)
    running.refresh_from_db()
    assert running.status == Status.SENDING


def test_failures_of_the_last_messages_pause_nothing(connected):
    campaign = factories.launch(
        factories.make_ready_campaign(connected, count=30), engine="singly"
    )
    factories.finish(campaign)
    Campaign.objects.filter(pk=campaign.pk).update(status="sending", finished_at=None)
    for person in campaign.recipients.all():
        receipts.record_statuses(connected, updates_of(person.remote_id, "failed", code=131042))
    campaign.refresh_from_db()
    assert campaign.status == Status.SENDING
    assert load_progress(campaign).failed == 30


def test_a_refused_last_batch_ends_the_campaign_and_can_be_retried(
    connected, sandbox, drain, login, marketer
):
    sandbox.fault("400", path=BULK)
    campaign = factories.launch(factories.make_ready_campaign(connected, count=5))
    drain("send_batches")
    campaign.refresh_from_db()
    assert campaign.status == Status.COMPLETED
    html = detail(login(marketer), campaign).content.decode()
    assert "Rejected by ChumiAI" in html and "Retry batch 1?" in html


def test_what_was_in_flight_at_the_pause_ends_the_campaign(running, sandbox, drain):
    Campaign.objects.filter(pk=running.pk).update(status="paused", pause_reason="person")
    drain()
    running.refresh_from_db()
    assert running.status == Status.PAUSED
    sandbox.post("speed", speed=1000)
    factories.let_time_pass()
    drain()
    running.refresh_from_db()
    assert (running.status, running.pause_reason) == (Status.COMPLETED, "")


def test_a_pause_says_what_still_goes_out_and_who_waits(
    connected, sandbox, drain, login, marketer
):
    sandbox.post("speed", speed=0)
    connected.batch_size = 10
    connected.save()
    campaign = factories.launch(factories.make_ready_campaign(connected, count=34))
    drain("send_batches")
    accepted = campaign.recipients.filter(status="accepted").count()
    campaign.refresh_from_db()
    launches.pause(
        campaign,
        reason=Campaign.Pause.TEMPLATE,
        details={"event": "job_failed", "batch": 1, "code": 132015},
    )
    shown = text(detail(login(marketer), campaign))
    assert f"{accepted} messages are already with ChumiAI and may still arrive." in shown
    assert f"{34 - accepted} people wait and have got no message yet." in shown
    assert "after it were not sent" not in shown and "remaining people" not in shown
    # Every batch after the first has gone out now.
    Recipient.objects.filter(status="pending").update(status="accepted")
    campaign.batches.filter(status="pending").update(status="accepted", claimed_at=timezone.now())
    assert "wait" not in text(detail(login(marketer), campaign)).split("may still arrive.")[0]


@pytest.mark.parametrize("engine", ["batches", "singly"])
def test_the_speed_of_a_finished_campaign_stays(connected, engine, monkeypatch):
    campaign = factories.launch(factories.make_ready_campaign(connected, count=6), engine=engine)
    factories.finish(campaign)
    began = timezone.now() - timedelta(minutes=10)
    Campaign.objects.filter(pk=campaign.pk).update(
        launched_at=began, finished_at=began + timedelta(minutes=2)
    )
    BulkJob.objects.update(changed_at=began + timedelta(minutes=1))
    campaign.refresh_from_db()
    speeds = set()
    for later in (0, 30, 90, 100_000):
        now = timezone.now() + timedelta(seconds=later)
        monkeypatch.setattr("core.clocks.now", lambda now=now: now)
        [(_campaign, progress)] = load_progresses([campaign])
        speeds.add(progress.per_minute)
    assert speeds == {3}
