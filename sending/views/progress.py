"""The page of a launched campaign."""

from typing import Any, NamedTuple
from uuid import UUID

from django.http import HttpResponse
from django.shortcuts import render
from django.utils.translation import gettext as _
from django.views.decorators.http import require_safe

from campaigns.audiences import audience_of
from campaigns.models import Campaign, Recipient
from core import clocks
from core.confirms import Confirm
from core.formats import number
from message_templates import components
from sending.batch_words import BatchWords, words_of
from sending.failure_groups import FailureGroup, failures_of
from sending.labels import pause_sentence, rest_sentence, wait_sentence
from sending.message_state import MessageState, state_of
from sending.pages import get_campaign, redirect_to_step
from sending.progress import BatchProgress, Progress
from sending.progress_queries import load_progress
from sending.services import jobs
from sending.views import controls, template_change
from teams.models import AuditEvent
from teams.requests import TeamRequest

# Rows of the table of batches; finished and waiting ones make room for the others.
SHOWN_BATCHES = 40
# States of a batch that need attention, and that are shown first.
ATTENTION = ("warn", "bad")


class BatchRow(NamedTuple):
    """A batch, its words, and the buttons that the person may press on it."""

    batch: BatchProgress
    words: BatchWords
    decide: list[Confirm]
    retry: Confirm | None


class FailureRow(NamedTuple):
    group: FailureGroup
    retry: Confirm | None


class Controls(NamedTuple):
    """The buttons of a live campaign that the person may press now."""

    can_resume: bool
    pause: Confirm | None
    stop: Confirm


@require_safe
def campaign_detail(request: TeamRequest, uuid: UUID) -> HttpResponse:
    """Show a launched campaign; redirect a draft to its open step."""
    campaign = get_campaign(request, uuid)
    if campaign.is_editable:
        return redirect_to_step(campaign)
    snapshot: dict[str, Any] = campaign.snapshot or {}
    context = _progress_context(request, campaign)
    values = _values(snapshot, context["person"]) if request.may["prepare"] else None
    context |= {
        "snapshot": snapshot,
        "content": components.parse(snapshot["components"]),
        "body_html": components.format_whatsapp(
            components.body_text(snapshot["components"]), values
        ),
    }
    return render(request, "sending/campaign_detail.html", context)


def _values(snapshot: dict[str, Any], person: Recipient | None) -> dict[str, str] | None:
    """Return the values of a message to one person, None for a campaign to many."""
    return dict(zip(snapshot["placeholders"], person.values, strict=True)) if person else None


@require_safe
def campaign_progress(request: TeamRequest, uuid: UUID) -> HttpResponse:
    """Show the live region of the page."""
    campaign = get_campaign(request, uuid)
    if campaign.is_editable:
        return redirect_to_step(campaign)
    context = _progress_context(request, campaign)
    return render(request, "sending/campaign_detail.html#progress", context)


def _progress_context(request: TeamRequest, campaign: Campaign) -> dict[str, Any]:
    progress = load_progress(campaign)
    may_launch = request.may["launch"]
    rows = _batch_rows(campaign, progress, may_launch)
    shown = _shown(rows)
    hidden = [row.batch for row in rows if row not in shown]
    person = campaign.recipients.first() if audience_of(campaign).is_single else None
    message_state = state_of(campaign, person) if person else None
    undecided = progress.singles.undecided
    changed = template_change.of(
        campaign, may_launch=may_launch, with_values=request.may["prepare"]
    )
    return {
        "campaign": campaign,
        "person": person,
        "message_state": message_state,
        "progress": progress,
        "template_change": changed,
        "controls": (
            _controls(campaign, progress, has_changed=changed is not None)
            if may_launch and campaign.is_live
            else None
        ),
        "paused": _pause_of(campaign),
        "failures": _failure_rows(campaign, progress, may_launch),
        "unconfirmed_rows": [row for row in rows if row.batch.unconfirmed],
        "decide_singles": (
            controls.campaign_decide_confirms(campaign, undecided)
            if undecided and may_launch
            else []
        ),
        "batch_rows": shown,
        "hidden_waiting": sum(batch.is_waiting for batch in hidden),
        "hidden_over": sum(not batch.is_waiting for batch in hidden),
        "announcement": _announcement(campaign, progress, message_state),
        "pause_sentence": pause_sentence(campaign),
        "rest_sentence": rest_sentence(progress),
        "wait_sentence": wait_sentence(campaign) if campaign.is_live else "",
        "waits_for": jobs.waits_for(campaign.team) if progress.poll_seconds else None,
    }


def _batch_rows(campaign: Campaign, progress: Progress, may_launch: bool) -> list[BatchRow]:
    now = clocks.now()
    can_retry = may_launch and campaign.status != Campaign.Status.STOPPED
    return [
        BatchRow(
            batch,
            words_of(campaign, batch, now),
            decide=(
                controls.batch_decide_confirms(campaign, batch)
                if batch.awaits_decision and may_launch
                else []
            ),
            retry=(
                controls.batch_retry_confirm(campaign, batch)
                if batch.is_rejected and can_retry
                else None
            ),
        )
        for batch in progress.batches
    ]


def _shown(rows: list[BatchRow]) -> list[BatchRow]:
    """Return the rows to list, in their order; the next waiting batch stands for all of them."""
    waiting = [row for row in rows if row.batch.is_waiting]

    def rank(row: BatchRow) -> int:
        if row.batch.awaits_decision or row.words.tone in ATTENTION:
            return 0
        if row.batch.is_open:
            return 1
        return 2 if row.batch.is_waiting else 3

    listed = sorted((row for row in rows if row not in waiting[1:]), key=rank)
    return sorted(listed[:SHOWN_BATCHES], key=lambda row: row.batch.number)


def _failure_rows(campaign: Campaign, progress: Progress, may_launch: bool) -> list[FailureRow]:
    can_retry = may_launch and campaign.status != Campaign.Status.STOPPED
    return [
        FailureRow(
            group,
            controls.campaign_retry_confirm(campaign, group)
            if group.retryable and can_retry
            else None,
        )
        for group in failures_of(campaign, progress)
    ]


def _controls(campaign: Campaign, progress: Progress, *, has_changed: bool) -> Controls:
    is_paused = campaign.status == Campaign.Status.PAUSED
    can_pause = not is_paused and progress.remaining and not audience_of(campaign).is_single
    return Controls(
        # What changed of the template has a button of its own.
        can_resume=is_paused and progress.can_resume and not has_changed,
        pause=controls.pause_confirm(campaign, progress) if can_pause else None,
        stop=controls.stop_confirm(campaign, progress),
    )


def _pause_of(campaign: Campaign) -> AuditEvent | None:
    """Return when a person paused the campaign, and who, None if it is not paused by a person."""
    if campaign.pause_reason != Campaign.Pause.PERSON:
        return None
    events = AuditEvent.objects.filter(
        team=campaign.team_id, action="campaign paused", subject=str(campaign.uuid)
    )
    return events.select_related("user").order_by("-at").first()


def _announcement(
    campaign: Campaign, progress: Progress, message_state: MessageState | None
) -> str:
    """Return the text for screen readers: it changes with the status and at each quarter."""
    if message_state:
        return message_state.label
    status = str(campaign.get_status_display())
    if progress.decisions:
        return _("{status}. A batch needs a decision.").format(status=status)
    if campaign.is_live:
        quarter = number(progress.percent // 25 * 25)
        return _("{status}. At least {percent} % processed.").format(
            status=status, percent=quarter
        )
    return status
