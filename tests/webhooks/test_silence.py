"""Delivery updates that do not come although messages were accepted."""

import html
from datetime import timedelta

import pytest
from django.urls import reverse
from django.utils import timezone

from sending.models import Attempt, Batch, BulkJob
from tests import factories
from tests.webhooks.conftest import status, statuses
from webhooks.models import Delivery, Webhook
from webhooks.services import process, renew_address, silence_of

HOURS = timedelta(hours=1)


def pages(client, team):
    return [
        html.unescape(client.get(reverse(name, args=(team.slug,))).content.decode())
        for name in ("reports:home", "webhooks:webhook_detail")
    ]


def made(team, ago=2 * 24 * HOURS):
    """Make the address, some time ago."""
    renew_address(team, by=None)
    Webhook.objects.filter(team=team).update(made_at=timezone.now() - ago)


@pytest.fixture
def sent(connected, sandbox, drain):
    """Return a function that sends to five people, as if it was some time ago."""

    def send(ago=3 * HOURS, engine="batches", count=5):
        campaign = factories.launch(
            factories.make_ready_campaign(connected, count=count), engine=engine
        )
        factories.finish(campaign)
        then = timezone.now() - ago
        Attempt.objects.update(finished_at=then)
        Batch.objects.update(settled_at=then)
        return campaign

    return send


@pytest.mark.parametrize("engine", ["batches", "singly"])
def test_home_and_the_page_say_that_updates_are_missing(connected, sent, login, viewer, engine):
    made(connected)
    sent(engine=engine)
    home, page = pages(login(viewer), connected)
    assert "No delivery updates for 3 h" in home
    assert "5 messages were accepted in this time." in home
    assert reverse("webhooks:webhook_detail", args=(connected.slug,)) in home
    assert "No update has arrived for 3 h" in page
    assert "Nothing arrives" in page and "Working" not in page


def test_it_ends_with_the_first_webhook(connected, sent):
    made(connected)
    sent()
    now = timezone.now()
    assert silence_of(connected).messages == 5
    Delivery.objects.create(team=connected, digest="a", ciphertext="", received_at=now)
    assert silence_of(connected) is None
    Delivery.objects.all().delete()
    Webhook.objects.update(last_event_at=now)
    assert silence_of(connected) is None


def test_a_real_webhook_ends_it(connected, sent, post):
    Webhook.objects.update(made_at=timezone.now() - 24 * HOURS)
    sent()
    assert silence_of(connected)
    assert post(statuses(status("wamid.x", "delivered"))).status_code == 200
    assert silence_of(connected) is None
    process(connected)
    assert silence_of(connected) is None


def test_what_arrived_before_the_messages_does_not_count(connected, sent):
    made(connected)
    sent()
    Webhook.objects.update(last_event_at=timezone.now() - 4 * HOURS)
    assert silence_of(connected).messages == 5
    Webhook.objects.update(last_event_at=timezone.now() - 2 * HOURS)
    assert silence_of(connected) is None


@pytest.mark.parametrize(
    "quiet", ["no address", "a young address", "just now", "few", "long ago", "nothing accepted"]
)
def test_nobody_is_nagged(connected, sent, login, viewer, quiet):
    if quiet != "no address":
        made(connected, ago=HOURS if quiet == "a young address" else 9 * 24 * HOURS)
    sent(
        ago={"just now": timedelta(minutes=10), "long ago": 8 * 24 * HOURS}.get(quiet, 3 * HOURS),
        count=4 if quiet == "few" else 5,
    )
    if quiet == "nothing accepted":
        BulkJob.objects.update(accepted=0, failed=5)
    assert silence_of(connected) is None
    home, page = pages(login(viewer), connected)
    assert "No delivery updates" not in home
    assert "Nothing arrives" not in page


def test_another_teams_messages_do_not_count(connected, other_team, sent):
    made(other_team)
    sent()
    assert silence_of(other_team) is None
