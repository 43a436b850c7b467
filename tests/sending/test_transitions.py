"""The table of transitions: every state of a campaign with every transition."""

import uuid

import pytest
from django.utils import timezone

from campaigns.models import Campaign
from sending.transitions import TRANSITIONS, move
from tests.factories import make_campaign

Status = Campaign.Status

# The arrows, written out: a change of the table changes this test, too.
ARROWS = """
launch             ready                   queued
begin              queued                  sending
pause              queued sending          paused
pause_unconfirmed  queued sending completed paused
resume             paused                  sending
resume_settled     paused                  sending
stop               queued sending paused   stopped
complete           sending                 completed
complete_paused    paused                  completed
reopen             completed               sending
reopen_unfinished  completed               sending
"""


def in_state(team, status):
    """Return a campaign in that state, with the columns that the state needs."""
    campaign = make_campaign(team)
    fields = {"status": status}
    if status not in Campaign.EDITABLE:
        fields |= {"launched_at": timezone.now(), "intent": uuid.uuid4()}
        fields |= {"snapshot": {}, "engine": Campaign.Engine.BATCHES}
    if status == Status.PAUSED:
        fields["pause_reason"] = Campaign.Pause.PERSON
    if status in Campaign.TERMINAL:
        fields["finished_at"] = timezone.now()
    Campaign.objects.filter(pk=campaign.pk).update(**fields)
    campaign.refresh_from_db()
    return campaign


def values_for(transition):
    """Return a value for each column that the transition is given."""
    now = timezone.now()
    samples = {
        "intent": uuid.uuid4(),
        "engine": Campaign.Engine.SINGLY,
        "snapshot": {"template": "hello"},
        "template_hash": "0" * 64,
        "launched_by": None,
        "launched_at": now,
        "consent": "They agreed.",
        "failures_since": now,
        "finished_at": now,
        "pause_reason": Campaign.Pause.FAILURES,
        "pause_details": {"failed": 13, "last": 50},
    }
    return {name: samples[name] for name in transition.given}


def test_the_table_has_these_arrows():
    lines = [line.split() for line in ARROWS.strip().splitlines()]
    written = {name: (set(sources), target) for name, *sources, target in lines}
    assert {n: (set(t.sources), t.target) for n, t in TRANSITIONS.items()} == written


@pytest.mark.parametrize("name", TRANSITIONS)
@pytest.mark.parametrize("status", Status.values)
def test_a_transition_moves_its_sources_and_no_other(team, status, name):
    transition = TRANSITIONS[name]
    campaign = in_state(team, status)
    before = Campaign.objects.filter(pk=campaign.pk).values().get()
    given = values_for(transition)
    moved = move(campaign, name, **given)
    after = Campaign.objects.filter(pk=campaign.pk).values().get()
    assert moved == (status in transition.sources)
    if not moved:
        assert after == before
        return
    assert campaign.status == after["status"] == transition.target
    given.pop("launched_by", None)
    for column, value in {**transition.fixed, **given}.items():
        assert after[column] == value, column


def test_a_further_condition_is_part_of_the_update(team):
    campaign = in_state(team, Status.QUEUED)
    assert not move(campaign, "begin", only_if={"digest": "another"})
    assert campaign.status == Status.QUEUED


@pytest.mark.parametrize("given", [{}, {"finished_at": None, "consent": "x"}])
def test_a_transition_takes_exactly_its_columns(team, given):
    with pytest.raises(TypeError, match="stop takes"):
        move(in_state(team, Status.SENDING), "stop", **given)
