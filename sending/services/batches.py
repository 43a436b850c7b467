"""A batch: prepared, claimed before the request, and its outcome recorded."""

import secrets
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from django.conf import settings
from django.db import IntegrityError, transaction
from django.db.models import Exists
from django.utils.translation import gettext as _
from django.utils.translation import gettext_noop

from campaigns.models import Campaign, Decision, Recipient
from campaigns.services import exclusions
from chumi_api.errors import ChumiError, Unreachable
from chumi_api.types import BulkAccepted
from chumi_api.types import BulkJob as RemoteJob
from contacts.services import has_opted_out
from core import clocks, phones
from core.disk import new_file, saving
from core.errors import Refused
from sending.models import Attempt, Batch, BulkJob
from sending.services import decisions, jobs, launches
from sending.services.restored import refuse_if_restored
from sending.services.template_guard import may_send
from spreadsheets.xlsx_writer import write_clean_xlsx
from tasks import continuity
from tasks import services as tasks
from teams.models import Team, User
from teams.services import audit, key_fingerprint_of
from whatsapp import errors

Status = Batch.Status


def claim_lifetime() -> timedelta:
    """Return how long a claim may stay without an answer before it is unconfirmed.

    The client ends every request within CHUMIAI_SEND_SECONDS; the rest is time to record.
    """
    return timedelta(seconds=settings.CHUMIAI_SEND_SECONDS * 1.25)


@dataclass(frozen=True, slots=True)
class Prepared:
    """A batch ready to be submitted: its file or, without one, the `members` of its group.

    ChumiAI resolves a group itself, so its members (phones in E.164) are no Recipients.
    """

    token: str
    path: str
    file_name: str
    sha256: str
    rows: int
    members: frozenset[str] | None = None


def prepare(batch: Batch) -> Prepared | None:
    """Skip the people who must not get the message now, and write our own clean file.

    Return None if nobody is left; then the batch is settled. Raise `NotSaved` if the disk fails.
    """
    campaign = batch.campaign
    people = Recipient.objects.of_batch(batch).filter(status=Recipient.Status.PENDING)
    exclusions.skip(campaign, people)
    rows = list(people.order_by("position").values_list("phone", "values"))
    if not rows:
        _settle_empty(batch)
        return None
    token = secrets.token_hex(16)
    path = f"batches/{campaign.team_id}/{token}.xlsx"
    placeholders = (campaign.snapshot or {})["placeholders"]
    header = ["phone", *(str(n + 1) for n in range(len(placeholders)))]
    with saving(), new_file(settings.MEDIA_ROOT / path) as file:
        sha256 = write_clean_xlsx(
            file, header, ([phones.wire(phone), *values] for phone, values in rows)
        )
    # If the answer is missing, the job is found by this name among ChumiAI's jobs.
    file_name = f"{name_prefix(campaign, batch.number)}{token[:8]}.xlsx"
    return Prepared(token, path, file_name, sha256, len(rows))


def name_prefix(campaign: Campaign, number: int | None = None) -> str:
    """Return how the file names of a batch begin; without a number, of all of the campaign's."""
    of_batch = "" if number is None else f"{number}-"
    return f"chumi-{campaign.uuid.hex[:8]}-{of_batch}"


def prepare_group(batch: Batch, members: Iterable[str]) -> Prepared:
    """Return the batch of a whole group; `members` are the phones of all people in it."""
    token = secrets.token_hex(16)
    return Prepared(token, "", "", "", batch.size, frozenset(members))


def group_may_finish(attempt: Attempt, prepared: Prepared) -> bool:
    """Return True if the request to a whole group may send its last byte now."""
    team = attempt.campaign.team
    return may_finish(attempt) and not has_opted_out(team, prepared.members or ())


@transaction.atomic
def _settle_empty(batch: Batch) -> None:
    Batch.objects.filter(pk=batch.pk, status=Status.PENDING).update(
        status=Status.SKIPPED,
        claimed_at=clocks.now(),
        settled_at=clocks.now(),
        skipped=batch.size,
    )


