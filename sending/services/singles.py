"""Recipients who are written to one by one: claimed in small groups, their outcomes recorded.

The unit of "once" is the person. The row of a person and its live attempt move together, and
one live attempt is all that the database allows.
"""

import secrets
from datetime import timedelta
from math import ceil

from django.conf import settings
from django.db import IntegrityError, transaction
from django.db.models import Exists, OuterRef
from django.utils import timezone

from campaigns.models import Campaign, Decision, Recipient
from campaigns.services import exclusions
from chumi_api.types import SendResult
from contacts.models import OptOut
from contacts.services import opt_out_all, opted_out_of
from core.errors import Refused
from sending.models import Attempt
from sending.services import launches
from sending.services.batches import claim_lifetime
from tasks import services as tasks
from teams.services import audit
from whatsapp import errors

Status = Recipient.Status
Outcome = Attempt.Outcome

IN_DOUBT = (Status.SUBMITTING, Status.UNCONFIRMED)
# A campaign is paused when so many of its last messages got no clear answer, or so many in a row.
LAST = 50
DOUBTS, DOUBTS_IN_A_ROW = 5, 3


def claim(campaign, most):
    """Write the intent to write to the next people, at most `most`. Return their attempts.

    Committed before the first byte leaves. The campaign must be sending at the moment of the
    claim. A claim is all or nothing: who finds that another worker has taken one of the people
    takes none of them.
    """
    try:
        return _claim(campaign, most)
    except (IntegrityError, _TakenByAnother):
        return []


@transaction.atomic
def _claim(campaign, most):
    waiting = Recipient.objects.singly(campaign).filter(status=Status.PENDING)
    while True:
        people = list(waiting.order_by("position")[:most])
        if not people:
            return []
        group = waiting.filter(pk__in=[person.pk for person in people])
        if not exclusions.skip(campaign, group):
            break
    # The state of the person stands in the outer query: only there does PostgreSQL look again
    # after it has waited for another worker's claim.
    won = Recipient.objects.filter(
        Exists(Campaign.objects.filter(pk=campaign.pk, status=Campaign.Status.SENDING)),
        pk__in=[person.pk for person in people],
        status=Status.PENDING,
    ).update(status=Status.SUBMITTING)
    if won != len(people):
        raise _TakenByAnother
    now = timezone.now()
    return Attempt.objects.bulk_create(
        Attempt(campaign=campaign, recipient=person, token=secrets.token_hex(16), started_at=now)
        for person in people
    )


class _TakenByAnother(Exception):
    """A person of the group was claimed by another worker, or the campaign stopped sending."""


def may_finish(campaign, attempts):
    """Return the ids of those attempts whose request may become complete, asked just before it.

    The claim has to be ours and young, somebody may have paused or stopped meanwhile, and
    whoever has just opted out is not written to any more.
    """
    young = timezone.now() - timedelta(seconds=settings.CHUMIAI_SEND_SECONDS)
    live = Attempt.objects.filter(
        pk__in=[attempt.pk for attempt in attempts],
        outcome=Outcome.OPEN,
        started_at__gt=young,
        recipient__status=Status.SUBMITTING,
        campaign__status=Campaign.Status.SENDING,
    ).values_list("pk", "recipient__phone")
    phones = dict(live)
    gone = opted_out_of(campaign.team, list(phones.values()))
    return {pk for pk, phone in phones.items() if phone not in gone}


