"""Bulk jobs: their state, their counters, and the results of their rows."""

from __future__ import annotations

from dataclasses import replace

from chumi_api.parsing.envelopes import levels
from chumi_api.parsing.json_values import (
    JSON,
    MAX_COUNT,
    Object,
    aliases,
    as_code,
    as_count,
    as_flag,
    as_id,
    as_name,
    as_number,
    as_text,
    as_time,
    by_word,
    fold,
    pick,
    shorten,
)
from chumi_api.parsing.messages import ACCEPTED_WORDS, REFUSED_WORDS
from chumi_api.types import BulkJob, JobState, RowResult

# --- Assumed ----------------------------------------------------------------------------------

JOB_NAMES = ("job", "jobs", "bulkJob", "bulkJobs")
JOB_ID = aliases("jobId bulkJobId batchId importId queueJobId campaignId")
JOB_ID_LOOSE = aliases("id _id uuid key")
JOB_STATE = aliases("status state jobStatus")
JOB_TEMPLATE = aliases("templateName template template.name")
JOB_LANGUAGE = aliases("languageCode language language.code lang template.language locale")
JOB_FILE = aliases("fileName originalFileName originalName sourceFile file file.name")
TOTAL = aliases(
    "total totalCount totalRecipients totalMessages totalRows totalContacts recipientCount"
    " recipientsCount count requestedCount size progress.total"
)
PROCESSED = aliases(
    "processed processedCount processedRows completedCount attempted done current progress.current"
)
ACCEPTED = aliases(
    "successful success successCount succeeded sent sentCount messagesSent accepted submitted ok"
)
FAILED = aliases(
    "failed failedCount failure failures failureCount errors errorCount error_rows unsuccessful"
    " rejected"
)
SKIPPED = aliases(
    "skipped skippedCount invalid invalidCount invalidRows invalidRecipients duplicates"
)
PENDING = aliases("pending pendingCount remaining queued waiting inQueue")
DELIVERED = aliases("delivered deliveredCount")
READ = aliases("read readCount seen opened")
PERCENT = aliases(
    "progress progressPercentage percentage percent percentComplete progress.percentage"
)
CREATED_AT = aliases("createdAt created createdDate dateCreated queuedAt submittedAt timestamp")
STARTED_AT = aliases("startedAt startTime started processingStartedAt")
COMPLETED_AT = aliases("completedAt finishedAt endedAt endTime completed")
ROWS = aliases(
    "errors failures failedRecipients failedMessages results recipients messages logs details rows"
)
# Lists that hold failures only, so that an entry without a status of its own has failed.
FAILURE_ROWS = frozenset(("errors", "failures", "failedrecipients", "failedmessages"))
ROW_PHONE = aliases("phone to phoneNumber recipient")
ROW_NUMBER = aliases("row rowNumber line index")
ROW_STATE = aliases("status state success")
ROW_MESSAGE_ID = aliases("messageId wamid")
ROW_CODE = aliases("code errorCode error.code")
ROW_REASON = aliases("error error.message reason message errorMessage")
ERROR_TEXT = aliases("error error.message errorMessage failedReason failureReason")

STATES = by_word(
    {
        JobState.QUEUED: "pending queued created new waiting scheduled accepted initialized"
        " received delayed validating draft",
        JobState.RUNNING: "processing inprogress running active started sending ongoing working"
        " uploading",
        JobState.PAUSED: "paused onhold held suspended",
        JobState.COMPLETED: "completed complete done finished success succeeded sent processed"
        " ended",
        JobState.COMPLETED_WITH_ERRORS: "partial partiallycompleted partialsuccess"
        " partiallyfailed completedwitherrors completedwithfailures",
        JobState.FAILED: "failed error errored aborted rejected crashed stuck stalled",
        JobState.CANCELLED: "cancelled canceled stopped terminated revoked",
    }
)


def job_state(word: str) -> JobState:
    """Turn the vendor's word into our state; UNKNOWN for a word that we don't know."""
    return STATES.get(fold(word), JobState.UNKNOWN)


def job_level(found: list[Object]) -> tuple[Object, str | None]:
    """Return the object that is the job, and its id: a job's own id key beats a plain `id`."""
    for paths in (JOB_ID, JOB_ID_LOOSE):
        for level in found[::-1]:
            job_id = pick(level, paths, as_id)
            if job_id is not None:
                return level, job_id
    return (found[-1] if found else {}), None


