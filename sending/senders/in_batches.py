"""The engine that sends a campaign in batches, each as a file of our own.

The order of the steps is the guarantee. If the worker dies after any of them, nothing is sent
twice, and nothing is lost unnoticed:

1. settle the claims that have expired, and search for their jobs;
2. ask the holds whether the next batch may be claimed;
3. fetch ChumiAI's job list, the baseline: it proves key and connection, and later tells a job
   of ours from older ones;
4. write the file, without the people who opted out since the check;
5. claim the batch, and commit;
6. send the request, and ask once more just before its last byte;
7. record the outcome, as far as it can be proven.
"""

import logging
from collections.abc import Callable, Sequence
from datetime import datetime

from django.conf import settings

from campaigns.models import Campaign
from chumi_api.errors import ChumiError
from chumi_api.types import BulkAccepted, Listing
from chumi_api.types import BulkJob as RemoteJob
from core import clocks
from core.disk import NotSaved
from sending import holds
from sending.holds import LOOK_AGAIN, TRY_AGAIN, Before
from sending.models import Attempt, Batch, BulkJob
from sending.senders import template_reads
from sending.senders.errors import is_temporary, wait_or_pause
from sending.services import batches, launches
from tasks import continuity
from teams.models import Team
from teams.retry_policy import wait_after
from teams.services import NotConnected, client_for

logger = logging.getLogger(__name__)

# The newest jobs in the baseline, and those that a search reads.
BASELINE_JOBS = 40
SEARCHED_JOBS = 400
# Fewer searches than this never prove that a job does not exist.
FEWEST_SEARCHES = 4
# Stands in a baseline for jobs that we could not read: they may be any jobs.
UNREADABLE = "?"


def step(campaign: Campaign) -> float | None:
    """Take the campaign one step further. Return the seconds until the next, or None."""
    return next_batch(campaign, hand_over)


def next_batch(campaign: Campaign, submit: Callable[[Batch], float]) -> float | None:
    """Submit the next batch by the given function, unless something holds the campaign."""
    batch = campaign.batches.filter(status=Batch.Status.PENDING).first()
    wait = template_reads.held(campaign, Before.BATCH if batch else Before.END)
    if wait is not None:
        return wait
    if batch is None:
        return LOOK_AGAIN if campaign.batches.open().exists() else None
    batch.campaign = campaign
    return submit(batch)


def hand_over(batch: Batch) -> float:
    """Send one batch to ChumiAI. Return the seconds until the next step."""
    campaign = batch.campaign
    try:
        client = client_for(campaign.team)
        listed = client.list_bulk_jobs(max_items=BASELINE_JOBS)
    except NotConnected:
        return holds.apply_hold(campaign, holds.pause(Campaign.Pause.NOT_CONNECTED))
    except ChumiError as error:
        return wait_or_pause(campaign, error)
    if is_known_to_chumiai_only(campaign, listed):
        continuity.distrust()
        return holds.apply_hold(campaign, holds.pause(Campaign.Pause.RESTORED_COPY))
    try:
        prepared = batches.prepare(batch)
    except NotSaved as failed:
        return holds.apply_hold(campaign, holds.disk_hold(failed.trouble, clocks.now()))
    if prepared is None:
        return 0
    # Opened before the claim: a file that can't be read is then no batch without an answer.
    with (settings.MEDIA_ROOT / prepared.path).open("rb") as file:
        attempt = batches.claim(batch, prepared, baseline_of(listed))
        if attempt is None:
            return 1
        attempt.batch = batch
        snapshot = campaign.snapshot or {}
        try:
            answer = client.bulk_import(
                file=file,
                file_name=prepared.file_name,
                template_name=snapshot["template"],
                language=snapshot["language"],
                gate=lambda: batches.may_finish(attempt),
            )
        except ChumiError as error:
            return record_failure(attempt, error)
    return record_answer(attempt, answer)


def is_known_to_chumiai_only(campaign: Campaign, listed: Listing[RemoteJob]) -> bool:
    """Return True if ChumiAI lists a job of this campaign that none of our attempts started.

    Then the past of this database is missing, also where a snapshot of the whole machine makes
    the two places of `tasks.continuity` agree.
    """
    prefix = batches.name_prefix(campaign)
    named = {job.file_name for job in listed if (job.file_name or "").startswith(prefix)}
    ours = campaign.attempts.filter(file_name__in=named).values_list("file_name", flat=True)
    return bool(named) and not named <= set(ours)


def baseline_of(listed: Listing[RemoteJob]) -> list[str]:
    """Return the ids of the newest jobs, and `UNREADABLE` if there are jobs we can't read."""
    return [job.remote_id for job in listed] + [UNREADABLE] * bool(listed.skipped)