@transaction.atomic
def record(campaign, outcomes):
    """Write what became of attempts: pairs of an attempt and a `SendResult` or a `ChumiError`.

    An answer that comes after we gave up waiting is as good as one in time, as long as nobody
    has decided about the person.
    """
    back = _back(campaign)
    gone = []
    ids = [attempt.pk for attempt, _ in outcomes]
    is_late = Attempt.objects.filter(pk__in=ids, outcome=Outcome.UNCONFIRMED).exists()
    for attempt, outcome in outcomes:
        if isinstance(outcome, SendResult):
            _settle(
                attempt,
                Outcome.ACCEPTED,
                {
                    "status": Status.ACCEPTED,
                    "remote_id": outcome.message_id or "",
                    "delivery_status": Recipient.DeliveryStatus.HELD if outcome.is_held else 0,
                },
                request_id=outcome.request_id or "",
            )
        elif outcome.maybe_sent:
            _settle(
                attempt,
                Outcome.UNCONFIRMED,
                {"status": Status.UNCONFIRMED},
                sources=(Outcome.OPEN,),
                **_facts(outcome),
            )
        elif concerns_person(outcome):
            code = outcome.code
            reason = str(outcome) if code is None else ""
            _settle(
                attempt,
                Outcome.REJECTED,
                {"status": Status.FAILED, "failure_code": code, "reason": reason[:300]},
                **_facts(outcome),
            )
            if code == errors.STOPPED_MARKETING:
                gone.append(attempt.recipient.phone)
        else:
            _settle(attempt, Outcome.NOT_SENT, back, **_facts(outcome))
    opt_out_all(campaign.team, gone, source=OptOut.Source.WHATSAPP)
    if is_late:
        # The line is another worker's by now, which has to hear of it.
        launches.resume_if_settled(campaign)
        tasks.request("send_batches", campaign.team_id)


@transaction.atomic
def record_told_of(ids):
    """Settle people in doubt whose message was told of, {pk: id of the message}.

    No answer named it, but WhatsApp did: it was sent.
    """
    doubts = Attempt.objects.filter(recipient__in=ids, outcome=Outcome.UNCONFIRMED)
    campaigns = {}
    for attempt in doubts.select_related("campaign").order_by("pk"):
        message = {"status": Status.ACCEPTED, "remote_id": ids[attempt.recipient_id]}
        _settle(attempt, Outcome.ACCEPTED, message)
        campaigns[attempt.campaign_id] = attempt.campaign
    for _, campaign in sorted(campaigns.items()):
        launches.resume_if_settled(campaign)
        tasks.request("send_batches", campaign.team_id)


def concerns_person(error):
    """Say whether a refusal is about this one message: then the person failed.

    Anything else keeps the person waiting: the next would fare the same.
    """
    return not error.concerns_account and not errors.explain(error.code).waits_by_itself


def give_back(campaign, attempts):
    """Undo claims whose request was never begun."""
    if attempts:
        back = _back(campaign)
        with transaction.atomic():
            for attempt in attempts:
                _settle(attempt, Outcome.NOT_SENT, back, error="Its turn did not come.")


def _back(campaign):
    """Return what becomes of a person who provably got nothing."""
    stopped = Campaign.objects.filter(pk=campaign.pk, status=Campaign.Status.STOPPED).exists()
    return launches.STOPPED_PERSON if stopped else {"status": Status.PENDING}


def _settle(attempt, outcome, person, *, sources=Attempt.LIVE, **fields):
    settled = Attempt.objects.filter(pk=attempt.pk, outcome__in=sources).update(
        outcome=outcome, finished_at=timezone.now(), **fields
    )
    if settled:
        if outcome in (Outcome.ACCEPTED, Outcome.REJECTED):
            person = person | {"settled_at": timezone.now()}
        Recipient.objects.filter(pk=attempt.recipient_id, status__in=IN_DOUBT).update(**person)


def _facts(error):
    return {
        "response_status": error.status,
        "request_id": error.request_id or "",
        "code": error.code,
        "raw": (error.raw or "")[:2000],
        "error": str(error)[:400],
    }


def expire_claims(team):
    """Turn claims that no worker can still answer for into messages that may have been sent."""
    lost = Attempt.objects.filter(
        campaign__team=team,
        recipient__isnull=False,
        outcome=Outcome.OPEN,
        started_at__lt=timezone.now() - claim_lifetime(),
    ).select_related("campaign")
    campaigns = {}
    with transaction.atomic():
        for attempt in lost:
            _settle(
                attempt,
                Outcome.UNCONFIRMED,
                {"status": Status.UNCONFIRMED},
                sources=(Outcome.OPEN,),
                error="No answer was recorded: the worker stopped in between.",
            )
            campaigns[attempt.campaign_id] = attempt.campaign
    for campaign in campaigns.values():
        pause_if_unwell(campaign)