def claim(batch: Batch, prepared: Prepared, baseline: list[str]) -> Attempt | None:
    """Write the intent: this batch, by this attempt. Return the attempt, or None.

    It is committed before the first byte leaves. The campaign must be sending at the moment of
    the claim, and no other batch may be in flight with the same key: the database refuses a
    second one.
    """
    now = clocks.now()
    fingerprint = key_fingerprint_of(batch.campaign.team)
    try:
        with transaction.atomic():
            # The batch's own state is a condition of the outer query: only that one is checked
            # again after PostgreSQL has waited for another worker's claim.
            won = Batch.objects.filter(
                Exists(Campaign.objects.filter(may_send(), pk=batch.campaign_id)),
                pk=batch.pk,
                status=Status.PENDING,
            ).update(
                status=Status.SUBMITTING,
                token=prepared.token,
                key_fingerprint=fingerprint,
                claimed_at=now,
                submitted=prepared.rows,
                skipped=batch.size - prepared.rows,
                details={},
            )
            if not won:
                return None
            if _is_stale(batch, prepared):
                raise _FileIsStale
            batch.key_fingerprint = fingerprint
            attempt = Attempt.objects.create(
                campaign=batch.campaign,
                batch=batch,
                token=prepared.token,
                key_fingerprint=fingerprint,
                started_at=now,
                file=prepared.path,
                file_name=prepared.file_name,
                file_sha256=prepared.sha256,
                rows=prepared.rows,
                baseline=baseline,
            )
            stamp = continuity.advance(continuity_subject(batch.campaign), batch.number)
    except (IntegrityError, _FileIsStale, continuity.RestoredCopy, OSError):
        # The holds say why, where it lasts.
        return None
    if not continuity.confirm(stamp):
        record_not_sent(attempt, Unreachable(NOT_RECORDED))
        return None
    return attempt


NOT_RECORDED = gettext_noop("Our server could not store that it sends, so nothing was sent.")


def continuity_subject(campaign: Campaign) -> str:
    """Name the batches of a campaign in `tasks.continuity`."""
    return f"{campaign.uuid.hex}/batches"


def _is_stale(batch: Batch, prepared: Prepared) -> bool:
    """Claim the people of the batch. Return True if they differ from those of the file."""
    if prepared.members is not None:
        return has_opted_out(batch.campaign.team, prepared.members)
    moved = (
        Recipient.objects.of_batch(batch)
        .filter(status=Recipient.Status.PENDING)
        .update(status=Recipient.Status.SUBMITTING)
    )
    return moved != prepared.rows or _someone_is_out(batch)


def _someone_is_out(batch: Batch) -> bool:
    people = Recipient.objects.of_batch(batch).filter(status=Recipient.Status.SUBMITTING)
    return bool(exclusions.reasons(batch.campaign, list(people.values_list("phone", flat=True))))


class _FileIsStale(Exception):
    """The people of the batch changed while its file was written."""


def may_finish(attempt: Attempt) -> bool:
    """Return True if the request may send its last byte now.

    A person may have paused or stopped meanwhile, the template may have changed, and a worker
    that was frozen must not send late: the claim has to be ours and young.
    """
    return Batch.objects.filter(
        may_send("campaign__"),
        pk=_batch_of(attempt).pk,
        status=Status.SUBMITTING,
        token=attempt.token,
        claimed_at__gt=clocks.seconds_ago(settings.CHUMIAI_SEND_SECONDS),
    ).exists()


