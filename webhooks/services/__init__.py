"""Store webhook deliveries, split them into events, dispatch each event once."""

from webhooks.services.cleanup import purge
from webhooks.services.configuration import (
    change_signing,
    change_stop_words,
    drop_old_signing,
    renew_address,
    stop_signing,
)
from webhooks.services.deliveries import (
    BadSignature,
    UnknownAddress,
    find_webhook,
    is_verify_token,
    receive,
)
from webhooks.services.processing import process
from webhooks.services.silence import moments, silence_of

__all__ = [
    "BadSignature",
    "UnknownAddress",
    "change_signing",
    "change_stop_words",
    "drop_old_signing",
    "find_webhook",
    "is_verify_token",
    "moments",
    "process",
    "purge",
    "receive",
    "renew_address",
    "silence_of",
    "stop_signing",
]
