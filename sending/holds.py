"""May it go on? One ordered list of reasons why nothing more is sent at this moment.

Each function of `HOLDS` reads rows and files and returns a `Hold` or None. Every engine asks the
list before each claim (`first_hold`), and `apply_hold` is what then happens: a hold of kind WAIT
ends by itself, one of kind PAUSE lasts until a person resumes. To add a guard: a function, a row
of `HOLDS` (and of `KNOWN_BEFORE_LAUNCH`, if the review can show it), a code in `Campaign.Wait` or
`Campaign.Pause`, its sentence in `labels`, and a row of tests/sending/test_holds.py.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum
from math import ceil
from typing import Any

from django.conf import settings
from django.db import transaction

from campaigns import group_rules
from campaigns.audiences import audience_of
from campaigns.models import Campaign, GroupChoice, Recipient
from core import clocks
from core.disk import Trouble
from message_templates.models import MessageTemplate
from sending.models import Attempt, Batch, BulkJob
from sending.services import launches
from sending.tested import lacks_test
from tasks import continuity
from tasks.data_folder import disk_trouble
from teams.services import NotConnected, client_for, key_fingerprint_of

Pause, Wait = Campaign.Pause, Campaign.Wait
Outcome = Attempt.Outcome

# Seconds until the list is asked again after a hold that ends by itself.
TRY_AGAIN = 15
# The end of a job wakes the worker; this is only in case that wake-up is lost.
LOOK_AGAIN = 30
# How long after ChumiAI was asked for the template messages may go out one by one.
TEMPLATE_STAYS_READ = timedelta(seconds=60)
# The number of last messages that decide whether a campaign is healthy.
LAST = 50
# Unconfirmed messages among the last, or in a row, that pause a campaign.
UNCONFIRMED, UNCONFIRMED_IN_A_ROW = 5, 3


class Kind(StrEnum):
    WAIT = "wait"
    PAUSE = "pause"


class Before(StrEnum):
    """What the engine is about to do."""

    BATCH = "batch"  # claim a batch
    PERSON = "person"  # claim people who are sent to one by one
    END = "end"  # nothing: every batch is claimed


@dataclass(frozen=True, slots=True)
class Hold:
    """Why nothing is sent: a `Campaign.Pause`, or a `Campaign.Wait` with the time of its end.

    `details` are the values of its sentence (see `labels`), fit for JSON.
    """

    kind: Kind
    reason: str
    until: datetime | None = None
    details: Mapping[str, Any] = field(default_factory=dict)
    # A batch whose job failed: it pauses the campaign once.
    failed_batch: int | None = None


def pause(reason: Campaign.Pause, /, *, failed_batch: int | None = None, **details: Any) -> Hold:
    return Hold(Kind.PAUSE, reason, details=details, failed_batch=failed_batch)


def wait(reason: Campaign.Wait, now: datetime, seconds: float, /, **details: Any) -> Hold:
    return Hold(Kind.WAIT, reason, now + timedelta(seconds=seconds), details)


# The holds


def restored_copy(campaign: Campaign, now: datetime) -> Hold | None:
    """What this database calls pending may have been sent: it may be a copy of an earlier time."""
    return pause(Pause.RESTORED_COPY) if continuity.doubt() else None


def batch_in_flight(campaign: Campaign, now: datetime) -> Hold | None:
    """Another batch is being submitted with the same key, whatever its campaign or team."""
    in_flight = Batch.objects.filter(
        key_fingerprint=key_fingerprint_of(campaign.team), status=Batch.Status.SUBMITTING
    )
    return wait(Wait.BATCH_IN_FLIGHT, now, TRY_AGAIN) if in_flight.exists() else None


def job_failed(campaign: Campaign, now: datetime) -> Hold | None:
    """ChumiAI failed or cancelled a whole job: the next batch would fail in the same way."""
    failed = (
        BulkJob.objects.filter(
            batch__campaign=campaign,
            batch__failure_noticed_at=None,
            state__in=(BulkJob.State.FAILED, BulkJob.State.CANCELLED),
        )
        .select_related("batch")
        .first()
    )
    if failed is None or failed.batch is None:
        return None
    return pause(
        launches.reason_for(failed.failure),
        failed_batch=failed.batch.pk,
        event=f"job_{failed.state}",
        batch=failed.batch.number,
        code=failed.failure_code,
    )


def too_many_failed(campaign: Campaign, now: datetime) -> Hold | None:
    """Too many of the last messages of its jobs failed, as far as ChumiAI says.

    Jobs give counters without times, so the last messages are those of the newest jobs.
    """
    failed = processed = 0
    jobs = BulkJob.objects.filter(
        batch__campaign=campaign, failures_seen=False, counters_wrong=False
    )
    for job in jobs.order_by("-batch__number"):
        # Some failed after their job had counted them as accepted.
        late = max(job.named - job.failed, 0)
        failed += job.failed + late
        processed += max(job.processed, job.accepted + job.failed)
        if processed >= LAST:
            break
    percent = failed * 100 / max(processed, LAST)
    if percent < campaign.team.pause_at_failures:
        return None
    return pause(Pause.FAILURES, failed=failed, last=processed)


def unhealthy(campaign: Campaign, now: datetime) -> Hold | None:
    """Too many of the last messages, sent one by one, failed or are unconfirmed.

    What happened before `failures_since` does not count: a person has seen it.
    """
    last = list(
        campaign.attempts.filter(
            recipient__isnull=False,
            outcome__in=(Outcome.ACCEPTED, Outcome.REJECTED, Outcome.UNCONFIRMED),
            finished_at__gt=campaign.failures_since,
        )
        .order_by("-finished_at", "-pk")
        .values_list("outcome", "recipient__status")[:LAST]
    )
    unconfirmed = [outcome == Outcome.UNCONFIRMED for outcome, _status in last]
    in_a_row = unconfirmed[:UNCONFIRMED_IN_A_ROW].count(True) == UNCONFIRMED_IN_A_ROW
    if unconfirmed.count(True) >= UNCONFIRMED or in_a_row:
        return pause(Pause.UNCONFIRMED, unconfirmed=unconfirmed.count(True), last=len(last))
    # A message that was accepted may fail later.
    failed = sum(
        outcome == Outcome.REJECTED
        or (outcome == Outcome.ACCEPTED and status == Recipient.Status.FAILED)
        for outcome, status in last
    )
    if failed >= ceil(LAST * campaign.team.pause_at_failures / 100):
        return pause(Pause.FAILURES, failed=failed, last=len(last))
    return None


def switched_off(campaign: Campaign, now: datetime) -> Hold | None:
    """The kill switch of the server."""
    return None if settings.SENDING_ENABLED else wait(Wait.SWITCHED_OFF, now, TRY_AGAIN)


def disk_in_trouble(campaign: Campaign, now: datetime) -> Hold | None:
    """The disk is almost full or can't be written: what was accepted could not be recorded."""
    trouble = disk_trouble()
    return disk_hold(trouble, now) if trouble else None


