"""The state of a batch in words: its label, the tone of its badge, a sentence."""

from datetime import datetime, timedelta
from typing import NamedTuple

from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from campaigns.models import Campaign, Decision
from core import times
from core.formats import number
from core.formats import sentence as as_sentence
from sending.labels import batch_sentence
from sending.models import Batch, BulkJob
from sending.progress import BatchProgress


class BatchWords(NamedTuple):
    """What a page says about a batch; `tone` is one of core.templatetags.ui.TONES."""

    label: str
    tone: str
    sentence: str


def words_of(campaign: Campaign, batch: BatchProgress, now: datetime) -> BatchWords:
    """Return the words of a batch of a launched campaign."""
    note = batch_sentence(batch.batch)
    match batch.batch.status:
        case Batch.Status.PENDING:
            return _words_of_pending(campaign)
        case Batch.Status.SUBMITTING:
            text = ngettext(
                "Sending {count} recipient to ChumiAI. Too late to stop this batch.",
                "Sending {count} recipients to ChumiAI. Too late to stop this batch.",
                batch.sent_to,
            )
            sentence = text.format(count=number(batch.sent_to))
            return BatchWords(_("Sending to ChumiAI"), "busy", sentence)
        case Batch.Status.UNCONFIRMED if batch.awaits_decision:
            return BatchWords(_("Needs a decision"), "warn", _words_of_search(batch))
        case Batch.Status.UNCONFIRMED:
            return BatchWords(_("Unconfirmed"), "warn", _words_of_searching(batch.batch, now))
        case Batch.Status.REJECTED:
            nobody = _("Nobody in this batch got a message.")
            return BatchWords(_("Rejected by ChumiAI"), "bad", _join(note, nobody))
        case Batch.Status.SKIPPED:
            return BatchWords(_("Skipped"), "idle", note or _("This batch was skipped."))
    if batch.job is None:
        is_counted = batch.batch.decision == Decision.COUNT_AS_SENT
        return BatchWords(_("Counted as sent") if is_counted else _("Accepted"), "ok", note)
    words = _words_of_job(batch, batch.job)
    return words._replace(sentence=_join(note, words.sentence))


def _words_of_pending(campaign: Campaign) -> BatchWords:
    match campaign.status:
        case Campaign.Status.QUEUED:
            sentence = _("Starts soon. You can still stop it.")
        case Campaign.Status.PAUSED:
            sentence = _("Waits until the campaign is resumed.")
        case Campaign.Status.STOPPED:
            sentence = _("The campaign was stopped before this batch.")
            return BatchWords(_("Skipped"), "idle", sentence)
        case _status:
            sentence = _("Waits for its turn. You can still stop it.")
    return BatchWords(_("Waiting"), "idle", sentence)


def _words_of_search(batch: BatchProgress) -> str:
    """Say what the search for the job of an unconfirmed batch found."""
    if batch.reported_messages:
        text = ngettext(
            "ChumiAI shows no job that is clearly this batch, but WhatsApp reported {count} "
            "message of it. It was sent.",
            "ChumiAI shows no job that is clearly this batch, but WhatsApp reported {count} "
            "messages of it. It was sent.",
            batch.reported_messages,
        )
        return text.format(count=number(batch.reported_messages))
    row = batch.batch
    assert row.search_ended_at and row.claimed_at
    lasted = max(row.search_ended_at - row.claimed_at, timedelta(minutes=1))
    if row.candidates:
        text = ngettext(
            "After {time}, ChumiAI shows {count} job that may be this batch, but not for certain. "
            "It was most likely sent. Check in ChumiAI.",
            "After {time}, ChumiAI shows {count} jobs that may be this batch. It was most likely "
            "sent. Check in ChumiAI.",
            row.candidates,
        )
        return text.format(count=number(row.candidates), time=times.duration(lasted))
    text = ngettext(
        "ChumiAI shows no job for this batch after {time} and {count} search. It was most likely "
        "not sent.",
        "ChumiAI shows no job for this batch after {time} and {count} searches. It was most "
        "likely not sent.",
        row.searches,
    )
    return text.format(count=number(row.searches), time=times.duration(lasted))