def record_answer(attempt: Attempt, answer: BulkAccepted) -> float:
    """Record that ChumiAI accepted the batch. Return the seconds until the next step."""
    campaign = attempt.campaign
    batches.record_accepted(attempt, answer)
    launches.end_wait(campaign)
    return 0


def record_failure(attempt: Attempt, error: ChumiError) -> float:
    """Record what can be proven after an error. Return the seconds until the next step."""
    campaign, batch = attempt.campaign, attempt.batch
    if batch is None:
        raise TypeError(f"{attempt} has no batch")
    logger.warning(
        "batch not accepted",
        extra={"attempt": attempt.pk, "error": type(error).__name__, "status": error.status},
    )
    if error.maybe_sent:
        batches.record_unconfirmed(attempt, error)
        return 0
    if is_temporary(error) or error.concerns_account:
        # The next batch would fail too, so this one stays pending: nobody in it got anything.
        batches.record_not_sent(attempt, error)
        return wait_or_pause(campaign, error)
    batches.record_rejected(attempt, error)
    details = batches.details_of(error) | {"event": "batch_refused", "batch": batch.number}
    return holds.apply_hold(campaign, holds.pause(Campaign.Pause.REJECTED, **details))


def search_jobs(team: Team) -> float | None:
    """Search for the jobs of unconfirmed batches. Return the seconds until the next search."""
    unconfirmed = Batch.objects.filter(
        campaign__team=team, status=Batch.Status.UNCONFIRMED, next_search_at__isnull=False
    ).select_related("campaign__team")
    now = clocks.now()
    due = [batch for batch in unconfirmed if batch.next_search_at and batch.next_search_at <= now]
    if due:
        try:
            listed = client_for(team).list_bulk_jobs(max_items=SEARCHED_JOBS)
        except (ChumiError, NotConnected) as error:
            # A list that could not be fetched proves nothing: it does not count as a search.
            return wait_after(error, default=TRY_AGAIN)
        for batch in due:
            _search(batch, listed)
    times = unconfirmed.order_by("next_search_at").values_list("next_search_at", flat=True)
    next_at: datetime | None = times.first()
    if next_at is None:
        return None
    return max((next_at - clocks.now()).total_seconds(), 0.5)


def _search(batch: Batch, listed: Listing[RemoteJob]) -> None:
    attempt = batch.attempts.filter(outcome=Attempt.Outcome.UNCONFIRMED).get()
    attempt.batch = batch
    found = candidates_of(attempt, listed)
    if (
        len(found) == 1
        and not _may_be_anothers(found[0], attempt)
        and batches.record_found(attempt, found[0])
    ):
        return
    age = (clocks.now() - (batch.claimed_at or attempt.started_at)).total_seconds()
    batches.record_search(
        batch,
        ended=age >= settings.RECONCILE_SECONDS and batch.searches + 1 >= FEWEST_SEARCHES,
        # A job that we could not read may be ours.
        candidates=len(found) + listed.skipped,
    )


def candidates_of(attempt: Attempt, listed: Listing[RemoteJob]) -> Sequence[RemoteJob]:
    """Return the jobs that may be the attempt's.

    They are new since the baseline and linked to no batch; they have our file name or, if
    ChumiAI echoes none, the same template, language and total.
    """
    campaign = attempt.campaign
    linked = set(
        BulkJob.objects.filter(key_fingerprint=attempt.key_fingerprint)
        .exclude(batch=None)
        .values_list("remote_id", flat=True)
    )
    fresh = [
        job
        for job in listed
        if job.remote_id not in attempt.baseline and job.remote_id not in linked
    ]
    if not attempt.file_name:
        # A send to a group has no file, and ChumiAI may count its people differently.
        return [job for job in fresh if not job.file_name and _is_similar(job, campaign)]
    if any(job.file_name for job in listed):
        # If names are echoed, a job with another name is not ours, however similar it is.
        return [job for job in fresh if job.file_name == attempt.file_name]
    return [job for job in fresh if _is_similar(job, campaign) and job.total == attempt.rows]


def _is_similar(job: RemoteJob, campaign: Campaign) -> bool:
    snapshot = campaign.snapshot or {}
    return job.template_name == snapshot["template"] and (
        not job.language or job.language == snapshot["language"]
    )


def _may_be_anothers(job: RemoteJob, attempt: Attempt) -> bool:
    """Return True if the job could belong to another attempt.

    Batches of two campaigns may have the same template and size, and both be unconfirmed.
    """
    if job.file_name:
        return False
    if UNREADABLE in attempt.baseline or job.total != attempt.rows:
        return True
    snapshot = attempt.campaign.snapshot or {}
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
        and other["template"] == snapshot["template"]
        and other["language"] == snapshot["language"]
        for rival in rivals
        if (other := rival.campaign.snapshot or {})
    )
