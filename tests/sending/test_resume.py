"""Resume: what was not sent yet is sent."""

import pytest
from django.urls import reverse

from campaigns.models import Campaign
from sending.models import Batch
from sending.services import launches
from tests import factories


def url(team, campaign):
    return reverse("campaigns:campaign_resume", args=(team.slug, campaign.uuid))


@pytest.fixture
def campaign(connected):
    row = factories.launch(factories.make_ready_campaign(connected))
    launches.pause(row)
    return row


def test_it_works(connected, campaign, marketer, login, drain, sandbox):
    answer = login(marketer).post(url(connected, campaign), follow=True)
    assert b"Campaign resumed" in answer.content
    campaign.refresh_from_db()
    assert campaign.status == Campaign.Status.SENDING
    assert (campaign.pause_reason, campaign.pause_details) == ("", {})
    drain("send_batches")
    assert len(sandbox.ledger(account=connected.slug)) == 5


def test_it_is_refused_to_a_viewer(connected, campaign, viewer, login):
    assert login(viewer).post(url(connected, campaign)).status_code == 403
    campaign.refresh_from_db()
    assert campaign.status == Campaign.Status.PAUSED


def test_it_is_invisible_to_a_stranger(connected, other_team, campaign, outsider, login):
    client = login(outsider)
    assert client.post(url(connected, campaign)).status_code == 404
    assert client.post(url(other_team, campaign)).status_code == 404
    campaign.refresh_from_db()
    assert campaign.status == Campaign.Status.PAUSED


def test_an_unconfirmed_batch_blocks_resuming(connected, campaign, marketer, login):
    campaign.batches.update(status=Batch.Status.UNCONFIRMED, claimed_at=campaign.launched_at)
    client = login(marketer)
    page = reverse("campaigns:campaign_detail", args=(connected.slug, campaign.uuid))
    assert b"resume-form" not in client.get(page).content
    answer = client.post(url(connected, campaign), follow=True)
    assert b"A batch is still unconfirmed." in answer.content
    campaign.refresh_from_db()
    assert campaign.status == Campaign.Status.PAUSED


def test_twice_is_said(connected, campaign, marketer, login, drain, sandbox):
    client = login(marketer)
    client.post(url(connected, campaign))
    assert b"not paused" in client.post(url(connected, campaign), follow=True).content
    drain("send_batches")
    assert len(sandbox.ledger(account=connected.slug)) == 5


def test_a_key_problem_leads_to_the_connection(connected, campaign, marketer, login):
    Campaign.objects.filter(pk=campaign.pk).update(
        pause_reason=Campaign.Pause.FORBIDDEN,
        pause_details={"message": "The key may not send."},
    )
    page = reverse("campaigns:campaign_detail", args=(connected.slug, campaign.uuid))
    html = login(marketer).get(page).content.decode()
    assert "The key lacks a permission." in html
    assert "The key may not send." in html
    notices = html[html.index("campaign-notices") : html.index("resume-form")]
    assert reverse("teams:connection", args=(connected.slug,)) in notices
