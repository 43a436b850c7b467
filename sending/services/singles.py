"""People who are sent to one by one: claimed in small groups, their outcomes recorded.

A person gets a message once: their row and its live attempt move together, and the database
allows one live attempt.
"""

import secrets
from collections.abc import Iterable, Mapping, Sequence
from datetime import timedelta
from typing import Any

from django.conf import settings
from django.db import IntegrityError, transaction
from django.db.models import Exists, OuterRef
from django.utils.translation import gettext as _
from django.utils.translation import gettext_noop

from campaigns.models import Campaign, Decision, Recipient, RecipientQuerySet
from campaigns.services import exclusions
from chumi_api.errors import ChumiError
from chumi_api.types import SendResult
from contacts.models import OptOut
from contacts.services import opt_out_all, opted_out_of
from core import clocks
from core.errors import Refused
from sending import holds
from sending.models import Attempt
from sending.services import decisions, launches
from sending.services.batches import NO_ANSWER, claim_lifetime, facts_of
from sending.services.restored import refuse_if_restored
from sending.services.template_guard import may_send
from tasks import continuity
from tasks import services as tasks
from tasks.second_place import Kept
from teams.models import Team, User
from teams.services import audit
from whatsapp import errors

Status = Recipient.Status
Outcome = Attempt.Outcome

# In one of these, an answer can settle the person.
UNSETTLED = (Status.SUBMITTING, Status.UNCONFIRMED)
NOT_BEGUN = gettext_noop("The request was never begun.")


def claim(campaign: Campaign, most: int) -> list[Attempt]:
    """Write the intent to send to the next people, at most `most`. Return their attempts.

    It is committed before the first byte leaves. The campaign must be sending at the moment of
    the claim. A claim is all or nothing: if another worker has claimed one of these people, no
    one is claimed.
    """
    try:
        attempts, stamp = _claim(campaign, most)
    except (IntegrityError, _TakenByAnother, continuity.RestoredCopy, OSError):
        # The holds say why, where it lasts.
        return []
    if stamp and not continuity.confirm(stamp):
        give_back(campaign, attempts)
        return []
    return attempts


def continuity_subject(campaign: Campaign) -> str:
    """Name the people of a campaign in `tasks.continuity`."""
    return str(campaign.uuid.hex)


@transaction.atomic
def _claim(campaign: Campaign, most: int) -> tuple[list[Attempt], Kept | None]:
    waiting = Recipient.objects.singly(campaign).filter(status=Status.PENDING)
    while True:
        people = list(waiting.order_by("position")[:most])
        if not people:
            return [], None
        group = waiting.filter(pk__in=[person.pk for person in people])
        if not exclusions.skip(campaign, group):
            break
    # The person's own state is a condition of the outer query: only that one is checked again
    # after PostgreSQL has waited for another worker's claim.
    won = Recipient.objects.filter(
        Exists(Campaign.objects.filter(may_send(), pk=campaign.pk)),
        pk__in=[person.pk for person in people],
        status=Status.PENDING,
    ).update(status=Status.SUBMITTING)
    if won != len(people):
        raise _TakenByAnother
    now = clocks.now()
    attempts = Attempt.objects.bulk_create(
        Attempt(campaign=campaign, recipient=person, token=secrets.token_hex(16), started_at=now)
        for person in people
    )
    return attempts, continuity.advance(continuity_subject(campaign), people[-1].position)


class _TakenByAnother(Exception):
    """A person of the group was claimed by another worker, or the campaign stopped sending."""


def may_finish(campaign: Campaign, attempts: Iterable[Attempt]) -> set[int]:
    """Return the ids of the attempts whose request may send its last byte now.

    The claim has to be ours and young, the campaign still sending the template that was checked,
    and the person must not have opted out meanwhile.
    """
    live = Attempt.objects.filter(
        may_send("campaign__"),
        pk__in=[attempt.pk for attempt in attempts],
        outcome=Outcome.OPEN,
        started_at__gt=clocks.seconds_ago(settings.CHUMIAI_SEND_SECONDS),
        recipient__status=Status.SUBMITTING,
    ).values_list("pk", "recipient__phone")
    phones = dict(live)
    gone = opted_out_of(campaign.team, list(phones.values()))
    return {pk for pk, phone in phones.items() if phone not in gone}


