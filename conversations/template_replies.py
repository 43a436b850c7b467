"""Replies to the template message of a campaign."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from django.db.models import Case, Count, DateTimeField, F, OuterRef, QuerySet, Subquery, When

from campaigns.models import Campaign
from conversations.models import WINDOW, Conversation, Message
from core import clocks


@dataclass(frozen=True, slots=True)
class TemplateReply:
    """A conversation and the first message in it that replies to the campaign."""

    conversation: Conversation
    message: Message


def count_replies(campaign: Campaign) -> int:
    """Return how many people replied to the campaign."""
    people = Message.objects.replies_to(campaign).aggregate(
        number=Count("conversation", distinct=True)
    )
    return int(people["number"])


def replies_to(campaign: Campaign) -> QuerySet[Conversation]:
    """Return the conversations with a reply, those whose open window ends soonest first.

    Conversations with a closed window follow, the latest first. Each row has `reply_id`, its
    first reply to the campaign.
    """
    since = clocks.now() - WINDOW
    reply = Message.objects.filter(conversation=OuterRef("pk"), attributed_to=campaign)
    open_since = Case(
        When(last_inbound_at__gt=since, then=F("last_inbound_at")),
        output_field=DateTimeField(),
    )
    return (
        Conversation.objects.for_team(campaign.team_id)
        .with_reply_to(campaign)
        .annotate(
            open_since=open_since,
            reply_id=Subquery(reply.order_by("at", "pk").values("pk")[:1]),
        )
        .order_by(F("open_since").asc(nulls_last=True), "-last_inbound_at", "-pk")
    )


def fetch_replies(conversations: Sequence[Any]) -> list[TemplateReply]:
    """Return the rows of `replies_to`, each with its first reply."""
    messages = Message.objects.in_bulk([row.reply_id for row in conversations])
    return [TemplateReply(row, messages[row.reply_id]) for row in conversations]
