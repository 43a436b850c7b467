"""Matching statuses to sends that have no message id."""

from datetime import timedelta
from itertools import permutations
from types import SimpleNamespace

import pytest
from django.urls import reverse
from django.utils import timezone

from campaigns.models import Campaign, Recipient
from chumi_api.types import Message
from conversations import threads
from conversations.models import Conversation
from conversations.services import record_messages
from core.errors import Refused
from sending.models import Batch, ReceiptSource
from sending.progress_queries import load_progress
from sending.services import batches
from sending.services.batches import Decision
from tests import factories
from tests.webhooks.conftest import envelope, status, statuses
from webhooks.models import Delivery, WebhookEvent

pytestmark = pytest.mark.django_db

DAY = timedelta(days=1)
PATHS = {"batches": "bulk-import-messages", "singly": "send-template"}


def update(person, *values, remote_id="wamid.1", after=timedelta(seconds=5), code=131026):
    """Return statuses of a message to the person, `after` its batch was accepted."""
    at = round((timezone.now() + after).timestamp())
    phone = {"recipient_id": person.phone[1:]}
    return statuses(*(status(remote_id, value, code=code, at=at) | phone for value in values))


@pytest.fixture
def sent(connected, marketer, deliver):
    """A campaign in batches whose job reported no ids, of a team with a webhook."""
    deliver(statuses(status("wamid.earlier", "sent")))
    campaign = send(connected, marketer)
    return SimpleNamespace(campaign=campaign, people=people_of(campaign))


def send(team, by, **kwargs):
    campaign = factories.make_ready_campaign(team, count=3, by=by, **kwargs)
    factories.launch(campaign, by=by)
    return factories.finish(campaign)


def people_of(campaign):
    return list(campaign.recipients.order_by("position"))


def ids_of(campaign):
    return [person.remote_id for person in people_of(campaign)]


def test_the_one_send_that_fits_gets_the_id(sent, deliver):
    first, second, third = sent.people
    assert ids_of(sent.campaign) == ["", "", ""]
    deliver(update(first, "sent"), update(second, "sent", "failed", remote_id="wamid.2"))
    # From now on the id decides, however late the status.
    deliver(update(first, "read", after=5 * DAY))
    progress = load_progress(sent.campaign)
    assert ids_of(sent.campaign) == ["wamid.1", "wamid.2", ""]
    assert (progress.accepted, progress.failed) == (2, 1)
    assert (progress.receipts.traceable, progress.receipts.read) == (2 - 1, 1)
    assert not WebhookEvent.objects.filter(state="waiting", data__message="wamid.1").exists()
    assert third.remote_id == ""


@pytest.mark.parametrize("order", list(permutations(("sent", "delivered", "read"))))
def test_any_order_gives_the_same_result(sent, deliver, order):
    for value in order:
        after = 5 * DAY if value == "read" else timedelta(0)
        deliver(update(sent.people[0], value, after=after))
    WebhookEvent.objects.filter(state="waiting").update(next_try_at=timezone.now())
    deliver(envelope(messages=[]))
    person = people_of(sent.campaign)[0]
    assert (person.remote_id, person.delivery_status) == ("wamid.1", Recipient.DeliveryStatus.READ)


def test_statuses_that_come_before_our_own_record_wait_for_it(sent, deliver):
    sent.campaign.recipients.update(status="submitting", settled_at=None)
    deliver(update(sent.people[0], "sent", "delivered"))
    assert ids_of(sent.campaign)[0] == ""
    sent.campaign.recipients.update(status="accepted", settled_at=timezone.now())
    WebhookEvent.objects.filter(state="waiting").update(next_try_at=timezone.now())
    deliver(envelope(messages=[]))
    person = people_of(sent.campaign)[0]
    assert (person.remote_id, person.delivery_status) == (
        "wamid.1",
        Recipient.DeliveryStatus.DELIVERED,
    )


def test_if_two_sends_fit_none_gets_the_id(sent, deliver, connected, marketer):
    other = send(connected, marketer, name="The same people")
    deliver(update(sent.people[0], "read"))
    assert {*ids_of(sent.campaign), *ids_of(other)} == {""}
    assert WebhookEvent.objects.filter(state="waiting", data__message="wamid.1").exists()


def test_the_first_of_two_messages_is_the_campaigns(sent, deliver):
    later = update(sent.people[0], "sent", remote_id="wamid.answer", after=timedelta(minutes=3))
    deliver(later, update(sent.people[0], "sent"))
    assert ids_of(sent.campaign)[0] == "wamid.1"
    assert people_of(sent.campaign)[0].delivery_status == Recipient.DeliveryStatus.SENT


