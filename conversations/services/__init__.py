"""Changes of conversations: messages recorded, marked as read, and history syncs."""

from conversations.services.history import (
    record_history_failed,
    record_history_not_offered,
    record_history_synced,
    request_history,
)
from conversations.services.reading import mark_read, open_conversation
from conversations.services.records import record_messages, record_statuses

__all__ = [
    "mark_read",
    "open_conversation",
    "record_history_failed",
    "record_history_not_offered",
    "record_history_synced",
    "record_messages",
    "record_statuses",
    "request_history",
]