def not_recorded(campaign: Campaign, now: datetime) -> Hold | None:
    """A claim that stands in one place only could be sent again from a copy of the database."""
    return None if continuity.catch_up() else disk_hold(Trouble.NOT_WRITABLE, now)


def disk_hold(trouble: Trouble, now: datetime) -> Hold:
    """Return the hold of a disk in trouble."""
    return wait(Wait.DISK, now, TRY_AGAIN, trouble=trouble.value)


def open_jobs(campaign: Campaign, now: datetime) -> Hold | None:
    """ChumiAI still works on as many batches of the campaign as the team allows."""
    count = campaign.batches.open().count()
    if count < campaign.team.open_jobs:
        return None
    return wait(Wait.OPEN_JOBS, now, LOOK_AGAIN, jobs=count)


def not_connected(campaign: Campaign, now: datetime) -> Hold | None:
    """The team has no usable key."""
    try:
        client_for(campaign.team)
    except NotConnected:
        return pause(Pause.NOT_CONNECTED)
    return None


def template_not_sendable(campaign: Campaign, now: datetime) -> Hold | None:
    """WhatsApp does not let the template through, or we can't send it."""
    template = campaign.template
    if template is None or template.is_sendable:
        return None
    return pause(Pause.TEMPLATE, unsendable=template.unsendable_code)


def not_tested(campaign: Campaign, now: datetime) -> Hold | None:
    """The template has a part that ChumiAI does not document, and no test was accepted."""
    return pause(Pause.NOT_TESTED) if lacks_test(campaign) else None


def template_changed(campaign: Campaign, now: datetime) -> Hold | None:
    """The template is not the one that was checked: values may stand in another text."""
    template = campaign.template
    if template is None or template.content_hash == campaign.template_hash:
        return None
    return pause(Pause.TEMPLATE_CHANGED)


def template_not_read(campaign: Campaign, now: datetime) -> Hold | None:
    """ChumiAI was not asked for the template since the start, or since the last batch."""
    read_at = campaign.template_read_at
    if read_at and now - read_at <= TEMPLATE_STAYS_READ:
        batches = campaign.batches.filter(claimed_at__gte=read_at)
        if campaign.engine == Campaign.Engine.SINGLY or not batches.exists():
            return None
    return wait(Wait.TEMPLATE_READ, now, 1)


