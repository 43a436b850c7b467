"""Chromium and the real stack. Without Chromium the tests are skipped; in CI they fail."""

import os
import shutil

import pytest
from playwright.sync_api import expect

from tests.conftest import IN_CI

# Playwright's event loop runs in this thread, in which the tests also query the database.
os.environ["DJANGO_ALLOW_ASYNC_UNSAFE"] = "true"

CHROMIUM = next(
    filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome", "chrome"))),
    None,
)
NO_CHROMIUM = "no Chromium was found, so no browser test ran. Install one: apt install chromium"
ARGUMENTS = (
    "--no-sandbox",
    "--disable-gpu",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--disable-quic",
    "--no-first-run",
)
DESKTOP = {"width": 1280, "height": 900}
PHONE = {"width": 390, "height": 844}

# Two cores may have to run the browser, two servers and the tests.
expect.set_options(timeout=45_000)


def pytest_collection_modifyitems(items):
    if CHROMIUM or IN_CI:
        return
    for item in items:
        if item.get_closest_marker("browser"):
            item.add_marker(pytest.mark.skip(reason=NO_CHROMIUM))


@pytest.fixture(scope="session")
def browser_type_launch_args(browser_type_launch_args):
    if not CHROMIUM:
        pytest.fail(NO_CHROMIUM)
    return browser_type_launch_args | {"executable_path": CHROMIUM, "args": [*ARGUMENTS]}


@pytest.fixture
def site(stack):
    """The stack with a web server and a worker."""
    stack.start_web()
    stack.start_worker()
    return stack


@pytest.fixture
def open_page(new_context, site, login):
    """Return a function that opens a page in a new browser context, logged in as `user` if given.

    Any warning or error in the console fails the test, also one of the content policy.
    """
    problems = []

    def opened(user=None, **options):
        context = new_context(base_url=site.url, **({"viewport": DESKTOP} | options))
        context.set_default_timeout(20_000)
        context.on("console", lambda message: complain(message.type, message.text, message.page))
        context.on("weberror", lambda error: complain("error", str(error.error), error.page))
        if user:
            (cookie,) = login(user).cookies.values()
            context.add_cookies([{"name": cookie.key, "value": cookie.value, "url": site.url}])
        return context.new_page()

    def complain(kind, text, page):
        # A 404 is no fault of the page; tests assert the status where it matters.
        if kind in {"error", "warning"} and not text.startswith("Failed to load resource"):
            problems.append(f"{page.url if page else ''}: {text}")

    yield opened
    assert problems == [], "\n".join(problems)
