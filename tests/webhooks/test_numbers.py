"""Numbers in webhooks are read however they are written, and a STOP without one is not lost."""

import time

import pytest

from campaigns.models import Recipient
from contacts.models import OptOut, UnreadableOptOut
from conversations.models import Conversation, Message
from tests.webhooks.conftest import envelope, inbound
from webhooks.models import WebhookEvent

AMA = "+233244123451"
LOCAL = ["0244123451", "00233244123451", "+233 24 412 3451", "0244 123 451", "233244123451@c.us"]


@pytest.mark.parametrize("phone", LOCAL)
@pytest.mark.parametrize("text", ["STOP", "Stop promotions"])
def test_a_stop_in_any_form_opts_the_person_out(deliver, team, phone, text):
    deliver(inbound(text, phone=phone, button=text != "STOP"))
    assert list(OptOut.objects.for_team(team).phones()) == [AMA]
    conversation = Conversation.objects.get()
    assert (conversation.phone, conversation.name) == (AMA, "Ama")


@pytest.mark.parametrize("phone", LOCAL)
def test_a_choice_in_whatsapp_in_any_form_opts_the_person_out(deliver, team, phone):
    item = {"wa_id": phone, "value": "stop", "timestamp": 1_750_029_273}
    deliver(envelope("user_preferences", user_preferences=[item]))
    deliver({"event": "contact.optout", "data": {"phone": phone, "timestamp": 1_750_029_999}})
    assert list(OptOut.objects.for_team(team).phones()) == [AMA]


def test_the_flat_family_too(deliver, team):
    data = {"id": "m1", "from": "0244 123 451", "text": "STOP"}
    deliver({"event": "message.received", "data": data})
    assert list(OptOut.objects.for_team(team).phones()) == [AMA]


def test_the_number_of_the_only_contact_counts_where_the_message_has_none(deliver, team):
    body = inbound("STOP")
    del body["entry"][0]["changes"][0]["value"]["messages"][0]["from"]
    deliver(body)
    assert list(OptOut.objects.for_team(team).phones()) == [AMA]


def test_a_stop_in_a_local_form_keeps_the_person_out_of_the_next_step(deliver, sent):
    person = sent.people[0]
    local = "0" + person.phone.removeprefix("+233")
    deliver(inbound("STOP", phone=local, at=int(time.time())))
    assert OptOut.objects.for_team(sent.campaign.team).get().phone == person.phone
    message = Message.objects.get(inbound=True)
    assert message.attributed_to == sent.campaign


def test_a_message_of_a_person_without_a_readable_number_is_kept(deliver, team):
    deliver(inbound("Is the red one still there?", phone="0244"))
    conversation = Conversation.objects.get()
    assert (conversation.phone, conversation.has_number) == ("0244", False)
    assert Message.objects.get().text == "Is the red one still there?"
    assert not Recipient.objects.exists()


@pytest.mark.parametrize("phone", ["0244", "GH.13491208655302741918", "123456789012345@lid", ""])
@pytest.mark.parametrize("text", ["STOP", "Stop promotions"])
def test_a_stop_without_a_readable_number_waits_for_a_person(deliver, team, phone, text):
    body = inbound(text, phone=phone, button=text != "STOP")
    body["entry"][0]["changes"][0]["value"]["contacts"] = [{"profile": {"name": "Ama"}}]
    deliver(body, body)
    assert not OptOut.objects.exists()
    row = UnreadableOptOut.objects.waiting(team).get()
    assert (row.number, row.message) == (phone, text)
    assert row.source == ("keyword" if text == "STOP" else "button")
    assert row.created_at.year == 2025


def test_a_choice_in_whatsapp_without_a_readable_number_waits_for_a_person(deliver, team):
    item = {"wa_id": "0244", "value": "stop", "timestamp": 1_750_029_273}
    deliver(envelope("user_preferences", user_preferences=[item]))
    deliver(
        {"event": "contact.optout", "data": {"phone": "ask Ama 1", "timestamp": 1_750_029_999}}
    )
    deliver({"event": "contact.optin", "data": {"phone": "0277", "timestamp": 1_750_029_999}})
    found = UnreadableOptOut.objects.waiting(team).order_by("created_at")
    assert [(row.number, row.source) for row in found] == [
        ("0244", "whatsapp"),
        ("ask Ama 1", "whatsapp"),
    ]


def test_a_message_of_no_one_is_an_unknown_event(deliver, webhook):
    body = inbound("Hello", phone="")
    body["entry"][0]["changes"][0]["value"]["contacts"] = []
    deliver(body)
    assert WebhookEvent.objects.get().state == "unknown"
    webhook.refresh_from_db()
    assert webhook.last_unknown == "message without a number"
    assert not Message.objects.exists()


def test_a_person_who_hides_the_number_is_known_by_the_id(deliver, team):
    body = inbound("STOP", phone="")
    (message,) = body["entry"][0]["changes"][0]["value"]["messages"]
    message["from_user_id"] = "GH.13491208655302741918"
    body["entry"][0]["changes"][0]["value"]["contacts"] = [
        {"profile": {"name": "Kwabena"}, "user_id": "GH.13491208655302741918"}
    ]
    deliver(body)
    conversation = Conversation.objects.get()
    assert (conversation.phone, conversation.name) == ("GH.13491208655302741918", "Kwabena")
    assert UnreadableOptOut.objects.waiting(team).get().name == "Kwabena"
