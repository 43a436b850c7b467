"""The mirror of ChumiAI's jobs: linked, polled, listed."""

from collections.abc import Iterable, Sequence
from dataclasses import asdict
from datetime import datetime, timedelta
from typing import Any

from django.db import IntegrityError, transaction
from django.db.models import F, Q, Value
from django.db.models.functions import Greatest

from campaigns.models import Campaign, Recipient
from chumi_api.errors import ChumiError
from chumi_api.types import BulkJob as RemoteJob
from chumi_api.types import JobState, Listing, RowResult
from contacts.models import OptOut
from contacts.services import opt_out_all
from core import clocks, phones
from core.columns import fit
from sending.counters import Counters, merge
from sending.models import Batch, BulkJob, JobPolling, JobSync
from tasks import services as tasks
from teams.models import Team, User
from teams.retry_policy import wait_after
from whatsapp import errors

# Equal answers in a row after which a job with nothing left to process counts as finished.
SETTLED_POLLS = 3
POLL_FOR = timedelta(hours=24)
# A job younger than this that ChumiAI does not list may only be late in its list.
SHOWN_WITHIN = timedelta(minutes=2)
# How long an open page counts as watching; it sends a heartbeat well before.
WATCHED_FOR = timedelta(seconds=60)
# Default Retry-After, in seconds.
WAIT = 10
# (age of the job, seconds between two polls): up to that age.
INTERVALS: tuple[tuple[int, int], ...] = ((30, 2), (300, 5), (3600, 15))
SLOW_INTERVAL = 60
WATCHED_INTERVALS: tuple[tuple[int, int], ...] = ((600, 2), (3600, 5))
SLOW_WATCHED_INTERVAL = 15


def poll_interval(age: timedelta, *, watched: bool = False) -> timedelta:
    """Return the time between two polls of a job of that age."""
    steps, slow = INTERVALS, SLOW_INTERVAL
    if watched:
        steps, slow = WATCHED_INTERVALS, SLOW_WATCHED_INTERVAL
    old = age.total_seconds()
    return timedelta(seconds=next((seconds for limit, seconds in steps if old < limit), slow))


def link(batch: Batch, remote_id: str, *, total: int) -> bool:
    """Link the job to the batch that started it, once. Return False if it is another batch's."""
    now = clocks.now()
    snapshot = batch.campaign.snapshot or {}
    job, _ = BulkJob.objects.get_or_create(
        team=batch.campaign.team,
        remote_id=remote_id,
        defaults={
            "state": BulkJob.State.QUEUED,
            "total": total,
            "template_name": snapshot["template"],
            "language": snapshot["language"],
            "first_seen_at": now,
            "changed_at": now,
        },
    )
    try:
        with transaction.atomic():
            linked = BulkJob.objects.filter(pk=job.pk, batch=None).update(
                batch=batch, key_fingerprint=batch.key_fingerprint, next_poll_at=now
            )
    except IntegrityError:
        # Another team with the same key has linked it.
        return False
    if linked:
        tasks.request("poll_jobs", batch.campaign.team_id, delay=1)
    return bool(linked) or job.batch_id == batch.pk


def was_seen_before(team: Team, remote_id: str, moment: datetime) -> bool:
    """Return True if ChumiAI had shown the job before that moment."""
    seen: bool = BulkJob.objects.filter(
        team=team, remote_id=remote_id, asked_at__lt=moment
    ).exists()
    return seen