def parse_job_answer(body: JSON, job_id: str) -> BulkJob | None:
    """Read the status of the job that was asked for; None if the answer holds no job."""
    level, _ = job_level(levels(body, JOB_NAMES))
    job = _job(level, job_id)
    understood = job.raw_state or job.total is not None or job.processed is not None
    return job if understood else None


def parse_job(item: JSON) -> BulkJob | None:
    """Read one job of a list; None without an id."""
    level, job_id = job_level([item] if isinstance(item, dict) else [])
    return None if job_id is None else _job(level, job_id)


def _job(item: Object, job_id: str) -> BulkJob:
    """Read a job; counters that are missing follow from the others, and none exceeds the total."""
    word = pick(item, JOB_STATE, as_name) or ""
    state = job_state(word)
    total = pick(item, TOTAL, as_count)
    accepted = pick(item, ACCEPTED, as_count)
    failed = pick(item, FAILED, as_count)
    skipped = pick(item, SKIPPED, as_count)
    processed = pick(item, PROCESSED, as_count)
    if processed is None and (accepted is not None or failed is not None):
        processed = min((accepted or 0) + (failed or 0) + (skipped or 0), MAX_COUNT)
    if processed is None and total is not None:
        percent = pick(item, PERCENT, as_number)
        if percent is not None and percent >= 0:
            # A lone 1 is one per cent, except of a job that has ended.
            fraction = percent < 1 or (percent == 1 and state.terminal)
            processed = int(total * (percent if fraction else percent / 100))

    def clamp(count: int | None) -> int | None:
        return count if count is None or total is None else min(count, total)

    counted = (count or 0 for count in (processed, accepted, failed))
    is_believable = total is None or max(counted) <= total
    processed = clamp(processed)
    pending = pick(item, PENDING, as_count)
    if pending is None and total is not None and processed is not None:
        pending = total - processed
    if state is JobState.COMPLETED and failed:
        state = JobState.COMPLETED_WITH_ERRORS
    return BulkJob(
        remote_id=job_id,
        state=state,
        raw_state=word,
        template_name=pick(item, JOB_TEMPLATE, as_name) or "",
        language=pick(item, JOB_LANGUAGE, as_name) or "",
        file_name=pick(item, JOB_FILE, as_name) or "",
        total=total,
        processed=processed,
        accepted=clamp(accepted),
        failed=clamp(failed),
        skipped=clamp(skipped),
        pending=clamp(pending),
        delivered=clamp(pick(item, DELIVERED, as_count)),
        read=clamp(pick(item, READ, as_count)),
        is_believable=is_believable,
        created_at=pick(item, CREATED_AT, as_time),
        started_at=pick(item, STARTED_AT, as_time),
        completed_at=pick(item, COMPLETED_AT, as_time),
        row_results=_row_results(item),
        error_text=shorten(pick(item, ERROR_TEXT, as_text) or ""),
    )


def _row_results(item: Object) -> tuple[RowResult, ...]:
    for path in ROWS:
        rows = pick(item, (path,), _rows)
        if rows:
            failures_only = path[0] in FAILURE_ROWS
            return tuple(_row_result(row, failures_only=failures_only) for row in rows)
    return ()


def _rows(value: JSON) -> list[Object]:
    """Return the objects of a list; a failure may be a mere text."""
    entries = value if isinstance(value, list) else []
    texts = ({"reason": entry} for entry in entries if isinstance(entry, str))
    return [entry for entry in entries if isinstance(entry, dict)] or list(texts)


def _row_result(row: Object, *, failures_only: bool) -> RowResult:
    code = pick(row, ROW_CODE, as_code)
    word = fold(pick(row, ROW_STATE, as_name) or "")
    success = pick(row, ROW_STATE, as_flag)
    result = RowResult(
        row=pick(row, ROW_NUMBER, as_count),
        phone=pick(row, ROW_PHONE, as_name) or "",
        message_id=pick(row, ROW_MESSAGE_ID, as_id),
        code=code,
        reason=shorten(pick(row, ROW_REASON, as_text) or ""),
    )
    if success is True or word in ACCEPTED_WORDS:
        return replace(result, state="accepted")
    if success is False or word in REFUSED_WORDS or failures_only or code:
        return replace(result, state="failed")
    return result
