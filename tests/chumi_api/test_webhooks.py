"""Webhooks: Meta's envelope, the flat family, and their signatures."""

import json
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chumi_api.types import (
    Media,
    Message,
    MessageStatus,
    Preference,
    StatusUpdate,
    TemplateUpdate,
    UnknownEvent,
)
from chumi_api.webhooks import Malformed, parse, sign, verify

PHONE = "233244123451"
AT = datetime(2025, 6, 15, 23, 14, 33, tzinfo=UTC)


def envelope(value, field="messages"):
    change = {"field": field, "value": {"messaging_product": "whatsapp", **value}}
    return {"object": "whatsapp_business_account", "entry": [{"id": "1", "changes": [change]}]}


def read(body):
    return parse(json.dumps(body).encode())


def test_a_status_of_metas_envelope():
    status = {
        "id": "wamid.X",
        "status": "failed",
        "timestamp": "1750029273",
        "recipient_id": PHONE,
        "errors": [{"code": 131049, "title": "t", "error_data": {"details": "Held back"}}],
    }
    assert read(envelope({"statuses": [status]})) == [
        StatusUpdate("wamid.X", MessageStatus.FAILED, "failed", PHONE, 131049, "Held back", AT)
    ]


def test_a_thousand_statuses_keep_their_order():
    statuses = [{"id": f"wamid.{n}", "status": "sent"} for n in range(1000)]
    assert [event.remote_id for event in read(envelope({"statuses": statuses}))] == [
        f"wamid.{n}" for n in range(1000)
    ]


@pytest.mark.parametrize(
    "message, expected",
    [
        ({"type": "text", "text": {"body": "Hello"}}, {"text": "Hello"}),
        (
            {
                "type": "button",
                "button": {"payload": "stop", "text": "Stop promotions"},
                "context": {"from": "1", "id": "wamid.ours"},
            },
            {
                "kind": "button",
                "text": "Stop promotions",
                "payload": "stop",
                "reply_to": "wamid.ours",
            },
        ),
        (
            {
                "type": "interactive",
                "interactive": {
                    "type": "button_reply",
                    "button_reply": {"id": "b", "title": "No"},
                },
            },
            {"kind": "interactive", "text": "No", "payload": "b"},
        ),
        (
            {
                "type": "image",
                "image": {"id": "7", "mime_type": "image/jpeg", "caption": "Look", "sha256": "x"},
            },
            {
                "kind": "image",
                "text": "Look",
                "media": Media("image", remote_id="7", content_type="image/jpeg"),
            },
        ),
        (
            {"type": "reaction", "reaction": {"message_id": "wamid.ours", "emoji": "👍"}},
            {"kind": "reaction", "text": "👍", "reply_to": "wamid.ours"},
        ),
        ({"type": "unsupported", "errors": [{"code": 131051}]}, {"kind": "unsupported"}),
    ],
)
def test_a_message_of_metas_envelope(message, expected):
    value = {
        "contacts": [{"profile": {"name": "Ama Mensah"}, "wa_id": PHONE}],
        "messages": [{"from": PHONE, "id": "wamid.in", "timestamp": "1750029273", **message}],
    }
    assert read(envelope(value)) == [
        Message("wamid.in", PHONE, True, name="Ama Mensah", at=AT, **expected)
    ]


def test_a_message_sent_from_the_business_app_is_outbound():
    echo = {
        "from": "233500000000",
        "to": PHONE,
        "id": "wamid.e",
        "type": "text",
        "text": {"body": "Hi"},
    }
    assert read(envelope({"message_echoes": [echo]}, "smb_message_echoes")) == [
        Message("wamid.e", PHONE, False, text="Hi")
    ]


def test_changes_of_a_template():
    status = {
        "event": "PAUSED",
        "message_template_id": 123,
        "message_template_name": "welcome_message",
        "message_template_language": "en_US",
        "reason": "NONE",
    }
    # Meta's own sample of the quality names the wrong field.
    quality = {
        "previous_quality_score": "GREEN",
        "new_quality_score": "RED",
        "message_template_id": 123,
        "message_template_name": "welcome_message",
        "message_template_language": "en_US",
    }
    template = {"name": "welcome_message", "language": "en_US", "remote_id": "123"}
    assert read(envelope(status, "message_template_status_update")) == [
        TemplateUpdate(**template, status="PAUSED")
    ]
    assert read(envelope(quality, "messages")) == [TemplateUpdate(**template, quality="RED")]
    category = {**quality, "new_category": "MARKETING", "previous_category": "UTILITY"}
    del category["new_quality_score"]
    assert read(envelope(category)) == [TemplateUpdate(**template, category="MARKETING")]
    # A category that is only announced has not changed yet.
    assert read(envelope({**category, "correct_category": "MARKETING"})) == [
        TemplateUpdate(**template)
    ]


