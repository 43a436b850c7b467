"""A bulk job that names no messages: each is known by its number and the first news of it."""

from datetime import timedelta
from itertools import permutations
from types import SimpleNamespace

import pytest
from django.urls import reverse
from django.utils import timezone

from campaigns.models import Batch, Campaign, ReceiptSource, Recipient
from campaigns.services import batches
from campaigns.services.batches import Decision
from campaigns.standing import standing_of
from chumi_api.types import Message
from conversations import threads
from conversations.models import Conversation
from conversations.services import record_messages
from core.errors import Refused
from tests import factories
from tests.webhooks.conftest import envelope, status, statuses
from webhooks.models import Delivery, WebhookEvent

pytestmark = pytest.mark.django_db

DAY = timedelta(days=1)
PATHS = {"batches": "bulk-import-messages", "singly": "send-template"}


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


def wrote(team, person, *, ago):
    """Let the person have written to us, so that the business may answer freely."""
    at = timezone.now() - ago
    told = Message(remote_id=f"in.{at}", phone=person.phone[1:], inbound=True, text="Hi", at=at)
    record_messages(team, [told])


@pytest.mark.parametrize(
    ("ago", "after", "is_ours"),
    [
        (timedelta(hours=1), timedelta(minutes=5), True),
        (timedelta(hours=1), timedelta(hours=2), False),
        (timedelta(hours=-1), timedelta(hours=2), False),
        (timedelta(hours=30), timedelta(hours=2), True),
        (timedelta(hours=-3), timedelta(hours=2), True),
    ],
)
def test_while_the_window_is_open_it_may_be_by_hand(parts, tell, connected, ago, after, is_ours):
    wrote(connected, parts.people[0], ago=ago)
    tell(news(parts.people[0], "read", after=after))
    assert named(parts.campaign)[0] == ("wamid.1" if is_ours else "")


def test_an_answer_by_hand_is_not_the_campaigns(parts, tell):
    told = {"from": "15550000000", "to": parts.people[0].phone[1:], "id": "wamid.hand"}
    text = {"type": "text", "text": {"body": "With pleasure"}, "timestamp": f"{timezone.now():%s}"}
    tell(envelope("smb_message_echoes", message_echoes=[told | text]))
    tell(news(parts.people[0], "read", remote_id="wamid.hand"))
    assert named(parts.campaign)[0] == ""


def unclear(team, by, sandbox, *, engine="batches", kind="500", **kwargs):
    """Return a campaign whose first request got no clear answer."""
    campaign = factories.make_ready_campaign(team, count=3, by=by, **kwargs)
    factories.launch(campaign, by=by, engine=engine)
    path = "/api/v1/whatsapp/" + PATHS[engine]
    sandbox.post("faults", kind=kind, path=path, account=factories.account_of(team))
    factories.drain("send_batches")
    campaign.refresh_from_db()
    return campaign


def doubts(campaign):
    return campaign.recipients.filter(status="unconfirmed").order_by("position")


def test_a_part_without_a_clear_answer_may_be_the_one(parts, tell, connected, marketer, sandbox):
    other = unclear(connected, marketer, sandbox, name="No clear answer")
    assert doubts(other).count() == 3
    tell(news(parts.people[0], "read"))
    assert {*named(parts.campaign), *named(other)} == {""}


def test_a_part_that_was_told_of_is_never_sent_again(tell, connected, marketer, sandbox, login):
    tell(statuses(status("wamid.earlier", "sent")))
    campaign = unclear(connected, marketer, sandbox)
    batch = campaign.batches.get()
    Batch.objects.update(search_ended_at=timezone.now(), next_look_at=None, candidates=2)
    client = login(marketer)
    address = reverse("campaigns:campaign_detail", args=(connected.slug, campaign.uuid))
    assert b"Send again" in client.get(address).content
    tell(news(doubts(campaign)[0], "delivered"))
    page = client.get(address).content.decode()
    assert "WhatsApp told us of 1 message of it. It was sent." in page
    assert "Send again" not in page and "Count as sent" in page
    batch.refresh_from_db()
    with pytest.raises(Refused, match="it was sent"):
        batches.decide(batch, Decision.SEND_AGAIN, by=marketer)
    batches.decide(batch, Decision.COUNT_AS_SENT, by=marketer)
    progress = standing_of(campaign)
    assert (progress.accepted, progress.receipts.delivered) == (3, 1)


