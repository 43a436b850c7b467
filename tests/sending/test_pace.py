"""The pace of single sending: pure arithmetic over a clock that we move ourselves."""

import pytest

from sending.senders.singly import CATCH_UP, Pace


def run(pace, *, seconds, per_second, start=1000.0, hiccups=()):
    """Return the moments at which messages left, on a clock that moves by milliseconds."""
    moments, now = [], start
    while now < start + seconds:
        busy = next((until for since, until in hiccups if since <= now - start < until), None)
        if busy is not None:
            now = start + busy
        if pace.wait(now) <= 0:
            pace.take(now, per_second)
            moments.append(now - start)
        now += 0.001
    return moments


@pytest.mark.parametrize("per_second", [0.5, 5, 20, 80])
def test_a_set_pace_is_held_within_two_per_cent(per_second):
    moments = run(Pace(), seconds=60, per_second=per_second)
    held = (len(moments) - 1) / (moments[-1] - moments[0])
    assert held == pytest.approx(per_second, rel=0.02)


def test_a_short_hiccup_is_made_up_for():
    hiccups = [(n, n + CATCH_UP * 0.8) for n in range(1, 30)]
    moments = run(Pace(), seconds=31, per_second=20, hiccups=hiccups)
    assert len(moments) / 31 == pytest.approx(20, rel=0.02)


def test_a_long_pause_is_no_reason_for_a_burst():
    pace = Pace()
    run(pace, seconds=1, per_second=10)
    assert len(run(pace, seconds=1, per_second=10, start=2000.0)) <= 11


def test_after_a_429_it_waits_goes_on_at_half_and_climbs_back():
    pace = Pace()
    run(pace, seconds=1, per_second=10)
    pace.slow_down(1001.0, 7)
    assert pace.wait(1001.0) == pytest.approx(7)
    first = run(pace, seconds=5, per_second=10, start=1008.0)
    assert 22 <= len(first) <= 30
    later = run(pace, seconds=60, per_second=10, start=1013.0)
    assert len([moment for moment in later if moment > 50]) == pytest.approx(100, abs=3)
