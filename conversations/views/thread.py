"""One conversation: its thread, the person, the history sync, print and export."""

from collections.abc import Iterator, Sequence
from typing import Any
from uuid import UUID

from django.http import HttpResponse, StreamingHttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils import timezone
from django.utils.dateparse import parse_datetime
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.http import require_POST, require_safe

from campaigns import steps
from campaigns.models import Campaign
from campaigns.services import drafts
from contacts.models import Contact, ContactSync, OptOut
from conversations import services, threads
from conversations.models import Conversation
from conversations.threads import Cursor
from core import clocks, phones
from spreadsheets.csv_writer import safe_csv
from tasks.services import worker_is_alive
from teams.models import Team
from teams.requests import TeamRequest
from teams.roles import requires

POLL_SECONDS = 5
# Messages on the printed page; the CSV has all of them.
MAX_PRINTED = 2_000
CSV_HEADER = (
    gettext_lazy("Time"),
    gettext_lazy("From"),
    gettext_lazy("Kind"),
    gettext_lazy("Text"),
    gettext_lazy("Status"),
    gettext_lazy("File"),
    gettext_lazy("Campaign"),
)


def _get_conversation(request: TeamRequest, uuid: UUID) -> Conversation:
    return get_object_or_404(threads.conversations_of(request.team), uuid=uuid)


@require_safe
def conversation_detail(request: TeamRequest, uuid: UUID) -> HttpResponse:
    conversation = _get_conversation(request, uuid)
    before = Cursor.parse(request.GET.get("before", ""))
    context = _thread(conversation, before) | _panel(request.team, conversation)
    return render(request, "conversations/conversation_detail.html", context)


@require_safe
def conversation_thread(request: TeamRequest, uuid: UUID) -> HttpResponse:
    """Show the newest messages; 204 if nothing changed since the stamp."""
    conversation = _get_conversation(request, uuid)
    if request.GET.get("v") == threads.stamp_of(conversation):
        return HttpResponse(status=204)
    context = _thread(conversation, None)
    return render(request, "conversations/conversation_detail.html#thread", context)


def _thread(conversation: Conversation, before: Cursor | None) -> dict[str, Any]:
    page = threads.page_of(conversation, before)
    ends = conversation.window_ends_at
    return {
        "conversation": conversation,
        "page": page,
        "is_newest": before is None,
        "stamp": threads.stamp_of(conversation),
        "poll_seconds": POLL_SECONDS,
        "window_left": ends - clocks.now() if ends else None,
        "no_worker": conversation.is_syncing and not worker_is_alive(),
    }


def _panel(team: Team, conversation: Conversation) -> dict[str, Any]:
    """Return what is known of the person: contact, groups, opt-out, campaigns received."""
    current = (
        ContactSync.objects.for_team(team)
        .filter(state=ContactSync.State.SUCCEEDED)
        .order_by("-pk")
        .values("pk")[:1]
    )
    rows = list(
        Contact.objects.filter(sync__in=current, phone=conversation.phone)
        .order_by("pk", "memberships__group__name")
        .values("uuid", "name", "email", "memberships__group__uuid", "memberships__group__name")
    )
    contact = rows[0] if rows and conversation.has_number else None
    groups = [
        (row["memberships__group__uuid"], row["memberships__group__name"])
        for row in rows
        if contact and row["memberships__group__uuid"] and row["uuid"] == contact["uuid"]
    ]
    opt_out = OptOut.objects.for_team(team).in_force().filter(phone=conversation.phone).first()
    return {
        "contact": contact,
        "groups": groups,
        "opt_out": opt_out,
        "received": threads.campaigns_received(conversation),
    }


@require_POST
@requires("converse")
def conversation_read(request: TeamRequest, uuid: UUID) -> HttpResponse:
    """Mark the messages that were shown as read."""
    conversation = _get_conversation(request, uuid)
    try:
        until = parse_datetime(request.POST.get("until", ""))
    except ValueError:
        until = None
    if until and until.tzinfo and conversation.last_inbound_at:
        services.mark_read(conversation, min(until, conversation.last_inbound_at))
    return _done(request, conversation)


@require_POST
def conversation_history(request: TeamRequest, uuid: UUID) -> HttpResponse:
    """Request a sync with ChumiAI's history; the open page posts this."""
    conversation = _get_conversation(request, uuid)
    services.request_history(conversation)
    return _done(request, conversation)


def _done(request: TeamRequest, conversation: Conversation) -> HttpResponse:
    if request.htmx:
        return HttpResponse(status=204)
    return redirect(
        "conversations:conversation_detail", team=request.team.slug, uuid=conversation.uuid
    )


@require_safe
def conversation_print(request: TeamRequest, uuid: UUID) -> HttpResponse:
    """Show the whole conversation on a page to print."""
    conversation = _get_conversation(request, uuid)
    page = threads.page_of(conversation, size=MAX_PRINTED)
    return render(
        request,
        "conversations/conversation_print.html",
        {"conversation": conversation, "page": page, "max_printed": MAX_PRINTED},
    )


@require_safe
def conversation_export(request: TeamRequest, uuid: UUID) -> StreamingHttpResponse:
    """Download every message as CSV, newest first."""
    conversation = _get_conversation(request, uuid)
    return StreamingHttpResponse(
        safe_csv(_rows(conversation)),
        content_type="text/csv; charset=utf-8",
        headers={
            "Content-Disposition": f'attachment; filename="conversation-{conversation.pk}.csv"'
        },
    )


def _rows(conversation: Conversation) -> Iterator[Sequence[str]]:
    yield [str(name) for name in CSV_HEADER]
    person = conversation.name or phones.mask(conversation.phone)
    for entry in threads.iter_entries(conversation):
        yield (
            f"{timezone.localtime(entry.at):%Y-%m-%d %H:%M:%S}",
            person if entry.inbound else _("You"),
            entry.kind or "unknown",
            entry.text,
            "" if entry.inbound else entry.status_name,
            entry.file.name if entry.file else "",
            entry.campaign.name if entry.campaign else "",
        )


@require_POST
@requires("prepare")
def conversation_reply(request: TeamRequest, uuid: UUID) -> HttpResponse:
    """Start a template message to the person. No URL contains the number."""
    conversation = _get_conversation(request, uuid)
    draft = drafts.create_campaign(
        request.team,
        by=request.user,
        audience=Campaign.Audience.NUMBER,
        phone=conversation.phone,
    )
    return redirect(steps.url_of(draft, steps.open_step(draft)))