@transaction.atomic
def apply_status(job: BulkJob, remote: RemoteJob) -> bool:
    """Write the state of a job at ChumiAI. Counters never fall; a job that is over stays over.

    Return True if the job has just ended.
    """
    job = BulkJob.objects.select_related("team", "batch__campaign__team").get(pk=job.pk)
    if job.is_over:
        return False
    batch = job.batch
    named = _count_named(job.team, remote.row_results)
    # Rows of people come first, here as where delivery updates are written: both lock in the
    # same order.
    if batch and remote.row_results:
        _record_messages(batch, remote.row_results)
    if batch and named:
        named = max(named, _record_failures(batch, remote.row_results))
    sent_nothing = batch is not None and _sent_nothing(job, remote) and _fail_all(batch, remote)
    total = remote.total or job.total
    people = _people_of(batch, total)
    # The history may be synced at the same time: what follows is written to the row as it is.
    job = BulkJob.objects.select_for_update().get(pk=job.pk)
    if job.is_over:
        return False
    known = Counters(job.processed, job.accepted, job.failed, job.skipped)
    counters = merge(known, remote, named=named, people=people)
    wrong = job.counters_wrong or counters is None
    if wrong or counters is None:
        counters, total = Counters(failed=named), job.total
    elif sent_nothing:
        counters = Counters(failed=people or total or 0)
    now = clocks.now()
    state: str = remote.state.value
    moved = (job.state, known, job.counters_wrong) != (state, counters, wrong)
    unchanged = 0 if moved else job.polls_unchanged + 1
    if (
        state not in TERMINAL
        and total
        and counters.processed >= total
        and unchanged >= SETTLED_POLLS
    ):
        state = BulkJob.State.COMPLETED
    if state == BulkJob.State.COMPLETED and counters.failed:
        state = BulkJob.State.COMPLETED_WITH_ERRORS
    if state == BulkJob.State.COMPLETED_WITH_ERRORS and wrong and not counters.failed:
        state = BulkJob.State.COMPLETED
    over = state in TERMINAL
    watched = job.watched_until is not None and now < job.watched_until
    interval = poll_interval(now - job.first_seen_at, watched=watched)
    BulkJob.objects.filter(pk=job.pk).update(
        state=state,
        total=total,
        polls_unchanged=unchanged,
        **fit(
            BulkJob,
            {
                "raw_state": remote.raw_state or "",
                "template_name": remote.template_name or job.template_name,
                "language": remote.language or job.language,
                "file_name": remote.file_name or job.file_name,
                "error": remote.error_text or "",
            },
        ),
        created_at=remote.created_at or job.created_at,
        started_at=remote.started_at or job.started_at,
        completed_at=remote.completed_at or job.completed_at,
        counters_wrong=wrong,
        named=_ever_failed(batch) if batch else job.named,
        asked_at=now,
        changed_at=now if moved else F("changed_at"),
        next_poll_at=None if over else now + interval,
        **asdict(counters),
    )
    if batch and over:
        tasks.request("send_batches", job.team_id)
    return over


TERMINAL = (
    BulkJob.State.COMPLETED,
    BulkJob.State.COMPLETED_WITH_ERRORS,
    BulkJob.State.FAILED,
    BulkJob.State.CANCELLED,
)


def _people_of(batch: Batch | None, total: int | None) -> int | None:
    """Return how many people a job can have: the rows of our file, else what ChumiAI says."""
    if batch is None or batch.campaign.engine == Campaign.Engine.GROUP:
        return total
    people: int = batch.submitted
    return people


def _sent_nothing(job: BulkJob, remote: RemoteJob) -> bool:
    """Return True if ChumiAI says that a job ended before its first message."""
    without_message = (remote.failed or 0) + (remote.skipped or 0)
    return (
        remote.state in (JobState.FAILED, JobState.CANCELLED)
        and remote.accepted == 0 == job.accepted
        and (remote.processed or 0) <= without_message
        and remote.is_believable
        and not job.counters_wrong
    )


def _fail_all(batch: Batch, remote: RemoteJob) -> bool:
    """Mark everyone of the batch failed. Return False if WhatsApp reported a message of it."""
    people = Recipient.objects.of_batch(batch)
    if people.exclude(remote_id="").filter(retries=0).exists():
        return False
    code = errors.code_in(remote.error_text)
    people.filter(status=Recipient.Status.ACCEPTED, retries=0).update(
        status=Recipient.Status.FAILED,
        settled_at=clocks.now(),
        failure_code=code,
        reason="" if code is not None else remote.error_text[:300],
    )
    return True


