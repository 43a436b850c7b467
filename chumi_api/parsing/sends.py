"""The answers to sends: of one message, and of a job."""

from __future__ import annotations

from chumi_api.parsing.envelopes import levels
from chumi_api.parsing.jobs import (
    JOB_NAMES,
    JOB_STATE,
    SKIPPED,
    TOTAL,
    job_level,
    job_state,
)
from chumi_api.parsing.json_values import (
    JSON,
    aliases,
    as_count,
    as_flag,
    as_id,
    as_name,
    first,
    fold,
    pick,
    picks,
)
from chumi_api.parsing.messages import ACCEPTED_WORDS, MESSAGE_STATUS, REFUSED_WORDS
from chumi_api.parsing.verdicts import SUCCESS, says_error
from chumi_api.types import BulkAccepted, JobState, SendResult

# --- Assumed ----------------------------------------------------------------------------------

MESSAGE_NAMES = ("message",)
SENT_ID = aliases(
    "messageId wamid whatsappMessageId waMessageId externalId providerMessageId messages.0.id"
)
OWN_ID = aliases("id _id logId")
WA_ID = aliases("contacts.0.wa_id waId to recipient phone")
VALID = aliases("validRecipients valid validCount validRows")


def parse_send(body: JSON) -> SendResult | None:
    """Read the answer to a single send; None unless it says yes.

    Yes is a message id of WhatsApp, a status of acceptance or `success: true`, with no word
    for failure beside it. Without an id the message was accepted but can't be traced.
    """
    found = levels(body, MESSAGE_NAMES)[::-1]
    ids = [value for level in found for value in picks(level, SENT_ID, as_id)]
    own = [value for level in found for value in picks(level, OWN_ID, as_id)]
    traced = [value for value in (*ids, *own) if value.startswith("wamid.")]
    words = [word for level in found for word in picks(level, MESSAGE_STATUS, as_name)]
    folded = {fold(word) for word in words}
    yes = (
        bool(ids or traced)
        or bool(folded & ACCEPTED_WORDS)
        or any(pick(level, SUCCESS, as_flag) for level in found)
    )
    if says_error(body) or folded & REFUSED_WORDS or not yes:
        return None
    return SendResult(
        message_id=next(iter((*traced, *ids, *own)), None),
        status=words[0] if words else "",
        wa_id=first(pick(level, WA_ID, as_name) for level in found) or "",
    )


def parse_bulk_accepted(body: JSON) -> BulkAccepted | None:
    """Read the answer to a bulk send; None without the id of a job."""
    found = levels(body, JOB_NAMES)
    job, job_id = job_level(found)
    if job_id is None or says_error(body):
        return None
    word = pick(job, JOB_STATE, as_name) or ""
    # "success" beside a job's id means that ChumiAI took the job, not that the job has finished.
    state = JobState.QUEUED if fold(word) in ("", "success", "ok") else job_state(word)
    return BulkAccepted(
        job_id=job_id,
        state=state,
        total=pick(job, TOTAL, as_count),
        valid=pick(job, VALID, as_count),
        invalid=pick(job, SKIPPED, as_count),
    )
