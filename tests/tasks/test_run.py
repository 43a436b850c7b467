"""A task runs once for each request, under a lease, and again after a crash."""

from datetime import timedelta

import pytest
from django.utils import timezone

from tasks import services
from tasks.models import Task, Worker

calls = []


def record(key):
    calls.append(key)


def ask_again_while_busy(key):
    calls.append(key)
    if len(calls) == 1:
        services.request("once", key)


def later(key):
    calls.append(key)
    return 60


def requested_soon_while_busy(key):
    calls.append(key)
    for _ in range(3):
        services.request_soon("once", key)


def moved_while_busy(key):
    calls.append(key)
    Task.objects.update(due_at=timezone.now() + timedelta(seconds=0.5))


def broken(key):
    calls.append(key)
    raise ValueError("a bug")


@pytest.fixture(autouse=True)
def handlers(db, settings):
    calls.clear()
    here = "tests.tasks.test_run"
    settings.TASK_HANDLERS = {
        "once": f"{here}.record",
        "busy": f"{here}.ask_again_while_busy",
        "soon": f"{here}.requested_soon_while_busy",
        "later": f"{here}.later",
        "broken": f"{here}.broken",
    }


def test_two_requests_run_once(drain):
    services.request("once", 1)
    services.request("once", 1)
    drain()
    assert calls == ["1"]
    assert Task.objects.get().due_at is None


def test_a_further_request_is_one_statement(django_assert_num_queries):
    """Between two statements a worker that has just finished could put the row back as idle."""
    services.request("once", 1)
    with django_assert_num_queries(1):
        services.request("once", 1)
    with django_assert_num_queries(1):
        services.request("once", 1, delay=60)
    assert Task.objects.due().exists(), "a later request must not delay an earlier one"


def test_a_wake_up_for_a_task_that_is_not_due_does_nothing():
    services.request("once", 1, delay=60)
    assert not services.run("once", "1")
    assert not services.run("once", "unknown")
    assert calls == []


def test_the_earlier_request_wins():
    services.request("once", 1, delay=60)
    services.request("once", 1)
    services.request("once", 1, delay=60)
    assert services.run("once", "1")


def test_a_request_during_the_run_is_not_lost(settings, drain):
    settings.TASK_HANDLERS["once"] = settings.TASK_HANDLERS["busy"]
    services.request("once", 1)
    assert services.run("once", "1")
    assert Task.objects.due().exists()
    drain()
    assert calls == ["1", "1"]


def test_requests_soon_during_the_run_cause_one_more_run(settings):
    """A worker that ran for each event of a flood would never process many at a time."""
    settings.TASK_HANDLERS["once"] = settings.TASK_HANDLERS["soon"]
    services.request("once", 1)
    assert services.run("once", "1")
    task = Task.objects.get()
    assert (task.wanted, task.leased_until) == (2, None)
    assert timedelta(0) < task.due_at - timezone.now() <= timedelta(seconds=0.5)
    Task.objects.update(due_at=timezone.now())
    settings.TASK_HANDLERS["once"] = "tests.tasks.test_run.record"
    assert services.run("once", "1")
    assert Task.objects.get().due_at is None


def test_a_later_due_at_that_is_set_during_the_run_stays(settings):
    """Other processes rely on it, although its request may have been counted before the run."""
    settings.TASK_HANDLERS["once"] = "tests.tasks.test_run.moved_while_busy"
    services.request("once", 1)
    assert services.run("once", "1")
    assert Task.objects.get().due_at


def test_a_handler_returns_when_it_wants_to_run_again():
    services.request("later", 1)
    services.run("later", "1")
    task = Task.objects.get()
    assert timedelta(seconds=50) < task.due_at - timezone.now() <= timedelta(seconds=60)
    assert not services.run("later", "1")


def test_a_lease_excludes_others_until_it_ends():
    services.request("once", 1)
    Task.objects.update(leased_until=timezone.now() + timedelta(seconds=5), token="other")
    assert not services.run("once", "1")
    Task.objects.update(leased_until=timezone.now() - timedelta(seconds=1))
    assert services.run("once", "1")


def test_a_bug_backs_off_and_stores_no_content(caplog):
    services.request("broken", 1)
    services.run("broken", "1")
    task = Task.objects.get()
    assert (task.tries, task.last_error) == (1, "ValueError")
    assert task.due_at > timezone.now()
    assert task.leased_until is None


def test_a_worker_finds_tasks_that_are_due_or_left_behind_in_the_order_of_their_moments():
    now = timezone.now()
    for key, due, leased in (
        ("due", -2, None),
        ("left behind", -3, -1),
        ("soon", 1, None),
        ("ends soon", -4, 1.5),
        ("later", 9, None),
        ("running", -9, 20),
    ):
        until = None if leased is None else now + timedelta(seconds=leased)
        Task.objects.create(
            name="once", key=key, due_at=now + timedelta(seconds=due), leased_until=until
        )
    found = services.upcoming(["once", "busy"], now + timedelta(seconds=2))
    assert [key for _name, key, _ready_at in found] == ["due", "left behind", "soon", "ends soon"]
    assert found[1][2] == now - timedelta(seconds=1)
    assert services.upcoming(["busy"], now) == []


def test_the_heartbeat_shows_whether_a_worker_is_alive():
    assert not services.worker_is_alive()
    services.record_heartbeat("w", timezone.now())
    assert services.worker_is_alive()
    Worker.objects.update(seen_at=timezone.now() - services.WORKER_SILENT_AFTER)
    assert not services.worker_is_alive()


def test_a_heartbeat_forgets_the_workers_of_former_days():
    services.record_heartbeat("old", timezone.now())
    Worker.objects.update(seen_at=timezone.now() - timedelta(days=1, seconds=1))
    services.record_heartbeat("w", timezone.now())
    assert [worker.name for worker in Worker.objects.all()] == ["w"]


@pytest.mark.django_db
def test_a_stopped_worker_is_off_at_once_and_its_last_heartbeat_is_known():
    services.record_heartbeat("w", timezone.now())
    services.record_stopped("w")
    assert not services.worker_is_alive()
    alive, seen_at = services.worker_status()
    assert not alive
    assert timezone.now() - seen_at < services.WORKER_SILENT_AFTER
    services.record_heartbeat("w", timezone.now())
    assert services.worker_is_alive()