def _settle(
    attempt: Attempt,
    status: Status,
    *,
    sources: Iterable[Status],
    people: Mapping[str, Any],
    attempt_fields: Mapping[str, Any],
    **fields: Any,
) -> bool:
    """Move batch, recipients and attempt together. Return False if the claim is not ours."""
    now = clocks.now()
    batch = _batch_of(attempt)
    if not Batch.objects.filter(pk=batch.pk, token=attempt.token, status__in=sources).update(
        status=status, **fields
    ):
        return False
    Recipient.objects.of_batch(batch).filter(
        status__in=(Recipient.Status.SUBMITTING, Recipient.Status.UNCONFIRMED)
    ).update(**people)
    Attempt.objects.filter(pk=attempt.pk).update(finished_at=now, **attempt_fields)
    return True


def _batch_of(attempt: Attempt) -> Batch:
    if attempt.batch is None:
        raise TypeError(f"{attempt} has no batch")
    return attempt.batch


# In one of these, an answer can settle the batch.
UNSETTLED = (Status.SUBMITTING, Status.UNCONFIRMED)


@transaction.atomic
def record_accepted(attempt: Attempt, answer: BulkAccepted) -> bool:
    """Record that ChumiAI accepted the batch, also if the answer came after our time-out."""
    batch = _batch_of(attempt)
    was_unconfirmed = Batch.objects.filter(pk=batch.pk, status=Status.UNCONFIRMED).exists()
    try:
        with transaction.atomic():
            settled = _settle(
                attempt,
                Status.ACCEPTED,
                sources=UNSETTLED,
                people={"status": Recipient.Status.ACCEPTED, "settled_at": clocks.now()},
                attempt_fields={
                    "outcome": Attempt.Outcome.ACCEPTED,
                    "request_id": answer.request_id or "",
                },
                settled_at=clocks.now(),
                next_search_at=None,
                details={},
            )
            if settled:
                _link_answered(attempt, answer)
    except _OthersJob:
        return record_unconfirmed(attempt, said=OTHERS_JOB)
    if settled and was_unconfirmed:
        launches.resume_if_settled(batch.campaign)
    return settled


def _link_answered(attempt: Attempt, answer: BulkAccepted) -> None:
    """Link the job that an answer names. Raise `_OthersJob` if that can't be this batch's."""
    batch = _batch_of(attempt)
    is_older = answer.job_id in attempt.baseline or jobs.was_seen_before(
        batch.campaign.team, answer.job_id, attempt.started_at
    )
    total = answer.total or attempt.rows
    if attempt.file_name:
        # The file has no more rows than we wrote.
        total = min(total, attempt.rows)
    if is_older or not jobs.link(batch, answer.job_id, total=total):
        raise _OthersJob


class _OthersJob(Exception):
    """The answer names a job of another batch, or one that is older than the request."""


@transaction.atomic
def record_not_sent(attempt: Attempt, error: ChumiError) -> bool:
    """Record that the batch provably was not sent: it is pending again."""
    batch = _batch_of(attempt)
    batch.campaign.refresh_from_db()
    return _settle(
        attempt,
        Status.PENDING,
        sources=(Status.SUBMITTING,),
        people=launches.STOPPED_PERSON
        if batch.campaign.status == Campaign.Status.STOPPED
        else {"status": Recipient.Status.PENDING},
        attempt_fields={"outcome": Attempt.Outcome.NOT_SENT, **facts_of(error)},
        token="",
        claimed_at=None,
        submitted=0,
    )


@transaction.atomic
def record_rejected(attempt: Attempt, error: ChumiError) -> bool:
    """Record that ChumiAI refused the batch: nobody in it got the message."""
    sentence = str(error)
    return _settle(
        attempt,
        Status.REJECTED,
        sources=(Status.SUBMITTING,),
        people={
            "status": Recipient.Status.FAILED,
            "reason": sentence[:300],
            "settled_at": clocks.now(),
        },
        attempt_fields={"outcome": Attempt.Outcome.REJECTED, **facts_of(error)},
        settled_at=clocks.now(),
        details=details_of(error),
    )


