"""Launch, pause, resume, stop: each arrow is one conditional UPDATE."""

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from django.db import IntegrityError, transaction
from django.db.models import Exists, OuterRef
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext

from campaigns.audiences import audience_of
from campaigns.models import Campaign, Recipient
from campaigns.services import groups, media
from campaigns.services.checks import digest_of, template_changes
from core import clocks
from core.errors import Refused
from core.times import clock
from message_templates.models import MessageTemplate
from sending import engines
from sending.models import Batch, BulkJob
from sending.services import template_guard
from sending.services.restored import refuse_if_restored
from sending.tested import lacks_test
from sending.transitions import NO_WAIT, move
from tasks import services as tasks
from teams.models import Team, User
from teams.services import NotConnected, audit, client_for
from whatsapp import errors

Status = Campaign.Status

# The columns of a person who was still waiting when the campaign was stopped.
STOPPED_PERSON = {
    "status": Recipient.Status.SKIPPED,
    "skip_reason": Recipient.SkipReason.STOPPED,
}
REASONS_BY_SUBJECT = {
    errors.About.ACCOUNT: Campaign.Pause.ACCOUNT,
    errors.About.TEMPLATE: Campaign.Pause.TEMPLATE,
}


class WrongNumber(Refused):
    """The number of people that was typed is not the campaign's."""


class NoConsent(Refused):
    """The consent of the people was not confirmed."""


class AlreadyLaunched(Refused):
    """The campaign was launched before: no error, and nothing is sent twice."""


def consent_sentence(campaign: Campaign) -> str:
    """Return what has to be confirmed about the people before a launch."""
    return ngettext(
        "This person agreed to hear from {team} on WhatsApp.",
        "These people agreed to hear from {team} on WhatsApp.",
        campaign.recipient_count,
    ).format(team=campaign.team.name)


def launch(
    campaign: Campaign,
    *,
    by: User | None,
    intent: UUID,
    digest: str,
    consent: str = "",
    engine: str = "",
    typed: int | None = None,
) -> None:
    """Start sending, once. Raise `AlreadyLaunched` or `Refused`.

    `digest` names what the person saw, `intent` the page whose button was pressed, `consent` is
    the sentence that was confirmed, `engine` the engine if one was chosen, `typed` the number of
    people if the team asks for it.
    """
    refuse_if_restored()
    with transaction.atomic():
        _check_launch(campaign, digest, typed)
        _check_consent(campaign, consent)
        engine = _engine(campaign, engine)
        now = clocks.now()
        try:
            with transaction.atomic():
                won = move(
                    campaign,
                    "launch",
                    only_if={"digest": digest, "launched_at": None},
                    intent=intent,
                    engine=engine,
                    snapshot=_snapshot(campaign),
                    template_hash=_template_of(campaign).content_hash,
                    launched_by=by,
                    launched_at=now,
                    consent=consent,
                    failures_since=now,
                )
        except IntegrityError:
            # The intent is unique: it stands on another campaign already.
            raise Refused(str(CHANGED)) from None
        if not won:
            _refuse_if_launched(campaign)
            raise Refused(str(CHANGED))
        if engine == Campaign.Engine.BATCHES:
            _cut_batches(campaign)
        elif engine == Campaign.Engine.GROUP:
            # ChumiAI takes the whole group in one request.
            Batch.objects.create(
                campaign=campaign, number=1, first=1, last=campaign.recipient_count
            )
        audit(
            campaign.team,
            "campaign launched",
            by=by,
            subject=str(campaign.uuid),
            after={
                "recipients": campaign.recipient_count,
                "template": str(campaign.template),
                "engine": engine,
                "digest": digest,
                "consent": consent,
                "is_test": campaign.is_test,
            },
        )
        tasks.request("send_batches", campaign.team_id)
    campaign.refresh_from_db()


CHANGED = gettext_lazy(
    "The recipients changed since you opened this page. Nothing was sent. "
    "Check the new numbers, then launch."
)


def _nothing_sent(why: str) -> str:
    return _("{why} Nothing was sent.").format(why=why)


