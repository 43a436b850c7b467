"""What ChumiAI refuses, delays or does by itself is explained in plain words."""

import pytest
from playwright.sync_api import expect

from tests.factories import (
    account_of,
    connect,
    make_ready_campaign,
    make_team,
    make_template,
)

pytestmark = [pytest.mark.browser, pytest.mark.stack]
IMPORT = "/api/v1/whatsapp/bulk-import"


def test_a_key_that_may_not_send(open_page, sandbox, team, manager):
    connect(team, sandbox, kind="readonly")
    campaign = make_ready_campaign(team, count=3, by=manager)
    page = open_page(manager)
    page.goto(f"/t/{team.slug}/campaigns/{campaign.uuid}/review/")
    page.get_by_label("agreed to hear from").check()
    page.get_by_role("button", name="Send 3 messages now").click()
    progress = page.get_by_role("region", name="Progress", exact=True)
    expect(progress).to_contain_text("Paused")
    expect(progress.locator(".alert")).to_contain_text("whatsapp:send")
    expect(progress.locator(".alert")).to_contain_text("View the connection")
    assert sandbox.ledger(account_of(team)) == []

    # With another key the campaign can be resumed.
    progress.get_by_role("link", name="View the connection").click()
    page.get_by_label("New API key").fill(sandbox.key(account_of(team)))
    page.get_by_role("button", name="Save and test").click()
    expect(page.get_by_text("ChumiAI accepts the key.")).to_be_visible()
    page.goto(f"/t/{team.slug}/campaigns/{campaign.uuid}/")
    page.get_by_role("button", name="Resume").click()
    expect(page.locator(".progress-head")).to_contain_text("Finished")
    assert len(sandbox.ledger(account_of(team))) == 3


def test_too_many_requests(open_page, sandbox, team, manager):
    connect(team, sandbox)
    campaign = make_ready_campaign(team, count=3, by=manager)
    sandbox.fault("429", path=IMPORT, retry_after=10)
    page = open_page(manager)
    page.goto(f"/t/{team.slug}/campaigns/{campaign.uuid}/review/")
    page.get_by_label("agreed to hear from").check()
    page.get_by_role("button", name="Send 3 messages now").click()
    waiting = "Too many requests. We wait 10 seconds, then continue."
    expect(page.get_by_text(waiting)).to_be_visible()
    expect(page.locator(".progress-head")).to_contain_text("Finished")
    expect(page.get_by_text(waiting)).to_have_count(0)
    assert len(sandbox.ledger(account_of(team))) == 3


def test_a_sync_that_fails_keeps_the_gallery(open_page, sandbox, team, manager):
    connect(team, sandbox)
    make_template(team, "kept_from_before")
    sandbox.fault("502html", path="/api/v1/whatsapp/templates", method=None, times=None)
    page = open_page(manager)
    page.goto(f"/t/{team.slug}/templates/")
    page.get_by_role("button", name="Refresh").click()
    alert = page.get_by_role("region", name="Updates", exact=True).get_by_role("alert")
    expect(alert).to_contain_text("failed", timeout=60_000)
    expect(alert).to_contain_text("Nothing was lost")
    for jargon in ("502", "Bad Gateway", "HTTP", "None", "Error"):
        expect(alert).not_to_contain_text(jargon)
    expect(page.get_by_role("link", name="kept_from_before")).to_be_visible()


def test_a_job_started_elsewhere_is_marked(open_page, sandbox, manager):
    team = make_team("accra", name="Accra Books")
    team.memberships.create(user=manager, role="manager")
    connect(team, sandbox)
    sandbox.post("jobs", account="accra", file_name="by hand.xlsx", total=40)
    page = open_page(manager)
    page.goto(f"/t/{team.slug}/campaigns/jobs/")
    page.get_by_role("button", name="Refresh").click()
    row = page.get_by_role("row", name="by hand.xlsx")
    expect(row).to_contain_text("Started outside this app", timeout=60_000)
    expect(row).to_contain_text("welcome_message")
