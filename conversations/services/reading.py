"""What people do with a conversation here: they open it, and they read it."""

from django.db import IntegrityError, transaction
from django.db.models import F, Q
from django.utils import timezone

from conversations.models import Conversation, Message


def open_conversation(team, phone):
    """Return the conversation with a number (E.164), made where there was none."""
    known = Conversation.objects.for_team(team).filter(phone=phone)
    try:
        with transaction.atomic():
            return known.first() or Conversation.objects.create(
                team=team, phone=phone, last_message_at=timezone.now()
            )
    except IntegrityError:
        # Somebody else opened it between our look and our insert.
        return known.get()


@transaction.atomic
def mark_read(conversation, until):
    """Count what they wrote up to `until` as read. Return whether that was news."""
    later = Q(read_until=None) | Q(read_until__lt=until)
    moved = (
        Conversation.objects.filter(pk=conversation.pk)
        .filter(later)
        .update(read_until=until, version=F("version") + 1)
    )
    if moved:
        unread = Message.objects.inbound().filter(conversation=conversation, at__gt=until)
        Conversation.objects.filter(pk=conversation.pk, read_until=until).update(
            unread_count=unread.count()
        )
    return bool(moved)
