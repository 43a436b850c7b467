"""A session ends after a time without use, and an open page that polls is not in use."""

from datetime import timedelta

import pytest
import time_machine
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from django.utils import timezone

from tests.factories import PASSWORD

HOUR = 60 * 60
POLL = {"HX-Request": "true"}
ATTENDED = POLL | {"X-Attended": "true"}


@pytest.fixture
def clock():
    with time_machine.travel(timezone.now(), tick=False) as clock:
        yield clock


@pytest.fixture
def client(clock, manager):
    """A client that logged in on the page."""
    client = Client()
    client.post("/accounts/login/", {"login": manager.email, "password": PASSWORD})
    return client


@pytest.fixture
def home(team):
    return reverse("reports:home", args=[team.slug])


def hours_pass(clock, hours):
    clock.shift(timedelta(hours=hours))


def test_a_session_in_use_does_not_end(client, clock, home):
    for _ in range(10):
        hours_pass(clock, 11.5)
        assert client.get(home).status_code == 200


def test_a_session_ends_after_a_time_without_use(client, clock, home):
    hours_pass(clock, 12.1)
    answer = client.get(home)
    assert answer.url == f"/accounts/login/?next={home}"


def test_the_cookie_lasts_as_long(client, clock, home, settings):
    assert settings.SESSION_COOKIE_AGE == 12 * HOUR
    hours_pass(clock, 6)
    cookie = client.get(home).cookies[settings.SESSION_COOKIE_NAME]
    assert cookie["max-age"] == 12 * HOUR


@pytest.mark.parametrize("method", ["get", "post"])
def test_a_page_that_polls_keeps_no_session(method, client, clock, home):
    for _ in range(23):
        hours_pass(clock, 0.5)
        answer = getattr(client, method)(home, headers=POLL)
        assert "HX-Refresh" not in answer.headers
    hours_pass(clock, 0.6)
    answer = getattr(client, method)(home, headers=POLL)
    assert answer.headers["HX-Refresh"] == "true"
    assert client.get(home).status_code == 302


def test_what_a_person_does_in_a_page_keeps_it(client, clock, home):
    for _ in range(10):
        hours_pass(clock, 11.5)
        assert client.get(home, headers=ATTENDED).status_code == 200
    assert client.get(home).status_code == 200


def test_few_requests_write_the_session(client, clock, home):
    def written(headers=None):
        with CaptureQueriesContext(connection) as queries:
            client.get(home, headers=headers or {})
        return [q["sql"] for q in queries if q["sql"].startswith(("INSERT", "UPDATE", "DELETE"))]

    clock.shift(5)
    assert written() == []
    hours_pass(clock, 1)
    assert written(POLL) == []
    assert len(written()) == 1
    assert written() == []


def test_a_shorter_time_holds_for_sessions_that_are_open(client, clock, home, settings):
    settings.SESSION_COOKIE_AGE = HOUR
    hours_pass(clock, 1.1)
    assert client.get(home).status_code == 302


def test_a_session_from_elsewhere_counts_from_its_first_use(manager, clock, home):
    client = Client()
    client.force_login(manager)
    session = client.session
    del session["last_use"]
    session.save()
    assert client.get(home).status_code == 200
    hours_pass(clock, 12.1)
    assert client.get(home).status_code == 302