@transaction.atomic
def record(
    campaign: Campaign, outcomes: Sequence[tuple[Attempt, SendResult | ChumiError]]
) -> None:
    """Record the outcomes of attempts.

    An answer after our time-out counts as well, unless a person has decided meanwhile.
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
                **facts_of(outcome),
            )
        elif concerns_person(outcome):
            code = outcome.code
            reason = str(outcome) if code is None else ""
            _settle(
                attempt,
                Outcome.REJECTED,
                {"status": Status.FAILED, "failure_code": code, "reason": reason[:300]},
                **facts_of(outcome),
            )
            if code == errors.STOPPED_MARKETING:
                gone.append(_person_of(attempt).phone)
        else:
            _settle(attempt, Outcome.NOT_SENT, back, **facts_of(outcome))
    opt_out_all(campaign.team, gone, source=OptOut.Source.WHATSAPP)
    if is_late:
        # Another worker sends for this team now: wake it up.
        launches.resume_if_settled(campaign)
        tasks.request("send_batches", campaign.team_id)


@transaction.atomic
def record_reported(ids: Mapping[int, str]) -> None:
    """Settle unconfirmed people whose message WhatsApp reported, {pk: id of the message}.

    ChumiAI's answer was unclear, but a message that WhatsApp reports was sent.
    """
    unconfirmed = Attempt.objects.filter(recipient__in=ids, outcome=Outcome.UNCONFIRMED)
    campaigns: dict[int, Campaign] = {}
    for attempt in unconfirmed.select_related("campaign", "recipient").order_by("pk"):
        message = {"status": Status.ACCEPTED, "remote_id": ids[_person_of(attempt).pk]}
        _settle(attempt, Outcome.ACCEPTED, message)
        campaigns[attempt.campaign_id] = attempt.campaign
    for _pk, campaign in sorted(campaigns.items()):
        launches.resume_if_settled(campaign)
        tasks.request("send_batches", campaign.team_id)


def concerns_person(error: ChumiError) -> bool:
    """Return True if a refusal is about this one message: then the person has failed.

    After any other one the person is pending again, because the next message would fail too.
    """
    return not error.concerns_account and not errors.explain(error.code).waits_by_itself


def give_back(campaign: Campaign, attempts: Sequence[Attempt]) -> None:
    """Undo claims whose request never began."""
    if attempts:
        back = _back(campaign)
        with transaction.atomic():
            for attempt in attempts:
                _settle(attempt, Outcome.NOT_SENT, back, error=NOT_BEGUN)


def _back(campaign: Campaign) -> dict[str, Any]:
    """Return the columns of a person who provably got nothing."""
    stopped = Campaign.objects.filter(pk=campaign.pk, status=Campaign.Status.STOPPED).exists()
    return launches.STOPPED_PERSON if stopped else {"status": Status.PENDING}


def _person_of(attempt: Attempt) -> Recipient:
    if attempt.recipient is None:
        raise TypeError(f"{attempt} has no recipient")
    return attempt.recipient


def _settle(
    attempt: Attempt,
    outcome: Outcome,
    person: Mapping[str, Any],
    *,
    sources: Iterable[Outcome] = Attempt.LIVE,
    **fields: Any,
) -> None:
    settled = Attempt.objects.filter(pk=attempt.pk, outcome__in=sources).update(
        outcome=outcome, finished_at=clocks.now(), **fields
    )
    if settled:
        if outcome in (Outcome.ACCEPTED, Outcome.REJECTED):
            person = {**person, "settled_at": clocks.now()}
        Recipient.objects.filter(pk=_person_of(attempt).pk, status__in=UNSETTLED).update(**person)


def expire_claims(team: Team) -> None:
    """Turn claims whose worker can't answer any more into unconfirmed messages."""
    expired = Attempt.objects.filter(
        campaign__team=team,
        recipient__isnull=False,
        outcome=Outcome.OPEN,
        started_at__lt=clocks.now() - claim_lifetime(),
    ).select_related("campaign", "recipient")
    campaigns: dict[int, Campaign] = {}
    with transaction.atomic():
        for attempt in expired:
            _settle(
                attempt,
                Outcome.UNCONFIRMED,
                {"status": Status.UNCONFIRMED},
                sources=(Outcome.OPEN,),
                error=NO_ANSWER,
            )
            campaigns[attempt.campaign_id] = attempt.campaign
    for campaign in campaigns.values():
        holds.pause_if_unhealthy(campaign)


def undecided(campaigns: Iterable[Campaign]) -> RecipientQuerySet:
    """Return the unconfirmed people of these campaigns that a person may decide about now.

    About the others an answer may still come.
    """
    oldest = max(timedelta(seconds=settings.RECONCILE_SECONDS), claim_lifetime())
    return Recipient.objects.filter(
        Exists(
            Attempt.objects.filter(
                recipient=OuterRef("pk"),
                outcome=Outcome.UNCONFIRMED,
                started_at__lte=clocks.now() - oldest,
            )
        ),
        campaign__in=campaigns,
        status=Status.UNCONFIRMED,
    )


@transaction.atomic
def decide(campaign: Campaign, decision: str, *, people: int, by: User) -> int:
    """Settle the unconfirmed people of a campaign, as a person decides. Raise `Refused`.

    `people` is the number that the person saw: no one is settled unseen. Return that number.
    """
    refuse_if_restored()
    now = clocks.now()
    person = decisions.recipient_fields(decision, now)
    ids = list(undecided([campaign]).values_list("pk", flat=True))
    if len(ids) != people:
        raise Refused(
            _("The unconfirmed messages changed since you opened the page. Nothing was changed.")
        )
    attempts = Attempt.objects.filter(recipient__in=ids, outcome=Outcome.UNCONFIRMED)
    unconfirmed = Recipient.objects.filter(pk__in=ids, status=Status.UNCONFIRMED)
    # The attempt decides: an answer that came at this very moment has settled it.
    settled = attempts.update(outcome=Outcome.DECIDED, finished_at=now)
    if not ids or settled != len(ids):
        raise Refused(_("These messages are already settled. Nothing was changed."))
    unconfirmed.update(decision=decision, decided_by=by, **person)
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


def has_work(campaign: Campaign) -> bool:
    """Return True if people of the campaign are still to be sent to one by one, or in flight."""
    works: bool = (
        Recipient.objects.singly(campaign)
        .filter(status__in=(Status.PENDING, Status.SUBMITTING))
        .exists()
    )
    return works
