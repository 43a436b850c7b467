"""A kill after each step of the protocol, with each fault: all end as the table says."""

import random
from collections import Counter

import pytest
from django.db import connection

from campaigns.models import Campaign, Recipient
from sending.labels import batch_sentence
from sending.models import Attempt, Batch, BulkJob
from sending.services import batches, launches, singles
from sending.services.batches import Decision
from tasks.models import Task
from tests.chaos.ledger_check import check_ledger, problems_in_words
from tests.factories import (
    account_of,
    connect,
    drain,
    launch,
    let_time_pass,
    make_checked_campaign,
    make_group,
    make_group_campaign,
    make_team,
    make_user,
    members,
    people,
)

pytestmark = pytest.mark.stack

SEND = "/api/v1/whatsapp/(bulk-import-messages|send-template|send-template-to-group)$"
# What a fault needs to know. The refusal is about one message, not about the account.
HANG = {"seconds": 6}
PARAMS = {
    "hang": HANG,
    "accepted_then_hang": HANG,
    "200_success_false": {"message": "(#131026) Message undeliverable"},
}

# What becomes of the first batch, or of the first person, when the worker is killed after the
# step in the row, and ChumiAI does to that request what the column says:
#
# waits    nobody got anything and nothing was claimed: the next worker sends it
# lost     it may have been sent, and was not: nobody repeats it, a person decides
# arrived  it may have been sent, and was: a batch's job is found, about a message a person decides
# done     it was recorded as accepted
# refused  it was recorded as refused: nobody in it got anything
# broken   as `lost` or as `waits`: by chance the connection broke before the last byte, or at it
BATCHES = """
                  none    500     redirect reset_before hang    429     200_success_false accepted_then_500 reset_after half_json 200_no_id accepted_then_hang
baseline_read     waits   waits   waits    waits        waits   waits   waits             waits             waits       waits     waits     waits
file_written      waits   waits   waits    waits        waits   waits   waits             waits             waits       waits     waits     waits
claim_written     waits   waits   waits    waits        waits   waits   waits             waits             waits       waits     waits     waits
claim_committed   lost    lost    lost     lost         lost    lost    lost              lost              lost        lost      lost      lost
request_begun     lost    lost    lost     broken       lost    lost    lost              lost              lost        lost      lost      lost
gate_passed       lost    lost    lost     broken       lost    lost    lost              lost              lost        lost      lost      lost
last_byte_sent    arrived lost    lost     broken       lost    lost    lost              arrived           arrived     arrived   arrived   arrived
answer_read       arrived lost    lost     lost         lost    lost    lost              arrived           arrived     arrived   arrived   arrived
outcome_recorded  done    lost    lost     broken       lost    waits   refused           arrived           arrived     arrived   arrived   arrived
"""  # noqa: E501
SINGLY = """
                  none    500     redirect reset_before hang    429     200_success_false accepted_then_500 reset_after half_json 200_no_id accepted_then_hang
claim_written     waits   waits   waits    waits        waits   waits   waits             waits             waits       waits     waits     waits
claim_committed   lost    lost    lost     lost         lost    lost    lost              lost              lost        lost      lost      lost
request_begun     lost    lost    lost     broken       lost    lost    lost              lost              lost        lost      lost      lost
gate_passed       lost    lost    lost     broken       lost    lost    lost              lost              lost        lost      lost      lost
last_byte_sent    arrived lost    lost     broken       lost    lost    lost              arrived           arrived     arrived   arrived   arrived
answer_read       arrived lost    lost     lost         lost    lost    lost              arrived           arrived     arrived   arrived   arrived
outcome_recorded  done    lost    lost     broken       lost    waits   refused           arrived           arrived     arrived   done      arrived
"""  # noqa: E501

# A whole group is sent as one batch is, but without a file.
GROUP = "\n".join(line for line in BATCHES.splitlines() if not line.startswith("file_written"))

# In which state the kill leaves it, where the outcome was not recorded.
STATES = {
    **dict.fromkeys(("baseline read", "file written", "claim written"), "pending"),
    **dict.fromkeys(
        ("claim committed", "request begun", "gate passed", "last byte sent", "answer read"),
        "submitting",
    ),
}
RECORDED = {
    "waits": "pending",
    "lost": "unconfirmed",
    "arrived": "unconfirmed",
    "done": "accepted",
}


