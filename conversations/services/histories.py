"""ChumiAI's own history of a conversation: asked for, and how reading it went."""

from datetime import timedelta

from django.db import transaction
from django.db.models import F, Q
from django.utils import timezone

from conversations.models import Conversation
from tasks import services as tasks

# However many look at a thread, its history is asked for once in this time.
AT_MOST_EVERY = timedelta(minutes=1)

History = Conversation.History


@transaction.atomic
def request_history(conversation):
    """Ask for all that ChumiAI has of the conversation. Return whether it is asked for now."""
    now = timezone.now()
    rested = Q(history_requested_at=None) | Q(history_requested_at__lt=now - AT_MOST_EVERY)
    asked = (
        Conversation.objects.filter(pk=conversation.pk, phone__startswith="+")
        .filter(rested)
        .exclude(history=History.REQUESTED)
        .update(
            history=History.REQUESTED,
            history_requested_at=now,
            history_error="",
            version=F("version") + 1,
        )
    )
    if asked:
        tasks.request("sync_conversation", conversation.pk)
    return bool(asked)


def record_history_read(conversation, *, skipped):
    """Say that all pages have come; `skipped` entries made no sense."""
    _end(conversation, History.READ, history_read_at=timezone.now(), history_skipped=skipped)


def record_history_not_offered(conversation):
    """Say that ChumiAI has no history to give: the page lives on what we sent and were told."""
    _end(conversation, History.NOT_OFFERED)


def record_history_failed(conversation, problem):
    """Say why the history could not be read; what had come by then stays."""
    _end(conversation, History.FAILED, history_error=problem[:300])


def _end(conversation, state, **fields):
    Conversation.objects.filter(pk=conversation.pk, history=History.REQUESTED).update(
        history=state, version=F("version") + 1, **fields
    )
