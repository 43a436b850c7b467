"""A batch: prepared, claimed before the request, and its outcome recorded."""

import secrets
from dataclasses import dataclass
from datetime import timedelta

from django.conf import settings
from django.db import IntegrityError, transaction
from django.db.models import Exists
from django.utils import timezone

from campaigns.models import Campaign, Decision, Recipient
from campaigns.services import exclusions
from contacts.services import has_opted_out
from core import phones
from core.errors import Refused
from sending.models import Attempt, Batch
from sending.services import jobs, launches
from spreadsheets.xlsx_writer import write_clean_xlsx
from tasks import services as tasks
from teams.services import audit, key_fingerprint_of

Status = Batch.Status


def claim_lifetime():
    """Return how long a claim may stay without an answer before it counts as unclear.

    The client ends every request within CHUMIAI_SEND_SECONDS; the rest is room to record.
    """
    return timedelta(seconds=settings.CHUMIAI_SEND_SECONDS * 1.25)


@dataclass(frozen=True, slots=True)
class Prepared:
    """A batch ready to be handed over: its file or, without one, the `members` of its group.

    ChumiAI resolves a group itself, so that its members (phones in E.164) are no Recipients.
    """

    token: str
    path: str
    file_name: str
    sha256: str
    rows: int
    members: frozenset[str] | None = None