def test_a_message_seen_before_the_send_is_another_one(sent, deliver, connected, marketer):
    # A message not sent from here, an hour before; it is read while the campaign goes out.
    deliver(update(sent.people[0], "sent", remote_id="wamid.old", after=timedelta(hours=-1)))
    deliver(update(sent.people[0], "read", remote_id="wamid.old"))
    assert ids_of(sent.campaign)[0] == ""


def test_a_send_before_the_first_webhook_gets_no_id(sent, deliver):
    ReceiptSource.objects.update(reporting_since=timezone.now() + timedelta(hours=1))
    deliver(update(sent.people[0], "sent", after=timedelta(hours=1)))
    assert ids_of(sent.campaign)[0] == ""


def write_to_us(team, person, *, ago):
    """Record a message from the person, which opens the service window."""
    at = timezone.now() - ago
    message = Message(remote_id=f"in.{at}", phone=person.phone[1:], inbound=True, text="Hi", at=at)
    record_messages(team, [message])


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
def test_in_an_open_window_a_message_may_be_by_hand(sent, deliver, connected, ago, after, is_ours):
    write_to_us(connected, sent.people[0], ago=ago)
    deliver(update(sent.people[0], "read", after=after))
    assert ids_of(sent.campaign)[0] == ("wamid.1" if is_ours else "")


def test_a_reply_by_hand_is_not_the_campaigns(sent, deliver):
    echo = {"from": "15550000000", "to": sent.people[0].phone[1:], "id": "wamid.hand"}
    text = {"type": "text", "text": {"body": "With pleasure"}, "timestamp": f"{timezone.now():%s}"}
    deliver(envelope("smb_message_echoes", message_echoes=[echo | text]))
    deliver(update(sent.people[0], "read", remote_id="wamid.hand"))
    assert ids_of(sent.campaign)[0] == ""


def send_unconfirmed(team, by, sandbox, *, engine="batches", kind="500", **kwargs):
    """Return a campaign whose first request is unconfirmed."""
    campaign = factories.make_ready_campaign(team, count=3, by=by, **kwargs)
    factories.launch(campaign, by=by, engine=engine)
    path = "/api/v1/whatsapp/" + PATHS[engine]
    sandbox.post("faults", kind=kind, path=path, account=factories.account_of(team))
    factories.drain("send_batches")
    campaign.refresh_from_db()
    return campaign


def unconfirmed(campaign):
    return campaign.recipients.filter(status="unconfirmed").order_by("position")


def test_a_send_of_an_unconfirmed_batch_may_fit_too(sent, deliver, connected, marketer, sandbox):
    other = send_unconfirmed(connected, marketer, sandbox, name="Unconfirmed")
    assert unconfirmed(other).count() == 3
    deliver(update(sent.people[0], "read"))
    assert {*ids_of(sent.campaign), *ids_of(other)} == {""}


def test_a_batch_with_a_known_message_is_never_sent_again(
    deliver, connected, marketer, sandbox, login
):
    deliver(statuses(status("wamid.earlier", "sent")))
    campaign = send_unconfirmed(connected, marketer, sandbox)
    batch = campaign.batches.get()
    Batch.objects.update(search_ended_at=timezone.now(), next_search_at=None, candidates=2)
    client = login(marketer)
    address = reverse("campaigns:campaign_detail", args=(connected.slug, campaign.uuid))
    assert b"Send again" in client.get(address).content
    deliver(update(unconfirmed(campaign)[0], "delivered"))
    page = client.get(address).content.decode()
    assert "WhatsApp reported 1 message of it. It was sent." in page
    assert "Send again" not in page and "Count as sent" in page
    batch.refresh_from_db()
    with pytest.raises(Refused, match="it was sent"):
        batches.decide(batch, Decision.SEND_AGAIN, by=marketer)
    batches.decide(batch, Decision.COUNT_AS_SENT, by=marketer)
    progress = load_progress(campaign)
    assert (progress.accepted, progress.receipts.delivered) == (3, 1)


def test_a_status_confirms_an_unconfirmed_message(deliver, connected, marketer, sandbox):
    deliver(statuses(status("wamid.earlier", "sent")))
    connected.parallel_sends = 1
    connected.save()
    campaign = send_unconfirmed(
        connected, marketer, sandbox, engine="singly", kind="accepted_then_500"
    )
    (person,) = unconfirmed(campaign)
    deliver(update(person, "sent", "delivered"))
    person.refresh_from_db()
    assert (person.status, person.remote_id) == ("accepted", "wamid.1")
    assert person.delivery_status == Recipient.DeliveryStatus.DELIVERED
    assert person.attempts.get().outcome == "accepted"
    # A repetition changes nothing, and nothing was sent twice.
    deliver(update(person, "sent", "delivered", after=timedelta(seconds=7)))
    assert load_progress(factories.finish(campaign)).accepted == 3
    sent_to = [line["to"] for line in sandbox.ledger(factories.account_of(connected))]
    assert len(sent_to) == len(set(sent_to)) == 3