def test_a_person_stops_and_resumes_marketing_messages():
    choices = [
        {"wa_id": PHONE, "category": "marketing_messages", "value": value, "timestamp": 1750029273}
        for value in ("stop", "resume")
    ]
    assert read(envelope({"user_preferences": choices}, "user_preferences")) == [
        Preference(PHONE, False, AT),
        Preference(PHONE, True, AT),
    ]


@pytest.mark.parametrize(
    "body, expected",
    [
        (
            {"event": "message.delivered", "data": {"messageId": "wamid.X", "to": f"+{PHONE}"}},
            StatusUpdate("wamid.X", MessageStatus.DELIVERED, "delivered", PHONE),
        ),
        (
            {"type": "message.status", "payload": {"id": "wamid.X", "status": "READ"}},
            StatusUpdate("wamid.X", MessageStatus.READ, "READ"),
        ),
        (
            {
                "eventType": "message.failed",
                "timestamp": "2025-06-15T23:14:33Z",
                "data": {"message_id": "wamid.X", "error": {"code": "131026", "message": "No"}},
            },
            StatusUpdate("wamid.X", MessageStatus.FAILED, "failed", "", 131026, "No", AT),
        ),
        (
            {"event": "message.received", "data": {"id": "m", "from": PHONE, "text": "STOP"}},
            Message("m", PHONE, True, text="STOP"),
        ),
        (
            {"event": "message.received", "message": {"id": "m", "from": PHONE, "body": "Hi"}},
            Message("m", PHONE, True, text="Hi"),
        ),
        (
            {"event": "template.status", "data": {"name": "promo", "status": "paused"}},
            TemplateUpdate("promo", status="PAUSED"),
        ),
        ({"event": "contact.optout", "data": {"phone": PHONE}}, Preference(PHONE, False)),
        ({"event": "contact.opt_in", "data": {"phone": PHONE}}, Preference(PHONE, True)),
        ({"event": "invoice.paid", "data": {"id": "1"}}, UnknownEvent("invoice.paid")),
        ({}, UnknownEvent("unknown")),
    ],
)
def test_the_flat_family(body, expected):
    assert read(body) == [expected]


@pytest.mark.parametrize(
    ("kind", "wants"),
    [
        ("contact.unsubscribed", False),
        ("contact.unsubscribe", False),
        ("contact.subscribed", True),
        ("contact.blocked", False),
        ("contact.unblocked", True),
    ],
)
def test_the_longest_word_decides_on_a_choice(kind, wants):
    assert read({"event": kind, "data": {"phone": PHONE}}) == [Preference(PHONE, wants)]


def test_a_status_without_an_id_or_with_an_unknown_word_is_unknown():
    assert read(envelope({"statuses": [{"status": "sent"}, {"id": "x", "status": "lost"}]})) == [
        UnknownEvent("status sent"),
        UnknownEvent("status lost"),
    ]


def test_an_unknown_kind_holds_no_number():
    (event,) = read({"event": f"odd {PHONE}"})
    assert PHONE not in event.kind


@pytest.mark.parametrize("body", [b"", b"null", b"7", b'"text"', b"[]", b"[1]", b"{", b"\xff\xfe"])
def test_a_body_without_an_object_is_malformed(body):
    with pytest.raises(Malformed):
        parse(body)


def test_deep_nesting_is_harmless():
    parse(b'{"entry":' * 500 + b"1" + b"}" * 500)
    with pytest.raises(Malformed):
        parse(b"[" * 100_000 + b"]" * 100_000)


KEYS = (
    "entry", "changes", "value", "field", "statuses", "messages", "contacts", "id", "status",
    "event", "data", "type", "from", "to", "text", "timestamp", "errors", "code", "message",
    "message_template_name", "user_preferences", "wa_id",
)  # fmt: skip
words = st.sampled_from(KEYS)
leaves = st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=12) | words
trees = st.recursive(
    leaves,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(words, inner, max_size=5),
    max_leaves=25,
)


@given(st.dictionaries(words, trees, max_size=6))
def test_every_object_gives_known_events(body):
    known = (Message, StatusUpdate, TemplateUpdate, Preference, UnknownEvent)
    assert all(isinstance(event, known) for event in read(body))


def test_a_signature_covers_the_raw_body_and_may_use_either_secret():
    body = b'{"a": 1}'
    for name in ("X-Hub-Signature-256", "X-ChumiAI-Signature", "x-signature"):
        assert verify(body, {name: sign(body, "new")}, ["old", "new"])
        assert verify(body, {name: sign(body, "old")}, ["old", "new"])
    assert verify(body, {"X-Signature": sign(body, "s").removeprefix("sha256=")}, ["s"])
    assert not verify(body + b" ", {"X-Signature": sign(body, "new")}, ["new"])
    assert not verify(body, {"X-Signature": sign(body, "other")}, ["old", "new"])
    assert not verify(body, {"X-Signature": "sha256=ü"}, ["old", "new"])
    assert not verify(body, {}, ["old"])
    assert not verify(body, {"X-Signature": sign(body, "")}, [])
