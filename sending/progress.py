"""Progress of a campaign: every number of its page, counted from rows alone.

Each recipient is counted in exactly one of six numbers, so that

    accepted + failed + skipped + unconfirmed + unreported + remaining == total

- accepted: ChumiAI's job says so, or a person decided to count the batch as sent;
- failed: the job says so, or ChumiAI rejected the whole batch;
- skipped: by us (opted out, batch skipped, campaign stopped) or by ChumiAI;
- unconfirmed: submitted without a clear answer, so it may have been sent;
- unreported: processed by ChumiAI, or of a job that ended, without a reported outcome;
- remaining: not submitted yet, or submitted and not processed yet.

Recipients who are sent to one by one are in no batch: `Singles` counts them, including those
whose batch failed them and who are retried. `Receipts` count how far accepted messages got: they
are no seventh number.

`submitted` counts those that ChumiAI accepted, `processed` those that it has processed;
`percent` is their share of the total. The words of a batch are in batch_words.py.
"""

from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, field
from datetime import datetime, timedelta
from math import ceil
from uuid import UUID

from campaigns.models import Campaign
from sending.models import FINISHED_JOBS, Attempt, Batch, BulkJob

STALLED_AFTER = timedelta(minutes=3)
# A speed measured over a shorter time is noise.
SHORTEST_MEASURE = timedelta(seconds=2)
# Age of a campaign in seconds, and how often its page polls until then, in seconds.
INTERVALS = ((120, 2), (1800, 5))
SLOW_INTERVAL = 15
# For how long after the end of a campaign its page polls for delivery updates.
RECEIPTS_FOR = timedelta(hours=1)


@dataclass(frozen=True, slots=True)
class Counts:
    """The recipients of a batch by outcome. None: ChumiAI does not report the number."""

    accepted: int | None = 0
    failed: int | None = 0
    skipped: int = 0
    unconfirmed: int = 0
    unreported: int = 0
    remaining: int = 0
    processed: int = 0


@dataclass(frozen=True, slots=True)
class BatchProgress(Counts):
    """A batch of a launched campaign and its numbers.

    `people` are all its recipients; `sent_to` those that neither we skipped nor are retried one
    by one. `reported_messages` is how many of its messages WhatsApp reported while the batch is
    unconfirmed: then it was sent, whatever ChumiAI answered. `tries` come oldest first.
    """

    batch: Batch = field(kw_only=True)
    of: int = field(kw_only=True)
    sent_to: int = field(kw_only=True)
    reported_messages: int = field(kw_only=True)
    tries: list[Attempt] = field(kw_only=True)
    job: BulkJob | None = field(kw_only=True)

    @property
    def uuid(self) -> UUID:
        return self.batch.uuid

    @property
    def number(self) -> int:
        return self.batch.number

    @property
    def last(self) -> int:
        """Return the position of its last recipient in the campaign."""
        return self.batch.last

    @property
    def people(self) -> int:
        size: int = self.batch.size
        return size

    @property
    def is_waiting(self) -> bool:
        return self.batch.status == Batch.Status.PENDING

    @property
    def is_open(self) -> bool:
        """Return True while ChumiAI may be working on it."""
        is_submitting = self.batch.status == Batch.Status.SUBMITTING
        return is_submitting or (self.job is not None and not self.job.is_over)

    @property
    def awaits_decision(self) -> bool:
        is_unconfirmed = self.batch.status == Batch.Status.UNCONFIRMED
        return is_unconfirmed and self.batch.search_ended_at is not None

    @property
    def is_rejected(self) -> bool:
        return self.batch.status == Batch.Status.REJECTED

    @property
    def was_reported(self) -> bool:
        return self.reported_messages > 0


@dataclass(frozen=True, slots=True)
class Singles:
    """The recipients who are sent to one by one, by status.

    `retried` counts those of them whose first try was in a batch, by its number. `lately` were
    settled within the last minute, the last one at `last_at`. `undecided` are the unconfirmed
    ones that a person may decide about now.
    """

    pending: int = 0
    submitting: int = 0
    accepted: int = 0
    failed: int = 0
    unconfirmed: int = 0
    skipped: int = 0
    lately: int = 0
    last_at: datetime | None = None
    undecided: int = 0
    tried_again: int = 0
    retried: Mapping[int, int] = field(default_factory=dict)

    @property
    def total(self) -> int:
        return self.waiting + self.settled + self.unconfirmed + self.skipped

    @property
    def waiting(self) -> int:
        return self.pending + self.submitting

    @property
    def settled(self) -> int:
        return self.accepted + self.failed


@dataclass(frozen=True, slots=True)
class Receipts:
    """Accepted messages by how far they got at least, as WhatsApp reports it.

    `traceable` are the messages that a delivery update can be matched with. A number is None
    where the team gets no such updates.
    """

    traceable: int = 0
    held: int = 0
    delivered: int | None = None
    read: int | None = None


