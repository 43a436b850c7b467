"""The history with a number: every shape, all pages, every wording."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chumi_api import webhooks
from chumi_api.client import CONVERSATION
from chumi_api.errors import NotFound, Unavailable
from chumi_api.parsing import parse_message
from chumi_api.types import MessageStatus
from sandbox.shapes import SHAPES
from tests.chumi_api.conftest import Account

PHONE = "233244123451"


def history(client, phone=PHONE, **options):
    return [m for page in client.conversation_pages(phone, **options) for m in page]


@pytest.mark.parametrize("shape", SHAPES)
def test_both_directions_in_every_shape(account: Account, shape: str) -> None:
    account.order("/shape", shape=shape)
    client = account.client()
    values = ["Ama", "MF-24"]
    client.send_template(
        to=PHONE, template_name="welcome_message", language="en_US", values=values
    )
    account.order("/inbound", phone=PHONE, text="Thank you!", profileName="Ama")
    media = {"url": "https://files.example/a.pdf", "mimeType": "application/pdf", "size": 2048}
    account.order("/inbound", phone=PHONE, text="My form", type="document", media=media)
    account.order("/inbound", phone=PHONE, text="Stop", type="button", replyTo="wamid.x")
    stop, form, thanks, ours = history(client)
    assert (stop.kind, stop.text, stop.reply_to) == ("button", "Stop", "wamid.x")
    assert (form.kind, form.text, form.inbound) == ("document", "My form", True)
    assert form.media is not None
    assert (form.media.kind, form.media.size) == ("document", 2048)
    assert (form.media.content_type, form.media.url) == ("application/pdf", media["url"])
    assert (thanks.kind, thanks.text, thanks.name) == ("text", "Thank you!", "Ama")
    assert thanks.inbound and not ours.inbound
    assert (ours.kind, ours.template_name) == ("template", "welcome_message")
    assert ours.text.startswith("Hi Ama, your code is MF-24.")
    assert ours.status in {MessageStatus.ACCEPTED, MessageStatus.SENT, MessageStatus.DELIVERED}
    assert {m.phone for m in (stop, form, thanks, ours)} == {PHONE}
    assert all(m.at for m in (stop, form, thanks, ours))
    if shape != "chaos":
        assert len({m.remote_id for m in (stop, form, thanks, ours)} - {""}) == 4


@pytest.mark.parametrize("shape", set(SHAPES) - {"chaos"})
def test_all_pages(account: Account, shape: str) -> None:
    account.order("/shape", shape=shape)
    for number in range(120):
        account.order("/inbound", phone=PHONE, text=f"Message {number}")
    found = history(account.client())
    assert [m.text for m in found] == [f"Message {n}" for n in reversed(range(120))]


def test_a_stranger_has_no_messages(account: Account) -> None:
    assert history(account.client(), "233209999991") == []


def test_a_missing_path_means_that_chumiai_offers_no_history(account: Account) -> None:
    with pytest.raises(NotFound):
        history(account.client(), path="/api/v1/nowhere/{phone}")
    assert history(account.client(), path=CONVERSATION) == []


def test_a_list_of_something_else_is_an_error(account: Account) -> None:
    with pytest.raises(Unavailable):
        history(account.client(), path="/api/v1/whatsapp/templates?of={phone}")


@pytest.mark.parametrize(
    ("item", "inbound", "kind", "text"),
    [
        ({"id": "1", "direction": "INCOMING", "text": "a"}, True, "text", "a"),
        ({"id": "1", "type": "inbound", "body": "a"}, True, "text", "a"),
        ({"id": "1", "type": "outbound", "message": "a"}, False, "text", "a"),
        ({"id": "1", "from_me": "true", "content": "a"}, False, "text", "a"),
        ({"id": "1", "sender": "user", "type": "text", "text": {"body": "a"}}, True, "text", "a"),
        ({"wamid": "1", "from": PHONE, "type": "image", "image": {"caption": "a", "id": "7"}},
         True, "image", "a"),
        ({"id": "1", "to": "+" + PHONE, "text": "a"}, False, "text", "a"),
        ({"id": "1", "fromMe": False, "type": "reaction", "reaction": {"emoji": "❤️"}},
         True, "reaction", "❤️"),
        ({"id": "1", "direction": "in", "type": "button", "button": {"text": "a"}},
         True, "button", "a"),
        ({"id": "1", "direction": "in", "mediaUrl": "https://x.example/1.jpg",
          "mimeType": "image/jpeg"}, True, "image", ""),
        ({"id": "1", "role": "agent", "templateName": "offer"}, False, "template", ""),
        ({"id": "1", "direction": "in", "type": "hologram", "text": "a"}, True, "hologram", "a"),
    ],
)  # fmt: skip
def test_the_words_of_a_message(item, inbound, kind, text) -> None:
    message = parse_message(item, PHONE)
    assert message is not None
    assert (message.inbound, message.kind, message.text) == (inbound, kind, text)


@pytest.mark.parametrize(
    "item", [None, [], "text", 7, {}, {"text": "no direction"}, {"direction": "in"}]
)
def test_an_item_that_is_no_message_is_none(item) -> None:
    assert parse_message(item, PHONE) is None


@pytest.mark.parametrize(
    "content",
    [
        {"type": "text", "text": {"body": "Hello"}},
        {"type": "button", "button": {"text": "Stop", "payload": "stop"}, "context": {"id": "w"}},
        {"type": "image", "image": {"id": "7", "mime_type": "image/jpeg", "caption": "Look"}},
        {"type": "document", "mediaUrl": "https://x.example/a.pdf", "mimeType": "application/pdf"},
        {"type": "reaction", "reaction": {"emoji": "👍", "message_id": "w"}},
        {"type": "interactive", "interactive": {"list_reply": {"id": "a", "title": "No"}}},
        {"message": {"id": "m", "text": "Hello"}},
        {"type": "location"},
        {"type": "sticker"},
        {},
    ],
)
def test_a_message_reads_the_same_in_the_history_and_in_a_webhook(content) -> None:
    item = {"id": "m", "from": PHONE, "direction": "inbound", "timestamp": 1790000000} | content
    body = {"event": "message.received", "data": item}
    assert webhooks.parse(json.dumps(body).encode()) == [parse_message(item, PHONE)]


def test_a_failure_keeps_its_code() -> None:
    item = {"id": "1", "direction": "out", "status": "FAILED", "error": {"code": "131026"}}
    message = parse_message(item, PHONE)
    assert message is not None
    assert (message.status, message.code) == (MessageStatus.FAILED, 131026)


KEYS = (
    *("id", "direction", "type", "sender", "fromMe", "text", "media", "image", "status"),
    *("error", "template", "context", "from", "to", "timestamp", "reaction", "button"),
    *("message", "mimeType", "size", "url"),
)
JSONS = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(KEYS),
            inner,
            max_size=8,
        )
    ),
    max_leaves=20,
)


@given(JSONS)
def test_no_input_breaks_the_parser(item) -> None:
    message = parse_message(item, PHONE)
    assert message is None or message.phone == PHONE
