"""Eight workers that wake up at the same moment, again and again: nobody is claimed twice."""

import time
from collections import Counter

import pytest
from django.db import connection

from sending.models import Attempt
from tests.factories import (
    account_of,
    connect,
    finish,
    launch,
    make_checked_campaign,
    make_team,
    people,
)

pytestmark = pytest.mark.stack

WORKERS, WAKE_UPS, UNITS = 8, 100, 150


@pytest.mark.parametrize("engine", ["batches", "singly"])
def test_nobody_is_claimed_twice(make_nursery, sandbox, engine):
    # Parts of three, two and one: as many parts as units, or as many people.
    team = make_team("kente", batch_size=3, open_jobs=UNITS, messages_per_second=200)
    connect(team, sandbox)
    rows = people(UNITS * 2 if engine == "batches" else UNITS)[1:]
    campaign = launch(make_checked_campaign(team, rows), engine=engine)
    units = campaign.batches.count() if engine == "batches" else campaign.recipients.count()
    assert units == UNITS
    worker_pool = make_nursery()
    begin_at = time.time() + 0.5
    # Without a lease: the claims alone must keep them apart.
    workers = [
        worker_pool.fork("wake_ups", key=str(team.pk), times=WAKE_UPS, begin_at=begin_at)
        for _ in range(WORKERS)
    ]
    assert worker_pool.wait(*workers, seconds=240) == [0] * WORKERS, worker_pool.log.read_text()[
        -2000:
    ]
    finish(campaign)
    assert campaign.status == "completed"
    unit = "batch" if engine == "batches" else "recipient"
    claims = Counter(
        Attempt.objects.exclude(outcome="not_sent").values_list(f"{unit}_id", flat=True)
    )
    assert (len(claims), max(claims.values())) == (UNITS, 1)
    got = sorted((line["to"], *line["values"]) for line in sandbox.ledger(account_of(team)))
    assert got == sorted(tuple(row) for row in rows)
    connection.close()