@dataclass(frozen=True, slots=True)
class Progress:
    """The progress of a campaign; the module says how its numbers add up."""

    total: int
    submitted: int
    processed: int
    accepted: int | None
    failed: int | None
    skipped: int
    unconfirmed: int
    unreported: int
    remaining: int
    receipts: Receipts
    percent: int
    per_minute: int | None
    seconds_left: int | None
    batches: list[BatchProgress]
    singles: Singles
    stalled_for: timedelta | None
    last_answer_at: datetime | None
    sender_off: bool
    # Since the last heartbeat of a worker, None where there never was one.
    sender_off_for: timedelta | None
    poll_seconds: int | None

    @property
    def is_stalled(self) -> bool:
        return self.stalled_for is not None

    @property
    def decisions(self) -> list[BatchProgress]:
        """Return the batches about which a person has to decide."""
        return [batch for batch in self.batches if batch.awaits_decision]

    @property
    def can_resume(self) -> bool:
        """Return True if no batch is unconfirmed."""
        return not any(batch.unconfirmed for batch in self.batches)

    @property
    def in_progress(self) -> int:
        """Return how many messages ChumiAI has and nothing can recall."""
        in_batches = sum(batch.remaining for batch in self.batches if batch.is_open)
        return in_batches + self.singles.submitting


NO_SINGLES = Singles()
NO_RECEIPTS = Receipts()


def progress_of(
    campaign: Campaign,
    rows: Iterable[Batch],
    now: datetime,
    *,
    singles: Singles = NO_SINGLES,
    receipts: Receipts = NO_RECEIPTS,
    reported: Mapping[int, int] | None = None,
    sender_is_alive: bool = True,
    sender_seen_at: datetime | None = None,
) -> Progress:
    """Count a launched campaign.

    `rows` are its batches in order, each with its `job`; `reported` are the messages of
    unconfirmed batches that WhatsApp reported, by the number of the batch.
    """
    rows = list(rows)
    batches = [
        _batch_progress(
            campaign,
            row,
            of=len(rows),
            retried=singles.retried.get(row.number, 0),
            reported=(reported or {}).get(row.number, 0),
        )
        for row in rows
    ]
    counts = _sum(batches, singles)
    total = sum(batch.people for batch in batches) + singles.total - sum(singles.retried.values())
    jobs = [batch.job for batch in batches if batch.job]
    open_jobs = [job for job in jobs if not job.is_over]
    if singles.lately:
        per_minute = _per_minute_singly(campaign, singles, now)
    else:
        per_minute = _per_minute(jobs, batches, now)
    stalled = stalled_for(jobs, now)
    moving = campaign.status in (Campaign.Status.QUEUED, Campaign.Status.SENDING)
    due = moving or bool(open_jobs) or any(_is_searched(row) for row in rows)
    sender_off = due and not sender_is_alive
    seconds_left = None
    if moving and per_minute and counts.remaining and not stalled and not sender_off:
        seconds_left = ceil(counts.remaining * 60 / per_minute)
    taken = [row.size - row.skipped for row in rows if row.status == Batch.Status.ACCEPTED]
    return Progress(
        total=total,
        submitted=sum(taken) + singles.settled,
        batches=batches,
        receipts=receipts,
        # Rounded down: 100 only when nobody is left.
        percent=counts.processed * 100 // total if total else 0,
        per_minute=per_minute,
        seconds_left=seconds_left,
        stalled_for=stalled,
        last_answer_at=max((job.asked_at for job in open_jobs if job.asked_at), default=None),
        sender_off=sender_off,
        sender_off_for=now - sender_seen_at if sender_off and sender_seen_at else None,
        singles=singles,
        poll_seconds=_poll_seconds(campaign, rows, open_jobs, singles, now)
        or _seconds_for_receipts(campaign, receipts, now),
        **asdict(counts),
    )


def _sum(batches: list[BatchProgress], singles: Singles) -> Counts:
    return _with_unknown(
        accepted=sum(batch.accepted or 0 for batch in batches) + singles.accepted,
        failed=sum(batch.failed or 0 for batch in batches) + singles.failed,
        skipped=sum(batch.skipped for batch in batches) + singles.skipped,
        unconfirmed=sum(batch.unconfirmed for batch in batches) + singles.unconfirmed,
        unreported=sum(batch.unreported for batch in batches),
        remaining=sum(batch.remaining for batch in batches) + singles.waiting,
        processed=sum(batch.processed for batch in batches) + singles.settled,
    )


def _with_unknown(*, accepted: int, failed: int, unreported: int, **others: int) -> Counts:
    """Return the counts, with None for a zero that ChumiAI only left unreported."""
    return Counts(
        accepted=accepted or (None if unreported else 0),
        failed=failed or (None if unreported else 0),
        unreported=unreported,
        **others,
    )


def _batch_progress(
    campaign: Campaign, batch: Batch, *, of: int, retried: int, reported: int
) -> BatchProgress:
    sent_to = batch.size - min(batch.skipped, batch.size) - retried
    job = getattr(batch, "job", None)
    return BatchProgress(
        batch=batch,
        of=of,
        sent_to=sent_to,
        reported_messages=reported,
        tries=_tries(batch),
        job=job,
        **asdict(_counts_of(campaign, batch, job, sent_to, retried)),
    )