def _words_of_searching(batch: Batch, now: datetime) -> str:
    wait = batch.next_search_at - now if batch.next_search_at else timedelta()
    if wait.total_seconds() < 1:
        return _(
            "We sent this batch but got no clear answer. It may have started. We are checking "
            "ChumiAI's job list now. Nothing will be sent twice."
        )
    text = _(
        "We sent this batch but got no clear answer. It may have started. We check ChumiAI's job "
        "list again in {time}. Nothing will be sent twice."
    )
    return text.format(time=times.duration(wait))


def _words_of_job(batch: BatchProgress, job: BulkJob) -> BatchWords:
    if job.stopped_polling_at:
        sentence = _join(
            job.get_stopped_polling_because_display(), _("The last known numbers stay.")
        )
        return BatchWords(_("No longer followed"), "warn", sentence)
    counted = {"count": number(batch.processed), "total": number(batch.sent_to)}
    done = ""
    match job.state:
        case BulkJob.State.QUEUED if job.asked_at is None:
            label, tone = _("Accepted"), "busy"
            done = _("ChumiAI accepted it. We wait until its job list shows it.")
        case BulkJob.State.QUEUED:
            label, tone, done = _("Accepted"), "busy", _("ChumiAI has it and starts soon.")
        case BulkJob.State.PAUSED:
            label, tone = _("Paused at ChumiAI"), "warn"
            done = _("ChumiAI paused it after {count} of {total}.").format(**counted)
        case BulkJob.State.FAILED:
            label, tone = _("Failed at ChumiAI"), "bad"
            done = _("ChumiAI gave it up after {count} of {total}.").format(**counted)
        case BulkJob.State.CANCELLED:
            label, tone = _("Cancelled at ChumiAI"), "bad"
            done = _("It was cancelled at ChumiAI after {count} of {total}.").format(**counted)
        case BulkJob.State.COMPLETED | BulkJob.State.COMPLETED_WITH_ERRORS:
            all_accepted = job.state == BulkJob.State.COMPLETED and not (
                batch.failed or job.counters_wrong
            )
            label, tone = _("Finished"), "ok" if all_accepted else "warn"
        case state:
            label = _("Sending") if state == BulkJob.State.RUNNING else _("Accepted")
            tone, done = "busy", _("{count} of {total} processed.").format(**counted)
    if job.counters_wrong:
        done = ""
    said = (_failures_of(batch, job), _rest_of(batch, job), _why_of(job))
    return BatchWords(label, tone, _join(done, *said))


def _why_of(job: BulkJob) -> str:
    """Say why ChumiAI ended the whole job, '' where it names no code."""
    if job.state not in (BulkJob.State.FAILED, BulkJob.State.CANCELLED) or job.failure is None:
        return ""
    return _join(as_sentence(job.failure.sentence), as_sentence(job.failure.advice))


def _failures_of(batch: BatchProgress, job: BulkJob) -> str:
    if job.counters_wrong:
        return _("ChumiAI's counters can't be right, so they are not shown.")
    sentences = []
    if batch.failed:
        text = (
            _("{count} failed; ChumiAI does not say which.")
            if batch.failed_unnamed
            else _("{count} failed.")
        )
        sentences.append(text.format(count=number(batch.failed)))
    if batch.skipped_unnamed:
        text = _("ChumiAI skipped {count}; it does not say which.")
        sentences.append(text.format(count=number(batch.skipped_unnamed)))
    return _join(*sentences)


def _rest_of(batch: BatchProgress, job: BulkJob) -> str:
    if job.counters_wrong or not (job.is_over and batch.unreported):
        return ""
    count = number(batch.unreported)
    return _("ChumiAI does not report the result of {count}.").format(count=count)


def _join(*sentences: str) -> str:
    return " ".join(filter(None, sentences))
