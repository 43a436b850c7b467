"""Skip people of an earlier campaign or over the frequency limit, and require consent."""

from datetime import timedelta

import pytest
from django.utils import timezone
from playwright.sync_api import expect

from campaigns.models import Campaign
from tests.browser.test_control import sent_to, shoot
from tests.factories import connect, finish, launch, make_ready_campaign, make_template, people
from tests.processes import wait_until

pytestmark = [pytest.mark.browser, pytest.mark.stack]


def ready(team, **fields):
    """Return a checked campaign. The test or the worker runs the check, whichever is first."""
    made = make_ready_campaign(team, **fields)
    wait_until(lambda: Campaign.objects.get(pk=made.pk).status == "ready", what="the check")
    return Campaign.objects.get(pk=made.pk)


def test_skip_an_earlier_campaign_and_require_consent(open_page, sandbox, team, manager):
    connect(team, sandbox)
    earlier = ready(team, rows=people(12), by=manager, name="spring_sale")
    finish(launch(earlier, by=manager))
    before = sent_to(sandbox, team)
    campaign = ready(team, rows=people(15), by=manager, name="Easter")
    page = open_page(manager)
    page.goto(f"/t/{team.slug}/campaigns/{campaign.uuid}/review/")
    expect(page.get_by_text("This looks like the same campaign.")).to_be_visible()
    shoot(page, "review-overlap")
    page.get_by_role("link", name="View the check").click()
    page.get_by_label("Skip people from an earlier campaign").select_option(
        label="spring_sale, today"
    )
    page.get_by_role("button", name="Apply and check again").click()
    expect(page.get_by_role("heading", name="3 people will get this message")).to_be_visible()
    expect(page.locator("#tile-excluded")).to_contain_text("12")
    page.locator("#tile-excluded").click()
    expect(page.get_by_role("cell", name="Already in spring_sale.").first).to_be_visible()
    shoot(page, "check-excluded")
    page.get_by_role("link", name="Continue to the preview").click()
    page.get_by_role("link", name="Continue to the review").click()
    expect(page.get_by_text("people who got spring_sale")).to_be_visible()

    # Without the consent box nothing is sent, and the page says why.
    send = page.get_by_role("button", name="Send 3 messages now")
    send.click()
    refused = page.get_by_role("alert").filter(has_text="tick the box. Nothing was sent.")
    expect(refused).to_be_visible()
    shoot(page, "review-consent")
    assert sent_to(sandbox, team) == before
    assert Campaign.objects.get(pk=campaign.pk).launched_at is None

    page.get_by_label("These people agreed to hear from Kente Corner on WhatsApp.").check()
    send.click()
    expect(page.locator(".progress-head")).to_contain_text("Finished")
    expect(page.get_by_text("These people agreed to hear from Kente Corner")).to_be_visible()
    shoot(page, "detail-consent")
    assert sorted(sent_to(sandbox, team)) == sorted(phone for phone, *_ in people(15)[1:])


def test_people_over_the_frequency_limit_are_on_the_check_page(open_page, sandbox, team, manager):
    connect(team, sandbox)
    team.marketing_messages = 1
    team.save()
    earlier = ready(team, rows=people(6), by=manager, name="spring_sale")
    finish(launch(earlier, by=manager))
    yesterday = timezone.now() - timedelta(hours=20)
    Campaign.objects.filter(pk=earlier.pk).update(launched_at=yesterday)
    sale = make_template(team, "sale")
    rows = [*people(9), ["12", "Ama", "C"], people(9)[8]]
    campaign = ready(team, rows=rows, by=manager, template=sale, name="Easter")
    page = open_page(manager)
    page.goto(f"/t/{team.slug}/campaigns/{campaign.uuid}/check/")
    expect(page.locator("#tile-frequency_cap")).to_contain_text("6")
    page.locator("#tile-frequency_cap").click()
    reason = page.get_by_role("cell", name="Got a marketing message in the last 24 hours.")
    expect(reason.first).to_be_visible()
    shoot(page, "check-frequency-cap")
