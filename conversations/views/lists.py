"""The conversations of a team, and who answered a campaign."""

import hashlib
from uuid import UUID

from django.contrib import messages
from django.core.paginator import Paginator
from django.http import HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.views.decorators.http import require_POST, require_safe

from campaigns.models import Campaign
from conversations import services, threads
from conversations.forms import CAMPAIGNS_OFFERED, ConversationFilterForm, NumberForm
from conversations.models import Conversation, Message
from conversations.replies import replied, replies_of
from teams.roles import requires

PAGE_SIZE = 50
POLL_SECONDS = 5


@require_safe
def conversation_list(request):
    """List the conversations, the newest message first; a poll that knows them gets nothing."""
    known = _taken_stamp(request)
    conversations = Conversation.objects.for_team(request.team)
    campaigns = Campaign.objects.for_team(request.team).filter(launched_at__isnull=False)
    filters = ConversationFilterForm(
        request.GET,
        campaigns=campaigns.order_by("-launched_at").only("uuid", "name")[:CAMPAIGNS_OFFERED],
        region=request.team.default_region,
        whole_only=not request.may["opt_out"],
    )
    found = filters.filter(conversations.spoken(), request.team)
    after = request.GET.get("after", "")
    last = _at(conversations, after)
    if last:
        found = found.after(last.last_message_at, last.pk)
    rows = list(found.order_by("-last_message_at", "-pk")[: PAGE_SIZE + 1])
    page = rows[:PAGE_SIZE]
    stamp = _stamp_of(rows)
    if request.htmx and known == stamp:
        return HttpResponse(status=204)
    for conversation in page:
        match = filters.matches.get(conversation.pk)
        conversation.line = match.summary if match else conversation.preview
        conversation.line_is_theirs = match is not None or conversation.preview_inbound
    context = {
        "filters": filters,
        "conversations": page,
        "next": page[-1].uuid if len(rows) > PAGE_SIZE else None,
        "is_first_page": last is None,
        "stamp": stamp,
        # Who searches looks for something that was said, not for what is being said.
        "is_live": last is None and not filters.text,
        "poll_seconds": POLL_SECONDS,
    }
    if request.htmx and not request.htmx.boosted:
        return render(request, "conversations/conversation_list.html#results", context)
    return render(request, "conversations/conversation_list.html", context)


def _taken_stamp(request):
    """Take the stamp out of the query string, that no link of the page carries it on."""
    query = request.GET.copy()
    stamp = query.pop("v", [""])[-1]
    request.GET = query
    return stamp


def _stamp_of(rows):
    """Return what changes whenever the list does, its countdowns too."""
    told = ",".join(f"{row.pk} {row.version} {threads.window_label(row)}" for row in rows)
    return hashlib.sha256(told.encode()).hexdigest()[:16]


def _at(conversations, cursor):
    """Return the conversation that a cursor names; one that names none starts at the top."""
    try:
        return conversations.filter(uuid=UUID(cursor)).first()
    except ValueError:
        return None


@require_POST
@requires("converse")
def conversation_open(request):
    """Open the conversation with a number, also with one that never wrote."""
    form = NumberForm(request.POST, region=request.team.default_region)
    if not form.is_valid():
        messages.error(request, " ".join(form.errors.get("phone", ["Type a phone number."])))
        return redirect("conversations:conversation_list", team=request.team.slug)
    conversation = services.open_conversation(request.team, form.cleaned_data["phone"])
    return redirect(
        "conversations:conversation_detail", team=request.team.slug, uuid=conversation.uuid
    )


@require_safe
def campaign_replies(request, uuid):
    """List who answered a campaign, whose window closes soonest first."""
    campaigns = Campaign.objects.for_team(request.team).filter(launched_at__isnull=False)
    campaign = get_object_or_404(campaigns, uuid=uuid)
    page = Paginator(replies_of(campaign), PAGE_SIZE).get_page(request.GET.get("page"))
    answers = Message.objects.in_bulk([row.answer_id for row in page.object_list])
    for row in page.object_list:
        row.answer = answers[row.answer_id]
    return render(
        request,
        "conversations/campaign_replies.html",
        {"campaign": campaign, "page": page, "replied": replied(campaign)},
    )
