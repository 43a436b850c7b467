"""Pause, resume, stop, decide, retry: each transition with its question and its notice.

A `…_confirm` function builds the button that asks before the view of the same name acts.
"""

from uuid import UUID

from django.contrib import messages
from django.http import HttpResponse
from django.urls import reverse
from django.utils.translation import gettext as _
from django.utils.translation import ngettext
from django.views.decorators.http import require_POST

from campaigns.audiences import audience_of
from campaigns.models import Campaign, Decision
from core.actions import refusal_as_message
from core.confirms import Confirm
from core.errors import Refused
from core.formats import number
from sending.failure_groups import FailureGroup
from sending.forms import DecisionForm, ResumeForm, RetryForm
from sending.pages import get_batch, get_campaign, redirect_to_campaign
from sending.progress import BatchProgress, Progress
from sending.services import batches, launches, retries, singles
from teams.requests import TeamRequest
from teams.roles import requires


def _url(name: str, campaign: Campaign, uuid: UUID) -> str:
    return reverse(f"campaigns:{name}", args=[campaign.team.slug, uuid])


# Pause


def pause_confirm(campaign: Campaign, progress: Progress) -> Confirm:
    sentences = [_("No more messages are sent until someone resumes.")]
    if progress.in_progress:
        text = ngettext(
            "{count} message in progress may still arrive.",
            "{count} messages in progress may still arrive.",
            progress.in_progress,
        )
        sentences.append(text.format(count=number(progress.in_progress)))
    return Confirm(
        question=_("Pause this campaign?"),
        consequence=" ".join(sentences),
        button=_("Pause"),
        action=_url("campaign_pause", campaign, campaign.uuid),
        icon="player-pause",
        is_danger=False,
        form_id="pause-form",
    )


@require_POST
@requires("launch")
def campaign_pause(request: TeamRequest, uuid: UUID) -> HttpResponse:
    """Pause the campaign before its next batch or, sent one by one, its next message."""
    campaign = get_campaign(request, uuid)
    if launches.pause(campaign, by=request.user):
        messages.success(
            request, _("Campaign paused. Messages already with ChumiAI may still arrive.")
        )
    elif campaign.status in (Campaign.Status.QUEUED, Campaign.Status.SENDING):
        messages.error(request, _("Nobody is left to send to. Nothing was changed."))
    else:
        messages.error(request, _("This campaign is not sending. Nothing was changed."))
    return redirect_to_campaign(campaign)


# Resume


def template_accept_confirm(campaign: Campaign, template_hash: str, people: int) -> Confirm:
    """Return the button to send the changed template of a paused campaign to the rest."""
    count = number(people)
    question = ngettext(
        "Send the new text to the remaining {count} person?",
        "Send the new text to the remaining {count} people?",
        people,
    )
    label = ngettext(
        "Send the new text to the remaining {count}",
        "Send the new text to the remaining {count}",
        people,
    )
    return Confirm(
        question=question.format(count=count),
        consequence=_(
            "Each value stands where the new text has its placeholder. Those who got the message "
            "already keep the old text."
        ),
        label=label.format(count=count),
        button=_("Send the new text"),
        action=_url("campaign_resume", campaign, campaign.uuid),
        fields={"template_hash": template_hash},
        icon="player-play",
        form_id="accept-form",
    )


@require_POST
@requires("launch")
def campaign_resume(request: TeamRequest, uuid: UUID) -> HttpResponse:
    """Send the rest of a paused campaign."""
    campaign = get_campaign(request, uuid)
    form = ResumeForm(request.POST)
    with refusal_as_message(request):
        if not form.is_valid():
            raise Refused(_("This page was out of date. Nothing was sent. Check again."))
        launches.resume(campaign, by=request.user, **form.cleaned_data)
        messages.success(request, _("Campaign resumed"))
    return redirect_to_campaign(campaign)


# Stop


def stop_confirm(campaign: Campaign, progress: Progress) -> Confirm:
    if audience_of(campaign).is_single:
        question = _("Stop this message for good?")
        sentences = [_("You can't start it again."), _("Sent messages can't be recalled.")]
    else:
        question = _("Stop this campaign for good?")
        sentences = [
            _("No more messages will be sent. You can't start the campaign again."),
            *_what_stop_leaves(campaign, progress),
        ]
    return Confirm(
        question=question,
        consequence=" ".join(sentences),
        button=_("Stop"),
        action=_url("campaign_stop", campaign, campaign.uuid),
        icon="player-stop",
        css="btn btn-outline-danger",
        form_id="stop-form",
    )


