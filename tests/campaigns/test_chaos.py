"""A hundred kills at random while ChumiAI misbehaves: nobody doubled, nobody lost."""

import random

import pytest

from tests.chaos.run import SETTINGS, Chaos

pytestmark = pytest.mark.stack

KILLS = 100


@pytest.fixture
def nursery(make_nursery, settings):
    for name, value in SETTINGS.items():
        setattr(settings, name, value)
    return make_nursery(**SETTINGS)


def test_nobody_is_doubled_and_nobody_is_lost(nursery, sandbox):
    seed = random.randrange(1_000_000)
    print(f"Again, and longer: script/chaos --kills {KILLS} --seed {seed}")
    chaos = Chaos(
        sandbox=sandbox, nursery=nursery, engines=("batches", "singly"), kills=KILLS, seed=seed
    )
    assert chaos.run() == []
    print(dict(chaos.count))
    assert chaos.count["kills"] >= KILLS
    assert chaos.count["unclear"], "no worker died with a request on its way"
