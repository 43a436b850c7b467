"""Settle a batch for which ChumiAI shows no job."""

from datetime import timedelta

import pytest
from django.urls import reverse
from django.utils import timezone

from campaigns.models import Campaign, Recipient
from sending.models import Attempt, Batch
from sending.services import launches
from tests import factories

BULK = "/api/v1/whatsapp/bulk-import-messages"


def url(team, batch):
    return reverse("campaigns:batch_decide", args=(team.slug, batch.uuid))


def page(client, team, campaign):
    detail = reverse("campaigns:campaign_detail", args=(team.slug, campaign.uuid))
    return client.get(detail).content.decode()


@pytest.fixture
def searched(connected, drain, sandbox):
    """A batch that got no clear answer, while we are looking for its job."""
    campaign = factories.launch(factories.make_ready_campaign(connected))
    sandbox.post("faults", kind="500", path=BULK, account=connected.slug)
    drain("send_batches")
    batch = campaign.batches.get()
    assert batch.status == Batch.Status.UNCONFIRMED
    return batch


@pytest.fixture
def batch(searched):
    """The same batch after the search has ended."""
    Batch.objects.filter(pk=searched.pk).update(
        claimed_at=timezone.now() - timedelta(minutes=10),
        search_ended_at=timezone.now(),
        next_search_at=None,
        searches=7,
    )
    searched.refresh_from_db()
    return searched


def test_while_we_look_there_is_nothing_to_press(connected, searched, marketer, login, sandbox):
    client = login(marketer)
    html = page(client, connected, searched.campaign)
    assert "It may have started." in html
    assert "Nothing will be sent twice." in html
    assert "send_again" not in html and "Send again" not in html
    answer = client.post(url(connected, searched), {"decision": "send_again"}, follow=True)
    assert b"Nothing was changed" in answer.content
    searched.refresh_from_db()
    assert searched.status == Batch.Status.UNCONFIRMED
    assert sandbox.ledger(account=connected.slug) == []


def test_the_page_offers_the_three_answers(connected, batch, marketer, login):
    html = page(login(marketer), connected, batch.campaign)
    assert "after 10 min and 7 searches. It was most likely not sent." in html
    for decision in ("send_again", "count_as_sent", "skip"):
        assert f'value="{decision}"' in html
    assert "resume-form" not in html


def test_send_again(connected, batch, marketer, login, drain, sandbox):
    login(marketer).post(url(connected, batch), {"decision": "send_again"})
    drain("send_batches")
    batch.refresh_from_db()
    assert batch.status == Batch.Status.ACCEPTED
    assert batch.decided_by == marketer
    assert len(sandbox.ledger(account=connected.slug)) == 5


def test_count_as_sent(connected, batch, marketer, login, drain, sandbox):
    client = login(marketer)
    client.post(url(connected, batch), {"decision": "count_as_sent"})
    drain("send_batches")
    batch.campaign.refresh_from_db()
    assert batch.campaign.status == Campaign.Status.COMPLETED
    assert sandbox.ledger(account=connected.slug) == []
    html = page(client, connected, batch.campaign)
    assert "Counted as sent" in html
    assert "Kofi Boateng decided to count this batch as sent." in html


def test_leave_out(connected, batch, marketer, login, drain, sandbox):
    client = login(marketer)
    client.post(url(connected, batch), {"decision": "skip"})
    drain("send_batches")
    assert set(Recipient.objects.values_list("status", flat=True)) == {"skipped"}
    assert sandbox.ledger(account=connected.slug) == []
    assert "Kofi Boateng decided to skip this batch." in page(client, connected, batch.campaign)


def test_twice_is_once(connected, batch, marketer, login, drain, sandbox):
    client = login(marketer)
    client.post(url(connected, batch), {"decision": "send_again"})
    answer = client.post(url(connected, batch), {"decision": "send_again"}, follow=True)
    assert b"already settled" in answer.content
    drain("send_batches")
    assert len(sandbox.ledger(account=connected.slug)) == 5
    assert Attempt.objects.count() == 2


@pytest.mark.parametrize("decision", ["", "maybe", "SEND_AGAIN", "\0"])
def test_another_answer_changes_nothing(connected, batch, marketer, login, decision):
    client = login(marketer)
    answer = client.post(url(connected, batch), {"decision": decision}, follow=True)
    assert b"Choose one of the three answers" in answer.content
    batch.refresh_from_db()
    assert batch.status == Batch.Status.UNCONFIRMED


def test_a_stopped_campaign_sends_nothing_again(connected, batch, marketer, login, drain, sandbox):
    launches.stop(batch.campaign, by=marketer)
    client = login(marketer)
    assert 'value="send_again"' not in page(client, connected, batch.campaign)
    answer = client.post(url(connected, batch), {"decision": "send_again"}, follow=True)
    assert b"has ended, so nothing is sent" in answer.content
    batch.refresh_from_db()
    assert batch.status == Batch.Status.UNCONFIRMED
    drain("send_batches")
    assert sandbox.ledger(account=connected.slug) == []


def test_it_is_refused_to_a_viewer(connected, batch, viewer, login):
    client = login(viewer)
    assert client.post(url(connected, batch), {"decision": "send_again"}).status_code == 403
    html = page(client, connected, batch.campaign)
    assert "needs a decision" in html and "send_again" not in html
    batch.refresh_from_db()
    assert batch.status == Batch.Status.UNCONFIRMED


def test_it_is_invisible_to_a_stranger(connected, other_team, batch, outsider, login):
    client = login(outsider)
    assert client.post(url(connected, batch), {"decision": "send_again"}).status_code == 404
    assert client.post(url(other_team, batch), {"decision": "send_again"}).status_code == 404
    batch.refresh_from_db()
    assert batch.status == Batch.Status.UNCONFIRMED
