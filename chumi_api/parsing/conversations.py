"""The history with a number: the direction and the delivery status of each message."""

from __future__ import annotations

from dataclasses import replace

from chumi_api.parsing.json_values import (
    JSON,
    Object,
    aliases,
    as_bool,
    as_name,
    as_text,
    as_time,
    fold,
    pick,
    picks,
)
from chumi_api.parsing.messages import (
    INBOUND_WORDS,
    MESSAGE_STATES,
    MESSAGE_STATUS,
    OUTBOUND_WORDS,
    read_failure,
    read_message,
    unwrap,
)
from chumi_api.types import Message, MessageStatus

# --- Assumed ----------------------------------------------------------------------------------

HISTORY_NAMES = ("messages", "conversation", "history", "conversations")
# Where a word for the direction may be: in a field for it, or where other APIs have the kind.
DIRECTION = aliases("direction sender sender.type senderType role from author type")
FROM_US = aliases("fromMe key.fromMe isFromMe isOutbound outbound outgoing sentByBusiness")
FROM_THEM = aliases("isInbound inbound incoming fromCustomer")
NAME = aliases(
    "profile.name profileName contactName contact.name customerName customer.name senderName"
    " pushName sender.name"
)
AT = aliases("timestamp createdAt sentAt date at time created messageTimestamp")


def parse_message(item: JSON, phone: str) -> Message | None:
    """Read one message of the history with `phone`.

    None where nothing says which way it went, or where there is nothing in it.
    """
    if not isinstance(item, dict):
        return None
    item = unwrap(item)
    inbound = _inbound(item, phone)
    if inbound is None:
        return None
    name = (pick(item, NAME, as_text) or "") if inbound else ""
    at = pick(item, AT, as_time)
    message = read_message(item, phone=phone, inbound=inbound, name=name, at=at)
    if not (message.remote_id or message.text or message.template_name or message.media):
        return None
    return message if inbound else _with_status(message, item)


def _inbound(item: Object, phone: str) -> bool | None:
    """Return True if the person wrote it; None where nothing says so."""
    for paths, is_inbound in ((FROM_US, False), (FROM_THEM, True)):
        flag = pick(item, paths, as_bool)
        if flag is not None:
            return is_inbound if flag else not is_inbound
    for word in picks(item, DIRECTION, as_name):
        if fold(word) in INBOUND_WORDS:
            return True
        if fold(word) in OUTBOUND_WORDS:
            return False
    digits = _digits(phone)
    for paths, is_inbound in ((aliases("from"), True), (aliases("to recipient"), False)):
        number = pick(item, paths, as_name)
        if number and digits and _digits(number) == digits:
            return is_inbound
    return None


def _digits(text: str) -> str:
    return "".join(filter(str.isdigit, text))


def _with_status(message: Message, item: Object) -> Message:
    """Return a message of ours with its delivery status."""
    word = fold(pick(item, MESSAGE_STATUS, as_name) or "")
    status = MESSAGE_STATES.get(word, MessageStatus.UNKNOWN)
    code, reason = read_failure(item) if status is MessageStatus.FAILED else (None, "")
    return replace(message, status=status, code=code, reason=reason)
