"""Templates of every kind look like the message on a phone, also those that can't be sent."""

import pytest
from django.urls import reverse

from message_templates.components import MOST_CARDS, parse
from tests import factories


def body(text="Hello {{1}}"):
    return {"type": "BODY", "text": text}


def buttons(*given):
    return {"type": "BUTTONS", "buttons": list(given)}


def card(text, *more):
    header = {"type": "HEADER", "format": "IMAGE"}
    shop = buttons({"type": "URL", "text": f"Buy {text}", "url": "https://a.example/"})
    return {"type": "CARD", "components": [header, body(f"*{text}* <now>"), shop, *more]}


@pytest.fixture
def preview(team, viewer, login):
    """Return a function that returns the phone of a template's page."""

    def show(*components):
        row = factories.make_template(team, components=list(components))
        args = (team.slug, row.uuid)
        answer = login(viewer).get(reverse("message_templates:template_detail", args=args))
        return factories.soup(answer).select_one(".phone")

    return show


def words(part):
    return " ".join(part.get_text(" ").split())


def test_the_cards_of_a_carousel_stand_side_by_side(preview):
    cards = [card("Mangoes"), card("Pawpaw")]
    phone = preview(body("New:"), {"type": "CAROUSEL", "cards": cards})
    # Cards scroll by the keyboard, too.
    assert phone.select_one(".bubble-cards[tabindex='0']")
    mangoes, pawpaw = phone.select(".bubble-card")
    assert words(mangoes) == "Image Mangoes <now> Buy Mangoes"
    assert mangoes.select_one("strong").text == "Mangoes"
    assert words(pawpaw) == "Image Pawpaw <now> Buy Pawpaw"
    assert words(phone.select_one(".bubble")).startswith("New:")


def test_an_offer_shows_its_text_its_end_and_its_code(preview):
    offer = {"type": "LIMITED_TIME_OFFER"}
    fields = {"text": "Half price", "has_expiration": True}
    code = buttons({"type": "COPY_CODE", "example": "FLASH50"})
    box = preview(offer | {"limited_time_offer": fields}, body(), code).select_one(".bubble-box")
    assert words(box) == "Half price Ends on a set date Code: FLASH50"


def test_an_offer_without_an_end_shows_none(preview):
    offer = {"type": "LIMITED_TIME_OFFER", "limited_time_offer": {"text": "Half price"}}
    assert words(preview(offer, body()).select_one(".bubble-box")) == "Half price"


@pytest.mark.parametrize(
    ("component", "text"),
    [
        (buttons({"type": "COPY_CODE", "example": ["GIFT20"]}), "Copy offer code"),
        (buttons({"type": "CATALOG", "text": "View catalog"}), "View catalog"),
        (buttons({"type": "CATALOG"}), "View our catalogue on WhatsApp"),
        (buttons({"type": "MPM"}), "List of products"),
        (buttons({"type": "MPM"}), "View items"),
        (buttons({"type": "SPM"}), "View"),
        ({"type": "HEADER", "format": "PRODUCT"}, "Product"),
        ({"type": "HEADER", "format": "LOCATION"}, "Location"),
        (buttons({"type": "REQUEST_CONTACT_INFO"}), "Share contact details"),
        (buttons({"type": "VOICE_CALL", "text": "Call now"}), "Call now"),
        ({"type": "CALL_PERMISSION_REQUEST"}, "May we call you on WhatsApp?"),
        (buttons({"type": "HOLOGRAM"}), "Button"),
    ],
)
def test_each_kind_looks_like_its_message(component, text, preview):
    assert text in words(preview(body(), component))


@pytest.mark.parametrize(
    "cards", [None, "x", 5, {}, [None, "x", [], {"components": None}], [{"components": "x"}]]
)
def test_strange_cards_break_nothing(cards, preview):
    assert preview(body(), {"type": "CAROUSEL", "cards": cards})


def test_a_carousel_is_looked_into_once_and_not_for_ever():
    inner = {"type": "CAROUSEL", "cards": [card("Inner")] * 50}
    content = parse([body(), {"type": "CAROUSEL", "cards": [card("Outer", inner)] * 50}])
    assert len(content.cards) == MOST_CARDS
    assert all(not one.cards for one in content.cards)


@pytest.mark.parametrize("offer", [None, "x", 5, [], {"text": 5, "has_expiration": "maybe"}])
def test_a_strange_offer_breaks_nothing(offer, preview):
    assert preview(body(), {"type": "LIMITED_TIME_OFFER", "limited_time_offer": offer})