def group_not_counted(campaign: Campaign, now: datetime) -> Hold | None:
    """A group whose members we send to is counted once, between the launch and the first message.

    A send through ChumiAI's group counts it at each try.
    """
    if audience_of(campaign).same_for_all:
        return None
    group = _group_of(campaign)
    if group is None or group.counted_at:
        return None
    return wait(Wait.GROUP_COUNT, now, TRY_AGAIN)


def group_changed(campaign: Campaign, now: datetime) -> Hold | None:
    """The group has another size than the one that a person saw."""
    group = _group_of(campaign)
    if group is None or group.counted_size is None:
        return None
    return hold_for_size(group, group.counted_size)


def hold_for_size(group: GroupChoice, counted: int) -> Hold | None:
    """Return the hold of a group that ChumiAI shows with `counted` members, if there is one."""
    if not group_rules.is_other_group(group.size, counted):
        return None
    return pause(
        Pause.GROUP_CHANGED, name=group.name[:100], was=group.size, size=counted, way=group.way
    )


def _group_of(campaign: Campaign) -> GroupChoice | None:
    if not audience_of(campaign).is_recounted:
        return None
    # From the database: the campaign may carry the row as it was before the count.
    return GroupChoice.objects.filter(campaign=campaign).first()


# In the order in which they are asked, each with what it is asked before. The first one that
# holds is the one that people see.
BOTH = frozenset((Before.BATCH, Before.PERSON))
HOLDS: tuple[tuple[Callable[[Campaign, datetime], Hold | None], frozenset[Before]], ...] = (
    (restored_copy, frozenset(Before)),
    (group_not_counted, BOTH),
    (group_changed, BOTH),
    (batch_in_flight, frozenset((Before.BATCH, Before.END))),
    (job_failed, frozenset((Before.BATCH,))),
    (too_many_failed, frozenset((Before.BATCH,))),
    (switched_off, BOTH),
    (disk_in_trouble, BOTH),
    (not_recorded, BOTH),
    (open_jobs, frozenset((Before.BATCH,))),
    (not_connected, BOTH),
    (template_not_sendable, BOTH),
    (not_tested, BOTH),
    (template_changed, BOTH),
    (unhealthy, frozenset((Before.PERSON,))),
    # The last one: it is read when nothing else holds.
    (template_not_read, BOTH),
)
# Those that can be known before the launch.
KNOWN_BEFORE_LAUNCH = (switched_off, not_connected, template_not_sendable, not_tested)
# They belong to the normal course of a campaign, whose batches show it: pages don't mention them.
UNRECORDED = (Wait.BATCH_IN_FLIGHT, Wait.OPEN_JOBS)


def first_hold(campaign: Campaign, before: Before) -> Hold | None:
    """Return the first hold of the list, or None if the campaign may go on."""
    now = clocks.now()
    # The campaign may carry the row as it was at the start of the step.
    known = MessageTemplate.objects.defer("raw")
    campaign.template = known.filter(campaigns=campaign).first()
    asked = (ask(campaign, now) for ask, asked_before in HOLDS if before in asked_before)
    return next((hold for hold in asked if hold), None)


def upcoming(campaign: Campaign) -> list[Hold]:
    """Return what would hold the campaign if it was launched now, in the order of the list."""
    now = clocks.now()
    found = (ask(campaign, now) for ask, _before in HOLDS if ask in KNOWN_BEFORE_LAUNCH)
    return [hold for hold in found if hold]


def apply_hold(campaign: Campaign, hold: Hold) -> float:
    """Let the campaign wait or pause. Return the seconds until it is looked at again."""
    if hold.kind == Kind.PAUSE:
        pause_campaign(campaign, hold)
        return 0
    if hold.reason not in UNRECORDED:
        launches.record_wait(campaign, hold.reason, until=hold.until, details=hold.details)
    return max((hold.until - clocks.now()).total_seconds(), 0) if hold.until else TRY_AGAIN


def pause_campaign(campaign: Campaign, hold: Hold) -> bool:
    """Pause the campaign. Return False if it was not sending."""
    with transaction.atomic():
        paused = launches.pause(campaign, reason=hold.reason, details=hold.details)
        if paused and hold.failed_batch:
            # A failed job pauses once: a person can resume in spite of it.
            Batch.objects.filter(pk=hold.failed_batch).update(failure_noticed_at=clocks.now())
    return paused


def pause_if_unhealthy(campaign: Campaign) -> bool:
    """Pause a campaign of whose last single messages too many failed or are unconfirmed."""
    hold = unhealthy(campaign, clocks.now())
    return hold is not None and pause_campaign(campaign, hold)
