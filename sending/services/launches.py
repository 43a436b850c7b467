"""Launch, pause, resume, stop: each arrow is one conditional UPDATE."""

from datetime import timedelta

from django.db import IntegrityError, transaction
from django.db.models import Exists, OuterRef
from django.utils import timezone

from campaigns.models import Campaign, Recipient
from campaigns.services import groups, media
from campaigns.services.checks import digest_of
from core.errors import Refused
from core.times import clock
from sending import engines
from sending.models import Batch, BulkJob
from tasks import services as tasks
from teams.services import NotConnected, audit, client_for
from whatsapp import errors

Status = Campaign.Status

# What becomes of a person whose part was not handed over when the campaign was stopped.
STOPPED_PERSON = {
    "status": Recipient.Status.SKIPPED,
    "skip_reason": Recipient.SkipReason.STOPPED,
}
REASONS_BY_SUBJECT = {
    errors.About.ACCOUNT: Campaign.Pause.ACCOUNT,
    errors.About.TEMPLATE: Campaign.Pause.TEMPLATE,
}


class WrongNumber(Refused):
    """The number of people was not typed as it has to be."""


class NoConsent(Refused):
    """Nobody said that the people agreed to hear from the team."""


class AlreadyLaunched(Refused):
    """Somebody launched it before: not a fault, and nothing is sent twice."""


def consent_sentence(campaign):
    """Return what has to be confirmed about the people before they are written to."""
    who = "This person" if campaign.recipient_count == 1 else "These people"
    return f"{who} agreed to hear from {campaign.team.name} on WhatsApp."


def launch(campaign, *, by, intent, digest, consent="", engine="", typed=None):
    """Start sending, once. Raise `AlreadyLaunched` or `Refused`.

    `digest` names what the person saw, `intent` (a UUID) the page that was pressed, `consent`
    the sentence that was confirmed, `engine` the way out where one was chosen, `typed` the
    number of people where the team asks for it.
    """
    with transaction.atomic():
        _check_launch(campaign, digest, typed)
        _check_consent(campaign, consent)
        engine = _engine(campaign, engine)
        now = timezone.now()
        try:
            with transaction.atomic():
                won = Campaign.objects.filter(
                    pk=campaign.pk, status=Status.READY, digest=digest, launched_at=None
                ).update(
                    status=Status.QUEUED,
                    intent=intent,
                    engine=engine,
                    snapshot=_snapshot(campaign),
                    launched_by=by,
                    launched_at=now,
                    consent=consent,
                    failures_since=now,
                )
        except IntegrityError:
            # The intent is unique: it stands on another campaign already.
            raise Refused(CHANGED) from None
        if not won:
            campaign.refresh_from_db()
            _refuse_if_launched(campaign)
            raise Refused(CHANGED)
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


CHANGED = (
    "The recipients changed since you looked. Nothing was sent. "
    "Look at the new numbers, then launch."
)


def _check_launch(campaign, digest, typed):
    campaign.refresh_from_db()
    _refuse_if_launched(campaign)
    if campaign.status != Status.READY:
        raise Refused("This campaign has not been checked yet. Nothing was sent.")
    if not campaign.template.is_sendable:
        raise Refused(
            f"The template can't be sent: {campaign.template.unsendable_reason} Nothing was sent."
        )
    if missing := media.what_is_missing(campaign):
        raise Refused(f"{missing} Nothing was sent.")
    if refused := groups.what_stands_against(campaign):
        raise Refused(f"{refused} Nothing was sent.")
    if digest_of(campaign) != campaign.digest or digest != campaign.digest:
        raise Refused(CHANGED)
    if needs_number(campaign) and typed != campaign.recipient_count:
        raise WrongNumber(
            f"To confirm, type the number of people: {campaign.recipient_count}. Nothing was sent."
        )
    try:
        client_for(campaign.team)
    except NotConnected as error:
        raise Refused(f"{error} Nothing was sent.") from None


