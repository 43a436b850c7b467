"""Progress of a campaign: every number of its pages, files and commands, counted from rows alone.

Each recipient is counted in exactly one of six numbers, at every moment, so that

    accepted + failed + skipped + unconfirmed + unreported + remaining == total

- accepted: ChumiAI took the message and nothing says that it failed, or a person decided to count
  it as sent. ChumiAI may still be working on it: these are `in_progress`, too;
- failed: ChumiAI or WhatsApp says so, also after it was accepted;
- skipped: by us (opted out, batch skipped, campaign stopped) or by ChumiAI;
- unconfirmed: submitted without a clear answer, so it may have been sent;
- unreported: ChumiAI ended its job, or processed the message, without saying how it ended;
- remaining: not accepted yet. A pause or a stop can still keep it from going out.

The same numbers follow from the status of each recipient. Only where ChumiAI counts without
naming anyone (`…_unnamed`), the list and the file of recipients say so instead of a status.

Recipients who are sent to one by one are in no batch: `Singles` counts them, including those
whose batch failed them and who are retried. `Receipts` count how far accepted messages got
(read <= delivered <= accepted): they are no seventh number.

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
    # With ChumiAI and not processed: nothing can recall them.
    in_progress: int = 0
    # Failed or skipped by a counter of ChumiAI's that does not say who.
    failed_unnamed: int = 0
    skipped_unnamed: int = 0


@dataclass(frozen=True, slots=True)
class BatchProgress(Counts):
    """A batch of a launched campaign and its numbers.

    `people` are all its recipients; `sent_to` those that neither we skipped nor are retried one
    by one. `reported_messages` is how many of its messages WhatsApp reported: an unconfirmed
    batch with one was sent, whatever ChumiAI answered. `tries` come oldest first.
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

    @property
    def is_open_question(self) -> bool:
        """Return True if it is not known of each recipient how the message ended."""
        return bool(self.failed_unnamed or self.skipped_unnamed or self.unreported)


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
    in_progress: int
    failed_unnamed: int
    skipped_unnamed: int
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
    def submitting(self) -> int:
        """Return how many of the remaining are being sent at this moment."""
        in_batches = sum(batch.in_progress for batch in self.batches if not batch.job)
        return in_batches + self.singles.submitting

    @property
    def open_questions(self) -> list[BatchProgress]:
        """Return the batches of which ChumiAI does not report the result of each recipient."""
        return [batch for batch in self.batches if batch.is_open_question]


NO_SINGLES = Singles()
NO_RECEIPTS = Receipts()


def progress_of(
    campaign: Campaign,
    rows: Iterable[Batch],
    now: datetime,
    *,
    singles: Singles = NO_SINGLES,
    receipts: Receipts = NO_RECEIPTS,
    sender_is_alive: bool = True,
    sender_seen_at: datetime | None = None,
) -> Progress:
    """Count a launched campaign.

    `rows` are its batches in order, each with its `job` and the numbers of its people.
    """
    rows = list(rows)
    batches = [
        batch_progress(campaign, row, of=len(rows), retried=singles.retried.get(row.number, 0))
        for row in rows
    ]
    counts = _sum(batches, singles)
    total = sum(batch.people for batch in batches) + singles.total - sum(singles.retried.values())
    jobs = [batch.job for batch in batches if batch.job]
    open_jobs = [job for job in jobs if not job.is_over]
    if campaign.is_terminal and not open_jobs:
        per_minute = _per_minute_of_all(campaign, jobs, counts.processed)
    elif singles.lately:
        per_minute = _per_minute_singly(campaign, singles, now)
    else:
        per_minute = _per_minute(jobs, batches, now)
    stalled = stalled_for(jobs, now)
    moving = campaign.status in (Campaign.Status.QUEUED, Campaign.Status.SENDING)
    due = moving or bool(open_jobs) or any(_is_searched(row) for row in rows)
    sender_off = due and not sender_is_alive
    seconds_left = None
    to_process = counts.remaining + sum(batch.in_progress for batch in batches if batch.job)
    if moving and per_minute and to_process and not stalled and not sender_off:
        seconds_left = ceil(to_process * 60 / per_minute)
    taken = [b.sent_to for b in batches if b.batch.status == Batch.Status.ACCEPTED]
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
        in_progress=sum(batch.in_progress for batch in batches) + singles.submitting,
        failed_unnamed=sum(batch.failed_unnamed for batch in batches),
        skipped_unnamed=sum(batch.skipped_unnamed for batch in batches),
    )


def _with_unknown(*, accepted: int, failed: int, unreported: int, **others: int) -> Counts:
    """Return the counts, with None for a zero that ChumiAI only left unreported."""
    return Counts(
        accepted=accepted or (None if unreported else 0),
        failed=failed or (None if unreported else 0),
        unreported=unreported,
        **others,
    )


