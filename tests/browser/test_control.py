"""Pause, resume, stop, automatic pauses and unconfirmed messages in a browser.

`SCREENSHOTS=folder` keeps screenshots of each state.
"""

import os
import time
from datetime import timedelta
from pathlib import Path

import pytest
from playwright.sync_api import expect

from campaigns.models import Campaign
from message_templates import services as templates
from sending.models import Attempt
from sending.services import batches
from tests.factories import account_of, connect, make_ready_campaign, people
from tests.processes import wait_until

pytestmark = [pytest.mark.browser, pytest.mark.stack]
BULK = "/api/v1/whatsapp/bulk-import"
SEND = "/api/v1/whatsapp/send-template"
LIST = "/api/v1/whatsapp/bulk-jobs"


@pytest.fixture
def slow(team, sandbox):
    """A team that sends five messages a second, one by one."""
    team.messages_per_second, team.parallel_sends = 5, 2
    team.save()
    return connect(team, sandbox)


def launch(page, team, campaign, *, engine="One by one"):
    page.goto(f"/t/{team.slug}/campaigns/{campaign.uuid}/review/")
    page.get_by_role("radio", name=engine).check()
    page.get_by_label("agreed to hear from").check()
    shoot(page, "review")
    page.get_by_role("button", name="Send", exact=False).last.click()
    expect(page.locator(".progress-head")).to_be_visible()


def confirm(page, name):
    """Press a button and confirm the dialog that it opens. Return the text of the dialog."""
    page.get_by_role("button", name=name, exact=True).click()
    dialog = page.get_by_role("dialog")
    expect(dialog).to_be_visible()
    text = dialog.inner_text()
    dialog.get_by_role("button", name=name, exact=True).click()
    return text


def shoot(page, name):
    """Take screenshots of the page at both widths, light and dark, if SCREENSHOTS is set."""
    if folder := os.environ.get("SCREENSHOTS"):
        size = page.viewport_size
        for width in (1280, 390):
            page.set_viewport_size({"width": width, "height": 900})
            for scheme in ("light", "dark"):
                page.emulate_media(color_scheme=scheme)
                path = Path(folder) / f"{name}-{width}-{scheme}.png"
                page.screenshot(path=path, full_page=True)
        page.emulate_media(color_scheme="light")
        page.set_viewport_size(size)


def sent_to(sandbox, team):
    return [m["to"] for m in sandbox.ledger(account_of(team))]


def notices(page):
    return page.locator("#campaign-notices")


def test_pause_resume_and_stop_between_two_messages(open_page, sandbox, slow, manager):
    campaign = make_ready_campaign(slow, count=200, by=manager)
    page = open_page(manager)
    page.goto(f"/t/{slow.slug}/campaigns/{campaign.uuid}/review/")
    page.get_by_role("radio", name="One by one").check()
    page.get_by_label("To confirm").fill("200")
    page.get_by_label("agreed to hear from").check()
    page.get_by_role("button", name="Send 200 messages now").click()
    wait_until(lambda: len(sent_to(sandbox, slow)) > 3, what="the first messages")
    shoot(page, "sending")
    text = confirm(page, "Pause")
    assert "No more messages are sent until someone resumes" in text
    expect(notices(page)).to_contain_text(f"Paused by {manager}, ")
    shoot(page, "paused")
    time.sleep(1)
    before = len(sent_to(sandbox, slow))
    time.sleep(2)
    assert len(sent_to(sandbox, slow)) == before < 200

    page.get_by_role("button", name="Resume").click()
    wait_until(lambda: len(sent_to(sandbox, slow)) > before + 3, what="more messages")
    text = confirm(page, "Stop")
    assert "sent and can't be recalled" in text
    expect(page.locator(".progress-head")).to_contain_text("Stopped")
    shoot(page, "stopped")
    time.sleep(1)
    sent = len(sent_to(sandbox, slow))
    time.sleep(2)
    assert len(sent_to(sandbox, slow)) == sent == len(set(sent_to(sandbox, slow))) < 200
    states = list(campaign.recipients.values_list("status", flat=True))
    assert states.count("accepted") == sent
    assert states.count("skipped") == 200 - sent


def test_an_account_error_pauses_and_says_what_to_do(open_page, sandbox, slow, manager):
    sandbox.post("codes", code=131042, account=account_of(slow), times=1)
    campaign = make_ready_campaign(slow, count=8, by=manager)
    page = open_page(manager)
    launch(page, slow, campaign)
    expect(notices(page)).to_contain_text("WhatsApp stopped the account")
    expect(notices(page)).to_contain_text("payment")
    expect(notices(page)).to_contain_text("wait and have got no message yet.")
    shoot(page, "account")
    page.get_by_role("button", name="Resume").click()
    expect(page.locator(".progress-head")).to_contain_text("Finished")
    assert sorted(sent_to(sandbox, slow)) == sorted(row[0] for row in people(8)[1:])


def test_too_many_failures_pause(open_page, sandbox, team, manager):
    team.messages_per_second = 50
    team.save()
    connect(team, sandbox)
    rows = people(0) + [[f"233240{n:03d}026", "Magic", "C"] for n in range(30)]
    campaign = make_ready_campaign(team, rows=rows, by=manager)
    page = open_page(manager)
    launch(page, team, campaign)
    expect(notices(page)).to_contain_text("Too many messages failed")
    failures = page.locator("#campaign-failures")
    expect(failures).to_contain_text("This number is not on WhatsApp")
    expect(failures).to_contain_text("Check the number")
    shoot(page, "failures")


