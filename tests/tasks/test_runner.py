"""A worker's threads: each queue has its own, no team gets all, nothing waits for a wake-up."""

import logging
import threading
import time

import pytest
from django.db import connection

from core import clocks
from tasks import services, wakeups
from tasks.models import Task
from tasks.outages import Outage
from tasks.runner import SLOW, Lane, Run, Runner
from tests.processes import wait_until

pytestmark = pytest.mark.django_db(transaction=True)

HERE = "tests.tasks.test_runner"
started = []
release = threading.Event()


def hang(key):
    """Stand for a call that ChumiAI does not answer."""
    started.append(("call", key))
    assert release.wait(30)


def note(key):
    started.append(("note", key))


def fail_once(key):
    started.append(("flaky", key))
    if len(started) == 1:
        raise ValueError


def team_of(key):
    return key.split()[0]


@pytest.fixture
def runner(settings):
    """A worker that runs, with 4 threads for calls and 2 for the queue of notes."""
    settings.TASK_HANDLERS = {
        "call": f"{HERE}.hang",
        "note": f"{HERE}.note",
        "flaky": f"{HERE}.fail_once",
    }
    settings.TASK_QUEUES = {"notes": ["note", "flaky"]}
    settings.TASK_TEAMS = {"call": f"{HERE}.team_of"}
    started.clear()
    release.clear()
    runner = Runner({"calls": 4, "notes": 2}, Outage("database"))
    thread = threading.Thread(target=runner.run)
    thread.start()
    yield runner
    release.set()
    runner.stop()
    thread.join(10)
    assert not thread.is_alive()
    connection.close()


def request_calls(*keys):
    for key in keys:
        services.request("call", key)


def have_started(*tasks):
    return wait_until(lambda: set(tasks) <= set(started), seconds=10, what=f"{tasks}")


def test_no_queue_waits_behind_calls_that_hang(runner):
    request_calls("a 1", "a 2", "b 1", "b 2")
    have_started(*(("call", key) for key in ("a 1", "a 2", "b 1", "b 2")))
    services.request("note", "stop")
    have_started(("note", "stop"))


def test_a_team_never_gets_all_threads_and_the_rest_of_its_tasks_wait(runner):
    request_calls("a 1", "a 2", "a 3", "a 4")
    wait_until(lambda: len(started) == 3, what="the calls")
    request_calls("b 1")
    have_started(("call", "b 1"))
    assert len(started) == 4
    release.set()
    have_started(*(("call", f"a {n}") for n in range(1, 5)))


def test_a_team_that_hung_before_gets_half_of_the_threads(runner):
    runner.lanes["calls"].slow.add("a")
    request_calls("a 1", "a 2", "a 3")
    wait_until(lambda: len(started) == 2, what="the calls that hang")
    request_calls("b 1", "b 2")
    have_started(("call", "b 1"), ("call", "b 2"))
    assert len(started) == 4


def test_teams_that_hung_before_leave_a_thread_to_the_others(runner):
    runner.lanes["calls"].slow |= {"a", "b", "c"}
    request_calls("a 1", "a 2", "b 1", "b 2", "c 1")
    wait_until(lambda: len(started) == 3, what="the calls that hang")
    request_calls("d 1")
    have_started(("call", "d 1"))
    assert len(started) == 4


def test_a_team_is_slow_until_a_task_of_its_ends_in_time():
    lane, now = Lane("calls", 4), time.monotonic()
    for started_at, slow in ((now - SLOW - 1, {"a"}), (now, set())):
        run = Run("call", "a 1", "a", started_at)
        lane.begin(run)
        lane.end(run)
        assert lane.slow == slow


def test_a_task_whose_wake_up_was_lost_runs_within_seconds(runner):
    Task.objects.create(name="note", key="1", due_at=clocks.now())
    start = time.monotonic()
    have_started(("note", "1"))
    assert time.monotonic() - start < services.LOOK_EVERY + 2


def test_a_task_runs_at_its_moment_and_again_after_a_bug(runner):
    services.request("flaky", "1", delay=0.5)
    wait_until(lambda: len(started) == 2, seconds=10, what="the second run")
    task = wait_until(lambda: Task.objects.filter(tries=0, due_at=None).first(), what="the end")
    assert task.last_error == ""


def test_a_store_that_is_away_stops_nothing_and_is_logged_once(runner, settings, caplog):
    caplog.set_level(logging.WARNING)
    # Nothing listens there.
    settings.TASKS_STORE = "redis://127.0.0.1:1/0"
    wakeups._begin()
    for key in range(5):
        before = time.monotonic()
        services.request("note", key)
        assert time.monotonic() - before < 1
    have_started(*(("note", str(key)) for key in range(5)))
    wait_until(wakeups.away_since, what="the outage")
    settings.TASKS_STORE = "memory://"
    wait_until(lambda: wakeups.away_since() is None, what="the end of the outage")
    lines = [record.message for record in caplog.records if record.name == "tasks.outages"]
    assert lines == ["away", "back"]
