"""The mirror of ChumiAI's jobs: linked, polled, listed."""

from datetime import timedelta

from django.db import IntegrityError, transaction
from django.db.models import F, Q, Value
from django.db.models.functions import Greatest
from django.utils import timezone

from campaigns.models import Campaign, Recipient
from contacts.models import OptOut
from contacts.services import opt_out_all
from sending.models import BulkJob, JobSync
from tasks import services as tasks
from teams.retry_policy import wait_after
from whatsapp import errors

# After so many equal answers a job with nothing left to process counts as finished.
SETTLED_POLLS = 3
POLL_FOR = timedelta(hours=24)
# A job so young that was never shown yet may only be late in ChumiAI's list.
SHOWN_WITHIN = timedelta(minutes=2)
# How long a page that is open counts as watching; it says so again well before.
WATCHED_FOR = timedelta(seconds=60)
# Seconds until ChumiAI is asked again, where it names no Retry-After.
WAIT = 10
# Up to what age a job is asked about every so many seconds, both in seconds.
INTERVALS = ((30, 2), (300, 5), (3600, 15))
SLOW_INTERVAL = 60
WATCHED_INTERVALS = ((600, 2), (3600, 5))
SLOW_WATCHED_INTERVAL = 15


def poll_interval(age, *, watched=False):
    """Return how long to wait between two looks at a job of that age."""
    steps, slow = INTERVALS, SLOW_INTERVAL
    if watched:
        steps, slow = WATCHED_INTERVALS, SLOW_WATCHED_INTERVAL
    age = age.total_seconds()
    return timedelta(seconds=next((seconds for limit, seconds in steps if age < limit), slow))


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
                batch=batch, key_fingerprint=batch.key_fingerprint, next_poll_at=now
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
    watched = job.watched_until is not None and now < job.watched_until
    total = remote.total or job.total
    named = _count_named(remote.row_results)
    if job.batch and remote.row_results:
        _record_messages(job.batch, remote.row_results)
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
    interval = poll_interval(now - job.first_seen_at, watched=watched)
    # The history may be read while we ask: whoever writes last must not take anything back.
    written = (
        BulkJob.objects.open()
        .filter(pk=job.pk)
        .update(
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
            changed_at=now if moved else F("changed_at"),
            next_poll_at=None if over else now + interval,
            **{name: Greatest(F(name), Value(value)) for name, value in counters.items()},
        )
    )
    if job.batch and over and written:
        tasks.request("send_batches", job.team_id)
    return bool(over and written)


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
    if batch.campaign.engine == Campaign.Engine.GROUP:
        _opt_out_members(batch, by_code.get(errors.STOPPED_MARKETING, []))
        return 0
    people = Recipient.objects.of_batch(batch)
    for code, phones in by_code.items():
        # Who was tried again since has left this job behind.
        failed = people.filter(status=Recipient.Status.ACCEPTED, retries=0, phone__in=phones)
        if code == errors.STOPPED_MARKETING:
            # Asked before they are marked: told again in the next answer, they are not added
            # again after somebody lifted it.
            gone = list(failed.values_list("phone", flat=True))
            opt_out_all(batch.campaign.team, gone, source=OptOut.Source.WHATSAPP)
        failed.update(
            status=Recipient.Status.FAILED,
            settled_at=timezone.now(),
            failure_code=code,
        )
    return people.filter(Q(status=Recipient.Status.FAILED) | Q(retries__gt=0)).count()


def _opt_out_members(batch, phones):
    """Put members of a group on the list who stopped marketing: they are no Recipients.

    Told again in the next answer, they are not added again after somebody lifted it.
    """
    team = batch.campaign.team
    rows = OptOut.objects.for_team(team).filter(created_at__gte=batch.claimed_at)
    told = set(rows.filter(phone__in=phones).values_list("phone", flat=True))
    fresh = [phone for phone in phones if phone not in told]
    opt_out_all(team, fresh, source=OptOut.Source.WHATSAPP)


def _record_messages(batch, results):
    """Keep the ids of the messages, where ChumiAI tells them: later news name nothing else."""
    told = {
        "+" + result.phone.lstrip("+"): result.message_id[:200]
        for result in results
        if result.state == "accepted" and result.message_id and result.phone
    }
    unnamed = Recipient.objects.of_batch(batch).filter(
        status=Recipient.Status.ACCEPTED, remote_id="", retries=0
    )
    people = unnamed.values_list("pk", "phone")
    unnamed.name_messages({pk: told[phone] for pk, phone in people if phone in told})


def stop_polling(job, because):
    """Stop asking about the job, because of a `BulkJob.Stop`."""
    now = timezone.now()
    with transaction.atomic():
        if (
            BulkJob.objects.open()
            .filter(pk=job.pk)
            .update(stopped_polling_at=now, stopped_polling_because=because, next_poll_at=None)
            and job.batch_id
        ):
            tasks.request("send_batches", job.team_id)


def record_missing(job):
    """Write that ChumiAI does not know the job: it may only be young, or it is gone."""
    if job.asked_at is None and timezone.now() - job.first_seen_at < SHOWN_WITHIN:
        record_asked(job, again_in=5)
    else:
        stop_polling(job, BulkJob.Stop.LOST)


def record_asked(job, *, again_in):
    """Look at the job again later; what we know of it stays."""
    BulkJob.objects.open().filter(pk=job.pk).update(
        next_poll_at=timezone.now() + timedelta(seconds=again_in)
    )


def give_up_if_old(job):
    """Stop asking about a job that does not end within a day."""
    if timezone.now() - job.first_seen_at > POLL_FOR:
        stop_polling(job, BulkJob.Stop.GIVEN_UP)


def record_wait(team, error):
    """Ask ChumiAI nothing about jobs until its Retry-After is over. Return the seconds."""
    seconds = wait_after(error, default=WAIT)
    wait_until = timezone.now() + timedelta(seconds=seconds)
    JobSync.objects.update_or_create(team=team, defaults={"wait_until": wait_until})
    return seconds


def waits_for(team):
    """Return for how long ChumiAI is to be asked nothing about jobs, or None."""
    now = timezone.now()
    found = JobSync.objects.filter(team=team, wait_until__gt=now)
    wait_until = found.values_list("wait_until", flat=True).first()
    return wait_until - now if wait_until else None


@transaction.atomic
def watch(campaign):
    """Ask about the campaign's open jobs more often: somebody looks at them.

    Return how many are open. However many look, ChumiAI is asked no more often than for one.
    """
    now = timezone.now()
    open_jobs = BulkJob.objects.open().filter(batch__campaign=campaign)
    soon = now + timedelta(seconds=2)
    unwatched = open_jobs.filter(Q(watched_until=None) | Q(watched_until__lt=now))
    if unwatched.filter(next_poll_at__gt=soon).update(next_poll_at=soon):
        tasks.request("poll_jobs", campaign.team_id, delay=2)
    return open_jobs.update(watched_until=now + WATCHED_FOR)


def request_sync(team, *, by=None):
    """Ask for the key's whole job history."""
    with transaction.atomic():
        JobSync.objects.update_or_create(
            team=team, defaults={"requested_at": timezone.now(), "finished_at": None, "error": ""}
        )
        given_up = BulkJob.objects.filter(team=team, stopped_polling_because=BulkJob.Stop.GIVEN_UP)
        given_up.update(
            stopped_polling_at=None, stopped_polling_because="", next_poll_at=timezone.now()
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
