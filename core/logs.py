"""Log lines: one JSON object for each event, without keys, phone numbers or message texts."""

import re

import structlog
from structlog.typing import EventDict, WrappedLogger

# Also a key in an unexpected place, such as the message of a library, must not reach a log.
_SECRETS = re.compile(r"chumi_sk_\w+")
# The address of a team's webhook is a secret, and Django names the path of what it refuses.
_ADDRESSES = re.compile(r"/webhooks/[\w-]+")
_PHONES = re.compile(r"(?<![\w-])\+?\d[\d ]{7,}\d(?![\w-])")


def scrub(text: str) -> str:
    """Return `text` without API keys, addresses of webhooks and phone numbers."""
    text = _ADDRESSES.sub("/webhooks/[secret]", _SECRETS.sub("[key]", text))
    return _PHONES.sub("[number]", text)


def _scrub_event(logger: WrappedLogger, method: str, event: EventDict) -> EventDict:
    return {
        k: scrub(v) if isinstance(v, str) and k != "timestamp" else v for k, v in event.items()
    }


def json_formatter() -> structlog.stdlib.ProcessorFormatter:
    """Build the formatter that settings.LOGGING names."""
    return structlog.stdlib.ProcessorFormatter(
        foreign_pre_chain=[
            structlog.stdlib.add_log_level,
            structlog.stdlib.add_logger_name,
            structlog.stdlib.ExtraAdder(),
            structlog.processors.TimeStamper(fmt="iso", utc=True),
        ],
        processors=[
            structlog.stdlib.ProcessorFormatter.remove_processors_meta,
            structlog.processors.format_exc_info,
            _scrub_event,
            structlog.processors.JSONRenderer(),
        ],
    )
