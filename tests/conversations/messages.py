"""Messages as webhooks and ChumiAI's history report them."""

from datetime import UTC, datetime, timedelta

from chumi_api.types import Message, MessageStatus

PHONE = "233244123451"
NOON = datetime(2026, 11, 20, 12, 0, tzinfo=UTC)


def inbound(text, *, minutes=0, phone=PHONE, remote_id=None, **fields):
    """Return a message from the person."""
    given = remote_id if remote_id is not None else f"wamid.in.{phone}.{minutes}.{text}"[:200]
    at = fields.pop("at", NOON + timedelta(minutes=minutes))
    return Message(remote_id=given, phone=phone, inbound=True, text=text, at=at, **fields)


def outbound(text, *, minutes=0, phone=PHONE, remote_id=None, **fields):
    """Return a message from the business."""
    given = remote_id if remote_id is not None else f"wamid.out.{phone}.{minutes}.{text}"[:200]
    at = fields.pop("at", NOON + timedelta(minutes=minutes))
    fields = {"status": MessageStatus.ACCEPTED} | fields
    return Message(remote_id=given, phone=phone, inbound=False, text=text, at=at, **fields)
