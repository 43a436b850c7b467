"""Previews of every kind of template: axe finds nothing, nothing overflows, cards scroll."""

import pytest
from playwright.sync_api import expect

from tests import factories
from tests.browser.conftest import DESKTOP, PHONE
from tests.browser.test_accessibility import DARK, LIGHT, faults

pytestmark = [pytest.mark.browser, pytest.mark.stack]


def body(text):
    return {"type": "BODY", "text": text}


def buttons(*given):
    return {"type": "BUTTONS", "buttons": list(given)}


def card(name):
    shop = {"type": "URL", "text": "Shop", "url": "https://a.example/"}
    picture = {"type": "HEADER", "format": "IMAGE"}
    return {"components": [picture, body(f"*{name}*, fresh from the farm."), buttons(shop)]}


CAROUSEL = {"type": "CAROUSEL", "cards": [card("Mangoes"), card("Pineapples"), card("Pawpaw")]}
OFFER = {"text": "Half price!", "has_expiration": True}
KINDS = {
    "carousel": [body("New this week, {{1}}:"), CAROUSEL],
    "offer": [
        {"type": "LIMITED_TIME_OFFER", "limited_time_offer": OFFER},
        body("{{1}}, tonight only."),
        buttons({"type": "COPY_CODE", "example": "FLASH50"}),
    ],
    "catalogue": [body("See all that we have."), buttons({"type": "CATALOG"})],
    "products": [body("You left these, {{1}}."), buttons({"type": "MPM"})],
    "call": [body("May we call?"), {"type": "CALL_PERMISSION_REQUEST"}],
}


@pytest.fixture
def paths(team):
    made = [factories.make_template(team, name, components=KINDS[name]) for name in KINDS]
    gallery = f"/t/{team.slug}/templates/?state=unsendable"
    return [gallery, *(f"/t/{team.slug}/templates/{row.uuid}/" for row in made)]


@pytest.mark.parametrize("viewport", [DESKTOP, PHONE], ids=["wide", "narrow"])
def test_axe_finds_nothing(viewport, paths, open_page, viewer):
    page = open_page(viewer, viewport=viewport)
    assert [fault for path in paths for fault in faults(page, path, (LIGHT, DARK))] == []


def test_the_cards_scroll_by_the_keyboard(paths, open_page, viewer):
    page = open_page(viewer, viewport=PHONE)
    page.goto(paths[1])
    cards = page.get_by_role("list", name="Cards")
    expect(cards.get_by_text("Pawpaw")).not_to_be_in_viewport()
    cards.focus()
    for _ in range(20):
        page.keyboard.press("ArrowRight")
    expect(cards.get_by_text("Pawpaw")).to_be_in_viewport()