def _check_launch(campaign: Campaign, digest: str, typed: int | None) -> None:
    campaign.refresh_from_db()
    _refuse_if_launched(campaign)
    if campaign.status != Status.READY:
        raise Refused(_("This campaign has not been checked yet. Nothing was sent."))
    template = _template_of(campaign)
    if not template.is_sendable:
        raise Refused(
            _("The template can't be sent: {why} Nothing was sent.").format(
                why=template.unsendable_reason
            )
        )
    if lacks_test(campaign):
        raise Refused(
            _(
                "This template has a part that ChumiAI does not document. Send a test first, and "
                "launch once it was accepted. Nothing was sent."
            )
        )
    if missing := media.what_is_missing(campaign):
        raise Refused(_nothing_sent(missing))
    if refused := audience_of(campaign).what_blocks():
        raise Refused(_nothing_sent(refused))
    if changes := template_changes(campaign):
        raise Refused(
            _("{why} Check again, then launch. Nothing was sent.").format(
                why=template_guard.in_words(changes)
            )
        )
    if digest_of(campaign) != campaign.digest or digest != campaign.digest:
        raise Refused(str(CHANGED))
    if needs_number(campaign) and typed != campaign.recipient_count:
        raise WrongNumber(
            _("To confirm, type the number of recipients: {count}. Nothing was sent.").format(
                count=campaign.recipient_count
            )
        )
    try:
        client_for(campaign.team)
    except NotConnected as error:
        raise Refused(_nothing_sent(str(error))) from None


def _template_of(campaign: Campaign) -> MessageTemplate:
    if campaign.template is None:
        raise Refused(_("Choose a template first. Nothing was sent."))
    return campaign.template


def _check_consent(campaign: Campaign, consent: str) -> None:
    """Raise `NoConsent` unless `consent` is the sentence that was shown; a test needs none."""
    if consent != ("" if campaign.is_test else consent_sentence(campaign)):
        raise NoConsent(
            _("Confirm that the people agreed to hear from you: tick the box. Nothing was sent.")
        )


def _engine(campaign: Campaign, chosen: str) -> str:
    offered = engines.choices(campaign)
    if chosen and chosen not in offered:
        raise Refused(
            _(
                "This template can only be sent with the method “{method}”. Nothing was sent."
            ).format(method=engines.WORDS[offered[0]].name)
        )
    return chosen or offered[0]


def _refuse_if_launched(campaign: Campaign) -> None:
    if campaign.launched_at:
        time = clock(campaign.launched_at)
        if campaign.launched_by:
            person = str(campaign.launched_by)
            raise AlreadyLaunched(
                _("Already started by {person} at {time}.").format(person=person, time=time)
            )
        raise AlreadyLaunched(_("Already started at {time}.").format(time=time))


def needs_number(campaign: Campaign) -> bool:
    """Return True if a launch asks for the number of people to be typed."""
    return campaign.recipient_count > campaign.team.confirm_above


def _snapshot(campaign: Campaign) -> dict[str, Any]:
    template = _template_of(campaign)
    return {
        "template": template.name,
        "language": template.language,
        **template.version,
        "media": media.content_of(campaign),
        **audience_of(campaign).snapshot(),
    }


def _cut_batches(campaign: Campaign) -> None:
    Batch.objects.bulk_create(
        Batch(campaign=campaign, number=number, first=first, last=last)
        for number, (first, last) in enumerate(
            engines.slices(campaign.recipient_count, campaign.team.batch_size), start=1
        )
    )


def begin(campaign: Campaign) -> bool:
    """Let a queued campaign send. Return False if it is not queued."""
    return move(campaign, "begin")


