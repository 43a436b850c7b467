"""Stop, pressed in the moment of sending: it is one or the other, and the rows say which."""

import random
import time
from collections import Counter
from datetime import timedelta

import pytest
from django.db import connection
from django.utils import timezone

from campaigns.models import Campaign
from core.errors import Refused
from sending.models import Attempt
from sending.services import launches
from tests.factories import (
    account_of,
    connect,
    launch,
    let_time_pass,
    make_checked_campaigns,
    make_team,
    people,
)
from tests.processes import wait_until

# What two processes take for the database's clock may differ by this much.
CLOCKS = timedelta(seconds=0.1)

pytestmark = pytest.mark.stack

RACES = 250
TEAMS, WORKERS = 5, 3


@pytest.mark.parametrize("engine", ["batches", "singly"])
def test_stop_in_the_moment_of_sending(make_nursery, sandbox, engine):
    worker_pool = make_nursery()
    for _ in range(WORKERS):
        worker_pool.fork("forever", names=["send_batches"], seed=random.random())
    teams = [
        connect(make_team(f"kente-{n}", messages_per_second=200, open_jobs=1000), sandbox)
        for n in range(TEAMS)
    ]
    each = RACES // TEAMS
    lists = [
        [(p, name, code) for p, name, code in people(2, start=2 * n + 1)[1:]] for n in range(each)
    ]
    rounds = zip(*(make_checked_campaigns(team, lists) for team in teams), strict=True)
    stopped, longest = {}, 0.1
    for campaigns in rounds:
        for campaign in campaigns:
            launch(campaign, engine=engine)
        # Stop each at a moment of its own.
        began = time.monotonic()
        for campaign in campaigns:
            moment = began + random.uniform(0, longest)
            time.sleep(max(moment - time.monotonic(), 0))
            try:
                launches.stop(campaign, by=None)
                stopped[campaign.pk] = timezone.now()
            except Refused:
                # It has ended: all were sent.
                pass
            begun = Attempt.objects.filter(campaign=campaign).exists()
            # Both ends must be common, on any machine.
            longest = max(longest * 0.95, 0.02) if begun else min(longest * 1.1, 2)

    def settled():
        let_time_pass()
        return not (
            Attempt.objects.filter(outcome__in=Attempt.LIVE).exists()
            or Campaign.objects.filter(status__in=Campaign.LIVE).exclude(pk__in=stopped).exists()
        )

    if engine == "batches":
        # Nobody polls here: a batch that was submitted before the stop is at its end.
        Campaign.objects.filter(status__in=Campaign.LIVE).exclude(batches__status="accepted")
    wait_until(settled, seconds=60, what="the last requests")
    ends = Counter()
    for team in teams:
        got = {line["to"] for line in sandbox.ledger(account_of(team))}
        assert len(sandbox.ledger(account_of(team))) == len(got), "a person got it twice"
        for campaign in Campaign.objects.for_team(team).prefetch_related("recipients", "attempts"):
            states = {
                person.phone.lstrip("+"): person.status for person in campaign.recipients.all()
            }
            sent = states.keys() & got
            assert {phone for phone, state in states.items() if state == "accepted"} == sent
            assert {states[phone] for phone in states.keys() - sent} <= {"skipped"}
            if campaign.pk in stopped:
                assert campaign.status == Campaign.Status.STOPPED
                latest = stopped[campaign.pk] + CLOCKS
                after = [a for a in campaign.attempts.all() if a.started_at > latest]
                assert not after, "claimed after the stop was said to be done"
            ends["sent" if len(sent) == 2 else "half sent" if sent else "stopped"] += 1
    print(engine, dict(ends))
    assert sum(ends.values()) == RACES
    assert min(ends["sent"] + ends["half sent"], ends["stopped"]) > RACES / 20
    connection.close()
