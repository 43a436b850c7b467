"""Take over a restored copy of the database: what may have been sent since is not sent again.

First a plan, which changes nothing, then all of it in one transaction. Batches are looked up in
ChumiAI's job list, where our file names prove them ours. ChumiAI lists no single messages, so
about those a person decides.
"""

import secrets
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from django.db import connection, transaction
from django.db.models import Q
from django.utils.translation import gettext as _

from campaigns.models import Campaign, Check, Recipient, RecipientQuerySet
from campaigns.services.drafts import edit
from chumi_api.errors import ChumiError
from chumi_api.types import BulkJob as RemoteJob
from chumi_api.types import Listing
from core import clocks
from core.errors import Refused
from core.sentences import gettext_noop
from sending.models import Attempt, Batch, BulkJob
from sending.services import batches, launches, singles
from tasks import continuity
from tasks import services as tasks
from tasks.continuity import Evidence
from teams.models import Team
from teams.services import NotConnected, audit, client_for, key_fingerprint_of

# The newest jobs of a key that are looked through.
JOBS = 2000
# How much two clocks may differ.
CLOCKS = timedelta(minutes=10)

MAYBE_SENT = gettext_noop("This database is a restored copy: it may have been sent before.")
CHECK_AGAIN = gettext_noop(
    "The database was put back from a copy, and this campaign may have been sent after the copy "
    "was made. Look for it in ChumiAI before you check and launch it again."
)


@dataclass(slots=True)
class CampaignPlan:
    """What becomes of a campaign: it stays paused, or it needs a new check."""

    campaign: Campaign
    # People sent to one by one who may have got their message, up to this position (None: all).
    people: int = 0
    upto: int | None = None
    # Batches that ChumiAI lists, and those that can't be looked up.
    found: list[tuple[Batch, RemoteJob]] = field(default_factory=list)
    unclear: list[Batch] = field(default_factory=list)
    # Batches that were unconfirmed at the copy, and may have been sent again since.
    searched: list[Batch] = field(default_factory=list)
    waiting: int = 0
    needs_check: bool = False

    @property
    def is_touched(self) -> bool:
        return bool(self.people or self.found or self.unclear or self.searched or self.needs_check)


@dataclass(slots=True)
class TeamPlan:
    """What becomes of a team's campaigns; `error` says why its jobs could not be listed."""

    team: Team
    campaigns: list[CampaignPlan] = field(default_factory=list)
    listed: Listing[RemoteJob] = field(default_factory=Listing)
    error: str = ""


@dataclass(slots=True)
class Plan:
    """What `apply` would do. `missing` campaigns were sent from and are not in this copy."""

    evidence: Evidence
    copied_at: datetime | None
    teams: list[TeamPlan] = field(default_factory=list)
    ended: list[Campaign] = field(default_factory=list)
    missing: int = 0


def plan(*, nothing_since: bool = False) -> Plan:
    """Return what would become of each campaign. It asks ChumiAI and changes nothing.

    `nothing_since` is an administrator's word that nothing was sent after the copy was made.
    Raise `OSError` if the second place can't be read.
    """
    evidence = continuity.evidence()
    since = {} if nothing_since else evidence.since
    made = Plan(evidence, evidence.claimed_at)
    known = set()
    for team in Team.objects.order_by("pk"):
        of_team = TeamPlan(team)
        for campaign in Campaign.objects.for_team(team).select_related("team").order_by("pk"):
            subjects = {singles.continuity_subject(campaign), batches.continuity_subject(campaign)}
            known |= subjects
            was_sent = since is not None and bool(subjects & since.keys())
            if campaign.is_live:
                of_team.campaigns.append(_of_live(campaign, since))
            elif campaign.is_terminal and was_sent:
                made.ended.append(campaign)
            elif was_sent or (since is None and campaign.status == Campaign.Status.READY):
                of_team.campaigns.append(CampaignPlan(campaign, needs_check=True))
        _look_up_batches(of_team)
        if of_team.campaigns:
            made.teams.append(of_team)
    made.missing = len({subject.partition("/")[0] for subject in (since or {}).keys() - known})
    return made


def _of_live(campaign: Campaign, since: dict[str, int] | None) -> CampaignPlan:
    """Return the plan of a campaign before ChumiAI was asked: its batches are all unclear."""
    mine = CampaignPlan(campaign)
    pending = campaign.batches.filter(status=Batch.Status.PENDING)
    again = campaign.batches.filter(
        status__in=(Batch.Status.SUBMITTING, Batch.Status.UNCONFIRMED, Batch.Status.REJECTED)
    )
    if since is not None:
        mine.upto = since.get(singles.continuity_subject(campaign), 0)
        number = since.get(batches.continuity_subject(campaign), 0)
        pending, again = pending.filter(number__lte=number), again.filter(number__lte=number)
    mine.people = _people(mine).count()
    mine.unclear = [*pending, *again]
    for batch in mine.unclear:
        batch.campaign = campaign
    mine.waiting = campaign.recipients.filter(status=Recipient.Status.PENDING).count()
    return mine


