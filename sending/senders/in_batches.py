"""The engine that hands a campaign to ChumiAI in batches: our clean file, part by part.

The order of the steps is the promise. Whatever dies after any of them, nothing is sent
twice and nothing is lost without a word:

1. settle the claims that nobody can answer for, and look for their jobs;
2. a fresh look at ChumiAI's job list, the baseline: it proves key and line, and later tells
   a job of ours from older ones;
3. the file, without those who opted out since the check;
4. the claim, committed;
5. the request, with one more look just before its last byte;
6. the outcome, by what can be proven.
"""

import logging

from django.conf import settings
from django.db import transaction
from django.utils import timezone

from campaigns.models import Campaign
from chumi_api.errors import ChumiError
from sending.models import Attempt, Batch, BulkJob
from sending.senders.errors import TRY_AGAIN, is_switched_off, not_now, passes
from sending.services import batches, launches, singles
from teams.retry_policy import wait_after
from teams.services import NotConnected, client_for, key_fingerprint_of, record_problem

logger = logging.getLogger(__name__)

# While jobs are open, their end wakes us; this is only in case that wake-up is lost.
LOOK_AGAIN = 30
# How many of the newest jobs the baseline holds, and how many a search looks through.
BASELINE_JOBS = 40
SEARCHED_JOBS = 400
# Fewer good looks than this never prove that a job does not exist.
FEWEST_SEARCHES = 4
# Stands in a baseline for jobs that we could not read: they may be any.
UNREADABLE = "?"


def step(campaign):
    """Take the campaign one step further. Return the seconds until the next, or None."""
    return next_batch(campaign, hand_over)


def next_batch(campaign, hand_over):
    """Hand the next batch over by the given function, if it is time for it."""
    fingerprint = key_fingerprint_of(campaign.team)
    if Batch.objects.filter(key_fingerprint=fingerprint, status=Batch.Status.SUBMITTING).exists():
        return TRY_AGAIN
    if _stopped_by_a_job(campaign):
        return 0
    batch = campaign.batches.filter(status=Batch.Status.PENDING).first()
    open_jobs = campaign.batches.open().count()
    if batch is None:
        return LOOK_AGAIN if open_jobs else None
    if _stopped_by_failures(campaign):
        return 0
    if is_switched_off(campaign):
        return TRY_AGAIN
    if open_jobs >= campaign.team.open_jobs:
        return LOOK_AGAIN
    batch.campaign = campaign
    return hand_over(batch)


def _stopped_by_a_job(campaign):
    """Pause a campaign of which ChumiAI gave a whole part up: the next would fare alike."""
    failed = (
        BulkJob.objects.filter(
            batch__campaign=campaign,
            batch__failure_noticed_at=None,
            state__in=(BulkJob.State.FAILED, BulkJob.State.CANCELLED),
        )
        .select_related("batch")
        .first()
    )
    if failed is None:
        return False
    word = "gave up on" if failed.state == BulkJob.State.FAILED else "cancelled"
    known = failed.failure
    why = f"{known.sentence} {known.advice}" if known else "Look at the template in ChumiAI."
    with transaction.atomic():
        paused = launches.pause(
            campaign,
            reason=launches.reason_for(known),
            note=f"ChumiAI {word} part {failed.batch.number}. The parts after it were not sent. "
            f"{why} Then go on or stop.",
        )
        # A job pauses once: a person can resume in spite of it.
        if paused:
            Batch.objects.filter(pk=failed.batch_id).update(failure_noticed_at=timezone.now())
    return paused


def _stopped_by_failures(campaign):
    """Pause a campaign of whose last messages too many failed, as far as ChumiAI tells.

    Jobs give counters, not moments, so the last messages are those of the newest jobs.
    """
    failed = processed = 0
    for job in BulkJob.objects.filter(batch__campaign=campaign, failures_seen=False).order_by(
        "-batch__number"
    ):
        failed += job.failed
        processed += max(job.processed, job.accepted + job.failed)
        if processed >= singles.LAST:
            break
    share = failed / max(processed, singles.LAST)
    if share * 100 < campaign.team.pause_at_failures:
        return False
    return launches.pause(
        campaign,
        reason=Campaign.Pause.FAILURES,
        note=f"{failed:,} of the last {processed:,} messages failed. See below why, then go on "
        "or stop.",
    )


def hand_over(batch):
    """Hand one batch to ChumiAI. Return the seconds until the next step."""
    campaign = batch.campaign
    try:
        client = client_for(campaign.team)
        listed = client.list_bulk_jobs(max_items=BASELINE_JOBS)
    except NotConnected as error:
        launches.pause(campaign, reason=Campaign.Pause.NOT_CONNECTED, note=str(error))
        return 0
    except ChumiError as error:
        return not_now(campaign, error)
    prepared = batches.prepare(batch)
    if prepared is None:
        return 0
    attempt = batches.claim(batch, prepared, baseline_of(listed))
    if attempt is None:
        return 1
    attempt.batch = batch
    try:
        with (settings.MEDIA_ROOT / prepared.path).open("rb") as file:
            answer = client.bulk_import(
                file=file,
                file_name=prepared.file_name,
                template_name=campaign.snapshot["template"],
                language=campaign.snapshot["language"],
                gate=lambda: batches.may_finish(attempt),
            )
    except ChumiError as error:
        return record_failure(attempt, error)
    return record_answer(attempt, answer)


