"""Every change of a conversation: what was told of it, who read it, what is asked for."""

from conversations.services.histories import (
    record_history_failed,
    record_history_not_offered,
    record_history_read,
    request_history,
)
from conversations.services.reading import mark_read, open_conversation
from conversations.services.records import record_messages, record_statuses

__all__ = [
    "mark_read",
    "open_conversation",
    "record_history_failed",
    "record_history_not_offered",
    "record_history_read",
    "record_messages",
    "record_statuses",
    "request_history",
]
