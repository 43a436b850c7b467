"""Delivery updates: set up by a manager, then shown on a campaign's page.

`SCREENSHOTS=folder` keeps screenshots.
"""

import re

import pytest
from playwright.sync_api import expect

from contacts.models import OptOut
from tests.browser.test_control import shoot
from tests.factories import account_of, connect, finish, launch, make_ready_campaign, people
from tests.processes import wait_until
from webhooks.models import Webhook

pytestmark = [pytest.mark.browser, pytest.mark.stack]


def stat(page, name):
    return page.locator(".stat", has_text=name).locator("dd")


def test_from_the_address_to_delivered_and_read(open_page, site, sandbox, team, manager):
    connect(team, sandbox)
    page = open_page(manager)

    # A manager creates the address, and gives it and a signing secret to ChumiAI.
    page.goto(f"/t/{team.slug}/")
    page.get_by_role("link", name="Delivery updates").click()
    expect(page.get_by_text("Not set up")).to_be_visible()
    shoot(page, "webhook-none")
    page.get_by_role("button", name="Create address").click()
    field = page.get_by_label("Address to paste in ChumiAI")
    expect(field).to_have_value(re.compile(rf"{site.url}/webhooks/[\w-]{{40,}}/"))
    page.get_by_label("Signing secret").fill("a signing secret")
    page.get_by_role("button", name="Check signatures").click()
    expect(page.get_by_text("Signatures are now checked")).to_be_visible()
    address = field.input_value()
    sandbox.post("speed", speed=200)
    sandbox.post(
        "webhook", url=address, secret="a signing secret", account=account_of(team), batch=5
    )

    # The page of a running campaign shows what arrives without a reload.
    rows = people(12)
    rows[1][0] = rows[1][0][:-3] + "999"
    campaign = make_ready_campaign(team, rows=rows, by=manager)
    page.goto(f"/t/{team.slug}/campaigns/{campaign.uuid}/review/")
    page.get_by_role("radio", name="One by one").check()
    page.get_by_role("checkbox", name="agreed").check()
    page.get_by_role("button", name="Send", exact=False).last.click()
    expect(stat(page, "Accepted")).to_have_text("12")
    expect(stat(page, "Delivered")).to_have_text("12")
    expect(stat(page, "Read")).to_have_text(re.compile("[1-9]"))
    shoot(page, "webhook-campaign")
    stat(page, "Read").get_by_role("link").click()
    expect(page.get_by_role("table").get_by_text("Read").first).to_be_visible()
    shoot(page, "webhook-people")

    # A person replies STOP.
    sandbox.post("inbound", account=account_of(team), phone="233244123451", text="Stop")
    wait_until(OptOut.objects.exists, what="the opt-out")
    page.goto(f"/t/{team.slug}/webhook/")
    expect(page.get_by_text("Working")).to_be_visible()
    expect(
        page.locator(".scope-list li", has_text="Replies").get_by_text("Received", exact=True)
    ).to_be_visible()
    shoot(page, "webhook-working")

    # Replacing the address needs a confirmation, and the old one stops working.
    page.get_by_role("button", name="Replace address").click()
    dialog = page.get_by_role("dialog")
    expect(dialog).to_contain_text("stops working now")
    dialog.get_by_role("button", name="Replace").click()
    expect(page.get_by_text("The address is ready")).to_be_visible()
    expect(field).not_to_have_value(address)
    assert page.request.get(address).status == 404


def test_a_viewer_sees_what_arrives_but_not_the_address(
    open_page, site, sandbox, team, manager, viewer
):
    from webhooks.services import renew_address

    connect(team, sandbox)
    secret = renew_address(team, by=manager).secret()
    page = open_page(viewer)
    page.goto(f"/t/{team.slug}/webhook/")
    expect(page.get_by_role("heading", name="What arrives")).to_be_visible()
    assert secret not in page.content()
    assert Webhook.objects.get().verify_token not in page.content()


def test_a_campaign_without_delivery_updates_shows_a_dash(open_page, site, sandbox, team, manager):
    connect(team, sandbox)
    campaign = make_ready_campaign(team, count=3, by=manager)
    launch(campaign, by=manager, engine="singly")
    finish(campaign)
    page = open_page(manager)
    page.goto(f"/t/{team.slug}/campaigns/{campaign.uuid}/")
    expect(stat(page, "Accepted")).to_have_text("3")
    expect(stat(page, "Delivered")).to_have_text("—")
    expect(stat(page, "Read")).to_have_text("—")