def _people(mine: CampaignPlan) -> RecipientQuerySet:
    """Return the people who are sent to one by one and may have got their message."""
    waiting: RecipientQuerySet = Recipient.objects.singly(mine.campaign)
    waiting = waiting.filter(status=Recipient.Status.PENDING)
    return waiting if mine.upto is None else waiting.filter(position__lte=mine.upto)


def _look_up_batches(of_team: TeamPlan) -> None:
    """Sort the unclear batches: found at ChumiAI, certainly not sent, or still unclear."""
    if not any(mine.unclear for mine in of_team.campaigns):
        return
    try:
        of_team.listed = client_for(of_team.team).list_bulk_jobs(max_items=JOBS)
    except (ChumiError, NotConnected) as error:
        of_team.error = str(error)
    listed = of_team.listed
    # A list that is cut off or partly unreadable does not prove that a job is missing.
    is_whole = not of_team.error and not listed.skipped and len(listed) < JOBS
    names_are_echoed = any(job.file_name for job in listed)
    for mine in of_team.campaigns:
        has_files = mine.campaign.engine == Campaign.Engine.BATCHES
        unclear, mine.unclear = mine.unclear, []
        for batch in unclear:
            prefix = batches.name_prefix(mine.campaign, batch.number)
            # A job of an attempt that we know is older than the copy.
            known = set(batch.attempts.values_list("file_name", flat=True))
            job = next(
                (
                    job
                    for job in listed
                    if has_files
                    and job.file_name.startswith(prefix)
                    and job.file_name not in known
                ),
                None,
            )
            if job:
                mine.found.append((batch, job))
            elif batch.status == Batch.Status.PENDING and not (
                has_files and names_are_echoed and is_whole
            ):
                mine.unclear.append(batch)
            elif batch.status == Batch.Status.UNCONFIRMED:
                mine.searched.append(batch)


@transaction.atomic
def apply(plan: Plan) -> None:
    """Do all that the plan says, and begin again in both places. Raise `OSError` or `Refused`."""
    now = clocks.now()
    for of_team in plan.teams:
        for mine in of_team.campaigns:
            if mine.needs_check:
                _ask_for_check(mine.campaign, now)
                continue
            _hold(mine, now)
            _doubt_people(mine, plan.copied_at, now)
            for batch in mine.unclear:
                _doubt_batch(batch, of_team, plan.copied_at, now)
            for batch in mine.searched:
                _search_again(batch, now)
            for batch, job in mine.found:
                _link(batch, job, now)
        audit(
            of_team.team,
            "restored copy adopted",
            after={
                "campaigns": len(of_team.campaigns),
                "people": sum(mine.people for mine in of_team.campaigns),
                "batches_found": sum(len(mine.found) for mine in of_team.campaigns),
                "batches_unconfirmed": sum(len(mine.unclear) for mine in of_team.campaigns),
            },
        )
        for name in ("send_batches", "poll_jobs"):
            tasks.request(name, of_team.team.pk)
    continuity.renew()


def _ask_for_check(campaign: Campaign, now: datetime) -> None:
    """Make a draft of it again, with a note where the check's result stands."""
    with edit(campaign, by=None, field="check", after="restored copy"):
        Check.objects.create(
            campaign=campaign,
            state=Check.State.FAILED,
            requested_at=now,
            finished_at=now,
            errors=[CHECK_AGAIN],
        )


def _hold(mine: CampaignPlan, now: datetime) -> None:
    details = {"adopted_at": now.isoformat()}
    reason = Campaign.Pause.RESTORED_COPY
    if launches.pause(mine.campaign, reason=reason, details=details):
        return
    paused = Campaign.objects.filter(pk=mine.campaign.pk, status=Campaign.Status.PAUSED)
    if not mine.is_touched:
        # What it was paused for is still the reason.
        paused = paused.filter(pause_reason=reason)
    paused.update(pause_reason=reason, pause_details=details)


def _doubt_people(mine: CampaignPlan, copied_at: datetime | None, now: datetime) -> None:
    """Make people unconfirmed, each with an attempt that a person or a webhook settles."""
    attempt = Attempt(
        campaign=mine.campaign,
        started_at=copied_at or now,
        finished_at=now,
        outcome=Attempt.Outcome.UNCONFIRMED,
        error=MAYBE_SENT,
    )
    people = _people(mine)
    if _insert_for(people, attempt) != people.update(status=Recipient.Status.UNCONFIRMED):
        raise Refused(_("A worker sends at the moment. Stop all workers, then try again."))


