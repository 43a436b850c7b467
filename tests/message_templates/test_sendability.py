"""Whether a campaign can use a template, and why not."""

import pytest

from message_templates.components import parse
from message_templates.models import MessageTemplate
from message_templates.sendability import Unsendable, warnings, why_unsendable

BODY = {"type": "BODY", "text": "Hi {{1}}, your code is {{2}}."}


def body(text):
    return [{"type": "BODY", "text": text}]


def why(*others, body=BODY, **state):
    return why_unsendable(components=[*others, body], **state)


def test_a_plain_template_can_be_sent():
    buttons = [
        {"type": "QUICK_REPLY", "text": "Stop"},
        {"type": "URL", "text": "Shop", "url": "https://example.com/"},
        {"type": "PHONE_NUMBER", "text": "Call", "phone_number": "+233200000000"},
    ]
    assert (
        why(
            {"type": "HEADER", "format": "TEXT", "text": "Hello"},
            {"type": "FOOTER", "text": "Bye"},
            {"type": "BUTTONS", "buttons": buttons},
            category="MARKETING",
        )
        is None
    )
    assert why(body={"type": "BODY", "text": "Hi {{name}}"}, parameter_format="NAMED") is None


@pytest.mark.parametrize(
    ("kind", "name"), [("IMAGE", "image"), ("video", "video"), ("DOCUMENT", "document")]
)
def test_what_a_person_gives_for_each_campaign_can_be_sent(kind, name):
    component = {"type": "HEADER", "format": kind}
    assert why(component) is None
    assert parse([component, BODY]).header.media_name == name


@pytest.mark.parametrize(
    ("component", "reason"),
    [
        ({"type": "HEADER", "format": "TEXT", "text": "Hi {{1}}"}, Unsendable.HEADER_PLACEHOLDER),
        ({"type": "HEADER", "format": "GIF"}, Unsendable.HEADER_GIF),
        ({"type": "HEADER", "format": "LOCATION"}, Unsendable.HEADER_LOCATION),
        ({"type": "HEADER", "format": "HOLOGRAM"}, Unsendable.HEADER_OTHER),
        ({"type": "HEADER"}, Unsendable.HEADER_OTHER),
        ({"type": "CAROUSEL", "cards": []}, Unsendable.COMPONENT_CAROUSEL),
        ({"type": "LIMITED_TIME_OFFER"}, Unsendable.COMPONENT_LIMITED_TIME_OFFER),
        ({"type": "SOMETHING"}, Unsendable.COMPONENT_OTHER),
        ({"type": ["BODY"]}, Unsendable.COMPONENT_OTHER),
    ],
)
def test_components_that_cannot_be_filled_from_here(component, reason):
    assert why(component) == reason


@pytest.mark.parametrize(
    ("button", "reason"),
    [
        ({"type": "URL", "url": "https://example.com/{{1}}"}, Unsendable.BUTTON_PLACEHOLDER),
        ({"type": "COPY_CODE"}, Unsendable.BUTTON_COPY_CODE),
        ({"type": "CATALOG"}, Unsendable.BUTTON_CATALOG),
        ({"type": "FLOW"}, Unsendable.BUTTON_FLOW),
        ({"type": "OTP"}, Unsendable.BUTTON_OTP),
        ({"type": 3}, Unsendable.BUTTON_OTHER),
    ],
)
def test_buttons_that_cannot_be_filled_from_here(button, reason):
    plain = {"type": "QUICK_REPLY", "text": "Stop"}
    assert why({"type": "BUTTONS", "buttons": [plain, button]}) == reason


@pytest.mark.parametrize(
    ("state", "reason"),
    [
        ({"vanished": True}, Unsendable.VANISHED),
        ({"status": "PAUSED"}, Unsendable.STATUS_PAUSED),
        ({"status": "REJECTED"}, Unsendable.STATUS_REJECTED),
        ({"status": "DISABLED"}, Unsendable.STATUS_DISABLED),
        ({"status": "PENDING"}, Unsendable.STATUS_PENDING),
        ({"status": "NOT_DOCUMENTED"}, Unsendable.STATUS_OTHER),
        ({"status": ""}, Unsendable.STATUS_OTHER),
        ({"category": "AUTHENTICATION"}, Unsendable.AUTHENTICATION),
    ],
)
def test_states_that_cannot_be_sent(state, reason):
    assert why(**state) == reason


def test_every_reason_is_a_sentence_and_its_code_fits_the_column():
    most = MessageTemplate._meta.get_field("unsendable_code").max_length
    for reason in Unsendable:
        assert reason.label.endswith(".") and "_" not in reason.label
        assert len(reason) <= most


@pytest.mark.parametrize("text", ["{{1}} {{3}}", "{{2}}", "{{1}} {{name}}", "{{01}}"])
def test_placeholders_out_of_sequence_are_not_guessed_at(text):
    assert why_unsendable(components=body(text)) == Unsendable.NUMBERING


def test_a_template_without_text_cannot_be_sent():
    assert why_unsendable(components=[{"type": "FOOTER", "text": "Bye"}]) == Unsendable.NO_BODY


def test_warnings_name_low_quality_and_named_placeholders():
    named = body("Hi {{name}}")
    assert warnings(components=[BODY], quality="GREEN") == []
    assert "medium" in warnings(components=[BODY], quality="YELLOW")[0]
    quality, test_first = warnings(components=named, parameter_format="NAMED", quality="RED")
    assert "low" in quality
    assert "test first" in test_first
