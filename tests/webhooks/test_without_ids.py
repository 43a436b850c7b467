"""A bulk job that names no messages: each is known by its number and the first news of it."""

from datetime import timedelta
from itertools import permutations
from types import SimpleNamespace

import pytest
from django.utils import timezone

from campaigns.models import Campaign, ReceiptSource, Recipient
from campaigns.standing import standing_of
from tests import factories
from tests.webhooks.conftest import envelope, status, statuses
from webhooks.models import Delivery, WebhookEvent

pytestmark = pytest.mark.django_db

DAY = timedelta(days=1)


def news(person, *words, remote_id="wamid.1", after=timedelta(seconds=5), code=131026):
    """Return statuses of a message to the person, so long after it was handed over."""
    at = round((timezone.now() + after).timestamp())
    who = {"recipient_id": person.phone[1:]}
    return statuses(*(status(remote_id, word, code=code, at=at) | who for word in words))


@pytest.fixture
def parts(connected, marketer, tell):
    """A campaign in parts whose job named nobody, of a team that is told what arrives."""
    tell(statuses(status("wamid.earlier", "sent")))
    campaign = send(connected, marketer)
    return SimpleNamespace(campaign=campaign, people=people_of(campaign))


def send(team, by, **kwargs):
    campaign = factories.make_ready_campaign(team, count=3, by=by, **kwargs)
    factories.launch(campaign, by=by)
    return factories.finish(campaign)


def people_of(campaign):
    return list(campaign.recipients.order_by("position"))


def named(campaign):
    return [person.remote_id for person in people_of(campaign)]


def test_the_one_that_fits_is_told_of(parts, tell):
    first, second, third = parts.people
    assert named(parts.campaign) == ["", "", ""]
    tell(news(first, "sent"), news(second, "sent", "failed", remote_id="wamid.2"))
    # From then on the id counts, however late.
    tell(news(first, "read", after=5 * DAY))
    progress = standing_of(parts.campaign)
    assert named(parts.campaign) == ["wamid.1", "wamid.2", ""]
    assert (progress.accepted, progress.failed) == (2, 1)
    assert (progress.receipts.told, progress.receipts.read) == (2 - 1, 1)
    assert not WebhookEvent.objects.filter(state="waiting", data__message="wamid.1").exists()
    assert third.remote_id == ""


@pytest.mark.parametrize("order", list(permutations(("sent", "delivered", "read"))))
def test_in_any_order_the_end_is_the_same(parts, tell, order):
    for word in order:
        tell(news(parts.people[0], word, after=5 * DAY if word == "read" else timedelta(0)))
    WebhookEvent.objects.filter(state="waiting").update(next_try_at=timezone.now())
    tell(envelope(messages=[]))
    person = people_of(parts.campaign)[0]
    assert (person.remote_id, person.reached) == ("wamid.1", Recipient.Reached.READ)


def test_news_that_overtake_our_own_record_wait_for_it(parts, tell):
    parts.campaign.recipients.update(status="submitting", settled_at=None)
    tell(news(parts.people[0], "sent", "delivered"))
    assert named(parts.campaign)[0] == ""
    parts.campaign.recipients.update(status="accepted", settled_at=timezone.now())
    WebhookEvent.objects.filter(state="waiting").update(next_try_at=timezone.now())
    tell(envelope(messages=[]))
    person = people_of(parts.campaign)[0]
    assert (person.remote_id, person.reached) == ("wamid.1", Recipient.Reached.DELIVERED)


def test_where_two_fit_nobody_is(parts, tell, connected, marketer):
    other = send(connected, marketer, name="The same people")
    tell(news(parts.people[0], "read"))
    assert {*named(parts.campaign), *named(other)} == {""}
    assert WebhookEvent.objects.filter(state="waiting", data__message="wamid.1").exists()


def test_of_two_messages_the_first_is_the_campaigns(parts, tell):
    later = news(parts.people[0], "sent", remote_id="wamid.answer", after=timedelta(minutes=3))
    tell(later, news(parts.people[0], "sent"))
    assert named(parts.campaign)[0] == "wamid.1"
    assert people_of(parts.campaign)[0].reached == Recipient.Reached.SENT


def test_what_was_told_of_before_it_was_sent_is_another(parts, tell, connected, marketer):
    # Something that nobody here sent, an hour before; it is read in the moment of the campaign.
    tell(news(parts.people[0], "sent", remote_id="wamid.old", after=timedelta(hours=-1)))
    tell(news(parts.people[0], "read", remote_id="wamid.old"))
    assert named(parts.campaign)[0] == ""


def test_what_was_sent_before_anybody_told_us_anything_is_nobodys(parts, tell):
    ReceiptSource.objects.update(told_since=timezone.now() + timedelta(hours=1))
    tell(news(parts.people[0], "sent", after=timedelta(hours=1)))
    assert named(parts.campaign)[0] == ""


def test_an_answer_by_hand_is_not_the_campaigns(parts, tell):
    told = {"from": "15550000000", "to": parts.people[0].phone[1:], "id": "wamid.hand"}
    text = {"type": "text", "text": {"body": "With pleasure"}, "timestamp": f"{timezone.now():%s}"}
    tell(envelope("smb_message_echoes", message_echoes=[told | text]))
    tell(news(parts.people[0], "read", remote_id="wamid.hand"))
    assert named(parts.campaign)[0] == ""


def test_a_send_without_a_clear_answer_may_be_the_one(parts, tell, connected, marketer):
    other = send(connected, marketer, name="No clear answer")
    other.recipients.update(status="unconfirmed", settled_at=None)
    Campaign.objects.filter(pk=other.pk).update(launched_at=timezone.now())
    tell(news(parts.people[0], "read"))
    assert {*named(parts.campaign), *named(other)} == {""}


def test_who_is_tried_again_is_not_told_of_the_first_try(parts, tell):
    parts.campaign.recipients.update(retries=1)
    tell(news(parts.people[0], "read"))
    assert named(parts.campaign)[0] == ""


def test_a_message_of_the_history_names_its_send(parts, tell):
    at = f"{timezone.now():%s}"
    told = {"from": "15550000000", "to": parts.people[0].phone[1:], "id": "wamid.7"}
    kind = {"type": "template", "template": {"name": "welcome_message"}, "timestamp": at}
    tell(envelope("smb_message_echoes", message_echoes=[told | kind]))
    tell(news(parts.people[0], "read", remote_id="wamid.7"))
    person = people_of(parts.campaign)[0]
    assert (person.remote_id, person.reached) == ("wamid.7", Recipient.Reached.READ)


@pytest.mark.parametrize("odd", ["wamid." + "x" * 300, "wamid.a\0b", "wamid.\ud800"])
def test_an_odd_id_names_nothing_and_holds_nothing_up(parts, tell, odd):
    tell(news(parts.people[0], "sent", remote_id=odd), news(parts.people[1], "read"))
    assert not Delivery.objects.filter(processed_at=None).exists()
    assert named(parts.campaign)[1] == "wamid.1"
    assert len(named(parts.campaign)[0]) <= 200
