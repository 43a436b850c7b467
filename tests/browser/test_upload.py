"""Upload over a slow connection: it shows its progress, and an interruption loses nothing."""

import re

import pytest
from django.template.loader import render_to_string
from django.urls import reverse
from playwright.sync_api import expect

from core.disk import Trouble
from core.error_pages import nothing_saved
from tests.factories import make_campaign, make_template, xlsx

pytestmark = [pytest.mark.browser, pytest.mark.stack]
INTERRUPTED = (
    "The upload was interrupted and nothing was saved. Check the connection and try again."
)


@pytest.fixture
def page(open_page, marketer):
    return open_page(marketer)


@pytest.fixture
def connection(page):
    """Return a function that makes the page's connection slow, or interrupts it."""
    session = page.context.new_cdp_session(page)

    def change(*, offline=False, bytes_a_second=-1):
        limits = {"latency": 0, "downloadThroughput": -1, "uploadThroughput": bytes_a_second}
        session.send("Network.emulateNetworkConditions", limits | {"offline": offline})

    return change


def test_progress_is_shown_and_an_interruption_loses_nothing(page, connection, team, marketer):
    campaign = make_campaign(team, by=marketer, template=make_template(team))
    page.goto(reverse("campaigns:campaign_file", args=[team.slug, campaign.uuid]))
    # Text that hardly compresses, so that the .xlsx is large.
    rows = [["Phone", "Name", "Code"]]
    rows += [[f"23324{n:07d}", "Ama", f"{n**9:x}" * 6] for n in range(1, 9_000)]
    file = xlsx(rows)
    page.get_by_label("Your file").set_input_files(
        {"name": file.name, "mimeType": "application/octet-stream", "buffer": file.read()}
    )
    upload = page.get_by_role("button", name="Upload")
    bar = page.locator("[data-upload] progress")
    expect(bar).to_be_hidden()

    connection(bytes_a_second=file.size / 60)
    upload.click()
    expect(bar).to_be_visible()
    expect(page.get_by_text("Uploading: 0 %")).to_be_visible()
    expect(upload).to_be_disabled()
    connection(offline=True)
    expect(page.get_by_text(INTERRUPTED)).to_be_visible()
    expect(bar).to_be_hidden()

    connection(bytes_a_second=file.size / 4)
    upload.click()
    expect(page.get_by_text(re.compile("Uploading: (25|50|75) %"))).to_be_visible()
    expect(page.get_by_role("heading", name=file.name)).to_be_visible()


NGINX = "<html><title>413</title><h1>413 Request Entity Too Large</h1><hr>nginx</html>"


@pytest.mark.parametrize(
    ("status", "body", "notice"),
    [
        (413, NGINX, "The server in front of this site refuses files of this size. Nothing was "),
        (413, NGINX, "Up to 20.0 MB are allowed here. If yours is not larger, tell your admin"),
        (502, NGINX, "Something went wrong on our side. Reload the page to see what was saved."),
        (507, "", "There is no room on the server. Nothing was saved."),
    ],
)
def test_a_refusal_of_a_proxy_is_not_ours(page, team, marketer, status, body, notice):
    campaign = make_campaign(team, by=marketer, template=make_template(team))
    path = reverse("campaigns:campaign_file", args=[team.slug, campaign.uuid])
    page.goto(path)
    body = body or render_to_string("507.html", {"sentence": nothing_saved(Trouble.NO_ROOM)})
    page.route(f"**{path}", lambda route: route.fulfill(status=status, body=body))
    file = xlsx([["Phone"], ["233244123456"]])
    page.get_by_label("Your file").set_input_files(
        {"name": file.name, "mimeType": "application/octet-stream", "buffer": file.read()}
    )
    page.get_by_role("button", name="Upload").click()
    expect(page.get_by_text(notice)).to_be_visible()
    expect(page.get_by_role("button", name="Upload")).to_be_enabled()
