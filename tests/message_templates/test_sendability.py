"""Whether a campaign can use a template, and why not."""

import json

import pytest

from chumi_api.parsing import parse_template
from message_templates.components import parse, placeholders
from message_templates.labels import badge
from message_templates.models import MessageTemplate
from message_templates.sendability import Unsendable, must_be_tested, warnings, why_unsendable

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


# Braces that are no placeholder: names with spaces or marks, empty, nested, half, disguised.
BRACES = [
    "{{customer-name}}",
    "{{ first name }}",
    "{{1.name}}",
    "{{}}",
    "{{ }}",
    "{{{1}}}",
    "{{{name}}}",
    "{{{{1}}}}",
    "{{a {{1}} b}}",
    "{{prénom}}",
    "{{имя}}",
    "{{１}}",
    "{{1}",
    "{{name",
    "name}}",
    "{1}}",
    "{{ 1 } }",
    "{ {1} }",
    "{{$1}}",
    "{{#if vip}}",
    "{{name|upper}}",
    "{{\nfirst\nname\n}}",
    "｛｛1｝｝",
    "{\u200b{1}\u200b}",
    "%7B%7B1%7D%7D",
    "{{🎁}}",
]


@pytest.mark.parametrize("text", BRACES)
def test_a_text_with_braces_left_over_cannot_be_sent(text):
    assert why(body={"type": "BODY", "text": f"Hi {text}."}) == Unsendable.BRACES
    named = {"type": "BODY", "text": f"Hi {{{{name}}}}, {text}."}
    assert why(body=named) in (Unsendable.BRACES, Unsendable.NUMBERING)


@pytest.mark.parametrize("text", [*BRACES, "{{1}}", "{{name}}"])
@pytest.mark.parametrize(
    ("component", "reason"),
    [
        ({"type": "HEADER", "format": "TEXT", "text": "@@"}, Unsendable.HEADER_PLACEHOLDER),
        ({"type": "FOOTER", "text": "@@"}, Unsendable.BRACES),
        ({"type": "BUTTONS", "buttons": [{"type": "QUICK_REPLY", "text": "@@"}]},
         Unsendable.BRACES),
        ({"type": "BUTTONS", "buttons": [{"type": "URL", "text": "Go", "url": "https://a/@@"}]},
         Unsendable.BUTTON_PLACEHOLDER),
        ({"type": "BUTTONS", "buttons": [{"type": "URL", "text": "@@", "url": "https://a/"}]},
         Unsendable.BRACES),
        ({"type": "BUTTONS", "buttons": [{"type": "PHONE_NUMBER", "phone_number": "@@"}]},
         Unsendable.BRACES),
        ({"type": "BUTTONS", "buttons": [{"type": "VOICE_CALL", "text": "@@"}]},
         Unsendable.BRACES),
        ({"type": "CALL_PERMISSION_REQUEST", "text": "@@"}, Unsendable.BRACES),
        ({"type": "HEADER", "format": "IMAGE", "text": "@@"}, Unsendable.BRACES),
        ({"type": "CAROUSEL", "cards": [{"components": [{"type": "BODY", "text": "@@"}]}]},
         Unsendable.COMPONENT_CAROUSEL),
    ],
)  # fmt: skip
def test_braces_outside_the_body_cannot_be_sent(component, reason, text):
    assert why(json.loads(json.dumps(component).replace("@@", json.dumps(text)[1:-1]))) == reason


def test_single_braces_and_examples_are_no_placeholders():
    buttons = [{"type": "URL", "text": "Go", "url": "https://a/", "example": ["https://a/{{1}}"]}]
    text = "Save {50} today {:-} {a} {b}"
    assert (
        why({"type": "BUTTONS", "buttons": buttons}, body={"type": "BODY", "text": text}) is None
    )


@pytest.mark.parametrize("word", ["", "POSITIONAL", "NAMED", "named", "NOT_DOCUMENTED"])
def test_the_text_says_whether_placeholders_have_names(word):
    """A missing or a wrong format changes nothing."""
    named, numbered = body("Hi {{customer_name}}, {{code}}."), body("Code {{2}} for {{1}}.")
    assert why_unsendable(components=named, parameter_format=word) is None
    assert why_unsendable(components=numbered, parameter_format=word) is None
    assert placeholders(named, word) == ["customer_name", "code"]
    assert placeholders(numbered, word) == ["1", "2"]
    assert "have names" in warnings(components=named, parameter_format=word)[0]
    assert warnings(components=numbered, parameter_format=word) == []
    mixed = body("Hi {{name}}, {{1}}.")
    assert why_unsendable(components=mixed, parameter_format=word) == Unsendable.NUMBERING


@pytest.mark.parametrize("case", ["named_plain", "odd_braces"])
def test_named_placeholders_as_chumiai_lists_them(case):
    components = {
        "named_plain": body("Hi {{customer_name}}, voucher {{voucher_code}}."),
        "odd_braces": body("Hi {{customer-name}}, your table is ready."),
    }[case]
    template = parse_template({"name": case, "language": "en", "components": components})
    found = why_unsendable(components=list(template.components), status=template.status)
    assert found == (Unsendable.BRACES if case == "odd_braces" else None)


@pytest.mark.parametrize("status", ["LOCKED", "locked", "REINSTATED", "APPROVED"])
def test_a_locked_template_can_be_sent(status):
    assert why(status=status) is None
    text, _tone = badge(status=status.upper(), quality="GREEN", sendable=True, vanished=False)
    assert text == "Ready"


def test_a_locked_template_says_that_it_cannot_be_edited():
    [note] = warnings(components=[BODY], status="LOCKED")
    assert "can be sent, but not edited" in note


@pytest.mark.parametrize("kind", ["REQUEST_CONTACT_INFO", "CALL_PERMISSION_REQUEST", "VOICE_CALL"])
@pytest.mark.parametrize("place", ["button", "component"])
def test_a_part_that_needs_no_values_can_be_sent_after_a_test(kind, place):
    part = {"type": kind, "text": "Call us", "ttl_minutes": 100}
    component = {"type": "BUTTONS", "buttons": [part]} if place == "button" else part
    assert why(component) is None
    assert must_be_tested([component, BODY])
    assert "after a test of it was accepted" in warnings(components=[component, BODY])[0]


def test_other_templates_need_no_test():
    assert not must_be_tested([BODY])
    assert not must_be_tested(body("Hi {{name}}"))


KINDS = {
    "BUTTON": "COPY_CODE CATALOG MPM SPM FLOW OTP ORDER_DETAILS ORDER_STATUS SEND_LOCATION"
    " REMINDER APP",
    "COMPONENT": "CAROUSEL LIMITED_TIME_OFFER ORDER_DETAILS ORDER_STATUS TAP_TARGET_CONFIGURATION",
    "HEADER": "GIF LOCATION PRODUCT",
}


@pytest.mark.parametrize(
    ("place", "kind"), [(place, kind) for place in KINDS for kind in KINDS[place].split()]
)
def test_every_kind_that_cannot_be_sent_has_a_reason_of_its_own(place, kind):
    component = {
        "BUTTON": {"type": "BUTTONS", "buttons": [{"type": kind}]},
        "COMPONENT": {"type": kind},
        "HEADER": {"type": "HEADER", "format": kind},
    }[place]
    assert why(component) == Unsendable[f"{place}_{kind}"]
