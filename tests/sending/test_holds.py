"""Every hold with every engine: nothing is claimed while it lasts, and all is sent after it."""

import secrets
from dataclasses import dataclass
from pathlib import Path

import pytest
from django.utils import timezone

from campaigns.models import Campaign, GroupChoice
from message_templates.models import MessageTemplate
from sending import holds, senders
from sending.labels import pause_sentence, upcoming_sentence, wait_sentence
from sending.models import Attempt, Batch, BulkJob
from sending.senders import template_reads, to_group
from sending.services import launches
from tasks import continuity
from tasks.models import Continuity
from teams.models import Connection
from teams.services import key_fingerprint_of
from tests.factories import (
    account_of,
    connect,
    finish,
    launch,
    make_checked_campaign,
    make_group,
    make_group_campaign,
    make_ready_campaign,
    members,
    people,
)

ENGINES = Campaign.Engine.values
PEOPLE = 4

# What becomes of a campaign by each engine: "" where the hold does not concern the engine.
# An unrecorded wait stands in brackets.
TABLE = """
                       batches                singly               group
restored_copy          pause:restored_copy    pause:restored_copy  pause:restored_copy
group_not_counted      wait:group_count       wait:group_count     -
group_changed          pause:group_changed    pause:group_changed  pause:group_changed
batch_in_flight        (wait)                 -                    (wait)
job_failed             pause:rejected         -                    pause:rejected
too_many_failed        pause:failures         -                    pause:failures
switched_off           wait:switched_off      wait:switched_off    wait:switched_off
disk_in_trouble        wait:disk              wait:disk            wait:disk
not_recorded           wait:disk              wait:disk            wait:disk
open_jobs              (wait)                 -                    (wait)
not_connected          pause:not_connected    pause:not_connected  pause:not_connected
template_not_sendable  pause:template         pause:template       pause:template
not_tested             pause:not_tested       pause:not_tested     pause:not_tested
template_changed       pause:template_changed pause:template_changed pause:template_changed
unhealthy              -                      pause:failures       -
template_not_read      wait:template_read     wait:template_read   wait:template_read
"""


def rows():
    header, *lines = [line.split() for line in TABLE.strip().splitlines()]
    return {name: dict(zip(header, ends, strict=True)) for name, *ends in lines}


ROWS = rows()


@dataclass
class Scene:
    """A launched campaign, and what its hold needs."""

    campaign: Campaign
    sandbox: object
    settings: object
    monkeypatch: object

    @property
    def team(self):
        return self.campaign.team


def finished_job(scene, **fields):
    """Add a batch that ChumiAI has worked on."""
    last = scene.campaign.batches.order_by("number").last()
    number = last.last + 1 if last else 1
    now = timezone.now()
    batch = Batch.objects.create(
        campaign=scene.campaign, number=9, first=number, last=number, status="accepted",
        claimed_at=now,
    )  # fmt: skip
    BulkJob.objects.create(
        team=scene.team, batch=batch, remote_id="old", first_seen_at=now, changed_at=now, **fields
    )


# Each sets its hold and yields once; what follows takes it away.


def restored_copy(scene):
    # The row of another time than the file.
    assert continuity.catch_up()
    continuity.advance("another campaign", 1)
    kept = continuity.advance("another campaign", 2)
    continuity.confirm(kept)
    Continuity.objects.update(counter=1)
    yield
    Continuity.objects.update(counter=kept.counter, token=kept.token)


def not_recorded(scene):
    # A claim whose worker died before it was in the file, which can't be written now.
    assert continuity.catch_up()
    continuity.advance("another campaign", 1)
    file = scene.settings.CONTINUITY_FILE
    file.with_suffix(".lock").unlink()
    file.with_suffix(".lock").mkdir()
    yield
    file.with_suffix(".lock").rmdir()


def group_not_counted(scene):
    # As if the worker died between the launch and the count.
    count_first = to_group.count_first
    scene.monkeypatch.setattr(to_group, "count_first", lambda campaign: None)
    yield
    scene.monkeypatch.setattr(to_group, "count_first", count_first)


def group_changed(scene):
    group = GroupChoice.objects.filter(campaign=scene.campaign)
    group.update(counted_size=50, counted_at=timezone.now())
    yield
    group.update(counted_size=PEOPLE, size=PEOPLE)


def batch_in_flight(scene):
    other = launch(make_checked_campaign(scene.team, people(9, start=500)[1:], name="Other"))
    launches.pause(other)
    batch = Batch.objects.filter(campaign=other)
    batch.update(
        status="submitting",
        key_fingerprint=key_fingerprint_of(scene.team),
        claimed_at=timezone.now(),
    )
    yield
    batch.update(status="skipped")


def job_failed(scene):
    finished_job(scene, state="failed", error="Something went wrong.")
    yield


def too_many_failed(scene):
    finished_job(scene, state="completed_with_errors", processed=50, failed=30)
    yield


def switched_off(scene):
    scene.settings.SENDING_ENABLED = False
    yield
    scene.settings.SENDING_ENABLED = True


def disk_in_trouble(scene):
    folder = scene.settings.MEDIA_ROOT
    # Nobody can make a folder in a file.
    scene.settings.MEDIA_ROOT = Path(__file__) / "files"
    yield
    scene.settings.MEDIA_ROOT = folder