def test_a_person_decides_about_unconfirmed_messages(open_page, sandbox, slow, manager, site):
    sandbox.fault("accepted_then_500", path=SEND, times=None)
    campaign = make_ready_campaign(slow, count=8, by=manager)
    page = open_page(manager)
    launch(page, slow, campaign)
    unconfirmed = page.locator("#campaign-unconfirmed")
    expect(unconfirmed).to_contain_text("unconfirmed")
    expect(unconfirmed).to_contain_text("may have been sent. Nothing will be sent twice.")
    expect(unconfirmed.get_by_role("button")).to_have_count(0)
    expect(page.locator(".progress-head")).to_contain_text("Paused")
    shoot(page, "maybe")
    before = sent_to(sandbox, slow)
    sandbox.clear_faults()

    # Ten minutes later there is still no delivery status.
    Attempt.objects.update(started_at=Attempt.objects.first().started_at - timedelta(hours=1))
    page.reload()
    shoot(page, "maybe-decide")
    confirm(page, "Count as sent")
    expect(page.locator(".progress-head")).to_contain_text("Finished")
    assert sorted(sent_to(sandbox, slow)) == sorted(row[0] for row in people(8)[1:])
    assert sent_to(sandbox, slow)[: len(before)] == before


def test_a_batch_without_an_answer_is_found_again(open_page, sandbox, team, manager):
    connect(team, sandbox)
    campaign = make_ready_campaign(team, count=12, by=manager)
    # The answer is lost, and the job list fails once.
    sandbox.fault("accepted_then_500", path=BULK)
    sandbox.fault("500", path=LIST, method="GET", after=1, times=1)
    page = open_page(manager)
    launch(page, team, campaign, engine="Fast (batches)")
    expect(notices(page)).to_contain_text("It may have started")
    expect(notices(page)).to_contain_text("Nothing will be sent twice")
    shoot(page, "unconfirmed")
    expect(page.locator("#campaign-batches")).to_contain_text(
        "Confirmed: ChumiAI did start batch 1", timeout=60_000
    )
    expect(page.locator(".progress-head")).to_contain_text("Finished")
    shoot(page, "found")
    assert sent_to(sandbox, team) == [row[0] for row in people(12)[1:]]


def test_a_person_decides_about_a_batch_that_is_not_found(open_page, sandbox, team, manager, site):
    connect(team, sandbox)
    campaign = make_ready_campaign(team, count=12, by=manager)
    sandbox.fault("500", path=BULK)
    page = open_page(manager)
    launch(page, team, campaign, engine="Fast (batches)")
    expect(notices(page)).to_contain_text("check ChumiAI's job list again")
    expect(notices(page).get_by_role("button")).to_have_count(0)
    # Ten minutes and several searches later.
    for searches in range(6):
        batch = campaign.batches.get()
        if batch.search_ended_at:
            break
        batches.record_search(batch, ended=searches >= 3, candidates=0)
    page.reload()
    expect(notices(page)).to_contain_text("It was most likely not sent")
    shoot(page, "not-found")
    confirm(page, "Send again")
    expect(page.locator(".progress-head")).to_contain_text("Finished")
    assert sent_to(sandbox, team) == [row[0] for row in people(12)[1:]]
    assert Campaign.objects.get().batches.get().attempts.count() == 2


def test_a_template_that_changed_is_shown_old_and_new(open_page, sandbox, slow, manager):
    campaign = make_ready_campaign(slow, count=60, by=manager)
    page = open_page(manager)
    page.goto(f"/t/{slow.slug}/campaigns/{campaign.uuid}/review/")
    page.get_by_role("radio", name="One by one").check()
    page.get_by_label("To confirm").fill("60")
    page.get_by_label("agreed to hear from").check()
    page.get_by_role("button", name="Send 60 messages now").click()
    wait_until(lambda: len(sent_to(sandbox, slow)) > 3, what="the first messages")
    new = "Use code {{1}} today, dear {{2}}. Reply STOP to opt out."
    template = {"name": "welcome_message", "language": "en_US", "category": "MARKETING"}
    body = [{"type": "BODY", "text": new}]
    sandbox.post(
        "templates", account=account_of(slow), status="APPROVED", components=body, **template
    )
    templates.request_sync(slow)
    expect(notices(page)).to_contain_text("The template has changed", timeout=60_000)
    before = len(sent_to(sandbox, slow))
    time.sleep(1)
    assert len(sent_to(sandbox, slow)) == before
    expect(notices(page).locator("del").first).to_be_visible()
    shoot(page, "template-changed")
    page.get_by_role("button", name="Send the new text", exact=False).first.click()
    shoot(page, "template-question")
    dialog = page.get_by_role("dialog")
    dialog.get_by_role("button", name="Send the new text", exact=False).click()
    wait_until(lambda: len(sent_to(sandbox, slow)) > before, what="the new text")
    texts = [line["body"] for line in sandbox.ledger(account_of(slow))]
    # Before the sync nobody could know of the new text.
    assert texts[0] != new
    assert set(texts[before:]) == {new}
