"""Every query that runs for each reported message uses an index."""

from datetime import timedelta

import pytest
from django.db import connection
from django.utils import timezone

from campaigns.models import Recipient
from conversations.models import Conversation, Message

pytestmark = pytest.mark.django_db


def test_each_query_uses_its_index(team):
    """SQLite has no statistics without ANALYZE: the query alone decides."""
    if connection.vendor != "sqlite":
        pytest.skip("PostgreSQL plans by statistics, and those of empty tables say nothing")
    many = [f"wamid.{n}" for n in range(300)]
    phones = [f"+23324412{n:04}" for n in range(300)]
    sent = Recipient.objects.of_team(team)
    lately = timezone.now() - timedelta(days=1)
    own = Conversation.objects.for_team(team)
    reactions = Message.objects.filter(team=team, kind="reaction", reply_to__in=many)
    for rows, index in (
        (sent.of_messages(many), "recipient_of_message"),
        (sent.filter(phone__in=phones, settled_at__gte=lately), "recipient_by_phone"),
        (sent.filter(phone=phones[0], settled_at__isnull=False), "recipient_by_phone"),
        (reactions, "message_reaction_to"),
        (
            own.with_messages().order_by("-last_message_at", "-pk")[:51],
            "conversation_listed",
        ),
        (own.unread().order_by("-last_message_at", "-pk")[:51], "conversation_unread"),
        (Message.objects.inbound().filter(conversation=1).order_by("-at"), "message_inbound"),
    ):
        assert index in rows.explain(), rows.explain()
