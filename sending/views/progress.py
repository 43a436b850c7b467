"""A launched campaign: watched, paused, stopped, decided about, downloaded."""

from django.contrib import messages
from django.shortcuts import get_object_or_404, redirect, render
from django.views.decorators.http import require_POST, require_safe

from campaigns import steps
from campaigns.models import Campaign
from core.errors import Refused
from message_templates import components
from sending.failure_groups import failures_of
from sending.forms import DecisionForm, RetryForm
from sending.message_state import state_of
from sending.models import Batch
from sending.progress_queries import load_progress
from sending.services import batches, jobs, launches, retries, singles
from teams.roles import requires

# Parts that the page lists: those that are over and those far off give way.
SHOWN_PARTS = 40


def _get_campaign(request, uuid):
    campaigns = Campaign.objects.for_team(request.team).select_related(
        "launched_by", "team", "test_of"
    )
    return get_object_or_404(campaigns, uuid=uuid)


@require_safe
def campaign_detail(request, uuid):
    """Show a launched campaign; a draft goes on where it was left."""
    campaign = _get_campaign(request, uuid)
    if campaign.is_editable:
        return redirect(steps.url_of(campaign, steps.open_step(campaign)))
    snapshot = campaign.snapshot
    context = _progress_context(campaign)
    return render(
        request,
        "sending/campaign_detail.html",
        context
        | {
            "snapshot": snapshot,
            "content": components.parse(snapshot["components"]),
            "body_html": components.format_whatsapp(
                components.body_text(snapshot["components"]),
                _values(snapshot, context["person"]) if request.may["prepare"] else None,
            ),
        },
    )


def _values(snapshot, person):
    """Return the values of a message to one person, nothing for a message to many."""
    return dict(zip(snapshot["placeholders"], person.values, strict=True)) if person else None


@require_safe
def campaign_progress(request, uuid):
    """Show the part of the page that moves."""
    campaign = _get_campaign(request, uuid)
    if campaign.is_editable:
        return redirect(steps.url_of(campaign, steps.open_step(campaign)))
    return render(request, "sending/campaign_detail.html#progress", _progress_context(campaign))


def _progress_context(campaign):
    progress = load_progress(campaign)
    shown = _shown(progress.parts)
    hidden = [part for part in progress.parts if part not in shown]
    person = campaign.recipients.first() if campaign.is_to_one else None
    message_state = state_of(campaign, person) if person else None
    return {
        "campaign": campaign,
        "person": person,
        "message_state": message_state,
        "progress": progress,
        "failures": failures_of(campaign, progress),
        "shown_parts": shown,
        "hidden_waiting": sum(part.is_waiting for part in hidden),
        "hidden_over": sum(not part.is_waiting for part in hidden),
        "news": f"{message_state.label}." if message_state else _news(campaign, progress),
        "waits_for": jobs.waits_for(campaign.team) if progress.poll_seconds else None,
    }


def _shown(all_parts):
    """Return the parts worth a line, in their order: what needs a look before what is over.

    Of those that wait, the next one stands for all.
    """
    waiting = [part for part in all_parts if part.is_waiting]

    def rank(part):
        if part.awaits_decision or part.tone in ("warn", "bad"):
            return 0
        if part.is_open:
            return 1
        return 2 if part.is_waiting else 3

    listed = sorted((part for part in all_parts if part not in waiting[1:]), key=rank)
    return sorted(listed[:SHOWN_PARTS], key=lambda part: part.number)


def _news(campaign, progress):
    """Return what a screen reader is told: it changes with the state and at each quarter."""
    words = campaign.get_status_display()
    if progress.decisions:
        return f"{words}. A part needs your decision."
    if campaign.is_live:
        return f"{words}, {progress.percent // 25 * 25} per cent or more are through."
    return f"{words}."


@require_POST
@requires("launch")
def campaign_pause(request, uuid):
    """Hold the campaign before its next part or, sent one by one, its next message."""
    campaign = _get_campaign(request, uuid)
    if launches.pause(campaign, by=request.user):
        next_one = "message" if campaign.engine == Campaign.Engine.SINGLY else "part"
        messages.success(
            request,
            f"Paused before the next {next_one}. What ChumiAI has already taken still goes out.",
        )
    else:
        messages.error(request, "This campaign is not sending, so there is nothing to pause.")
    return _back(request, campaign)


@require_POST
@requires("launch")
def campaign_resume(request, uuid):
    """Go on with the parts that were not handed over."""
    campaign = _get_campaign(request, uuid)
    try:
        launches.resume(campaign, by=request.user)
    except Refused as refused:
        messages.error(request, str(refused))
    else:
        messages.success(request, "The campaign goes on where it was paused.")
    return _back(request, campaign)


@require_POST
@requires("launch")
def campaign_stop(request, uuid):
    """End the campaign for good."""
    campaign = _get_campaign(request, uuid)
    try:
        launches.stop(campaign, by=request.user)
    except Refused as refused:
        messages.error(request, str(refused))
    else:
        messages.success(
            request,
            "Stopped. Nothing more is handed over; what ChumiAI has already taken still goes out.",
        )
    return _back(request, campaign)


@require_POST
@requires("launch")
def batch_decide(request, uuid):
    """Settle a part for which ChumiAI shows no job, on a person's word."""
    batch = get_object_or_404(
        Batch.objects.filter(campaign__team=request.team).select_related("campaign__team"),
        uuid=uuid,
    )
    try:
        batches.decide(batch, request.POST.get("decision", ""), by=request.user)
    except Refused as refused:
        messages.error(request, str(refused))
    else:
        messages.success(request, f"Part {batch.number} is settled.")
    return _back(request, batch.campaign)


@require_POST
@requires("launch")
def batch_retry(request, uuid):
    """Hand a part that ChumiAI refused over once more."""
    batch = get_object_or_404(
        Batch.objects.filter(campaign__team=request.team).select_related("campaign__team"),
        uuid=uuid,
    )
    try:
        retries.retry_batch(batch, by=request.user)
    except Refused as refused:
        messages.error(request, str(refused))
    else:
        messages.success(request, f"Part {batch.number} waits for its turn once more.")
    return _back(request, batch.campaign)


@require_POST
@requires("launch")
def campaign_retry(request, uuid):
    """Write once more to those who failed for one reason."""
    campaign = _get_campaign(request, uuid)
    form = RetryForm(request.POST)
    try:
        if not form.is_valid():
            raise Refused("This page was out of date. Nothing was sent. Look again.")
        people = retries.retry(campaign, form.cleaned_data["code"], by=request.user)
    except Refused as refused:
        messages.error(request, str(refused))
    else:
        them = "1 person is" if people == 1 else f"{people:,} people are"
        messages.success(request, f"{them} tried again, one by one.")
    return _back(request, campaign)


@require_POST
@requires("launch")
def campaign_decide(request, uuid):
    """Settle the messages that may have been sent, on a person's word."""
    campaign = _get_campaign(request, uuid)
    form = DecisionForm(request.POST)
    try:
        if not form.is_valid():
            raise Refused("This page was out of date. Nothing was changed. Look again.")
        people = singles.decide(campaign, by=request.user, **form.cleaned_data)
    except Refused as refused:
        messages.error(request, str(refused))
    else:
        messages.success(
            request, f"{people:,} message{' is' if people == 1 else 's are'} settled."
        )
    return _back(request, campaign)


def _back(request, campaign):
    return redirect("campaigns:campaign_detail", team=request.team.slug, uuid=campaign.uuid)