def _ever_failed(batch: Batch) -> Any:
    """Return the expression of how many of the batch's people failed by name at some time."""
    gone = Recipient.objects.of_batch(batch).filter(
        Q(status=Recipient.Status.FAILED) | Q(retries__gt=0)
    )
    return Greatest(F("named"), Value(gone.count()))


def count_late_failures(batch: Batch) -> None:
    """Count people of the batch who failed after ChumiAI had accepted their message."""
    BulkJob.objects.filter(batch=batch).update(named=_ever_failed(batch))


def _count_named(team: Team, results: Iterable[RowResult]) -> int:
    """Count the people who failed according to the rows: at least these have failed."""
    named = {
        _phone_of(team, result) or result.phone or result.row
        for result in results
        if result.state == "failed"
    }
    # An error without a person may be about the whole job.
    return len(named - {None})


def _phone_of(team: Team, result: RowResult) -> str | None:
    """Return the E.164 of a row's number, None without one that can be read."""
    return phones.from_outside(result.phone, region=team.default_region) if result.phone else None


def _record_failures(batch: Batch, results: Iterable[RowResult]) -> int:
    """Write the failure of each person that ChumiAI names, one UPDATE for each code.

    Return how many people of the batch the job failed, those named in earlier answers included.
    """
    team = batch.campaign.team
    by_code: dict[int | None, list[str]] = {}
    for result in results:
        if result.state == "failed" and (phone := _phone_of(team, result)):
            by_code.setdefault(result.code, []).append(phone)
    if batch.campaign.engine == Campaign.Engine.GROUP:
        _opt_out_members(batch, by_code.get(errors.STOPPED_MARKETING, []))
        return 0
    people = Recipient.objects.of_batch(batch)
    for code, numbers in by_code.items():
        # Retried recipients no longer belong to this job.
        failed = people.filter(status=Recipient.Status.ACCEPTED, retries=0, phone__in=numbers)
        if code == errors.STOPPED_MARKETING:
            # Read before they are marked, so that the next answer does not opt them out again
            # after the opt-out was removed.
            gone = list(failed.values_list("phone", flat=True))
            opt_out_all(team, gone, source=OptOut.Source.WHATSAPP)
        failed.update(
            status=Recipient.Status.FAILED,
            settled_at=clocks.now(),
            failure_code=code,
        )
    # Those with an id failed after ChumiAI had accepted them.
    by_job = people.filter(Q(status=Recipient.Status.FAILED, remote_id="") | Q(retries__gt=0))
    left: int = by_job.count()
    return left


def _opt_out_members(batch: Batch, numbers: Sequence[str]) -> None:
    """Opt out members of a group who stopped marketing: they are no Recipients.

    The next answer does not opt them out again after the opt-out was removed.
    """
    team = batch.campaign.team
    rows = OptOut.objects.for_team(team).filter(created_at__gte=batch.claimed_at)
    known = set(rows.filter(phone__in=numbers).values_list("phone", flat=True))
    fresh = [phone for phone in numbers if phone not in known]
    opt_out_all(team, fresh, source=OptOut.Source.WHATSAPP)


def _record_messages(batch: Batch, results: Iterable[RowResult]) -> None:
    """Store the ids of the messages, if ChumiAI gives them: delivery updates name only these."""
    ids = {
        _phone_of(batch.campaign.team, result): result.message_id[:200]
        for result in results
        if result.state == "accepted" and result.message_id
    }
    unnamed = Recipient.objects.of_batch(batch).filter(
        status=Recipient.Status.ACCEPTED, remote_id="", retries=0
    )
    people = unnamed.values_list("pk", "phone")
    unnamed.assign_message_ids({pk: ids[phone] for pk, phone in people if phone in ids})


def stop_polling(job: BulkJob, because: BulkJob.Stop) -> None:
    """Stop asking ChumiAI about the job."""
    now = clocks.now()
    with transaction.atomic():
        if (
            BulkJob.objects.open()
            .filter(pk=job.pk)
            .update(stopped_polling_at=now, stopped_polling_because=because, next_poll_at=None)
            and job.batch_id
        ):
            tasks.request("send_batches", job.team_id)