def _check_consent(campaign, consent):
    """Raise `NoConsent` unless `consent` is the sentence that was shown; a test needs none."""
    if consent != ("" if campaign.is_test else consent_sentence(campaign)):
        raise NoConsent(
            "Confirm that the people agreed to hear from you: tick the box. Nothing was sent."
        )


def _engine(campaign, chosen):
    offered = engines.choices(campaign)
    if chosen and chosen not in offered:
        raise Refused(
            f"This template goes out {engines.WORDS[offered[0]].name.lower()} only. "
            "Nothing was sent."
        )
    return chosen or offered[0]


def _refuse_if_launched(campaign):
    if campaign.launched_at:
        who = campaign.launched_by or "somebody"
        raise AlreadyLaunched(f"Already started by {who} at {clock(campaign.launched_at)}.")


def needs_number(campaign):
    """Say whether a launch asks for the number of people to be typed."""
    return campaign.recipient_count > campaign.team.confirm_above


def _snapshot(campaign):
    template = campaign.template
    return {
        "template": template.name,
        "language": template.language,
        "category": template.category,
        "components": template.components,
        "parameter_format": template.parameter_format,
        "body_hash": template.body_hash,
        "placeholders": template.placeholders,
        "media": media.content_of(campaign),
        **_source_of(campaign),
    }


def _source_of(campaign):
    """Return where the people and their values come from."""
    if campaign.is_to_one:
        # Its number and values stand in the row of the person.
        return {}
    if campaign.audience == Campaign.Audience.GROUP:
        return {"mapping": campaign.mapping} | groups.snapshot_of(campaign)
    return {
        "mapping": campaign.mapping,
        "file": campaign.upload.name,
        "file_sha256": campaign.upload.sha256,
    }


def _cut_batches(campaign):
    Batch.objects.bulk_create(
        Batch(campaign=campaign, number=number, first=first, last=last)
        for number, (first, last) in enumerate(
            engines.slices(campaign.recipient_count, campaign.team.batch_size), start=1
        )
    )


def begin(campaign):
    """Let a queued campaign send."""
    return _move(campaign, (Status.QUEUED,), Status.SENDING)


def pause(campaign, *, reason=Campaign.Pause.PERSON, note="", by=None):
    """Hold the campaign before its next part. Return False when it was not sending."""
    with transaction.atomic():
        moved = _move(
            campaign,
            (Status.QUEUED, Status.SENDING),
            Status.PAUSED,
            pause_reason=reason,
            pause_note=note[:400],
            wait_note="",
        )
        if moved:
            audit(
                campaign.team,
                "campaign paused",
                by=by,
                subject=str(campaign.uuid),
                after={"reason": reason},
            )
    return moved


def pause_for_template(template):
    """Hold the campaigns whose template WhatsApp does not let through any more."""
    sending = Campaign.objects.filter(
        template=template, status__in=(Status.QUEUED, Status.SENDING)
    ).select_related("team")
    for campaign in sending.order_by("pk"):
        pause(
            campaign,
            reason=Campaign.Pause.TEMPLATE,
            note=f"{template.unsendable_reason} The people who are left were not written to.",
        )


def reason_for(failure):
    """Return why a campaign is paused by a `Failure` that would meet everybody, or by None."""
    return REASONS_BY_SUBJECT.get(failure and failure.about, Campaign.Pause.REJECTED)


def resume(campaign, *, by=None):
    """Go on with the parts that were not handed over. Raise `Refused`."""
    if campaign.batches.filter(status=Batch.Status.UNCONFIRMED).exists():
        raise Refused("A part got no clear answer yet. Settle it first, then go on.")
    with transaction.atomic():
        if campaign.pause_reason == Campaign.Pause.GROUP_CHANGED:
            groups.accept_count(campaign)
        # The person has seen what failed until now. The jobs come before the task, as where
        # their news is written: the other way round, each would wait for the other.
        BulkJob.objects.filter(batch__campaign=campaign).update(failures_seen=True)
        if not _resume(campaign, failures_since=timezone.now()):
            raise Refused("This campaign is not paused.")
        audit(campaign.team, "campaign resumed", by=by, subject=str(campaign.uuid))