def baseline_of(listed):
    """Return the ids of the newest jobs, and a sign for those that we could not read."""
    return [job.remote_id for job in listed] + [UNREADABLE] * bool(listed.skipped)


def record_answer(attempt, answer):
    """Write that ChumiAI took the batch."""
    campaign = attempt.batch.campaign
    batches.record_accepted(attempt, answer)
    record_problem(campaign.team, "")
    launches.record_wait(campaign, "")
    return 0


def record_failure(attempt, error):
    """Write what can be proven after an error. Return the seconds until the next step."""
    campaign = attempt.batch.campaign
    logger.warning(
        "batch not accepted",
        extra={"attempt": attempt.pk, "error": type(error).__name__, "status": error.status},
    )
    if error.maybe_sent:
        batches.record_unconfirmed(attempt, error)
        return 0
    if passes(error) or error.concerns_account:
        # The next part would fare the same, and this one waits: nobody in it got anything.
        batches.record_not_sent(attempt, error)
        return not_now(campaign, error)
    batches.record_rejected(attempt, error)
    launches.pause(
        campaign,
        reason=Campaign.Pause.REJECTED,
        note=f"ChumiAI refused part {attempt.batch.number}: {error} "
        "Nobody in this part was written to.",
    )
    return 0


def look_for_lost(team):
    """Look for the jobs of unconfirmed batches. Return the seconds until the next look."""
    lost = Batch.objects.filter(
        campaign__team=team, status=Batch.Status.UNCONFIRMED, next_search_at__isnull=False
    ).select_related("campaign__team")
    due = [batch for batch in lost if batch.next_search_at <= timezone.now()]
    if due:
        try:
            listed = client_for(team).list_bulk_jobs(max_items=SEARCHED_JOBS)
        except (ChumiError, NotConnected) as error:
            # A list that could not be read proves nothing: it is no look.
            return wait_after(error, default=TRY_AGAIN)
        for batch in due:
            _search(batch, listed)
    next_look = lost.order_by("next_search_at").values_list("next_search_at", flat=True).first()
    if next_look is None:
        return None
    return max((next_look - timezone.now()).total_seconds(), 0.5)


def _search(batch, listed):
    attempt = batch.attempts.filter(outcome=Attempt.Outcome.UNCONFIRMED).get()
    attempt.batch = batch
    found = candidates_of(attempt, listed)
    if (
        len(found) == 1
        and not _may_be_anothers(found[0], attempt)
        and batches.record_found(attempt, found[0])
    ):
        return
    age = (timezone.now() - batch.claimed_at).total_seconds()
    batches.record_search(
        batch,
        ended=age >= settings.RECONCILE_SECONDS and batch.searches + 1 >= FEWEST_SEARCHES,
        # A job that we could not read may be ours.
        candidates=len(found) + listed.skipped,
    )


def candidates_of(attempt, listed):
    """Return the jobs that may be the attempt's.

    New since the baseline and linked to nothing; ours by our file name or, where ChumiAI
    echoes none, by template, language and total.
    """
    campaign = attempt.batch.campaign
    linked = set(
        BulkJob.objects.filter(key_fingerprint=attempt.batch.key_fingerprint)
        .exclude(batch=None)
        .values_list("remote_id", flat=True)
    )
    fresh = [
        job
        for job in listed
        if job.remote_id not in attempt.baseline and job.remote_id not in linked
    ]
    if not attempt.file_name:
        # A send to a group has no file, and ChumiAI may count its people otherwise.
        return [job for job in fresh if not job.file_name and _is_alike(job, campaign)]
    if any(job.file_name for job in listed):
        # Where names are echoed, a job without ours is not ours, however alike it looks.
        return [job for job in fresh if job.file_name == attempt.file_name]
    return [job for job in fresh if _is_alike(job, campaign) and job.total == attempt.rows]


def _is_alike(job, campaign):
    return job.template_name == campaign.snapshot["template"] and job.language in (
        None,
        "",
        campaign.snapshot["language"],
    )


def _may_be_anothers(job, attempt):
    """Say whether a job without our file name may just as well be another attempt's.

    Parts of two campaigns may be equal in template and size, and both be in doubt.
    """
    if job.file_name:
        return False
    if UNREADABLE in attempt.baseline or job.total != attempt.rows:
        return True
    snapshot = attempt.batch.campaign.snapshot
    rivals = (
        Attempt.objects.filter(
            key_fingerprint=attempt.key_fingerprint,
            rows=attempt.rows,
            outcome__in=(*Attempt.LIVE, Attempt.Outcome.DECIDED),
            batch__isnull=False,
            batch__job=None,
        )
        .exclude(pk=attempt.pk)
        .select_related("campaign")
        .defer("raw")
    )
    return any(
        job.remote_id not in rival.baseline
        and rival.campaign.snapshot["template"] == snapshot["template"]
        and rival.campaign.snapshot["language"] == snapshot["language"]
        for rival in rivals
    )
