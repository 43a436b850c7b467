"""The conversations of a team, and the replies to a campaign."""

import hashlib
from dataclasses import dataclass
from uuid import UUID

from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST, require_safe

from campaigns.models import Campaign
from conversations import services, threads
from conversations.forms import CAMPAIGNS_OFFERED, ConversationFilterForm, NumberForm
from conversations.models import Conversation, Message
from conversations.template_replies import count_replies, fetch_replies, replies_to
from core.listing import KeysetPage, keyset_page, numbered_page, render_list, row_named
from teams.requests import TeamRequest
from teams.roles import requires

PAGE_SIZE = 50
POLL_SECONDS = 5


@dataclass(frozen=True, slots=True)
class ConversationRow:
    """A row of the list: a conversation and the message that the list shows of it."""

    conversation: Conversation
    message: Message


@require_safe
def conversation_list(request: TeamRequest) -> HttpResponse:
    """List the conversations, the newest message first; 204 if the poll's stamp is current."""
    known_stamp = _pop_stamp(request)
    conversations = Conversation.objects.for_team(request.team)
    campaigns = Campaign.objects.for_team(request.team).filter(launched_at__isnull=False)
    filters = ConversationFilterForm(
        request.GET,
        campaigns=campaigns.order_by("-launched_at").only("uuid", "name")[:CAMPAIGNS_OFFERED],
        region=request.team.default_region,
        whole_only=not request.may["opt_out"],
    )
    found = filters.filter(conversations.with_messages(), request.team)
    page = keyset_page(
        found.select_related("last_message"),
        order=("-last_message_at", "-pk"),
        after=row_named(conversations, request.GET.get("after", "")),
        size=PAGE_SIZE,
    )
    stamp = _stamp_of(page)
    if request.htmx and known_stamp == stamp:
        return HttpResponse(status=204)
    context = {
        "filters": filters,
        "page": page,
        "rows": [
            ConversationRow(row, message)
            for row in page.rows
            if (message := filters.matches.get(row.pk, row.last_message))
        ],
        "stamp": stamp,
        # A search stands still: it looks for what was written, not for what comes in.
        "is_live": page.is_first and not filters.text,
        "poll_seconds": POLL_SECONDS,
    }
    return render_list(request, "conversations/conversation_list.html", "results", context)


def _pop_stamp(request: TeamRequest) -> str:
    """Remove the stamp from the query string, so that no link of the page keeps it."""
    query = request.GET.copy()
    stamp = query.pop("v", [""])[-1]
    request.GET = query  # type: ignore[assignment]
    return stamp


def _stamp_of(page: KeysetPage[Conversation]) -> str:
    """Return a value that changes whenever the page does, or one of its countdowns."""
    state = [(row.pk, row.version, threads.window_left(row)) for row in page.rows]
    return hashlib.sha256(repr((state, page.next)).encode()).hexdigest()[:16]


@require_POST
@requires("converse")
def conversation_open(request: TeamRequest) -> HttpResponse:
    """Open the conversation with a number, even if it never wrote."""
    form = NumberForm(request.POST, region=request.team.default_region)
    if not form.is_valid():
        problems = form.errors.get("phone") or [_("Enter a phone number.")]
        messages.error(request, " ".join(map(str, problems)))
        return redirect("conversations:conversation_list", team=request.team.slug)
    conversation = services.open_conversation(request.team, form.cleaned_data["phone"])
    return redirect(
        "conversations:conversation_detail", team=request.team.slug, uuid=conversation.uuid
    )


@require_safe
def campaign_replies(request: TeamRequest, uuid: UUID) -> HttpResponse:
    """List the replies to a campaign, those whose window ends soonest first."""
    campaigns = Campaign.objects.for_team(request.team).filter(launched_at__isnull=False)
    campaign = get_object_or_404(campaigns, uuid=uuid)
    page = numbered_page(request, replies_to(campaign), PAGE_SIZE)
    context = {
        "campaign": campaign,
        "page": page,
        "replies": fetch_replies(list(page)),
        "reply_count": count_replies(campaign),
    }
    return render(request, "conversations/campaign_replies.html", context)