def rows_of(table):
    """Return the rows of a table as (step, {fault: end})."""
    header, *lines = [line.split() for line in table.strip().splitlines()]
    return [
        (step.replace("_", " "), dict(zip(header, ends, strict=True))) for step, *ends in lines
    ]


ROWS = [
    pytest.param(engine, step, ends, id=f"{engine}-{step.replace(' ', '_')}")
    for engine, table in (("batches", BATCHES), ("singly", SINGLY), ("group", GROUP))
    for step, ends in rows_of(table)
]


# No request, nothing that a fault could strike: some of these by chance, in the long run all.
EARLY_STEPS = ("baseline read", "file written", "claim written", "claim committed")


@pytest.fixture
def worker_pool(make_nursery, settings):
    settings.RECONCILE_SECONDS = 0
    return make_nursery(CHUMIAI_SEND_SECONDS=2)


class Cell:
    """One campaign whose worker is killed, and where it goes from there."""

    def __init__(self, sandbox, engine, step, fault, end):
        self.sandbox, self.step, self.fault, self.end = sandbox, step, fault, end
        self.team = make_team(
            fault.replace("_", "-"), batch_size=3, parallel_sends=1, messages_per_second=200
        )
        connect(self.team, sandbox)
        rows = people(5)[1:]
        self.singly, self.to_group = engine == "singly", engine == "group"
        self.intended = {phone: values for phone, *values in rows}
        if self.to_group:
            self.intended = dict.fromkeys(self.intended, ["Text 1", "Text 2"])
            group = make_group(self.team, sandbox, members(5))
            campaign = make_group_campaign(self.team, group, way="endpoint")
        else:
            campaign = make_checked_campaign(self.team, rows)
        self.campaign = launch(campaign, engine=engine)
        self.decided = {}
        self.is_broken = False
        if fault != "none":
            params = PARAMS.get(fault, {})
            order = {"kind": fault, "path": SEND, "method": "POST", "params": params}
            sandbox.post("faults", account=account_of(self.team), **order)

    @property
    def unit(self):
        """Return what is sent first: a batch or, one by one, a person."""
        if self.singly:
            return self.campaign.recipients.get(position=1)
        return self.campaign.batches.get(number=1)

    def phones(self):
        if self.to_group:
            return set(self.intended)
        unit = self.unit
        people = [unit] if self.singly else Recipient.objects.of_batch(unit)
        return {person.phone.lstrip("+") for person in people}

    def ledger(self):
        return self.sandbox.ledger(account_of(self.team))

    def arrived(self):
        return bool(self.phones() & {line["to"] for line in self.ledger()})

    def problems(self):
        """Return what is wrong with the campaign now that it has ended."""
        if not self.to_group:
            return list(
                check_ledger(self.campaign, self.ledger(), self.intended, decided=self.decided)
            )
        lines = Counter((line["to"], *line["values"]) for line in self.ledger())
        wrong = [line for line in lines if self.intended[line[0]] != list(line[1:])]
        doubled = [line for line, times in lines.items() if times > 1]
        return [*wrong, *doubled, *problems_in_words(self.campaign)]

    def check_death(self):
        """Say how the kill left it; find out which end a `broken` one takes."""
        status = self.unit.status
        if self.end == "broken":
            self.end = "waits" if status == "pending" else "lost"
            self.is_broken = True
            wanted = (status,)
            assert status in ("pending", "submitting", "unconfirmed"), f"{self}: {status}"
        elif self.step in STATES:
            wanted = (STATES[self.step],)
        elif self.end == "refused":
            wanted = ("rejected", "failed")
        else:
            wanted = (RECORDED[self.end],)
        assert status in wanted, f"{self}: {status}, not {wanted}"

    def __str__(self):
        return f"{self.step} × {self.fault} → {self.end}"


def let_claims_grow_old():
    """Do what time does after a crash."""
    Task.objects.exclude(leased_until=None).update(leased_until=None)
    for batch in Batch.objects.filter(status=Batch.Status.SUBMITTING):
        old = batch.claimed_at - batches.claim_lifetime() * 2
        Batch.objects.filter(pk=batch.pk).update(claimed_at=old)
    for attempt in Attempt.objects.filter(outcome__in=Attempt.LIVE):
        old = attempt.started_at - batches.claim_lifetime() * 2
        Attempt.objects.filter(pk=attempt.pk).update(started_at=old)


