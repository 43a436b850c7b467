"""End a campaign for good."""

import pytest
from django.urls import reverse

from campaigns.models import Campaign, Recipient
from tests import factories


def url(team, campaign):
    return reverse("campaigns:campaign_stop", args=(team.slug, campaign.uuid))


def page(client, team, campaign):
    detail = reverse("campaigns:campaign_detail", args=(team.slug, campaign.uuid))
    return client.get(detail).content.decode()


@pytest.fixture
def campaign(connected):
    return factories.launch(factories.make_ready_campaign(connected))


def test_it_works(connected, campaign, marketer, login, drain, sandbox):
    answer = login(marketer).post(url(connected, campaign), follow=True)
    assert b"No more messages will be sent." in answer.content
    campaign.refresh_from_db()
    assert campaign.status == Campaign.Status.STOPPED
    drain()
    assert sandbox.ledger(account=connected.slug) == []
    assert set(Recipient.objects.values_list("status", flat=True)) == {"skipped"}


def test_what_chumiai_has_still_counts(connected, marketer, login, drain, sandbox):
    connected.batch_size = 10
    connected.save()
    campaign = factories.launch(factories.make_ready_campaign(connected, count=40))
    sandbox.post("speed", speed=0)
    drain("send_batches")
    client = login(marketer)
    html = page(client, connected, campaign)
    assert "19 messages already with ChumiAI may still arrive." in html
    client.post(url(connected, campaign))
    html = page(client, connected, campaign)
    assert "19 messages already with ChumiAI may still arrive." in html
    assert "The campaign was stopped before this batch." in html
    assert 'hx-trigger="every' in html, "open jobs are still watched"
    assert "stop-form" not in html and "pause-form" not in html


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


def test_twice_is_said(connected, campaign, marketer, login):
    client = login(marketer)
    client.post(url(connected, campaign))
    campaign.refresh_from_db()
    ended = campaign.finished_at
    assert b"has already ended" in client.post(url(connected, campaign), follow=True).content
    campaign.refresh_from_db()
    assert campaign.finished_at == ended


def test_a_draft_is_not_stopped(team, marketer, login):
    draft = factories.make_campaign(team)
    assert login(marketer).post(url(team, draft)).status_code == 302
    draft.refresh_from_db()
    assert draft.status == Campaign.Status.DRAFT