def open_jobs(scene):
    type(scene.team).objects.filter(pk=scene.team.pk).update(open_jobs=0)
    yield
    type(scene.team).objects.filter(pk=scene.team.pk).update(open_jobs=2)


def not_connected(scene):
    Connection.objects.filter(team=scene.team).delete()
    yield
    connect(scene.team, scene.sandbox, account=account_of(scene.team))


def template_not_sendable(scene):
    templates = MessageTemplate.objects.filter(pk=scene.campaign.template_id)
    templates.update(unsendable_code="status_paused")
    yield
    templates.update(unsendable_code="")


def not_tested(scene):
    part = {"type": "BUTTONS", "buttons": [{"type": "REQUEST_CONTACT_INFO"}]}
    template = MessageTemplate.objects.get(pk=scene.campaign.template_id)
    before = template.components
    _set_components(scene.campaign, [*before, part])
    yield
    _set_components(scene.campaign, before)


def _set_components(campaign, components):
    """Change the template as if the campaign had been launched with it."""
    template = MessageTemplate.objects.get(pk=campaign.template_id)
    template.components = components
    template.save()
    if campaign.snapshot:
        Campaign.objects.filter(pk=campaign.pk).update(
            snapshot=campaign.snapshot | template.version, template_hash=template.content_hash
        )


def template_changed(scene):
    template = MessageTemplate.objects.get(pk=scene.campaign.template_id)
    checked, template.components = template.components, [{"type": "BODY", "text": "{{1}}, {{2}}"}]
    template.save()
    yield
    template.components = checked
    template.save()


def template_not_read(scene):
    # As if the worker died between the launch and the read.
    read = template_reads.read
    scene.monkeypatch.setattr(template_reads, "read", lambda campaign: None)
    yield
    scene.monkeypatch.setattr(template_reads, "read", read)


def unhealthy(scene):
    person, now = scene.campaign.recipients.first(), timezone.now()
    if person is None:
        yield
        return
    Attempt.objects.bulk_create(
        Attempt(
            campaign=scene.campaign,
            recipient=person,
            token=secrets.token_hex(16),
            outcome="rejected",
            started_at=now,
            finished_at=now,
        )
        for _ in range(30)
    )
    yield


@pytest.fixture
def make_scene(connected, sandbox, settings, monkeypatch):
    def make(engine, name):
        if engine == Campaign.Engine.GROUP or name.startswith("group_"):
            endpoint = engine == Campaign.Engine.GROUP
            way = GroupChoice.Way.ENDPOINT if endpoint else GroupChoice.Way.EXPANDED
            group = make_group(connected, sandbox, members(PEOPLE))
            campaign = make_group_campaign(connected, group, way=way)
        else:
            campaign = make_ready_campaign(connected, count=PEOPLE)
        return Scene(launch(campaign, engine=engine), sandbox, settings, monkeypatch)

    return make


def claims(campaign):
    """Return the attempts that are not the ones of a scene."""
    return campaign.attempts.exclude(outcome="rejected")


def test_the_table_has_every_hold():
    assert list(ROWS) == [ask.__name__ for ask, _before in holds.HOLDS]


@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.parametrize("name", ROWS)
def test_a_hold_with_an_engine(make_scene, sandbox, name, engine):
    end = ROWS[name][engine]
    scene = make_scene(engine, name)
    campaign, team = scene.campaign, scene.team
    steps = globals()[name](scene)
    next(steps)
    seconds = senders.work(team)
    campaign.refresh_from_db()
    if end == "-":
        assert claims(campaign).exists()
    else:
        assert not claims(campaign).exists()
        assert sandbox.ledger(account_of(team)) == []
        kind, _, reason = end.strip("()").partition(":")
        assert (campaign.pause_reason if kind == "pause" else campaign.wait_reason) == reason
        assert campaign.status == ("paused" if kind == "pause" else "sending")
        assert bool(pause_sentence(campaign)) == (kind == "pause")
        assert bool(wait_sentence(campaign)) == (kind == "wait" and bool(reason))
        if kind == "wait":
            assert 0 < seconds <= holds.LOOK_AGAIN
            assert (campaign.wait_until is not None) == bool(reason)
    next(steps, None)
    if campaign.status == "paused":
        launches.resume(campaign)
    finish(campaign)
    assert campaign.status == "completed"
    assert campaign.wait_reason == ""
    assert len(sandbox.ledger(account_of(team))) == PEOPLE


@pytest.mark.parametrize("name", [ask.__name__ for ask in holds.KNOWN_BEFORE_LAUNCH])
def test_what_would_hold_is_known_before_the_launch(
    connected, sandbox, settings, monkeypatch, name
):
    campaign = make_ready_campaign(connected, count=PEOPLE)
    assert holds.upcoming(campaign) == []
    steps = globals()[name](Scene(campaign, sandbox, settings, monkeypatch))
    next(steps)
    [hold] = holds.upcoming(Campaign.objects.get(pk=campaign.pk))
    assert f"{hold.kind}:{hold.reason}" == ROWS[name]["batches"]
    assert upcoming_sentence(campaign, hold)
    next(steps, None)
    assert holds.upcoming(Campaign.objects.get(pk=campaign.pk)) == []


def test_no_hold_stands_in_two_places():
    asked = [ask for ask, _before in holds.HOLDS]
    assert len(asked) == len(set(asked))
    assert set(holds.KNOWN_BEFORE_LAUNCH) <= set(asked)