def test_confirmed_messages_resume_the_campaign(deliver, connected, marketer, sandbox):
    deliver(statuses(status("wamid.earlier", "sent")))
    campaign = factories.make_ready_campaign(connected, count=12, by=marketer)
    factories.launch(campaign, by=marketer, engine="singly")
    path, account = "/api/v1/whatsapp/send-template", factories.account_of(connected)
    sandbox.post("faults", kind="accepted_then_500", path=path, account=account, times=None)
    factories.finish(campaign)
    assert (campaign.status, campaign.pause_reason) == ("paused", "unconfirmed")
    sandbox.clear_faults()
    deliver(*(update(one, "sent", remote_id=f"wamid.{one.pk}") for one in unconfirmed(campaign)))
    campaign.refresh_from_db()
    assert campaign.status == Campaign.Status.SENDING
    assert load_progress(factories.finish(campaign)).accepted == 12
    sent_to = [line["to"] for line in sandbox.ledger(account)]
    assert len(sent_to) == len(set(sent_to)) == 12


def test_in_an_open_window_no_message_is_confirmed(deliver, connected, marketer, sandbox):
    deliver(statuses(status("wamid.earlier", "sent")))
    campaign = send_unconfirmed(connected, marketer, sandbox, engine="singly")
    person = unconfirmed(campaign)[0]
    write_to_us(connected, person, ago=timedelta(hours=1))
    deliver(update(person, "sent"))
    person.refresh_from_db()
    assert (person.status, person.remote_id) == ("unconfirmed", "")


@pytest.mark.parametrize("minutes", [-1, 20])
def test_statuses_from_another_time_confirm_nothing(
    deliver, connected, marketer, sandbox, minutes
):
    deliver(statuses(status("wamid.earlier", "sent")))
    campaign = send_unconfirmed(connected, marketer, sandbox, engine="singly")
    person = unconfirmed(campaign)[0]
    deliver(update(person, "sent", after=timedelta(minutes=minutes)))
    person.refresh_from_db()
    assert (person.status, person.remote_id) == ("unconfirmed", "")


def test_chumiais_history_confirms_a_message(deliver, connected, marketer, sandbox):
    campaign = send_unconfirmed(
        connected, marketer, sandbox, engine="singly", kind="accepted_then_500"
    )
    person = unconfirmed(campaign)[0]
    message = Message(
        remote_id="wamid.h",
        phone=person.phone[1:],
        inbound=False,
        kind="template",
        template_name="welcome_message",
        at=timezone.now(),
    )
    record_messages(connected, [message])
    person.refresh_from_db()
    assert (person.status, person.remote_id) == ("accepted", "wamid.h")
    (entry,) = threads.page_of(Conversation.objects.get(phone=person.phone)).entries
    assert (entry.campaign, entry.is_unconfirmed) == (campaign, False)


def test_a_retried_recipient_gets_no_id_of_the_first_try(sent, deliver):
    sent.campaign.recipients.update(retries=1)
    deliver(update(sent.people[0], "read"))
    assert ids_of(sent.campaign)[0] == ""


def test_a_message_of_the_history_gives_its_send_the_id(sent, deliver):
    at = f"{timezone.now():%s}"
    echo = {"from": "15550000000", "to": sent.people[0].phone[1:], "id": "wamid.7"}
    kind = {"type": "template", "template": {"name": "welcome_message"}, "timestamp": at}
    deliver(envelope("smb_message_echoes", message_echoes=[echo | kind]))
    deliver(update(sent.people[0], "read", remote_id="wamid.7"))
    person = people_of(sent.campaign)[0]
    assert (person.remote_id, person.delivery_status) == ("wamid.7", Recipient.DeliveryStatus.READ)


@pytest.mark.parametrize("odd", ["wamid." + "x" * 300, "wamid.a\0b", "wamid.\ud800"])
def test_an_invalid_id_matches_nothing_and_blocks_nothing(sent, deliver, odd):
    deliver(update(sent.people[0], "sent", remote_id=odd), update(sent.people[1], "read"))
    assert not Delivery.objects.filter(processed_at=None).exists()
    assert ids_of(sent.campaign)[1] == "wamid.1"
    assert len(ids_of(sent.campaign)[0]) <= 200