def prepare(batch):
    """Leave out whoever must not be written to by now, and write our own clean file.

    Return a `Prepared`, or None when nobody is left; then the batch is settled.
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
    target = settings.MEDIA_ROOT / path
    target.parent.mkdir(parents=True, exist_ok=True)
    header = ["phone", *(str(n + 1) for n in range(len(campaign.snapshot["placeholders"])))]
    sha256 = write_clean_xlsx(
        target, header, ([phones.wire(phone), *values] for phone, values in rows)
    )
    # The name is the marker by which an answer that got lost is found again among the jobs.
    file_name = f"chumi-{campaign.uuid.hex[:8]}-{batch.number}-{token[:8]}.xlsx"
    return Prepared(token, path, file_name, sha256, len(rows))


def prepare_group(batch, members):
    """Make the batch of a whole group ready: `members` are the phones of everybody in it."""
    token = secrets.token_hex(16)
    return Prepared(token, "", "", "", batch.size, frozenset(members))


def group_may_finish(attempt, prepared):
    """Say, just before the last byte, whether the request to a whole group may become complete."""
    team = attempt.batch.campaign.team
    return may_finish(attempt) and not has_opted_out(team, prepared.members)


@transaction.atomic
def _settle_empty(batch):
    Batch.objects.filter(pk=batch.pk, status=Status.PENDING).update(
        status=Status.SKIPPED,
        claimed_at=timezone.now(),
        settled_at=timezone.now(),
        skipped=batch.size,
        note="Everyone in this part is left out.",
    )


def claim(batch, prepared, baseline):
    """Write the intent: this batch, by this attempt. Return the attempt, or None.

    Committed before the first byte leaves. The campaign must still be sending at the moment
    of the claim, and no other batch may be in flight under the same key: the database refuses
    a second.
    """
    now = timezone.now()
    fingerprint = key_fingerprint_of(batch.campaign.team)
    try:
        with transaction.atomic():
            # The batch's own state stands in the outer query: only there does PostgreSQL look
            # again after it has waited for another worker's claim.
            won = Batch.objects.filter(
                Exists(
                    Campaign.objects.filter(pk=batch.campaign_id, status=Campaign.Status.SENDING)
                ),
                pk=batch.pk,
                status=Status.PENDING,
            ).update(
                status=Status.SUBMITTING,
                token=prepared.token,
                key_fingerprint=fingerprint,
                claimed_at=now,
                submitted=prepared.rows,
                skipped=batch.size - prepared.rows,
                note="",
            )
            if not won:
                return None
            if _is_stale(batch, prepared):
                raise _FileIsStale
            batch.key_fingerprint = fingerprint
            return Attempt.objects.create(
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
    except (IntegrityError, _FileIsStale):
        return None


def _is_stale(batch, prepared):
    """Take the people of the batch. Say whether they are others than those prepared."""
    if prepared.members is not None:
        return has_opted_out(batch.campaign.team, prepared.members)
    moved = (
        Recipient.objects.of_batch(batch)
        .filter(status=Recipient.Status.PENDING)
        .update(status=Recipient.Status.SUBMITTING)
    )
    return moved != prepared.rows or _someone_is_out(batch)


def _someone_is_out(batch):
    people = Recipient.objects.of_batch(batch).filter(status=Recipient.Status.SUBMITTING)
    return bool(exclusions.reasons(batch.campaign, list(people.values_list("phone", flat=True))))


class _FileIsStale(Exception):
    """The people of the batch changed while its file was written."""


def may_finish(attempt):
    """Say, just before the last byte, whether the request may become complete.

    A person may have paused or stopped meanwhile, and a worker that was frozen must not
    send late: the claim has to be ours and young.
    """
    young = timezone.now() - timedelta(seconds=settings.CHUMIAI_SEND_SECONDS)
    return Batch.objects.filter(
        pk=attempt.batch_id,
        status=Status.SUBMITTING,
        token=attempt.token,
        claimed_at__gt=young,
        campaign__status=Campaign.Status.SENDING,
    ).exists()


def _settle(attempt, status, *, sources, people, attempt_fields, **fields):
    """Move batch, recipients and attempt together. Return False when the claim is not ours."""
    now = timezone.now()
    batch = attempt.batch
    if not Batch.objects.filter(pk=batch.pk, token=attempt.token, status__in=sources).update(
        status=status, **fields
    ):
        return False
    Recipient.objects.of_batch(batch).filter(
        status__in=(Recipient.Status.SUBMITTING, Recipient.Status.UNCONFIRMED)
    ).update(**people)
    Attempt.objects.filter(pk=attempt.pk).update(finished_at=now, **attempt_fields)
    return True


IN_DOUBT = (Status.SUBMITTING, Status.UNCONFIRMED)


@transaction.atomic
def record_accepted(attempt, answer):
    """ChumiAI took the batch. An answer that came after we gave up waiting is as good."""
    batch = attempt.batch
    was_unconfirmed = Batch.objects.filter(pk=batch.pk, status=Status.UNCONFIRMED).exists()
    settled = _settle(
        attempt,
        Status.ACCEPTED,
        sources=IN_DOUBT,
        people={"status": Recipient.Status.ACCEPTED, "settled_at": timezone.now()},
        attempt_fields={
            "outcome": Attempt.Outcome.ACCEPTED,
            "request_id": answer.request_id or "",
        },
        settled_at=timezone.now(),
        next_search_at=None,
        note="",
    )
    if settled:
        jobs.link(batch, answer.job_id, total=answer.total or attempt.rows)
        if was_unconfirmed:
            launches.resume_if_settled(batch.campaign)
    return settled


@transaction.atomic
def record_not_sent(attempt, error):
    """It provably did not go out: the batch waits again, as if it had not been tried."""
    batch = attempt.batch
    batch.campaign.refresh_from_db()
    return _settle(
        attempt,
        Status.PENDING,
        sources=(Status.SUBMITTING,),
        people=launches.STOPPED_PERSON
        if batch.campaign.status == Campaign.Status.STOPPED
        else {"status": Recipient.Status.PENDING},
        attempt_fields={"outcome": Attempt.Outcome.NOT_SENT, **_facts(error)},
        token="",
        claimed_at=None,
        submitted=0,
    )


@transaction.atomic
def record_rejected(attempt, error):
    """ChumiAI refused the batch: nobody in it was written to."""
    sentence = str(error)
    return _settle(
        attempt,
        Status.REJECTED,
        sources=(Status.SUBMITTING,),
        people={
            "status": Recipient.Status.FAILED,
            "reason": sentence[:300],
            "settled_at": timezone.now(),
        },
        attempt_fields={"outcome": Attempt.Outcome.REJECTED, **_facts(error)},
        settled_at=timezone.now(),
        note=sentence[:400],
    )


@transaction.atomic
def record_unconfirmed(attempt, error=None):
    """It may have gone out: nothing sends it again, the line stops, and we look for its job."""
    batch = attempt.batch
    settled = _settle(
        attempt,
        Status.UNCONFIRMED,
        sources=(Status.SUBMITTING,),
        people={"status": Recipient.Status.UNCONFIRMED},
        attempt_fields={"outcome": Attempt.Outcome.UNCONFIRMED, **_facts(error)},
        searches=0,
        next_search_at=timezone.now(),
        search_ended_at=None,
        note="",
    )
    if settled:
        launches.pause(
            batch.campaign,
            reason=Campaign.Pause.UNCONFIRMED,
            note=f"We sent part {batch.number} but got no clear answer. It may have started. "
            "We are checking ChumiAI's job list. Nothing will be sent twice.",
        )
        tasks.request("send_batches", batch.campaign.team_id)
    return settled


def _facts(error):
    if error is None:
        return {"error": "No answer was recorded: the worker stopped in between."}
    return {
        "response_status": error.status,
        "request_id": error.request_id or "",
        "code": error.code,
        "raw": (error.raw or "")[:2000],
        "error": str(error)[:400],
    }


def expire_claims(team):
    """Turn claims that no worker can still answer for into unconfirmed batches."""
    lost = Attempt.objects.select_related("batch__campaign__team").filter(
        outcome=Attempt.Outcome.OPEN,
        batch__campaign__team=team,
        batch__status=Status.SUBMITTING,
        batch__claimed_at__lt=timezone.now() - claim_lifetime(),
    )
    for attempt in lost:
        record_unconfirmed(attempt)


def record_search(batch, *, ended, candidates):
    """Count one good look at ChumiAI's job list that did not tell the batch's job.

    `candidates` are the jobs that might be it: none, or more than one.
    """
    searches = batch.searches + 1
    now = timezone.now()
    fields = {"searches": searches, "candidates": candidates}
    if ended:
        fields |= {"search_ended_at": now, "next_search_at": None}
    else:
        pause = min(5 * 2**batch.searches, 120, settings.RECONCILE_SECONDS / 5)
        fields["next_search_at"] = now + timedelta(seconds=pause)
    Batch.objects.filter(pk=batch.pk, status=Status.UNCONFIRMED, searches=batch.searches).update(
        **fields
    )


def record_found(attempt, remote):
    """The job of an unconfirmed batch was found: it did start."""
    try:
        return _record_found(attempt, remote)
    except _Moved:
        return False


@transaction.atomic
def _record_found(attempt, remote):
    batch = attempt.batch
    if not jobs.link(batch, remote.remote_id, total=remote.total or attempt.rows):
        return False
    settled = _settle(
        attempt,
        Status.ACCEPTED,
        sources=(Status.UNCONFIRMED,),
        people={"status": Recipient.Status.ACCEPTED, "settled_at": timezone.now()},
        attempt_fields={"outcome": Attempt.Outcome.ACCEPTED},
        settled_at=timezone.now(),
        next_search_at=None,
        search_ended_at=None,
        note=f"Confirmed: ChumiAI did start part {batch.number}.",
    )
    if not settled:
        raise _Moved
    launches.resume_if_settled(batch.campaign)
    return True


class _Moved(Exception):
    """Somebody settled the batch meanwhile; the link is undone with the transaction."""


@transaction.atomic
def decide(batch, decision, *, by):
    """Settle a batch whose search has ended, on a person's word. Raise `Refused`."""
    if decision not in Decision.values:
        raise Refused("Choose one of the three answers. Nothing was changed.")
    now = timezone.now()
    undecided = Batch.objects.filter(
        pk=batch.pk, status=Status.UNCONFIRMED, search_ended_at__isnull=False
    )
    people = Recipient.objects.of_batch(batch).filter(status=Recipient.Status.UNCONFIRMED)
    again = decision == Decision.SEND_AGAIN
    in_doubt = people.count()
    if again:
        # Of whom WhatsApp told, even in this moment, was sent to.
        people = people.filter(remote_id="")
        fields = {"status": Status.PENDING, "token": "", "claimed_at": None, "submitted": 0}
        person = {"status": Recipient.Status.PENDING}
        note = f"{by} decided to send this part again."
    elif decision == Decision.COUNT_AS_SENT:
        fields = {"status": Status.ACCEPTED, "settled_at": now}
        person = {"status": Recipient.Status.ACCEPTED, "settled_at": now}
        note = f"{by} decided to count this part as sent. ChumiAI shows no job for it."
    else:
        fields = {"status": Status.SKIPPED, "settled_at": now}
        person = {
            "status": Recipient.Status.SKIPPED,
            "skip_reason": Recipient.SkipReason.DECIDED,
        }
        note = f"{by} decided to leave this part out."
    if not undecided.update(
        decision=decision,
        decided_by=by,
        note=note,
        search_ended_at=None,
        next_search_at=None,
        searches=0,
        **fields,
    ):
        raise Refused("This part has been settled already. Nothing was changed.")
    if people.update(**person) != in_doubt:
        raise Refused("WhatsApp told of messages of this part: it was sent. Nothing was changed.")
    batch.attempts.filter(outcome=Attempt.Outcome.UNCONFIRMED).update(
        outcome=Attempt.Outcome.DECIDED, finished_at=now
    )
    campaign = batch.campaign
    audit(
        campaign.team,
        "batch decided",
        by=by,
        subject=f"{campaign.uuid} part {batch.number}",
        after={"decision": decision, "sent_again": again},
    )
    campaign.refresh_from_db()
    if again and campaign.is_terminal:
        raise Refused("This campaign has ended, so nothing is sent any more. Nothing was changed.")
    launches.resume_if_settled(campaign)
    tasks.request("send_batches", campaign.team_id)
