"""Where a campaign stands: every number and word of the progress page, from rows alone.

Each person of a campaign is counted in exactly one of six numbers, so that

    accepted + failed + skipped + unconfirmed + unreported + remaining == total

- accepted: ChumiAI's job says so, or a person decided to count the part as sent;
- failed: the job says so, or ChumiAI refused the whole part;
- skipped: left out by us (opted out, part left out, campaign stopped) or by ChumiAI;
- unconfirmed: handed over without a clear answer;
- unreported: ChumiAI went through them, or ended their job, without a word about the outcome;
- remaining: not handed over yet, or handed over and still to come.

A part is a batch. Whoever is written to one by one is in no part: `singles` counts them, those
included who were tried again after their part had failed them.

`receipts` say how far the accepted messages got, where WhatsApp tells: they are no seventh number.

`submitted` are those whom ChumiAI has taken; `processed` those whom it has gone through, and
`percent` is their share, so that the bar never runs ahead of what ChumiAI did.
"""

from dataclasses import dataclass, field
from datetime import datetime, timedelta
from math import ceil
from uuid import UUID

from campaigns.models import Campaign, Decision
from sending.models import FINISHED_JOBS, Attempt, Batch, BulkJob

STALLED_AFTER = timedelta(minutes=3)
# Shorter than this, a speed is noise.
SHORTEST_MEASURE = timedelta(seconds=2)
# The page of a campaign this young is asked for every so many seconds, in seconds.
INTERVALS = ((120, 2), (1800, 5))
SLOW_INTERVAL = 15
# So long after its end, messages of a campaign are still told to arrive or to be read.
RECEIPTS_FOR = timedelta(hours=1)


@dataclass(frozen=True, slots=True)
class Part:
    """A batch as a person sees it. A number that nobody told is None."""

    uuid: UUID
    number: int
    of: int
    # The position of its last person in the campaign.
    last: int
    people: int
    words: str
    label: str
    tone: str
    accepted: int | None
    failed: int | None
    skipped: int
    unconfirmed: int
    unreported: int
    remaining: int
    processed: int
    is_waiting: bool
    is_open: bool
    awaits_decision: bool
    is_refused: bool
    # WhatsApp told of its messages, so it was sent, whatever ChumiAI answered.
    was_reported: bool
    tries: list[Attempt]
    job: BulkJob | None