def _insert_for(people: RecipientQuerySet, attempt: Attempt) -> int:
    """Insert the attempt once for each of the people, in one statement. Return how many."""
    fields = [
        field
        for field in Attempt._meta.concrete_fields
        if field.attname not in ("id", "recipient_id", "token")
    ]
    values = [
        field.get_db_prep_save(getattr(attempt, field.attname), connection) for field in fields
    ]
    columns = ", ".join(connection.ops.quote_name(str(field.column)) for field in fields)
    chosen, chosen_params = people.values("id").query.sql_with_params()
    with connection.cursor() as cursor:
        # With the ORM, a hundred thousand rows would lock SQLite for most of a minute.
        cursor.execute(
            f"INSERT INTO {Attempt._meta.db_table} ({columns}, recipient_id, token)"
            f" SELECT {', '.join(['%s'] * len(values))}, id, %s || id FROM ({chosen}) people",
            [*values, secrets.token_hex(6), *chosen_params],
        )
        return int(cursor.rowcount)


def _doubt_batch(
    batch: Batch, of_team: TeamPlan, copied_at: datetime | None, now: datetime
) -> None:
    """Make a batch unconfirmed that may have been sent: its job is searched for as any other's."""
    has_files = batch.campaign.engine == Campaign.Engine.BATCHES
    _make_unconfirmed(
        batch,
        now,
        # Its name is known but for the end: only its people and template find it.
        file_name=batches.name_prefix(batch.campaign, batch.number) if has_files else "",
        baseline=_baseline(of_team, batch.campaign, copied_at),
    )


def _search_again(batch: Batch, now: datetime) -> None:
    """Begin the search again: what it found at the copy says nothing of the time since."""
    Batch.objects.filter(pk=batch.pk, status=Batch.Status.UNCONFIRMED).update(
        searches=0, candidates=0, next_search_at=now, search_ended_at=None
    )


def _baseline(of_team: TeamPlan, campaign: Campaign, copied_at: datetime | None) -> list[str]:
    """Return the ids of jobs that are older than the copy or than the launch."""
    launched_at = (campaign.launched_at or clocks.now()) - CLOCKS
    older = Q(batch__isnull=False) | Q(created_at__lt=launched_at)
    if copied_at:
        older |= Q(first_seen_at__lt=copied_at)
    mirrored = BulkJob.objects.for_team(of_team.team).filter(older).order_by("-pk")
    if of_team.error:
        return list(mirrored.values_list("remote_id", flat=True)[:JOBS])
    known = set(mirrored.values_list("remote_id", flat=True))
    return [
        job.remote_id
        for job in of_team.listed
        if job.remote_id in known or (job.created_at and job.created_at < launched_at)
    ]


def _link(batch: Batch, job: RemoteJob, now: datetime) -> None:
    """Link the batch to the job that ChumiAI lists for it: it was sent after the copy was made."""
    # An earlier try was without an answer, and a person decided to send again.
    batch.attempts.filter(outcome__in=Attempt.LIVE).update(
        outcome=Attempt.Outcome.DECIDED, finished_at=now
    )
    attempt = _make_unconfirmed(
        batch, now, file_name=job.file_name, baseline=[], rows=job.total or 0
    )
    batches.record_found(attempt, job)


def _make_unconfirmed(
    batch: Batch, now: datetime, *, file_name: str, baseline: Sequence[str], rows: int = 0
) -> Attempt:
    """Make the batch and its people unconfirmed, by an attempt of the time after the copy."""
    status = Recipient.Status
    waiting = Q(status__in=(status.PENDING, status.SUBMITTING, status.UNCONFIRMED))
    refused = Q(status=status.FAILED, retries=0)
    people = Recipient.objects.of_batch(batch).filter(
        waiting | refused if batch.status == Batch.Status.REJECTED else waiting
    )
    moved = people.update(status=status.UNCONFIRMED, failure_code=None, settled_at=None, reason="")
    # A group that ChumiAI sends to has no rows of ours.
    rows = rows or moved or batch.size
    attempt = Attempt.objects.create(
        campaign=batch.campaign,
        batch=batch,
        token=secrets.token_hex(16),
        key_fingerprint=key_fingerprint_of(batch.campaign.team),
        started_at=now,
        finished_at=now,
        outcome=Attempt.Outcome.UNCONFIRMED,
        file_name=file_name,
        rows=rows,
        baseline=baseline,
        error=MAYBE_SENT,
    )
    batch.key_fingerprint = attempt.key_fingerprint
    Batch.objects.filter(pk=batch.pk).update(
        status=Batch.Status.UNCONFIRMED,
        token=attempt.token,
        key_fingerprint=attempt.key_fingerprint,
        claimed_at=now,
        settled_at=None,
        submitted=rows,
        skipped=max(batch.size - rows, 0),
        searches=0,
        candidates=0,
        next_search_at=now,
        search_ended_at=None,
        details={},
    )
    return attempt
