"""The mirror of ChumiAI's jobs: linked, polled, listed."""

from datetime import timedelta

from django.db import IntegrityError, transaction
from django.utils import timezone

from campaigns import failures
from campaigns.models import BulkJob, JobSync, Recipient
from tasks import services as tasks

# After so many equal answers a job with nothing left to process counts as finished.
SETTLED_POLLS = 3
POLL_FOR = timedelta(hours=24)
LOST = "ChumiAI no longer lists this job."
GIVEN_UP = "This job did not end within a day, so we stopped asking. Press Refresh to look again."


def poll_interval(age):
    """Return how long to wait between two looks at a job of that age."""
    for limit, seconds in ((30, 2), (300, 5), (3600, 15)):
        if age < timedelta(seconds=limit):
            return timedelta(seconds=seconds)
    return timedelta(seconds=60)


def link(batch, remote_id, *, total):
    """Tie the job to the batch that started it, once. Return False if it is another's."""
    now = timezone.now()
    job, _ = BulkJob.objects.get_or_create(
        team=batch.campaign.team,
        remote_id=remote_id,
        defaults={
            "state": BulkJob.State.QUEUED,
            "total": total,
            "template_name": batch.campaign.snapshot["template"],
            "language": batch.campaign.snapshot["language"],
            "first_seen_at": now,
            "changed_at": now,
        },
    )
    try:
        with transaction.atomic():
            linked = BulkJob.objects.filter(pk=job.pk, batch=None).update(
                batch=batch, lane=batch.lane, next_poll_at=now
            )
    except IntegrityError:
        # Another team with the same key has linked it.
        return False
    if linked:
        tasks.request("poll_jobs", batch.campaign.team_id, delay=1)
    return bool(linked) or job.batch_id == batch.pk


@transaction.atomic
def apply_status(job, remote):
    """Write what ChumiAI said about the job. Counters never fall; a job that is over stays over.

    Return True when the job has just ended.
    """
    job = BulkJob.objects.select_related("batch__campaign").get(pk=job.pk)
    if job.is_over:
        return False
    now = timezone.now()
    total = remote.total or job.total
    named = _count_named(remote.row_results)
    if job.batch and named:
        named = max(named, _record_failures(job.batch, remote.row_results))
    counters = {
        "processed": _climb(job.processed, remote.processed, total),
        "accepted": _climb(job.accepted, remote.accepted, total),
        "failed": _climb(job.failed, max(remote.failed or 0, named), total),
        "skipped": _climb(job.skipped, remote.skipped, total),
    }
    state = remote.state.value
    moved = job.state != state or any(getattr(job, k) != v for k, v in counters.items())
    unchanged = 0 if moved else job.polls_unchanged + 1
    if (
        state not in TERMINAL
        and total
        and counters["processed"] >= total
        and unchanged >= SETTLED_POLLS
    ):
        state = BulkJob.State.COMPLETED
    if state == BulkJob.State.COMPLETED and counters["failed"]:
        state = BulkJob.State.COMPLETED_WITH_ERRORS
    over = state in TERMINAL
    BulkJob.objects.filter(pk=job.pk).update(
        state=state,
        raw_state=(remote.raw_state or "")[:60],
        total=total,
        polls_unchanged=unchanged,
        template_name=remote.template_name or job.template_name,
        language=remote.language or job.language,
        file_name=(remote.file_name or job.file_name)[:255],
        error=(remote.error_text or "")[:300],
        created_at=remote.created_at or job.created_at,
        started_at=remote.started_at or job.started_at,
        completed_at=remote.completed_at or job.completed_at,
        has_row_results=job.has_row_results or bool(remote.row_results),
        asked_at=now,
        changed_at=now if moved else job.changed_at,
        next_poll_at=None if over else now + poll_interval(now - job.first_seen_at),
        **counters,
    )
    if job.batch and over:
        tasks.request("send_batches", job.team_id)
    return over


TERMINAL = (
    BulkJob.State.COMPLETED,
    BulkJob.State.COMPLETED_WITH_ERRORS,
    BulkJob.State.FAILED,
    BulkJob.State.CANCELLED,
)


def _climb(known, told, total):
    told = max(known, told or 0)
    return min(told, max(total, known)) if total else told


def _count_named(results):
    """Count the people of whom ChumiAI says that they failed: no fewer than these have."""
    named = {
        result.phone.lstrip("+") or result.row for result in results if result.state == "failed"
    }
    # An error without a person may be about the whole job.
    return len(named - {None})


def _record_failures(batch, results):
    """Write the failure of each person that ChumiAI names, one UPDATE for each code.

    Return how many people of the batch have failed, those named in earlier answers included.
    """
    by_code = {}
    for result in results:
        if result.state == "failed" and result.phone:
            by_code.setdefault(result.code, []).append("+" + result.phone.lstrip("+"))
    people = Recipient.objects.of_batch(batch)
    for code, phones in by_code.items():
        people.filter(status=Recipient.Status.ACCEPTED, phone__in=phones).update(
            status=Recipient.Status.FAILED,
            failure_code=code,
            reason=failures.explain(code).sentence[:300],
        )
    return people.filter(status=Recipient.Status.FAILED).count()


def record_lost(job, reason=LOST):
    """Stop asking about the job, and say why."""
    now = timezone.now()
    with transaction.atomic():
        if (
            BulkJob.objects.filter(pk=job.pk, lost_at=None).update(
                lost_at=now, next_poll_at=None, error=reason
            )
            and job.batch_id
        ):
            tasks.request("send_batches", job.team_id)


def record_asked(job, *, again_in):
    """Look at the job again later; what we know of it stays."""
    BulkJob.objects.filter(pk=job.pk).update(
        next_poll_at=timezone.now() + timedelta(seconds=again_in)
    )


def request_sync(team, *, by=None):
    """Ask for the key's whole job history."""
    with transaction.atomic():
        JobSync.objects.update_or_create(
            team=team, defaults={"requested_at": timezone.now(), "finished_at": None, "error": ""}
        )
        BulkJob.objects.filter(team=team, error=GIVEN_UP).update(
            lost_at=None, error="", next_poll_at=timezone.now()
        )
        tasks.request("sync_jobs", team.pk)
        tasks.request("poll_jobs", team.pk)


def apply_list(team, remotes):
    """Mirror the jobs that the key can see; those we did not start stay without a batch."""
    now = timezone.now()
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


def record_sync_ended(team, error=""):
    """Remember when the history was last read, or why it could not be."""
    JobSync.objects.filter(team=team).update(finished_at=timezone.now(), error=error[:300])