@dataclass(frozen=True, slots=True)
class Singles:
    """The people who are written to one by one, by what has become of them.

    `retried` counts those of them whose first try was in a part, by its number. `lately` were
    settled within the last minute, the last of all at `last_at`. `undecided` are those in doubt
    about whom a person may decide by now.
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
    retried: dict[int, int] = field(default_factory=dict)

    @property
    def total(self):
        return self.waiting + self.settled + self.unconfirmed + self.skipped

    @property
    def waiting(self):
        return self.pending + self.submitting

    @property
    def settled(self):
        return self.accepted + self.failed


@dataclass(frozen=True, slots=True)
class Receipts:
    """What WhatsApp told of the accepted messages, by how far they got at least.

    `told` are those messages of which it can tell; a number is None where nobody tells it.
    """

    told: int = 0
    held: int = 0
    delivered: int | None = None
    read: int | None = None


@dataclass(frozen=True, slots=True)
class Progress:
    """Where a campaign stands; see above how its numbers add up."""

    total: int
    submitted: int
    processed: int
    accepted: int | None
    failed: int | None
    skipped: int
    unconfirmed: int
    unreported: int
    remaining: int
    receipts: "Receipts"
    percent: int
    per_minute: int | None
    seconds_left: int | None
    parts: list[Part]
    singles: Singles
    stalled_for: timedelta | None
    last_answer_at: datetime | None
    sender_off: bool
    # For how long no worker has shown a sign of life, None where none ever did.
    sender_off_for: timedelta | None
    poll_seconds: int | None

    @property
    def is_stalled(self):
        return self.stalled_for is not None

    @property
    def decisions(self):
        """Return the parts about which a person has to decide."""
        return [part for part in self.parts if part.awaits_decision]

    @property
    def can_resume(self):
        """Say whether nothing in doubt stands in the way of going on."""
        return not any(part.unconfirmed for part in self.parts)

    @property
    def in_progress(self):
        """Return how many people ChumiAI holds whom nothing can recall."""
        return sum(part.remaining for part in self.parts if part.is_open) + (
            self.singles.submitting
        )


NOBODY = Singles()
NOTHING_TOLD = Receipts()


def progress_of(
    campaign,
    batches,
    now,
    *,
    singles=NOBODY,
    receipts=NOTHING_TOLD,
    sender_is_alive=True,
    sender_seen_at=None,
):
    """Count a launched campaign. `batches` come in order, each with its `job`."""
    batches = list(batches)
    parts = [
        _part(campaign, batch, len(batches), now, retried=singles.retried.get(batch.number, 0))
        for batch in batches
    ]
    counted = {
        name: sum(getattr(part, name) or 0 for part in parts) + getattr(singles, name, 0)
        for name in ("accepted", "failed", "skipped", "unconfirmed", "unreported", "remaining")
    }
    counted["remaining"] += singles.waiting
    total = sum(part.people for part in parts) + singles.total - sum(singles.retried.values())
    processed = sum(part.processed for part in parts) + singles.settled
    open_jobs = [job for job in map(_job, batches) if job and not job.is_over]
    if singles.lately:
        per_minute = _per_minute_singly(campaign, singles, now)
    else:
        per_minute = _per_minute([job for job in map(_job, batches) if job], parts, now)
    stalled_for = _stalled_for(open_jobs, now)
    moving = campaign.status in (Campaign.Status.QUEUED, Campaign.Status.SENDING)
    due = moving or bool(open_jobs) or any(_is_searched(batch) for batch in batches)
    sender_off = due and not sender_is_alive
    seconds_left = None
    if moving and per_minute and counted["remaining"] and not stalled_for and not sender_off:
        seconds_left = ceil(counted["remaining"] * 60 / per_minute)
    return Progress(
        total=total,
        submitted=sum(
            part.people - batch.skipped
            for part, batch in zip(parts, batches, strict=True)
            if batch.status == Batch.Status.ACCEPTED
        )
        + singles.settled,
        processed=processed,
        parts=parts,
        receipts=receipts,
        # Rounded down: 100 only when nobody is left.
        percent=processed * 100 // total if total else 0,
        per_minute=per_minute,
        seconds_left=seconds_left,
        stalled_for=stalled_for,
        last_answer_at=max((job.asked_at for job in open_jobs if job.asked_at), default=None),
        sender_off=sender_off,
        sender_off_for=now - sender_seen_at if sender_off and sender_seen_at else None,
        singles=singles,
        poll_seconds=_poll_seconds(campaign, batches, open_jobs, singles, now)
        or _seconds_for_receipts(campaign, receipts, now),
        **counted | _unknown(counted),
    )


def _job(batch):
    return getattr(batch, "job", None)


def _unknown(counted):
    """Return None for what ChumiAI left unsaid: an unknown number is not zero."""
    if not counted["unreported"]:
        return {}
    return {name: counted[name] or None for name in ("accepted", "failed")}


def _part(campaign, batch, of, now, *, retried=0):
    skipped = min(batch.skipped, batch.size)
    people = batch.size - skipped - retried
    counts = dict.fromkeys(
        ("accepted", "failed", "unconfirmed", "unreported", "remaining", "processed"), 0
    )
    job = _job(batch)
    match batch.status:
        case Batch.Status.PENDING if campaign.status == Campaign.Status.STOPPED:
            skipped += people
        case Batch.Status.PENDING | Batch.Status.SUBMITTING:
            counts["remaining"] = people
        case Batch.Status.SKIPPED:
            skipped += people
        case Batch.Status.REJECTED:
            counts["failed"] = people
        case Batch.Status.UNCONFIRMED:
            counts["unconfirmed"] = people
        case Batch.Status.ACCEPTED if job is None:
            counts["accepted"] = counts["processed"] = people
        case Batch.Status.ACCEPTED:
            counts |= _counts_of(job, people, retried)
            skipped += counts.pop("skipped")
    counts |= _unknown(counts)
    if batch.status in (Batch.Status.SUBMITTING, Batch.Status.UNCONFIRMED):
        counts |= {"accepted": None, "failed": None}
    label, tone, words = _words(campaign, batch, job, of, people, counts, now)
    return Part(
        uuid=batch.uuid,
        number=batch.number,
        of=of,
        last=batch.last,
        people=batch.size,
        label=label,
        tone=tone,
        words=words,
        skipped=skipped,
        is_waiting=batch.status == Batch.Status.PENDING,
        is_open=batch.status == Batch.Status.SUBMITTING or (job is not None and not job.is_over),
        awaits_decision=batch.status == Batch.Status.UNCONFIRMED
        and batch.search_ended_at is not None,
        is_refused=batch.status == Batch.Status.REJECTED,
        was_reported=bool(batch.reported_messages),
        tries=_tries(batch),
        job=job,
        **counts,
    )


def _tries(batch):
    """Return the attempts at the batch, oldest first, where they were fetched with it."""
    fetched = getattr(batch, "_prefetched_objects_cache", {}).get("attempts", ())
    return sorted(fetched, key=lambda attempt: attempt.started_at)


def _counts_of(job, people, retried):
    """Fit the job's counters to the people of its part.

    Failures come first: a message that was accepted may fail later, and counters never fall.
    Those who were tried again since have failed here and are counted elsewhere.
    """
    failed = min(max(job.failed - retried, 0), people)
    accepted = min(job.accepted, people - failed)
    skipped = min(job.skipped, people - failed - accepted)
    told = failed + accepted + skipped
    is_finished = job.state in FINISHED_JOBS
    processed = people if is_finished else max(told, min(job.processed - retried, people))
    remaining = 0 if job.is_over else people - processed
    return {
        "accepted": accepted,
        "failed": failed,
        "skipped": skipped,
        "unreported": people - told - remaining,
        "remaining": remaining,
        "processed": processed,
    }


def _words(campaign, batch, job, of, people, counts, now):
    """Return the label, the tone and the sentence of a part."""
    part = f"part {batch.number} of {of}" if of > 1 else "the list"
    match batch.status:
        case Batch.Status.PENDING:
            return _words_of_pending(campaign)
        case Batch.Status.SUBMITTING:
            return (
                "Being handed over",
                "busy",
                f"Handing {_recipients(people)} to ChumiAI. Too late to cancel this part.",
            )
        case Batch.Status.UNCONFIRMED if batch.search_ended_at:
            minutes = max(
                round((batch.search_ended_at - batch.claimed_at).total_seconds() / 60), 1
            )
            looked = f"after {_count(minutes, 'minute')} and {_count(batch.searches, 'look')}"
            if batch.reported_messages:
                words = (
                    f"ChumiAI shows no job that is clearly {part}, but WhatsApp told us of "
                    f"{_count(batch.reported_messages, 'message')} of it. It was sent."
                )
            elif batch.candidates:
                words = (
                    f"ChumiAI shows {_count(batch.candidates, 'job')} that may be {part} "
                    f"{looked}, and nothing tells for certain. It was most likely sent. "
                    "Look in ChumiAI."
                )
            else:
                words = f"ChumiAI shows no job for {part} {looked}. It was most likely not sent."
            return "Needs your decision", "warn", words
        case Batch.Status.UNCONFIRMED:
            return (
                "No clear answer",
                "warn",
                f"We sent {part} but got no clear answer. It may have started. We are checking "
                f"ChumiAI's job list ({_next_search(batch, now)}). Nothing will be sent twice.",
            )
        case Batch.Status.REJECTED:
            return "Refused", "bad", f"{batch.note} Nobody in this part was written to."
        case Batch.Status.SKIPPED:
            return "Left out", "idle", batch.note or "This part was left out."
    if job is None:
        is_counted = batch.decision == Decision.COUNT_AS_SENT
        return ("Counted as sent" if is_counted else "Handed over"), "ok", batch.note
    label, tone, words = _words_of_job(job, people, counts)
    return label, tone, f"{batch.note} {words}".strip()


def _words_of_pending(campaign):
    match campaign.status:
        case Campaign.Status.QUEUED:
            return "Waiting", "idle", "Starting soon. You can still cancel."
        case Campaign.Status.PAUSED:
            return "Waiting", "idle", "Held back while the campaign is paused."
        case Campaign.Status.STOPPED:
            return "Not sent", "idle", "The campaign was stopped before this part."
    return "Waiting", "idle", "Waiting for its turn. You can still cancel."


def _words_of_job(job, people, counts):
    if job.stopped_polling_at:
        return (
            "Lost from sight",
            "warn",
            f"{job.get_stopped_polling_because_display()} What we know of it stays.",
        )
    failed = ""
    if counts["failed"]:
        failed = f"{counts['failed']:,} failed"
        failed += "." if job.has_row_results else "; ChumiAI does not say which."
    done = f"{counts['processed']:,} of {people:,}"
    rest = ""
    if job.is_over and counts["unreported"]:
        rest = f"ChumiAI does not say what became of {counts['unreported']:,}."
    match job.state:
        case BulkJob.State.QUEUED:
            label, tone, words = "Handed over", "busy", "ChumiAI has it and will start soon."
        case BulkJob.State.RUNNING:
            label, tone, words = "Sending", "busy", f"ChumiAI has gone through {done}."
        case BulkJob.State.PAUSED:
            label, tone, words = "Held at ChumiAI", "warn", f"ChumiAI paused it after {done}."
        case BulkJob.State.FAILED:
            label, tone, words = "Given up", "bad", f"ChumiAI gave it up after {done}."
        case BulkJob.State.CANCELLED:
            label, tone, words = "Cancelled", "bad", f"It was cancelled at ChumiAI after {done}."
        case BulkJob.State.COMPLETED if not counts["failed"]:
            label, tone, words = "Finished", "ok", ""
        case BulkJob.State.COMPLETED | BulkJob.State.COMPLETED_WITH_ERRORS:
            label, tone, words = "Finished", "warn", ""
        case _:
            label, tone, words = "Handed over", "busy", f"ChumiAI has gone through {done}."
    return label, tone, " ".join(filter(None, (words, failed, rest)))


def _next_search(batch, now):
    seconds = round((batch.next_search_at - now).total_seconds()) if batch.next_search_at else 0
    return f"next look in {seconds} s" if seconds > 0 else "looking at this moment"


def _recipients(people):
    return _count(people, "recipient")


def _count(number, noun):
    return f"{number:,} {noun}{'' if number == 1 else 's'}"


def _is_searched(batch):
    return batch.status == Batch.Status.UNCONFIRMED and batch.next_search_at is not None


def _per_minute(jobs, parts, now):
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
    processed = sum(part.processed for part in parts if part.job)
    if worked < SHORTEST_MEASURE or not processed:
        return None
    return max(round(processed * 60 / worked.total_seconds()), 1)


def _per_minute_singly(campaign, singles, now):
    """Return the messages a minute over the last minute, or since the launch."""
    seconds = min(max((now - campaign.launched_at).total_seconds(), 1), 60)
    if seconds < SHORTEST_MEASURE.total_seconds():
        return None
    return max(round(singles.lately * 60 / seconds), 1)


def _stalled_for(open_jobs, now):
    """Return how long nothing has moved at ChumiAI although jobs are open, or None."""
    if not open_jobs:
        return None
    quiet = now - max(max(job.changed_at, job.first_seen_at) for job in open_jobs)
    return quiet if quiet >= STALLED_AFTER else None


def _poll_seconds(campaign, batches, open_jobs, singles, now):
    """Return how long the page waits before it asks again; None when nothing moves any more."""
    alive = (
        bool(open_jobs)
        or campaign.is_live
        or singles.submitting
        or any(batch.status == Batch.Status.SUBMITTING or _is_searched(batch) for batch in batches)
    )
    if not alive:
        return None
    age = (now - campaign.launched_at).total_seconds()
    return next((seconds for limit, seconds in INTERVALS if age < limit), SLOW_INTERVAL)


def _seconds_for_receipts(campaign, receipts, now):
    """Return how long the page of a campaign waits that is over while messages still arrive."""
    told = receipts.told and campaign.is_terminal
    return SLOW_INTERVAL if told and now - campaign.finished_at < RECEIPTS_FOR else None
