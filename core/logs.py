"""Log lines: one JSON object an event, without keys, phone numbers or message texts."""

import re

import structlog

# A key in an unexpected place (a library's own message, say) must not reach a log either.
_SECRETS = re.compile(r"chumi_sk_\w+")
# The address of a team's webhook is a secret, and Django names the path of what it refuses.
_ADDRESSES = re.compile(r"/webhooks/[\w-]+")
_PHONES = re.compile(r"(?<![\w-])\+?\d[\d ]{7,}\d(?![\w-])")


def scrub(text):
    """Return `text` without API keys and phone numbers."""
    text = _ADDRESSES.sub("/webhooks/[secret]", _SECRETS.sub("[key]", text))
    return _PHONES.sub("[number]", text)


def _scrub_event(logger, method, event):
    return {
        k: scrub(v) if isinstance(v, str) and k != "timestamp" else v for k, v in event.items()
    }


def json_formatter():
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