def pause_if_unwell(campaign):
    """Pause the campaign when too many of its last messages failed or are in doubt.

    Return True if it did. What a person has looked at before resuming does not count again.
    """
    last = list(
        campaign.attempts.filter(
            recipient__isnull=False,
            outcome__in=(Outcome.ACCEPTED, Outcome.REJECTED, Outcome.UNCONFIRMED),
            finished_at__gt=campaign.failures_since,
        )
        .order_by("-finished_at", "-pk")
        .values_list("outcome", "recipient__status")[:LAST]
    )
    # What was accepted may fail later.
    last = [
        Outcome.REJECTED if (outcome, person) == (Outcome.ACCEPTED, Status.FAILED) else outcome
        for outcome, person in last
    ]
    doubts = last.count(Outcome.UNCONFIRMED)
    in_a_row = last[:DOUBTS_IN_A_ROW].count(Outcome.UNCONFIRMED) == DOUBTS_IN_A_ROW
    if doubts >= DOUBTS or in_a_row:
        return launches.pause(
            campaign,
            reason=Campaign.Pause.UNCONFIRMED,
            note=f"{doubts} of the last {len(last)} messages got no clear answer. "
            "They may have been sent. Nothing will be sent twice.",
        )
    failed = last.count(Outcome.REJECTED)
    percent = campaign.team.pause_at_failures
    if failed >= ceil(LAST * percent / 100):
        return launches.pause(
            campaign,
            reason=Campaign.Pause.FAILURES,
            note=f"{failed} of the last {len(last)} messages failed. See below why, then go on "
            "or stop.",
        )
    return False


def undecided(campaigns):
    """Return the people of these campaigns who may have got it, and may be decided about now.

    Before, an answer may still come.
    """
    oldest = max(timedelta(seconds=settings.RECONCILE_SECONDS), claim_lifetime())
    return Recipient.objects.filter(
        Exists(
            Attempt.objects.filter(
                recipient=OuterRef("pk"),
                outcome=Outcome.UNCONFIRMED,
                started_at__lte=timezone.now() - oldest,
            )
        ),
        campaign__in=campaigns,
        status=Status.UNCONFIRMED,
    )


@transaction.atomic
def decide(campaign, decision, *, people, by):
    """Settle the people of whom we don't know, on a person's word. Raise `Refused`.

    `people` is how many the person saw: nobody is settled unseen. Return how many they were.
    """
    if decision not in Decision.values:
        raise Refused("Choose one of the three answers. Nothing was changed.")
    ids = list(undecided([campaign]).values_list("pk", flat=True))
    if len(ids) != people:
        raise Refused("The messages in doubt changed since you looked. Nothing was changed.")
    attempts = Attempt.objects.filter(recipient__in=ids, outcome=Outcome.UNCONFIRMED)
    in_doubt = Recipient.objects.filter(pk__in=ids, status=Status.UNCONFIRMED)
    if decision == Decision.SEND_AGAIN:
        person = {"status": Status.PENDING}
    elif decision == Decision.COUNT_AS_SENT:
        person = {"status": Status.ACCEPTED, "settled_at": timezone.now()}
    else:
        person = {"status": Status.SKIPPED, "skip_reason": Recipient.SkipReason.DECIDED}
    # The attempt decides: an answer that came in this moment has settled it.
    settled = attempts.update(outcome=Outcome.DECIDED, finished_at=timezone.now())
    if not ids or settled != len(ids):
        raise Refused("These messages have been settled already. Nothing was changed.")
    in_doubt.update(decision=decision, decided_by=by, **person)
    audit(
        campaign.team,
        "messages decided",
        by=by,
        subject=str(campaign.uuid),
        after={"decision": decision, "people": len(ids)},
    )
    if decision == Decision.SEND_AGAIN:
        launches.reopen(campaign)
    launches.resume_if_settled(campaign)
    return len(ids)


def has_work(campaign):
    """Say whether anybody of the campaign waits to be written to one by one, or is just now."""
    return (
        Recipient.objects.singly(campaign)
        .filter(status__in=(Status.PENDING, Status.SUBMITTING))
        .exists()
    )
