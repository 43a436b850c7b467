"""What people do with a conversation here: open it and mark it as read."""

from datetime import datetime

from django.db import IntegrityError, transaction
from django.db.models import F, Q

from conversations.models import Conversation, Message
from core import clocks
from teams.models import Team


def open_conversation(team: Team, phone: str) -> Conversation:
    """Return the conversation with a number (E.164), created if there is none."""
    existing = Conversation.objects.for_team(team).filter(phone=phone)
    try:
        with transaction.atomic():
            return existing.first() or Conversation.objects.create(
                team=team, phone=phone, last_message_at=clocks.now()
            )
    except IntegrityError:
        # Another request created it between our SELECT and our INSERT.
        return existing.get()


@transaction.atomic
def mark_read(conversation: Conversation, until: datetime) -> bool:
    """Mark inbound messages sent up to `until` as read. Return False if they already were."""
    is_later = Q(read_until=None) | Q(read_until__lt=until)
    moved = (
        Conversation.objects.filter(pk=conversation.pk)
        .filter(is_later)
        .update(read_until=until, version=F("version") + 1)
    )
    if moved:
        unread = Message.objects.inbound().filter(conversation=conversation, at__gt=until)
        Conversation.objects.filter(pk=conversation.pk, read_until=until).update(
            unread_count=unread.count()
        )
    return bool(moved)
