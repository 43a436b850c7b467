"""Who answered a campaign, and what."""

from django.db.models import Case, Count, DateTimeField, F, OuterRef, Subquery, Value, When
from django.utils import timezone

from conversations.models import WINDOW, Conversation, Message


def replied(campaign):
    """Return how many people answered the campaign."""
    people = Message.objects.answering(campaign).aggregate(
        number=Count("conversation", distinct=True)
    )
    return people["number"]


def replies_of(campaign):
    """Return the conversations of who answered, whose window closes soonest first.

    Each has `answer_id`, the message that they answered by. Whose window has closed follows,
    the latest first.
    """
    since = timezone.now() - WINDOW
    answer = Message.objects.filter(conversation=OuterRef("pk"), answers=campaign)
    closes = Case(
        When(last_inbound_at__gt=since, then=F("last_inbound_at")),
        default=Value(None),
        output_field=DateTimeField(),
    )
    return (
        Conversation.objects.for_team(campaign.team_id)
        .who_answered(campaign)
        .annotate(closes=closes, answer_id=Subquery(answer.order_by("at", "pk").values("pk")[:1]))
        .order_by(F("closes").asc(nulls_last=True), "-last_inbound_at", "-pk")
    )
