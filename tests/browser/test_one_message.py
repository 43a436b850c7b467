"""Send one message to one number, and a test of a draft, in a browser.

`SCREENSHOTS=folder` keeps screenshots of each page.
"""

import re

import pytest
from playwright.sync_api import expect

from campaigns.models import Campaign
from contacts.services import opt_out
from tests import factories
from tests.browser.test_control import shoot
from tests.factories import account_of, connect

pytestmark = [pytest.mark.browser, pytest.mark.stack]
SENT_TO = "233244000111"
NO_TEST_YET = "You have not sent a test of this message yet."


@pytest.fixture
def fruit(team, sandbox):
    """A team with the sandbox's template that needs an image."""
    connect(team, sandbox)
    template = factories.make_media_template(team, "promotion_broadcast")
    return team, template


def start(page, team, template):
    page.goto(f"/t/{team.slug}/campaigns/")
    shoot(page, "one-0-list")
    page.get_by_role("link", name="Send one message").click()
    shoot(page, "one-1-template")
    page.get_by_role("button", name=re.compile(f"Use this template {template.name}")).click()


def test_one_message_with_an_image(open_page, fruit, sandbox, marketer):
    team, template = fruit
    page = open_page(marketer)
    start(page, team, template)
    page.get_by_label("Phone number").fill("0244000111")
    page.get_by_label("Text for {{1}}").fill("Ama")
    page.get_by_label("Text for {{2}}").fill("C-77")
    # The preview follows what is typed, and the field keeps it.
    expect(page.locator("#number-preview")).to_contain_text("Hi Ama, your code is C-77.")
    expect(page.get_by_label("Text for {{2}}")).to_have_value("C-77")
    shoot(page, "one-2-number")
    page.get_by_role("button", name="Continue to the image").click()
    link = factories.media_link(sandbox)
    page.get_by_label("Link to the image").fill(link)
    page.get_by_role("button", name="Check the link").click()
    expect(page.get_by_text("WhatsApp accepts this image")).to_be_visible()
    shoot(page, "one-3-media")
    page.get_by_role("button", name="Continue to the review").click()
    expect(page.get_by_role("main")).to_contain_text("+233 24 400 0111")
    page.get_by_label("This person agreed to hear from").check()
    shoot(page, "one-4-review")
    page.get_by_role("button", name="Send 1 message now").dblclick()
    expect(page.locator("#campaign-progress")).to_contain_text("Accepted")
    shoot(page, "one-5-sent")
    (sent,) = sandbox.ledger(account_of(team))
    assert (sent["to"], sent["template"], sent["values"], sent["media"]) == (
        SENT_TO,
        template.name,
        ["Ama", "C-77"],
        link,
    )
    page.get_by_role("link", name="Single messages").click()
    expect(page.get_by_role("main")).to_contain_text("+233 24 400 0111")
    shoot(page, "one-6-tab")


def test_an_opted_out_number_is_refused_and_a_later_opt_out_is_skipped(
    open_page, team, sandbox, marketer
):
    connect(team, sandbox)
    template = factories.make_template(team)
    opt_out(team, f"+{SENT_TO}")
    page = open_page(marketer)
    start(page, team, template)
    page.get_by_label("Phone number").fill("0244000111")
    page.get_by_label("Text for {{1}}").fill("Ama")
    page.get_by_label("Text for {{2}}").fill("C-77")
    page.get_by_role("button", name="Continue to the review").click()
    expect(page.locator("#id_phone_error")).to_have_text("This person opted out.")
    shoot(page, "one-7-refused")
    page.get_by_label("Phone number").fill("0244000112")
    page.get_by_role("button", name="Continue to the review").click()
    page.get_by_label("This person agreed to hear from").check()
    opt_out(team, "+233244000112")
    page.get_by_role("button", name="Send 1 message now").click()
    expect(page.locator("#campaign-progress")).to_contain_text(
        "This person opted out before the message was sent. Nothing was sent."
    )
    shoot(page, "one-8-skipped")
    assert sandbox.ledger(account_of(team)) == []


def test_a_test_of_row_three(open_page, team, sandbox, marketer):
    connect(team, sandbox)
    campaign = factories.make_ready_campaign(team, count=5, by=marketer)
    page = open_page(marketer)
    page.goto(f"/t/{team.slug}/campaigns/{campaign.uuid}/review/")
    expect(page.get_by_role("main")).to_contain_text(NO_TEST_YET)
    shoot(page, "test-1-nudge")
    page.locator("li", has_text=NO_TEST_YET).get_by_role("link").click()
    shoot(page, "test-2-no-number")
    page.get_by_role("link", name="save your own number").click()
    shoot(page, "test-3-numbers-empty")
    page.get_by_label("Whose phone is it?").fill("Kofi")
    page.get_by_label("Phone number").fill("0244 000 001")
    page.get_by_role("button", name="Save number").click()
    expect(page.get_by_role("main")).to_contain_text("+233 24 400 0001")
    shoot(page, "test-4-numbers")
    page.goto(f"/t/{team.slug}/campaigns/{campaign.uuid}/preview/?position=3")
    expect(page.locator("main")).to_contain_text("with the values of row 4")
    page.get_by_role("button", name="Send a test").dblclick()
    tests = page.locator("#campaign-tests")
    expect(tests).to_contain_text("Accepted")
    # The polling has ended.
    expect(tests).not_to_have_attribute("hx-get", re.compile("."))
    shoot(page, "test-5-preview")
    sent = sandbox.ledger(account_of(team))
    assert [(m["to"], m["values"]) for m in sent] == [("233244000001", ["Person 3", "C-00003"])]
    page.get_by_role("link", name="Continue to the review").click()
    expect(page.get_by_role("main")).to_contain_text("ChumiAI accepted a test to Kofi, ")
    expect(page.get_by_role("main")).not_to_contain_text(NO_TEST_YET)
    shoot(page, "test-6-review")
    assert Campaign.objects.filter(test_of=campaign).count() == 1
    # A number that is not on WhatsApp.
    factories.make_test_number(team, label="Old phone", phone="+233244000026")
    page.goto(f"/t/{team.slug}/campaigns/{campaign.uuid}/preview/")
    page.get_by_label("Kofi").uncheck()
    page.get_by_label("Old phone").check()
    page.get_by_role("button", name="Send a test").click()
    expect(tests).to_contain_text("This number is not on WhatsApp")
    shoot(page, "test-7-failed")
    tests.get_by_role("link").first.click()
    expect(page.locator("#campaign-progress")).to_contain_text("Why it failed")
    shoot(page, "test-8-failed-page")