def test_a_message_that_was_told_of_is_in_doubt_no_more(tell, connected, marketer, sandbox):
    tell(statuses(status("wamid.earlier", "sent")))
    connected.parallel_sends = 1
    connected.save()
    campaign = unclear(connected, marketer, sandbox, engine="singly", kind="accepted_then_500")
    (person,) = doubts(campaign)
    tell(news(person, "sent", "delivered"))
    person.refresh_from_db()
    assert (person.status, person.remote_id) == ("accepted", "wamid.1")
    assert person.reached == Recipient.Reached.DELIVERED
    assert person.attempts.get().outcome == "accepted"
    # Told again, it is as it was; and nothing went out twice.
    tell(news(person, "sent", "delivered", after=timedelta(seconds=7)))
    assert standing_of(factories.finish(campaign)).accepted == 3
    told = [line["to"] for line in sandbox.ledger(factories.account_of(connected))]
    assert len(told) == len(set(told)) == 3


def test_doubts_that_are_settled_let_the_campaign_go_on(tell, connected, marketer, sandbox):
    tell(statuses(status("wamid.earlier", "sent")))
    campaign = factories.make_ready_campaign(connected, count=12, by=marketer)
    factories.launch(campaign, by=marketer, engine="singly")
    path, account = "/api/v1/whatsapp/send-template", factories.account_of(connected)
    sandbox.post("faults", kind="accepted_then_500", path=path, account=account, times=None)
    factories.finish(campaign)
    assert (campaign.status, campaign.pause_reason) == ("paused", "unconfirmed")
    sandbox.clear_faults()
    tell(*(news(one, "sent", remote_id=f"wamid.{one.pk}") for one in doubts(campaign)))
    campaign.refresh_from_db()
    assert campaign.status == Campaign.Status.SENDING
    assert standing_of(factories.finish(campaign)).accepted == 12
    told = [line["to"] for line in sandbox.ledger(account)]
    assert len(told) == len(set(told)) == 12


def test_while_the_window_is_open_no_doubt_is_settled(tell, connected, marketer, sandbox):
    tell(statuses(status("wamid.earlier", "sent")))
    campaign = unclear(connected, marketer, sandbox, engine="singly")
    person = doubts(campaign)[0]
    wrote(connected, person, ago=timedelta(hours=1))
    tell(news(person, "sent"))
    person.refresh_from_db()
    assert (person.status, person.remote_id) == ("unconfirmed", "")


@pytest.mark.parametrize("minutes", [-1, 20])
def test_news_from_another_time_settle_no_doubt(tell, connected, marketer, sandbox, minutes):
    tell(statuses(status("wamid.earlier", "sent")))
    campaign = unclear(connected, marketer, sandbox, engine="singly")
    person = doubts(campaign)[0]
    tell(news(person, "sent", after=timedelta(minutes=minutes)))
    person.refresh_from_db()
    assert (person.status, person.remote_id) == ("unconfirmed", "")


def test_chumiais_history_settles_a_doubt(tell, connected, marketer, sandbox):
    campaign = unclear(connected, marketer, sandbox, engine="singly", kind="accepted_then_500")
    person = doubts(campaign)[0]
    told = Message(
        remote_id="wamid.h",
        phone=person.phone[1:],
        inbound=False,
        kind="template",
        template_name="welcome_message",
        at=timezone.now(),
    )
    record_messages(connected, [told])
    person.refresh_from_db()
    assert (person.status, person.remote_id) == ("accepted", "wamid.h")
    (entry,) = threads.page_of(Conversation.objects.get(phone=person.phone)).entries
    assert (entry.campaign, entry.is_in_doubt) == (campaign, False)


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
