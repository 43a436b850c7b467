"""Pause a campaign before its next batch."""

import pytest
from django.urls import reverse

from campaigns.models import Campaign
from sending.models import Batch
from tests import factories


def url(team, campaign):
    return reverse("campaigns:campaign_pause", args=(team.slug, campaign.uuid))


@pytest.fixture
def campaign(connected):
    return factories.launch(factories.make_ready_campaign(connected))


def test_it_works(connected, campaign, marketer, login, drain, sandbox):
    answer = login(marketer).post(url(connected, campaign), follow=True)
    campaign.refresh_from_db()
    assert campaign.status == Campaign.Status.PAUSED
    assert campaign.pause_reason == Campaign.Pause.PERSON
    assert b"Campaign paused" in answer.content
    assert b"resume-form" in answer.content and b"pause-form" not in answer.content
    drain()
    assert sandbox.ledger(account=connected.slug) == []
    assert campaign.batches.get().status == Batch.Status.PENDING


def test_it_is_refused_to_a_viewer(connected, campaign, viewer, login):
    assert login(viewer).post(url(connected, campaign)).status_code == 403
    campaign.refresh_from_db()
    assert campaign.status == Campaign.Status.QUEUED


def test_it_is_invisible_to_a_stranger(connected, other_team, campaign, outsider, login):
    client = login(outsider)
    assert client.post(url(connected, campaign)).status_code == 404
    assert client.post(url(other_team, campaign)).status_code == 404
    campaign.refresh_from_db()
    assert campaign.status == Campaign.Status.QUEUED


def test_it_takes_a_post(connected, campaign, marketer, login):
    assert login(marketer).get(url(connected, campaign)).status_code == 405


def test_twice_is_said(connected, campaign, marketer, login):
    client = login(marketer)
    client.post(url(connected, campaign))
    answer = client.post(url(connected, campaign), follow=True)
    assert b"This campaign is not sending." in answer.content
    campaign.refresh_from_db()
    assert campaign.status == Campaign.Status.PAUSED


def test_a_draft_is_not_paused(team, marketer, login):
    draft = factories.make_campaign(team)
    assert login(marketer).post(url(team, draft)).status_code == 302
    draft.refresh_from_db()
    assert draft.status == Campaign.Status.DRAFT


def test_the_question_says_what_still_goes_out(connected, marketer, login, drain, sandbox):
    connected.batch_size = 10
    connected.save()
    campaign = factories.launch(factories.make_ready_campaign(connected, count=40))
    sandbox.post("speed", speed=0)
    drain("send_batches")
    page = reverse("campaigns:campaign_detail", args=(connected.slug, campaign.uuid))
    html = login(marketer).get(page).content.decode()
    out = sum(b.submitted for b in campaign.batches.filter(status="accepted"))
    assert out == 19
    assert f"{out} messages in progress may still arrive." in html