def pause(
    campaign: Campaign,
    *,
    reason: str = Campaign.Pause.PERSON,
    details: Mapping[str, Any] | None = None,
    by: User | None = None,
) -> bool:
    """Pause the campaign before its next claim. Return False if there was nothing to pause:
    it was not sending, or nobody's message can be kept from going out any more.

    `details` are the values of the sentence that explains the pause, see `labels`.
    """
    if not has_people_left(campaign):
        return False
    with transaction.atomic():
        moved = move(campaign, "pause", pause_reason=reason, pause_details=dict(details or {}))
        if moved:
            audit(
                campaign.team,
                "campaign paused",
                by=by,
                subject=str(campaign.uuid),
                after={"reason": reason},
            )
    return moved


def has_people_left(campaign: Campaign) -> bool:
    """Return True if someone's message was not accepted yet and can still go out."""
    waiting = (Recipient.Status.PENDING, Recipient.Status.SUBMITTING)
    return (
        campaign.recipients.filter(status__in=waiting).exists()
        or campaign.batches.filter(
            status__in=(Batch.Status.PENDING, Batch.Status.SUBMITTING)
        ).exists()
    )


def complete_paused(team: Team) -> None:
    """End paused campaigns in which nothing is left to resume, stop or decide."""
    for campaign in Campaign.objects.for_team(team).filter(status=Status.PAUSED):
        unconfirmed = campaign.recipients.filter(status=Recipient.Status.UNCONFIRMED)
        if not (
            has_people_left(campaign) or campaign.batches.open().exists() or unconfirmed.exists()
        ):
            move(campaign, "complete_paused", finished_at=clocks.now())


def pause_for_unconfirmed(campaign: Campaign, number: int) -> None:
    """Pause the campaign until it is known whether batch `number` was sent, also if it has ended.

    A stopped campaign stays stopped: its page still asks about the batch.
    """
    details = {"batch": number}
    with transaction.atomic():
        if move(
            campaign,
            "pause_unconfirmed",
            pause_reason=Campaign.Pause.UNCONFIRMED,
            pause_details=details,
        ):
            audit(
                campaign.team,
                "campaign paused",
                subject=str(campaign.uuid),
                after={"reason": Campaign.Pause.UNCONFIRMED},
            )


def pause_for_template(template: MessageTemplate) -> None:
    """Pause the campaigns whose template WhatsApp does not let through any more."""
    sending = Campaign.objects.filter(
        template=template, status__in=(Status.QUEUED, Status.SENDING)
    ).select_related("team")
    for campaign in sending.order_by("pk"):
        pause(
            campaign,
            reason=Campaign.Pause.TEMPLATE,
            details={"unsendable": template.unsendable_code},
        )


def reason_for(failure: errors.Failure | None) -> Campaign.Pause:
    """Return the reason of a pause after a `Failure` that the next recipient would get, too."""
    about = failure.about if failure else None
    if about is None:
        return Campaign.Pause.REJECTED
    return REASONS_BY_SUBJECT.get(about, Campaign.Pause.REJECTED)


def resume(campaign: Campaign, *, by: User | None = None, template_hash: str = "") -> None:
    """Continue with the messages that were not sent yet. Raise `Refused`.

    If the template has changed, `template_hash` names the one that the person saw and confirmed.
    """
    refuse_if_restored()
    if campaign.batches.filter(status=Batch.Status.UNCONFIRMED).exists():
        raise Refused(_("A batch is still unconfirmed. Decide about it first, then resume."))
    with transaction.atomic():
        template_guard.accept(campaign, seen=template_hash, by=by)
        if campaign.pause_reason == Campaign.Pause.GROUP_CHANGED:
            groups.accept_count(campaign)
        # The person has seen what failed until now. The jobs are locked before the task, in the
        # same order as where their polls are recorded, so that neither waits for the other.
        BulkJob.objects.filter(batch__campaign=campaign).update(failures_seen=True)
        if not _resume(campaign, "resume", failures_since=clocks.now()):
            raise Refused(_("This campaign is not paused."))
        audit(campaign.team, "campaign resumed", by=by, subject=str(campaign.uuid))