def _what_stop_leaves(campaign: Campaign, progress: Progress) -> list[str]:
    """Say what can't be recalled and how many people get nothing."""
    if campaign.engine == Campaign.Engine.SINGLY:
        sent = ngettext(
            "{count} message was sent and can't be recalled.",
            "{count} messages were sent and can't be recalled.",
            progress.accepted or 0,
        )
        rest = ngettext(
            "{count} person gets nothing.", "{count} people get nothing.", progress.remaining
        )
        return [
            sent.format(count=number(progress.accepted or 0)),
            rest.format(count=number(progress.remaining)),
        ]
    if progress.in_progress:
        text = ngettext(
            "{count} message already with ChumiAI may still arrive.",
            "{count} messages already with ChumiAI may still arrive.",
            progress.in_progress,
        )
        return [text.format(count=number(progress.in_progress))]
    return [_("Sent messages can't be recalled.")]


@require_POST
@requires("launch")
def campaign_stop(request: TeamRequest, uuid: UUID) -> HttpResponse:
    """Stop the campaign for good."""
    campaign = get_campaign(request, uuid)
    with refusal_as_message(request):
        launches.stop(campaign, by=request.user)
        messages.success(
            request,
            _(
                "Campaign stopped. No more messages will be sent. Those already with ChumiAI may "
                "still arrive."
            ),
        )
    return redirect_to_campaign(campaign)


# Decide about an unconfirmed batch


def batch_decide_confirms(campaign: Campaign, batch: BatchProgress) -> list[Confirm]:
    """Return a button for each decision that is possible now."""
    action = _url("batch_decide", campaign, batch.uuid)
    counted = ngettext(
        "Nothing is sent. {count} person of batch {batch} counts as accepted, although ChumiAI "
        "shows no job.",
        "Nothing is sent. {count} people of batch {batch} count as accepted, although ChumiAI "
        "shows no job.",
        batch.unconfirmed,
    )
    skipped = ngettext(
        "Nothing is sent. {count} person of batch {batch} is skipped in this campaign.",
        "Nothing is sent. {count} people of batch {batch} are skipped in this campaign.",
        batch.unconfirmed,
    )
    values = {"count": number(batch.unconfirmed), "batch": number(batch.number)}
    confirms = [
        Confirm(
            question=_("Count batch {batch} as sent?").format(**values),
            consequence=counted.format(**values),
            button=_("Count as sent"),
            action=action,
            fields={"decision": Decision.COUNT_AS_SENT},
            is_danger=False,
        ),
        Confirm(
            question=_("Skip batch {batch}?").format(**values),
            consequence=skipped.format(**values),
            button=_("Skip"),
            action=action,
            fields={"decision": Decision.SKIP},
            is_danger=False,
        ),
    ]
    if campaign.is_terminal or batch.was_reported:
        return confirms
    twice = ngettext(
        "If ChumiAI did send batch {batch}, {count} person gets the message twice.",
        "If ChumiAI did send batch {batch}, {count} people get the message twice.",
        batch.unconfirmed,
    )
    send_again = Confirm(
        question=_("Send batch {batch} again?").format(**values),
        consequence=twice.format(**values),
        button=_("Send again"),
        action=action,
        fields={"decision": Decision.SEND_AGAIN},
    )
    return [send_again, *confirms]


@require_POST
@requires("launch")
def batch_decide(request: TeamRequest, uuid: UUID) -> HttpResponse:
    """Apply a person's decision to an unconfirmed batch."""
    batch = get_batch(request, uuid)
    with refusal_as_message(request):
        batches.decide(batch, request.POST.get("decision", ""), by=request.user)
        messages.success(
            request, _("Decision saved for batch {batch}").format(batch=number(batch.number))
        )
    return redirect_to_campaign(batch.campaign)


# Decide about unconfirmed messages that were sent one by one