@transaction.atomic
def record_unconfirmed(
    attempt: Attempt, error: ChumiError | None = None, *, said: str = ""
) -> bool:
    """Record that the batch may have been sent: pause the campaign and search for its job.

    `said` is our sentence about an answer that names no job of this batch.
    """
    batch = _batch_of(attempt)
    settled = _settle(
        attempt,
        Status.UNCONFIRMED,
        sources=(Status.SUBMITTING,),
        people={"status": Recipient.Status.UNCONFIRMED},
        attempt_fields={
            "outcome": Attempt.Outcome.UNCONFIRMED,
            **({"error": said} if said else facts_of(error)),
        },
        **SEARCH,
        next_search_at=clocks.now(),
    )
    if settled:
        _pause_for(batch)
    return settled


# The columns of a batch whose job has not been searched for yet.
SEARCH: Mapping[str, Any] = {
    "searches": 0,
    "candidates": 0,
    "search_ended_at": None,
    "details": {},
}


def _pause_for(batch: Batch) -> None:
    """Pause the campaign of an unconfirmed batch, also if it has just ended, and search."""
    launches.pause_for_unconfirmed(batch.campaign, batch.number)
    tasks.request("send_batches", batch.campaign.team_id)


@transaction.atomic
def record_never_shown(job: BulkJob) -> bool:
    """Take back that a batch was accepted: ChumiAI named its job, but never showed it.

    The batch is unconfirmed then, as after any unclear answer. Return False if ChumiAI has shown
    the job meanwhile.
    """
    batch = job.batch
    if (
        batch is None
        or not BulkJob.objects.filter(pk=job.pk, batch=batch, asked_at=None).delete()[0]
    ):
        return False
    now = clocks.now()
    moved = Batch.objects.filter(pk=batch.pk, status=Status.ACCEPTED).update(
        status=Status.UNCONFIRMED, settled_at=None, next_search_at=now, **SEARCH
    )
    if not moved:
        return False
    # What WhatsApp reported of single messages stays, and people who are retried are singles.
    Recipient.objects.of_batch(batch).filter(status=Recipient.Status.ACCEPTED, retries=0).update(
        status=Recipient.Status.UNCONFIRMED, settled_at=None
    )
    Attempt.objects.filter(
        batch=batch, token=batch.token, outcome=Attempt.Outcome.ACCEPTED
    ).update(outcome=Attempt.Outcome.UNCONFIRMED, raw=job.remote_id, error=NEVER_SHOWN)
    _pause_for(batch)
    return True


def details_of(error: ChumiError) -> dict[str, Any]:
    """Return what is kept of an error for its sentence: a known code, or our own words."""
    if errors.explain(error.code) is not errors.UNKNOWN:
        return {"code": error.code}
    return {"message": error.message, "params": {k: str(v) for k, v in error.params.items()}}


NO_ANSWER = gettext_noop("No answer was recorded: the worker stopped before it came.")
OTHERS_JOB = gettext_noop("ChumiAI named a job that is not this batch's.")
NEVER_SHOWN = gettext_noop("ChumiAI named a job that it never showed.")


def facts_of(error: ChumiError | None) -> dict[str, Any]:
    """Return what an attempt keeps of an error, or of an answer that never came."""
    if error is None:
        return {"error": NO_ANSWER}
    return {
        "response_status": error.status,
        "request_id": error.request_id or "",
        "code": error.code,
        "raw": (error.raw or "")[:2000],
        "error": str(error)[:400],
    }


def expire_claims(team: Team) -> None:
    """Turn claims whose worker can't answer any more into unconfirmed batches."""
    expired = Attempt.objects.select_related("batch__campaign__team").filter(
        outcome=Attempt.Outcome.OPEN,
        batch__campaign__team=team,
        batch__status=Status.SUBMITTING,
        batch__claimed_at__lt=clocks.now() - claim_lifetime(),
    )
    for attempt in expired:
        record_unconfirmed(attempt)


