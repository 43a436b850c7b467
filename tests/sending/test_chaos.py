"""Kills at random while ChumiAI misbehaves: no message twice, none lost."""

import random

import pytest

from tests.chaos.run import SETTINGS, Chaos

pytestmark = pytest.mark.stack

# A hundred in every run, a thousand in the long one.
KILLS = (100, pytest.param(1000, marks=pytest.mark.long))


@pytest.fixture
def worker_pool(make_nursery, settings):
    for name, value in SETTINGS.items():
        setattr(settings, name, value)
    return make_nursery(**SETTINGS)


@pytest.mark.parametrize("kills", KILLS)
def test_nobody_is_doubled_and_nobody_is_lost(worker_pool, sandbox, stack, kills):
    seed = random.randrange(1_000_000)
    print(f"Again, and longer: script/chaos --kills {kills} --seed {seed}")
    chaos = Chaos(
        sandbox=sandbox,
        worker_pool=worker_pool,
        engines=("batches", "singly", "group"),
        kills=kills,
        seed=seed,
        stack=stack,
        copies=kills > KILLS[0],
    )
    assert chaos.run() == []
    print(dict(chaos.count))
    assert chaos.count["kills"] >= kills
    assert chaos.count["unclear"], "no worker died with a request on its way"
