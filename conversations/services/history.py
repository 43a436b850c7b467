"""The sync of a conversation with ChumiAI's history: requests and outcomes."""

from datetime import timedelta
from typing import Any

from django.db import transaction
from django.db.models import F, Q

from conversations.models import Conversation
from core import clocks
from tasks import services as tasks

# The shortest time between two requests, however many people have the thread open.
MIN_INTERVAL = timedelta(minutes=1)

History = Conversation.History


@transaction.atomic
def request_history(conversation: Conversation) -> bool:
    """Request a sync of the whole history. Return False if one is running or just was."""
    now = clocks.now()
    rested = Q(history_requested_at=None) | Q(history_requested_at__lt=now - MIN_INTERVAL)
    requested = (
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
    if requested:
        tasks.request("sync_conversation", conversation.pk)
    return bool(requested)


def record_history_synced(conversation: Conversation, *, skipped: int) -> None:
    """Record that all pages came; `skipped` entries could not be parsed."""
    _finish(conversation, History.SYNCED, history_synced_at=clocks.now(), history_skipped=skipped)


def record_history_not_offered(conversation: Conversation) -> None:
    """Record that ChumiAI has no history endpoint for this team."""
    _finish(conversation, History.NOT_OFFERED)


def record_history_failed(conversation: Conversation, problem: str) -> None:
    """Record why the sync failed; the pages that came before stay."""
    _finish(conversation, History.FAILED, history_error=problem[:300])


def _finish(conversation: Conversation, state: str, **fields: Any) -> None:
    Conversation.objects.filter(pk=conversation.pk, history=History.REQUESTED).update(
        history=state, version=F("version") + 1, **fields
    )
