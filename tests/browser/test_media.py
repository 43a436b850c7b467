"""An image above the message: its link is checked while the page waits."""

import pytest
from playwright.sync_api import expect

from tests.factories import make_media_campaign, media_link

pytestmark = [pytest.mark.browser, pytest.mark.stack]


def test_a_bad_link_then_a_good_one(open_page, sandbox, connected, marketer):
    campaign = make_media_campaign(connected, by=marketer)
    page = open_page(marketer)
    page.goto(f"/t/{connected.slug}/campaigns/{campaign.uuid}/values/")
    page.get_by_role("button", name="Continue to the image").click()
    link = page.get_by_label("Link to the image")
    link.fill(media_link(sandbox, "page.jpg"))
    page.get_by_role("button", name="Check the link").click()
    expect(page.get_by_text("This link leads to a web page, not to a file.")).to_be_visible()
    expect(page.get_by_role("button", name="Check the file")).to_have_count(0)

    link.fill(media_link(sandbox))
    page.get_by_role("button", name="Check the link").click()
    expect(page.get_by_text("WhatsApp accepts this image: JPEG")).to_be_visible()
    page.get_by_role("button", name="Check the file").click()
    page.get_by_role("link", name="Continue to the preview").click()
    expect(page.get_by_label("Preview")).to_contain_text("JPEG, 159")
    page.get_by_role("link", name="Continue to the review").click()
    expect(page.get_by_text("WhatsApp accepts the linked file.")).to_be_visible()
