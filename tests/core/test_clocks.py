"""Rows hold the database's time, whatever the clock of this machine shows."""

import time
from datetime import timedelta

import pytest
from django.db import DatabaseError, connection, transaction

from core import clocks
from tasks.models import Task

pytestmark = pytest.mark.django_db

on_postgresql = pytest.mark.skipif(
    connection.vendor != "postgresql", reason="a file has no clock of its own"
)


@pytest.fixture(autouse=True)
def fresh(monkeypatch):
    monkeypatch.setattr(clocks, "_last", None)


def seconds_off():
    """Return how far `clocks.now` is from the database's clock."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT extract(epoch FROM clock_timestamp())")
        return abs(clocks.now().timestamp() - float(cursor.fetchone()[0]))


@on_postgresql
@pytest.mark.parametrize("jump", [900, -900])
def test_now_is_the_databases_time_also_after_a_jump_of_this_clock(monkeypatch, jump):
    assert seconds_off() < 1
    real = time.time
    monkeypatch.setattr(time, "time", lambda: real() + jump)
    assert abs(clocks.ahead() - jump) < 1
    assert seconds_off() < 1


def test_a_moment_in_the_database_is_compared_by_its_own_clock():
    row = Task.objects.create(name="once", key="1", due_at=clocks.now() - timedelta(seconds=30))
    assert Task.objects.filter(due_at__gt=clocks.seconds_ago(35)).get() == row
    assert not Task.objects.filter(due_at__gt=clocks.seconds_ago(25)).exists()


@on_postgresql
def test_while_the_database_does_not_answer_the_last_answer_holds(monkeypatch):
    monkeypatch.setattr(clocks, "_last", clocks._Comparison(900, 0, 0))
    with transaction.atomic():
        with connection.cursor() as cursor, pytest.raises(DatabaseError):
            cursor.execute("SELECT * FROM nowhere")
        # The transaction is broken: no query gets an answer.
        assert clocks.ahead() == 900
        transaction.set_rollback(True)
