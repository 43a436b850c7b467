"""Live pages: polling ends with the campaign, and only one task asks ChumiAI."""

import pytest
from django.contrib.sessions.models import Session
from playwright.sync_api import expect

from sending.models import BulkJob
from tests.factories import account_of, connect, make_ready_campaign
from tests.processes import wait_until

pytestmark = [pytest.mark.browser, pytest.mark.stack]


def send(page, address, count):
    """Launch on the page, which wakes the worker at once."""
    page.goto(f"{address}review/")
    page.get_by_label("agreed to hear from").check()
    page.get_by_role("button", name=f"Send {count} messages now").click()


def polls_of(page):
    """Return a list that gets the URL of each poll of the progress."""
    asked = []
    page.on("request", lambda r: asked.append(r.url) if r.url.endswith("/progress/") else None)
    return asked


def asked_about_jobs(sandbox, team):
    """Return how many requests for the team's jobs ChumiAI got."""
    lines = sandbox.get("requests", account=account_of(team))
    return sum(line["count"] for line in lines if "bulk-jobs" in line["path"])


def test_two_open_pages_cause_no_more_requests_to_chumiai(
    open_page, sandbox, team, manager, marketer
):
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

    # Both pages poll us every two seconds; ChumiAI gets no more requests than for one.
    before, seen = asked_about_jobs(sandbox, team), [len(polls) for polls in asked]
    pages[0].wait_for_timeout(9_000)
    polls = [len(polls) - n for polls, n in zip(asked, seen, strict=True)]
    assert all(2 <= n <= 6 for n in polls), polls
    assert asked_about_jobs(sandbox, team) - before <= 5

    # When the campaign ends, the polling ends.
    sandbox.post("speed", speed=1000)
    for page in pages:
        expect(page.locator(".progress-head")).to_contain_text("Finished")
    seen = [len(polls) for polls in asked]
    pages[0].wait_for_timeout(5_000)
    assert [len(polls) for polls in asked] == seen


def test_an_expired_session_redirects_to_the_login(open_page, sandbox, team, manager):
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


def test_an_open_page_requests_frequent_polls(open_page, sandbox, team, manager, viewer):
    connect(team, sandbox)
    campaign = make_ready_campaign(team, count=3, by=manager)
    address = f"/t/{team.slug}/campaigns/{campaign.uuid}/"
    sandbox.post("speed", speed=0)
    sending = open_page(manager)
    send(sending, address, 3)
    wait_until(BulkJob.objects.exists, what="the job")
    # The page that launched it sends the heartbeat, too.
    sending.close()
    BulkJob.objects.update(watched_until=None)

    page = open_page(viewer)
    heartbeats = []
    page.on(
        "request", lambda r: heartbeats.append(r.method) if r.url.endswith("/watch/") else None
    )
    with page.expect_response("**/watch/") as first:
        page.goto(address)
    assert first.value.status == 204
    assert BulkJob.objects.get().watched_until
    assert heartbeats == ["POST"]

    # The next heartbeat is due in half a minute: trigger it now.
    due = "document.querySelector('#campaign-watch').dispatchEvent(new Event('every'))"
    page.evaluate("Object.defineProperty(document, 'hidden', {value: true, writable: true})")
    page.evaluate(due)
    page.wait_for_timeout(500)
    assert heartbeats == ["POST"]
    page.evaluate("document.hidden = false")
    with page.expect_response("**/watch/") as answer:
        page.evaluate(due)
    assert answer.value.status == 204
    expect(page.locator("#campaign-watch")).to_have_count(1)

    sandbox.post("speed", speed=1000)
    expect(page.locator(".progress-head")).to_contain_text("Finished")
    page.evaluate(due)
    expect(page.locator("#campaign-watch")).to_have_count(0)


def test_only_what_a_person_does_keeps_the_session(open_page, sandbox, team, manager):
    connect(team, sandbox)
    campaign = make_ready_campaign(team, count=3, by=manager)
    sandbox.post("speed", speed=0)
    page = open_page(manager)
    attended = {True: [], False: []}
    page.on(
        "request",
        lambda r: (
            attended["x-attended" in r.headers].append(r.url)
            if "hx-request" in r.headers
            else None
        ),
    )
    send(page, f"/t/{team.slug}/campaigns/{campaign.uuid}/", 3)
    wait_until(lambda: page.wait_for_timeout(200) or len(attended[False]) > 1, what="the polls")
    assert attended[True] == []

    page.goto(f"/t/{team.slug}/conversations/")
    with page.expect_response("**/conversations/?*"):
        page.locator("#id_q").press_sequentially("Ama")
    assert [url for url in attended[True] if "q=" in url]
