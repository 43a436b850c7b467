"""A real Chromium before the real stack. Where there is none: a loud skip, in CI a failure."""

import os
import shutil

import pytest
from playwright.sync_api import expect

from tests.conftest import IN_CI

# Playwright's event loop runs in this thread; the tests look into the database beside it.
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

# The machine may have two cores for the browser, two servers and the tests.
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
    """The stack with a web server and a worker, as a person meets it."""
    stack.start_web()
    stack.start_worker()
    return stack


@pytest.fixture
def open_page(new_context, site, login):
    """Return a function that opens a page in a browser of its own, logged in where told.

    Whatever a page complains about in the console, the policy's refusals too, fails the test.
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
        # That an answer was a 404 is no fault of the page, and a test says where it wants one.
        if kind in {"error", "warning"} and not text.startswith("Failed to load resource"):
            problems.append(f"{page.url if page else ''}: {text}")

    yield opened
    assert problems == [], "\n".join(problems)
