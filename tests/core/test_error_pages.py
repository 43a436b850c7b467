"""The pages of faults on our side say only what we know."""

from html import unescape

import pytest
import requests
from django.core.handlers.exception import response_for_exception
from django.db import OperationalError
from django.utils.html import strip_tags
from psycopg.errors import DiskFull

from core.disk import NotSaved, Trouble

SOMETHING = (
    "Something went wrong on our side The error is logged. Go back and reload the page to see "
    "what was saved before you try again."
)


def text(content):
    return unescape(" ".join(strip_tags(content).split()))


def page_of(rf, error, cause=None):
    try:
        raise error from cause
    except Exception as raised:
        answer = response_for_exception(rf.get("/"), raised)
        return answer.status_code, text(answer.content.decode())


def test_an_error_promises_nothing_about_campaigns(rf):
    status, words = page_of(rf, ZeroDivisionError())
    assert status == 500
    assert SOMETHING in words
    assert "ampaign" not in words


def test_a_full_disk_behind_any_view(rf):
    status, words = page_of(rf, OperationalError("no"), DiskFull("no"))
    assert status == 507
    assert "There is no room on the server. Go back and reload the page to see" in words
    # Part of it may have been saved.
    assert "Nothing was saved" not in words


@pytest.mark.parametrize("trouble", Trouble)
def test_what_is_not_saved_says_so(rf, trouble):
    status, words = page_of(rf, NotSaved(trouble))
    assert status == 507
    assert "Nothing was saved." in words


@pytest.mark.stack
def test_a_database_that_is_away(stack):
    stack.env["DATABASE_URL"] = "postgres://nobody@127.0.0.1:1/nothing"
    url = stack.start_web()
    answer = requests.get(url, cookies={"chumi_session": "a" * 32}, timeout=20)
    assert answer.status_code == 500
    assert SOMETHING in text(answer.text)
    answer = requests.get(f"{url}/health/", timeout=20)
    assert (answer.status_code, answer.text) == (200, "database: The database can't be reached")