def _counts_of(
    campaign: Campaign, batch: Batch, job: BulkJob | None, sent_to: int, retried: int
) -> Counts:
    skipped = min(batch.skipped, batch.size)
    match batch.status:
        case Batch.Status.PENDING if campaign.status == Campaign.Status.STOPPED:
            return Counts(skipped=skipped + sent_to)
        case Batch.Status.PENDING:
            return Counts(skipped=skipped, remaining=sent_to)
        case Batch.Status.SUBMITTING:
            return Counts(accepted=None, failed=None, skipped=skipped, remaining=sent_to)
        case Batch.Status.SKIPPED:
            return Counts(skipped=skipped + sent_to)
        case Batch.Status.REJECTED:
            return Counts(skipped=skipped, failed=sent_to)
        case Batch.Status.UNCONFIRMED:
            return Counts(accepted=None, failed=None, skipped=skipped, unconfirmed=sent_to)
    if job is None:
        return Counts(skipped=skipped, accepted=sent_to, processed=sent_to)
    return _counts_of_job(job, sent_to, skipped=skipped, retried=retried)


def _counts_of_job(job: BulkJob, people: int, *, skipped: int, retried: int) -> Counts:
    """Fit the job's counters to the recipients of its batch.

    Failures come first: a message that was accepted may fail later, and counters never fall.
    Retried recipients count as singles, so they are subtracted from the job's failures.
    """
    failed = min(max(job.failed - retried, 0), people)
    accepted = min(job.accepted, people - failed)
    skipped_by_job = min(job.skipped, people - failed - accepted)
    reported = failed + accepted + skipped_by_job
    is_finished = job.state in FINISHED_JOBS
    processed = people if is_finished else max(reported, min(job.processed - retried, people))
    remaining = 0 if job.is_over else people - processed
    return _with_unknown(
        accepted=accepted,
        failed=failed,
        skipped=skipped + skipped_by_job,
        unreported=people - reported - remaining,
        remaining=remaining,
        processed=processed,
        unconfirmed=0,
    )


def _tries(batch: Batch) -> list[Attempt]:
    """Return the attempts at the batch, oldest first, if they were prefetched."""
    fetched = getattr(batch, "_prefetched_objects_cache", {}).get("attempts", ())
    return sorted(fetched, key=lambda attempt: attempt.started_at)


def _is_searched(batch: Batch) -> bool:
    return batch.status == Batch.Status.UNCONFIRMED and batch.next_search_at is not None


def _per_minute(jobs: list[BulkJob], batches: list[BatchProgress], now: datetime) -> int | None:
    """Return the messages a minute over the time in which ChumiAI was at work, or None.

    Two jobs at the same time count their time once; a pause does not count at all.
    """
    spans = sorted((job.first_seen_at, job.changed_at if job.is_over else now) for job in jobs)
    worked, until = timedelta(), None
    for start, end in spans:
        start = max(start, until) if until else start
        if end > start:
            worked += end - start
            until = end
    processed = sum(batch.processed for batch in batches if batch.job)
    if worked < SHORTEST_MEASURE or not processed:
        return None
    return max(round(processed * 60 / worked.total_seconds()), 1)


def _per_minute_singly(campaign: Campaign, singles: Singles, now: datetime) -> int | None:
    """Return the messages a minute over the last minute, or since the launch."""
    seconds = min(max(_age(campaign, now).total_seconds(), 1), 60)
    if seconds < SHORTEST_MEASURE.total_seconds():
        return None
    return max(round(singles.lately * 60 / seconds), 1)


def stalled_for(jobs: Iterable[BulkJob], now: datetime) -> timedelta | None:
    """Return how long no open job has changed, or None if that is short or none is open."""
    changes = [max(job.changed_at, job.first_seen_at) for job in jobs if not job.is_over]
    if not changes:
        return None
    quiet = now - max(changes)
    return quiet if quiet >= STALLED_AFTER else None


def _age(campaign: Campaign, now: datetime) -> timedelta:
    assert campaign.launched_at is not None
    return now - campaign.launched_at


def _poll_seconds(
    campaign: Campaign,
    rows: list[Batch],
    open_jobs: list[BulkJob],
    singles: Singles,
    now: datetime,
) -> int | None:
    """Return how long the page waits before it polls again; None when nothing moves."""
    is_moving = (
        bool(open_jobs)
        or campaign.is_live
        or singles.submitting
        or any(row.status == Batch.Status.SUBMITTING or _is_searched(row) for row in rows)
    )
    if not is_moving:
        return None
    age = _age(campaign, now).total_seconds()
    return next((seconds for limit, seconds in INTERVALS if age < limit), SLOW_INTERVAL)


def _seconds_for_receipts(campaign: Campaign, receipts: Receipts, now: datetime) -> int | None:
    """Return the interval of a finished campaign whose delivery updates still come in."""
    if not receipts.traceable or campaign.finished_at is None:
        return None
    return SLOW_INTERVAL if now - campaign.finished_at < RECEIPTS_FOR else None