def resume_if_settled(campaign):
    """Resume a campaign that waited only for an answer, once none is missing any more."""
    in_doubt = (
        campaign.batches.filter(status=Batch.Status.UNCONFIRMED).exists()
        or campaign.recipients.filter(status=Recipient.Status.UNCONFIRMED).exists()
    )
    campaign.refresh_from_db()
    if campaign.pause_reason == Campaign.Pause.UNCONFIRMED and not in_doubt:
        with transaction.atomic():
            if _resume(campaign):
                audit(campaign.team, "campaign resumed", subject=str(campaign.uuid))


def _resume(campaign, **fields):
    moved = _move(
        campaign, (Status.PAUSED,), Status.SENDING, pause_reason="", pause_note="", **fields
    )
    if moved:
        tasks.request("send_batches", campaign.team_id)
    return moved


def stop(campaign, *, by):
    """End the campaign for good; what was handed over can't be recalled. Raise `Refused`."""
    with transaction.atomic():
        moved = _move(
            campaign,
            Campaign.LIVE,
            Status.STOPPED,
            finished_at=timezone.now(),
            pause_reason="",
            wait_note="",
        )
        if moved:
            Recipient.objects.filter(campaign=campaign, status=Recipient.Status.PENDING).update(
                **STOPPED_PERSON
            )
            audit(campaign.team, "campaign stopped", by=by, subject=str(campaign.uuid))
            tasks.request("send_batches", campaign.team_id)
    if not moved:
        raise Refused("This campaign has ended already.")


def reopen(campaign):
    """Let a finished campaign go on with people who are to be tried again. Raise `Refused`.

    One that is paused stays so; one that was stopped stays stopped.
    """
    if _move(campaign, (Status.COMPLETED,), Status.SENDING, finished_at=None):
        Campaign.objects.filter(pk=campaign.pk).update(failures_since=timezone.now())
    if campaign.status == Status.STOPPED:
        raise Refused("This campaign was stopped, so nobody is tried again. Nothing was changed.")
    tasks.request("send_batches", campaign.team_id)


def finish_stopped(team):
    """Leave out the people whose claim was undone just after their campaign was stopped."""
    lately = timezone.now() - timedelta(days=1)
    stopped = Campaign.objects.for_team(team).filter(status=Status.STOPPED, finished_at__gt=lately)
    Recipient.objects.filter(campaign__in=list(stopped), status=Recipient.Status.PENDING).update(
        **STOPPED_PERSON
    )


def reopen_unfinished(team):
    """Let campaigns go on that ended in the moment in which somebody came back to waiting.

    A worker that was frozen may wake up and prove that a message was not sent, while another
    has just found that nobody waits any more.
    """
    lately = timezone.now() - timedelta(days=1)
    batches = Batch.objects.filter(campaign=OuterRef("pk"), status=Batch.Status.PENDING)
    people = Recipient.objects.filter(campaign=OuterRef("pk"), status=Recipient.Status.PENDING)
    ended = Campaign.objects.for_team(team).filter(
        Exists(batches) | Exists(people), status=Status.COMPLETED, finished_at__gt=lately
    )
    for campaign in ended:
        _move(campaign, (Status.COMPLETED,), Status.SENDING, finished_at=None)


def complete(campaign):
    """End a campaign of which nobody waits any more and whose jobs are over."""
    return _move(
        campaign, (Status.SENDING,), Status.COMPLETED, finished_at=timezone.now(), wait_note=""
    )


def record_wait(campaign, note):
    """Say on the campaign why nothing moves although nothing is wrong."""
    Campaign.objects.filter(pk=campaign.pk).exclude(wait_note=note).update(wait_note=note[:200])


def _move(campaign, sources, target, **fields):
    moved = Campaign.objects.filter(pk=campaign.pk, status__in=sources).update(
        status=target, **fields
    )
    campaign.refresh_from_db()
    return bool(moved)