def resume_if_settled(campaign: Campaign) -> None:
    """Resume a campaign that was paused for unconfirmed messages, once none is left."""
    unconfirmed = (
        campaign.batches.filter(status=Batch.Status.UNCONFIRMED).exists()
        or campaign.recipients.filter(status=Recipient.Status.UNCONFIRMED).exists()
    )
    campaign.refresh_from_db()
    if campaign.pause_reason == Campaign.Pause.UNCONFIRMED and not unconfirmed:
        with transaction.atomic():
            if _resume(campaign, "resume_settled"):
                audit(campaign.team, "campaign resumed", subject=str(campaign.uuid))


def _resume(campaign: Campaign, transition: str, **given: Any) -> bool:
    moved = move(campaign, transition, **given)
    if moved:
        tasks.request("send_batches", campaign.team_id)
        pause_if_changed(campaign)
    return moved


def pause_if_changed(campaign: Campaign) -> None:
    """Pause a campaign whose template, as we know it, is not the one that was checked."""
    if template_guard.has_changed(campaign):
        pause(campaign, reason=Campaign.Pause.TEMPLATE_CHANGED)


def stop(campaign: Campaign, *, by: User | None) -> None:
    """End the campaign for good; sent messages can't be recalled. Raise `Refused`."""
    # Nothing is sent from a restored copy, and who got the message since it was made is not known.
    refuse_if_restored()
    with transaction.atomic():
        moved = move(campaign, "stop", finished_at=clocks.now())
        if moved:
            Recipient.objects.filter(campaign=campaign, status=Recipient.Status.PENDING).update(
                **STOPPED_PERSON
            )
            audit(campaign.team, "campaign stopped", by=by, subject=str(campaign.uuid))
            tasks.request("send_batches", campaign.team_id)
    if not moved:
        raise Refused(_("This campaign has already ended."))


def reopen(campaign: Campaign) -> None:
    """Let a finished campaign continue with people who are retried. Raise `Refused`.

    A paused campaign stays paused, and a stopped one stays stopped.
    """
    refuse_if_restored()
    move(campaign, "reopen", failures_since=clocks.now())
    if campaign.status == Status.STOPPED:
        raise Refused(_("This campaign was stopped, so no one is retried. Nothing was changed."))
    tasks.request("send_batches", campaign.team_id)
    pause_if_changed(campaign)


def finish_stopped(team: Team) -> None:
    """Skip the people whose claim was undone just after their campaign was stopped."""
    lately = clocks.now() - timedelta(days=1)
    stopped = Campaign.objects.for_team(team).filter(status=Status.STOPPED, finished_at__gt=lately)
    Recipient.objects.filter(campaign__in=list(stopped), status=Recipient.Status.PENDING).update(
        **STOPPED_PERSON
    )


def reopen_unfinished(team: Team) -> None:
    """Reopen campaigns that were completed although a person or a batch is pending again.

    A worker that was frozen may wake up and prove that a message was not sent, just when
    another has found no one pending.
    """
    lately = clocks.now() - timedelta(days=1)
    batches = Batch.objects.filter(campaign=OuterRef("pk"), status=Batch.Status.PENDING)
    people = Recipient.objects.filter(campaign=OuterRef("pk"), status=Recipient.Status.PENDING)
    ended = Campaign.objects.for_team(team).filter(
        Exists(batches) | Exists(people), status=Status.COMPLETED, finished_at__gt=lately
    )
    for campaign in ended:
        move(campaign, "reopen_unfinished")


def complete(campaign: Campaign) -> bool:
    """End a campaign in which no one is pending and whose jobs are over."""
    return move(campaign, "complete", finished_at=clocks.now())


def record_wait(
    campaign: Campaign, reason: str, *, until: datetime | None, details: Mapping[str, Any]
) -> None:
    """Store why nothing is sent although nothing is wrong: a `Campaign.Wait`."""
    Campaign.objects.filter(pk=campaign.pk).update(
        wait_reason=reason, wait_until=until, wait_details=dict(details)
    )


def end_wait(campaign: Campaign) -> None:
    """Clear what the campaign waited for: something was sent."""
    Campaign.objects.filter(pk=campaign.pk).exclude(wait_reason="").update(**NO_WAIT)