def campaign_decide_confirms(campaign: Campaign, people: int) -> list[Confirm]:
    """Return a button for each decision about `people` unconfirmed messages."""
    action, count = _url("campaign_decide", campaign, campaign.uuid), number(people)
    counted = ngettext(
        "Nothing is sent. {count} person counts as accepted, although ChumiAI gave no clear "
        "answer.",
        "Nothing is sent. {count} people count as accepted, although ChumiAI gave no clear "
        "answer.",
        people,
    )
    skipped = ngettext(
        "Nothing is sent. {count} person is skipped in this campaign.",
        "Nothing is sent. {count} people are skipped in this campaign.",
        people,
    )
    confirms = [
        Confirm(
            question=_("Count as sent?"),
            consequence=counted.format(count=count),
            button=_("Count as sent"),
            action=action,
            fields={"people": people, "decision": Decision.COUNT_AS_SENT},
            is_danger=False,
        ),
        Confirm(
            question=_("Skip these messages?"),
            consequence=skipped.format(count=count),
            button=_("Skip"),
            action=action,
            fields={"people": people, "decision": Decision.SKIP},
            is_danger=False,
        ),
    ]
    if campaign.status == Campaign.Status.STOPPED:
        return confirms
    question = ngettext("Send {count} message again?", "Send {count} messages again?", people)
    send_again = Confirm(
        question=question.format(count=count),
        consequence=_(
            "People who did get the message get it twice. Ask one of them first, or check in "
            "ChumiAI."
        ),
        button=_("Send again"),
        action=action,
        fields={"people": people, "decision": Decision.SEND_AGAIN},
    )
    return [send_again, *confirms]


@require_POST
@requires("launch")
def campaign_decide(request: TeamRequest, uuid: UUID) -> HttpResponse:
    """Apply a person's decision to the unconfirmed messages that were sent one by one."""
    campaign = get_campaign(request, uuid)
    form = DecisionForm(request.POST)
    with refusal_as_message(request):
        if not form.is_valid():
            raise Refused(_("This page was out of date. Nothing was changed. Check again."))
        people = singles.decide(campaign, by=request.user, **form.cleaned_data)
        text = ngettext(
            "Decision saved for {count} message", "Decision saved for {count} messages", people
        )
        messages.success(request, text.format(count=number(people)))
    return redirect_to_campaign(campaign)


# Retry


def _is_held(request: TeamRequest, campaign: Campaign) -> bool:
    """Say it if the changed template of the campaign holds what was just asked for."""
    if campaign.pause_reason != Campaign.Pause.TEMPLATE_CHANGED:
        return False
    text = _("The template has changed, so nothing is sent until you decide below.")
    messages.warning(request, text)
    return True


def batch_retry_confirm(campaign: Campaign, batch: BatchProgress) -> Confirm:
    values = {"batch": number(batch.number)}
    return Confirm(
        question=_("Retry batch {batch}?").format(**values),
        consequence=_(
            "ChumiAI rejected batch {batch}, so nobody in it got a message. It is sent again "
            "unchanged."
        ).format(**values),
        button=_("Retry"),
        action=_url("batch_retry", campaign, batch.uuid),
        icon="refresh",
        css="btn btn-sm",
        is_danger=False,
    )


@require_POST
@requires("launch")
def batch_retry(request: TeamRequest, uuid: UUID) -> HttpResponse:
    """Send a batch that ChumiAI rejected again."""
    batch = get_batch(request, uuid)
    with refusal_as_message(request):
        retries.retry_batch(batch, by=request.user)
        if not _is_held(request, batch.campaign):
            text = _("Batch {batch} is waiting to be sent again")
            messages.success(request, text.format(batch=number(batch.number)))
    return redirect_to_campaign(batch.campaign)


def campaign_retry_confirm(campaign: Campaign, failure: FailureGroup) -> Confirm:
    count = number(failure.retryable)
    consequence = ngettext(
        "The same message is sent again to {count} person, one by one. Nobody else gets anything.",
        "The same message is sent again to {count} people, one by one. Nobody else gets anything.",
        failure.retryable,
    )
    question = ngettext("Retry {count} message?", "Retry {count} messages?", failure.retryable)
    button = (
        _("Retry") if audience_of(campaign).is_single else _("Retry {count}").format(count=count)
    )
    assert failure.code is not None
    return Confirm(
        question=question.format(count=count),
        consequence=consequence.format(count=count),
        button=button,
        action=_url("campaign_retry", campaign, campaign.uuid),
        fields={"code": failure.code},
        icon="refresh",
        css="btn btn-sm",
        is_danger=False,
    )


@require_POST
@requires("launch")
def campaign_retry(request: TeamRequest, uuid: UUID) -> HttpResponse:
    """Retry the messages that failed for one reason."""
    campaign = get_campaign(request, uuid)
    form = RetryForm(request.POST)
    with refusal_as_message(request):
        if not form.is_valid():
            raise Refused(_("This page was out of date. Nothing was sent. Check again."))
        people = retries.retry(campaign, form.cleaned_data["code"], by=request.user)
        if not _is_held(request, campaign):
            text = ngettext(
                "Retrying {count} message, one by one",
                "Retrying {count} messages, one by one",
                people,
            )
            messages.success(request, text.format(count=number(people)))
    return redirect_to_campaign(campaign)