def record_search(batch: Batch, *, ended: bool, candidates: int) -> None:
    """Count a search of ChumiAI's job list that did not find the batch's job.

    `candidates` is the number of jobs that may be it: 0, or more than 1.
    """
    searches = batch.searches + 1
    now = clocks.now()
    fields: dict[str, Any] = {"searches": searches, "candidates": candidates}
    if ended:
        fields |= {"search_ended_at": now, "next_search_at": None}
    else:
        pause = min(5 * 2**batch.searches, 120, settings.RECONCILE_SECONDS / 5)
        fields["next_search_at"] = now + timedelta(seconds=pause)
    Batch.objects.filter(pk=batch.pk, status=Status.UNCONFIRMED, searches=batch.searches).update(
        **fields
    )


def record_found(attempt: Attempt, remote: RemoteJob) -> bool:
    """Record that the job of an unconfirmed batch was found: ChumiAI did start it."""
    try:
        return _record_found(attempt, remote)
    except _SettledMeanwhile:
        return False


@transaction.atomic
def _record_found(attempt: Attempt, remote: RemoteJob) -> bool:
    batch = _batch_of(attempt)
    if not jobs.link(batch, remote.remote_id, total=remote.total or attempt.rows):
        return False
    settled = _settle(
        attempt,
        Status.ACCEPTED,
        sources=(Status.UNCONFIRMED,),
        people={"status": Recipient.Status.ACCEPTED, "settled_at": clocks.now()},
        attempt_fields={"outcome": Attempt.Outcome.ACCEPTED},
        settled_at=clocks.now(),
        next_search_at=None,
        search_ended_at=None,
        details={"found": True},
    )
    if not settled:
        raise _SettledMeanwhile
    launches.resume_if_settled(batch.campaign)
    return True


class _SettledMeanwhile(Exception):
    """A person or another worker settled the batch; the link is undone with the transaction."""


@transaction.atomic
def decide(batch: Batch, decision: str, *, by: User) -> None:
    """Settle an unconfirmed batch whose search has ended, as a person decides. Raise `Refused`."""
    refuse_if_restored()
    now = clocks.now()
    person = decisions.recipient_fields(decision, now)
    undecided = Batch.objects.filter(
        pk=batch.pk, status=Status.UNCONFIRMED, search_ended_at__isnull=False
    )
    people = Recipient.objects.of_batch(batch).filter(status=Recipient.Status.UNCONFIRMED)
    again = decision == Decision.SEND_AGAIN
    unconfirmed = people.count()
    if again:
        # A message with an id was sent, also if WhatsApp reports it at this very moment.
        people = people.filter(remote_id="")
    if not undecided.update(
        decision=decision,
        decided_by=by,
        details={"by": str(by)},
        search_ended_at=None,
        next_search_at=None,
        searches=0,
        **_batch_fields(decision, now),
    ):
        raise Refused(_("This batch is already settled. Nothing was changed."))
    if people.update(**person) != unconfirmed:
        raise Refused(
            _("WhatsApp reported messages of this batch: it was sent. Nothing was changed.")
        )
    batch.attempts.filter(outcome=Attempt.Outcome.UNCONFIRMED).update(
        outcome=Attempt.Outcome.DECIDED, finished_at=now
    )
    campaign = batch.campaign
    audit(
        campaign.team,
        "batch decided",
        by=by,
        subject=f"{campaign.uuid} batch {batch.number}",
        after={"decision": decision, "sent_again": again},
    )
    campaign.refresh_from_db()
    if again and campaign.is_terminal:
        raise Refused(_("This campaign has ended, so nothing is sent. Nothing was changed."))
    launches.resume_if_settled(campaign)
    tasks.request("send_batches", campaign.team_id)


def _batch_fields(decision: str, now: datetime) -> dict[str, Any]:
    if decision == Decision.SEND_AGAIN:
        return {"status": Status.PENDING, "token": "", "claimed_at": None, "submitted": 0}
    counts = decision == Decision.COUNT_AS_SENT
    return {"status": Status.ACCEPTED if counts else Status.SKIPPED, "settled_at": now}
