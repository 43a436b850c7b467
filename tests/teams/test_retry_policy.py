import pytest

from chumi_api.errors import Forbidden, RateLimited, Unavailable
from teams import retry_policy
from teams.retry_policy import RetryPolicy, wait_after


@pytest.fixture
def slept(monkeypatch):
    pauses = []
    monkeypatch.setattr(retry_policy.time, "sleep", pauses.append)
    return pauses


def limited(seconds=None):
    return RateLimited("Too many requests.", status=429, retry_after=seconds)


@pytest.mark.parametrize(
    ("seconds", "wait"), [(None, 10), (0, 1), (0.2, 1), (7, 7), (99_999, 3600)]
)
def test_a_task_waits_as_long_as_chumiai_asks_within_bounds(seconds, wait):
    assert wait_after(limited(seconds), default=10) == wait
    assert wait_after(Unavailable("Bad gateway."), default=10) == 10


def test_the_pauses_grow_until_the_error_is_raised(slept):
    waits = []
    policy = RetryPolicy(longest=30, on_wait=waits.append)
    for tries in range(3):
        policy(Unavailable("Bad gateway."), tries)
    with pytest.raises(Unavailable):
        policy(Unavailable("Bad gateway."), 3)
    assert slept == waits == [1, 5, 20]


def test_a_retry_after_counts_more_than_the_pauses(slept):
    policy = RetryPolicy(longest=30)
    policy(limited(7), 0)
    assert slept == [7]
    with pytest.raises(RateLimited):
        policy(limited(31), 0)


def test_what_another_try_does_not_help_is_raised_at_once(slept):
    with pytest.raises(Forbidden):
        RetryPolicy(longest=30)(Forbidden("Not allowed.", status=403), 0)
    with pytest.raises(Unavailable):
        RetryPolicy(longest=30, retried=(RateLimited,))(Unavailable("Bad gateway."), 0)
    assert slept == []