def batch_progress(campaign: Campaign, batch: Batch, *, of: int, retried: int) -> BatchProgress:
    """Count one batch of `of` batches; `retried` of its people are sent to one by one."""
    skipped = min(_skipped(batch), batch.size)
    sent_to = max(batch.size - skipped - retried, 0)
    job = getattr(batch, "job", None)
    return BatchProgress(
        batch=batch,
        of=of,
        sent_to=sent_to,
        reported_messages=batch.traced_people,
        tries=_tries(batch),
        job=job,
        **asdict(_counts_of(campaign, batch, job, sent_to, skipped=skipped, retried=retried)),
    )


def _skipped(batch: Batch) -> int:
    skipped: int = batch.skipped if batch.skipped_people is None else batch.skipped_people
    return skipped


def _counts_of(
    campaign: Campaign,
    batch: Batch,
    job: BulkJob | None,
    people: int,
    *,
    skipped: int,
    retried: int,
) -> Counts:
    failed = min(batch.failed_people, people)
    rest = people - failed
    match batch.status:
        case Batch.Status.PENDING if campaign.status == Campaign.Status.STOPPED:
            return Counts(skipped=skipped + rest, failed=failed)
        case Batch.Status.PENDING:
            return Counts(skipped=skipped, failed=failed, remaining=rest)
        case Batch.Status.SUBMITTING:
            return Counts(None, failed or None, skipped, remaining=rest, in_progress=rest)
        case Batch.Status.SKIPPED:
            return Counts(skipped=skipped + rest, failed=failed)
        case Batch.Status.REJECTED:
            return Counts(skipped=skipped, failed=people)
        case Batch.Status.UNCONFIRMED:
            return Counts(None, failed or None, skipped, unconfirmed=rest)
    if job is None:
        return Counts(rest, failed, skipped, processed=people)
    return _counts_of_job(job, batch, people, skipped=skipped, retried=retried)


def _counts_of_job(
    job: BulkJob, batch: Batch, people: int, *, skipped: int, retried: int
) -> Counts:
    """Count the people of a job: first by name, the others by what the job's counters leave.

    A person with a name is one who failed, or whose message WhatsApp reported (`traced`).
    Retried recipients count as singles, so they are subtracted from the job's failures.
    """
    submitted = people + retried
    named = min(batch.failed_people, people)
    traced = min(batch.traced_people, people - named)
    left = people - named - traced
    if job.counters_wrong:
        failed_unnamed = skipped_unnamed = 0
        without_result = submitted
    else:
        with_result = job.accepted + job.failed + job.skipped
        failed_unnamed = min(max(job.failed - max(job.named, named + retried), 0), left)
        skipped_unnamed = min(
            job.skipped, max(submitted - job.accepted - job.failed, 0), left - failed_unnamed
        )
        done = submitted if job.is_over else min(job.processed, submitted)
        without_result = max(done - with_result, 0)
    not_named = failed_unnamed + skipped_unnamed
    unreported = min(without_result, left - not_named)
    failed = named + failed_unnamed
    if job.state in FINISHED_JOBS:
        processed = people
    elif job.counters_wrong:
        processed = named + traced
    else:
        reached = max(job.processed, with_result) - retried
        processed = min(max(reached, named + traced, not_named), people)
    return _with_unknown(
        accepted=people - failed - skipped_unnamed - unreported,
        failed=failed,
        skipped=skipped + skipped_unnamed,
        unreported=unreported,
        unconfirmed=0,
        remaining=0,
        processed=processed,
        in_progress=0 if job.is_over else people - processed,
        failed_unnamed=failed_unnamed,
        skipped_unnamed=skipped_unnamed,
    )


def counts_elsewhere(job: BulkJob) -> Counts:
    """Return the counters of a job that was not started here, None where they say nothing."""
    with_result = job.accepted + job.failed + job.skipped
    nothing = None if job.counters_wrong or job.processed > with_result else 0
    return Counts(job.accepted or nothing, job.failed or nothing, processed=job.processed)


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


def _per_minute_of_all(campaign: Campaign, jobs: list[BulkJob], processed: int) -> int | None:
    """Return the messages a minute of a campaign that has ended: it stays as it is."""
    assert campaign.launched_at is not None
    ends = [job.changed_at for job in jobs if job.is_over]
    ended_at = max([*ends, campaign.finished_at or campaign.launched_at])
    lasted = ended_at - campaign.launched_at
    if lasted < SHORTEST_MEASURE or not processed:
        return None
    return max(round(processed * 60 / lasted.total_seconds()), 1)


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
