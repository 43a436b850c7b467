"""Pages that move: they stop asking when all is said, and ChumiAI is asked by one task alone."""

import pytest
from django.contrib.sessions.models import Session
from playwright.sync_api import expect

from sending.models import BulkJob
from tests.factories import account_of, connect, make_ready_campaign
from tests.processes import wait_until

pytestmark = [pytest.mark.browser, pytest.mark.stack]


def send(page, address, count):
    """Launch as people do, so that the worker hears of it at once."""
    page.goto(f"{address}review/")
    page.get_by_label("agreed to hear from").check()
    page.get_by_role("button", name=f"Send {count} messages now").click()


def polls_of(page):
    """Return a list that grows with every request for a live region."""
    asked = []
    page.on("request", lambda r: asked.append(r.url) if r.url.endswith("/progress/") else None)
    return asked


def asked_about_jobs(sandbox, team):
    """Return how often ChumiAI was asked about the jobs of the team."""
    lines = sandbox.get("requests", account=account_of(team))
    return sum(line["count"] for line in lines if "bulk-jobs" in line["path"])


def test_two_watch_and_one_asks(open_page, sandbox, team, manager, marketer):
    connect(team, sandbox)
    campaign = make_ready_campaign(team, count=40, by=manager)
    address = f"/t/{team.slug}/campaigns/{campaign.uuid}/"
    pages = [open_page(manager), open_page(marketer)]
    asked = [polls_of(page) for page in pages]
    sandbox.post("speed", speed=0)
    send(pages[0], address, 40)
    pages[1].goto(address)
    for page in pages:
        expect(page.locator(".progress-head")).to_contain_text("Sending")

    # Both pages ask us every two seconds; ChumiAI hears no more for the second one.
    before, seen = asked_about_jobs(sandbox, team), [len(polls) for polls in asked]
    pages[0].wait_for_timeout(9_000)
    polls = [len(polls) - n for polls, n in zip(asked, seen, strict=True)]
    assert all(2 <= n <= 6 for n in polls), polls
    assert asked_about_jobs(sandbox, team) - before <= 5

    # At the end the server says so once, and nobody asks any more.
    sandbox.post("speed", speed=1000)
    for page in pages:
        expect(page.locator(".progress-head")).to_contain_text("Finished")
    seen = [len(polls) for polls in asked]
    pages[0].wait_for_timeout(5_000)
    assert [len(polls) for polls in asked] == seen


def test_an_ended_session_leads_to_the_log_in(open_page, sandbox, team, manager):
    connect(team, sandbox)
    campaign = make_ready_campaign(team, count=3, by=manager)
    sandbox.post("speed", speed=0)
    page = open_page(manager)
    asked = polls_of(page)
    address = f"/t/{team.slug}/campaigns/{campaign.uuid}/"
    send(page, address, 3)
    wait_until(lambda: page.wait_for_timeout(200) or asked, what="the first poll")
    Session.objects.all().delete()
    page.wait_for_url(f"**/accounts/login/?next={address}")
    expect(page.get_by_role("heading", level=1)).to_have_text("Log in")
    expect(page.locator(".progress-head")).to_have_count(0)


def test_an_open_page_says_that_somebody_looks(open_page, sandbox, team, manager, viewer):
    connect(team, sandbox)
    campaign = make_ready_campaign(team, count=3, by=manager)
    address = f"/t/{team.slug}/campaigns/{campaign.uuid}/"
    sandbox.post("speed", speed=0)
    sending = open_page(manager)
    send(sending, address, 3)
    wait_until(BulkJob.objects.exists, what="the job")
    # The page that sent it says the same.
    sending.close()
    BulkJob.objects.update(watched_until=None)

    page = open_page(viewer)
    said = []
    page.on("request", lambda r: said.append(r.method) if r.url.endswith("/watch/") else None)
    with page.expect_response("**/watch/") as first:
        page.goto(address)
    assert first.value.status == 204
    assert BulkJob.objects.get().watched_until
    assert said == ["POST"]

    # The next word is due in half a minute: as if it were now.
    due = "document.querySelector('#campaign-watch').dispatchEvent(new Event('every'))"
    page.evaluate("Object.defineProperty(document, 'hidden', {value: true, writable: true})")
    page.evaluate(due)
    page.wait_for_timeout(500)
    assert said == ["POST"]
    page.evaluate("document.hidden = false")
    with page.expect_response("**/watch/") as answer:
        page.evaluate(due)
    assert answer.value.status == 204
    expect(page.locator("#campaign-watch")).to_have_count(1)

    sandbox.post("speed", speed=1000)
    expect(page.locator(".progress-head")).to_contain_text("Finished")
    page.evaluate(due)
    expect(page.locator("#campaign-watch")).to_have_count(0)