def may_be_late(job: BulkJob) -> bool:
    """Return True while a job that ChumiAI has not shown yet may only be late in its list."""
    return job.asked_at is None and clocks.now() - job.first_seen_at < SHOWN_WITHIN


def record_asked(job: BulkJob, *, again_in: float) -> None:
    """Set the time of the next poll; nothing else of the job changes."""
    BulkJob.objects.open().filter(pk=job.pk).update(
        next_poll_at=clocks.now() + timedelta(seconds=again_in)
    )


def is_too_old(job: BulkJob) -> bool:
    """Return True if the job did not end within a day."""
    return clocks.now() - job.first_seen_at > POLL_FOR


def record_wait(team: Team, error: ChumiError) -> float:
    """Do not ask ChumiAI about jobs until its Retry-After has passed. Return the seconds."""
    seconds = wait_after(error, default=WAIT)
    waits_until = clocks.now() + timedelta(seconds=seconds)
    JobPolling.objects.update_or_create(team=team, defaults={"waits_until": waits_until})
    JobSync.objects.for_team(team).wait(seconds)
    return seconds


def waits_for(team: Team) -> timedelta | None:
    """Return how long ChumiAI must not be asked about jobs, or None."""
    now = clocks.now()
    waiting = JobPolling.objects.filter(team=team, waits_until__gt=now).first()
    return waiting.waits_until - now if waiting else None


@transaction.atomic
def watch(campaign: Campaign) -> int:
    """Heartbeat of an open campaign page: poll its jobs more often.

    Return how many are open. Several open pages cause no more polls than one.
    """
    now = clocks.now()
    open_jobs = BulkJob.objects.open().filter(batch__campaign=campaign)
    soon = now + timedelta(seconds=2)
    unwatched = open_jobs.filter(Q(watched_until=None) | Q(watched_until__lt=now))
    if unwatched.filter(next_poll_at__gt=soon).update(next_poll_at=soon):
        tasks.request("poll_jobs", campaign.team_id, delay=2)
    watched: int = open_jobs.update(watched_until=now + WATCHED_FOR)
    return watched


@transaction.atomic
def request_sync(team: Team, *, by: User | None = None) -> JobSync:
    """Request a sync of the key's whole job history; return the unfinished one if there is one."""
    sync, _ = JobSync.objects.request(team, by=by)
    given_up = BulkJob.objects.filter(team=team, stopped_polling_because=BulkJob.Stop.TIMED_OUT)
    given_up.update(stopped_polling_at=None, stopped_polling_because="", next_poll_at=clocks.now())
    tasks.request("sync_jobs", team.pk)
    tasks.request("poll_jobs", team.pk)
    return sync


def record_sync_started(team: Team) -> None:
    """Mark the team's unfinished sync as running."""
    JobSync.objects.for_team(team).unfinished().update(state=JobSync.State.RUNNING)


def apply_list(team: Team, remotes: Listing[RemoteJob]) -> None:
    """Mirror the jobs that the key can see; those that we did not start have no batch."""
    now = clocks.now()
    JobSync.objects.for_team(team).unfinished().update(skipped=remotes.skipped)
    for remote in remotes:
        job, _ = BulkJob.objects.get_or_create(
            team=team,
            remote_id=remote.remote_id,
            defaults={
                "first_seen_at": remote.created_at or now,
                "changed_at": now,
                "next_poll_at": None if remote.state.value in TERMINAL else now,
            },
        )
        apply_status(job, remote)
    tasks.request("poll_jobs", team.pk)


def record_sync_ended(team: Team, error: str = "") -> None:
    """Store when the history was synced, or why it could not be."""
    state = JobSync.State.FAILED if error else JobSync.State.SUCCEEDED
    JobSync.objects.for_team(team).finish(state, error)