def go_on(rounds=12):
    """Let the next worker work on all campaigns, until only a person can help."""
    for _ in range(rounds):
        drain()
        let_time_pass()
        busy = (
            BulkJob.objects.exclude(next_poll_at=None).exists()
            or Batch.objects.exclude(next_search_at=None).exists()
            or Campaign.objects.filter(status__in=("queued", "sending")).exists()
        )
        if not busy:
            return


def settle(cell):
    """Assert that the cell stands where its end says, and decide what a person has to."""
    cell.campaign.refresh_from_db()
    status, unit = cell.campaign.status, cell.unit
    assert cell.arrived() == (cell.end in ("waits", "arrived", "done")), str(cell)
    match cell.end:
        case "waits" | "done":
            assert (status, unit.status) == ("completed", "accepted"), str(cell)
        case "refused":
            assert unit.status in ("rejected", "failed"), str(cell)
            if status == "paused":
                assert cell.campaign.pause_reason == "rejected", str(cell)
                launches.resume(cell.campaign)
        case "arrived" if not cell.singly:
            assert (status, unit.status) == ("completed", "accepted"), str(cell)
            assert "ChumiAI did start batch 1" in batch_sentence(unit), str(cell)
        case "lost" | "arrived":
            assert unit.status == "unconfirmed", f"{cell}: {unit.status}"
            by = make_user(f"Ama{cell.team.pk} M", cell.team)
            again = Decision.SEND_AGAIN if cell.end == "lost" else Decision.COUNT_AS_SENT
            if cell.singly and cell.is_broken:
                # The worker lived until it wrote to the next person, who is unconfirmed as well.
                people = cell.campaign.recipients.filter(status="unconfirmed")
                phones = {phone.lstrip("+") for phone in people.values_list("phone", flat=True)}
                singles.decide(cell.campaign, Decision.SKIP, people=len(phones), by=by)
                cell.decided = dict.fromkeys(phones, Decision.SKIP)
                return
            if cell.singly:
                assert singles.decide(cell.campaign, again, people=1, by=by) == 1, str(cell)
            else:
                assert unit.search_ended_at, f"{cell}: a person must be able to decide"
                batches.decide(unit, again, by=by)
            cell.decided = dict.fromkeys(cell.phones(), again)


@pytest.mark.parametrize(("engine", "step", "ends"), ROWS)
def test_a_kill_after_the_step(worker_pool, sandbox, pytestconfig, engine, step, ends):
    if step in EARLY_STEPS and not pytestconfig.getoption("--long"):
        ends = dict(random.sample(sorted(ends.items()), 4))
    cells = [Cell(sandbox, engine, step, fault, end) for fault, end in ends.items()]
    # Who waits for the end of a hanging request does so while the others are tried.
    cells.sort(key=lambda cell: "hang" not in cell.fault)
    hanging = []
    for cell in cells:
        pid = worker_pool.fork(
            "until_idle", strike={"number": 9, "step": step}, key=str(cell.team.pk)
        )
        if "hang" in cell.fault:
            hanging.append(pid)
        else:
            [code] = worker_pool.wait(pid)
            assert code == -9 or cell.end == "broken", f"{cell}: the step never came ({code})"
    assert worker_pool.wait(*hanging) == [-9] * len(hanging)
    for cell in cells:
        cell.check_death()
    sandbox.post("faults/clear")
    let_claims_grow_old()
    go_on()
    for cell in cells:
        settle(cell)
    go_on()
    for cell in cells:
        cell.campaign.refresh_from_db()
        if cell.campaign.status == "paused":
            launches.resume(cell.campaign)
    go_on()
    for cell in cells:
        cell.campaign.refresh_from_db()
        failed = cell.phones() if cell.end == "refused" else set()
        found = cell.problems()
        assert not found, f"{cell}: {found}"
        if not cell.is_broken:
            got = {line["to"] for line in cell.ledger()}
            assert got == set(cell.intended) - failed, str(cell)
    connection.close()
