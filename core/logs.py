"""Log lines: one JSON object for each event, without keys, phone numbers, queries or texts.

What other libraries write passes here, too, so `scrub` works on text alone. It rather takes a
number away that was no phone than leaves one in: dates, UUIDs, hashes, addresses of machines,
decimals and sizes stay.
"""

import datetime
import html
import re
import uuid
from collections.abc import Mapping
from pathlib import PurePath
from typing import Any
from urllib.parse import unquote

import structlog
from django.http import HttpRequest, QueryDict
from structlog.typing import EventDict, WrappedLogger

# Also a key in an unexpected place, such as the message of a library, must not reach a log.
_SECRETS = re.compile(r"chumi_sk_\w+")
# The address of a team's webhook is a secret, like the links that an account gets by email, and
# Django names the path of what it refuses.
_ADDRESSES = re.compile(r"/(webhooks|reset/key|confirm-email)/[^\s/\"'<>]+")
_TOKENS = re.compile(r"""([\s"<>]+)""")
# PostgreSQL quotes the row or value that it refuses, with the text of a message in it.
_ROWS = re.compile(r"((?:Failing row contains|JSON data, line \d+:|parameter \S+ =) ).*")
# The id of a message holds the number of its recipient in base64.
_MESSAGE_IDS = re.compile(r"wamid\.[\w+/=-]*?([\w+/=-]{0,8})(?![\w+/=-])")

_DAY = r"(?:0[1-9]|[12]\d|3[01])"
_MONTH = r"(?:0[1-9]|1[0-2])"
_YEAR = r"(?:19|20)\d\d"
_TIME = r"(?:[01]\d|2[0-3]):[0-5]\d(?::[0-5]\d(?:[.,]\d+)?)?(?:\ ?(?:Z|[+-]\d\d:?\d\d))?"
_OCTET = r"(?:25[0-5]|2[0-4]\d|1\d\d|[1-9]?\d)"
_SEPARATOR = r"""(?:
    [^\S\n] | \\+[nrt] | ,(?=\d{3}) | [\ufe0f\u20e3]
  | [-._()/+*\u00ad\u00b7\u2010-\u2015\u2022\u2212\u200b-\u200f\u202a-\u202e\u2060-\u2069\ufeff]
)"""
_NUMBERS = re.compile(
    rf"""
    (?P<kept>
        (?<![\da-f])[\da-f]{{8}}-[\da-f]{{4}}-[\da-f]{{4}}-[\da-f]{{4}}-[\da-f]{{12}}(?![\da-f])
      | 0x[\da-f]+
      | (?<![%\w])(?=\d*[a-f])[\da-f]{{16,}}(?!\w)                      # a hash
      | (?<!\d){_YEAR}-{_MONTH}-{_DAY}(?!\d)(?:[T\ _]{_TIME})?
      | (?<!\d){_DAY}[/.]{_MONTH}[/.]{_YEAR}(?!\d)(?:,?\ {_TIME})?
      | (?<!\d){_YEAR}{_MONTH}{_DAY}[-_T]?(?:[01]\d|2[0-3])[0-5]\d[0-5]\d(?:\d{{6}})?Z?(?!\d)
      | (?<![\d.]){_OCTET}(?:\.{_OCTET}){{3}}(?!\.?\d)
      | (?<![\d.+])(?:0|[1-9]\d{{0,7}})\.(?:\d{{1,8}}(?!{_SEPARATOR}*\d)|\d+(?=\ ?s\b))
      | (?<![\d.+])[1-9]\d*(?=\ bytes?\b)
    )
  | (?P<plus>[+\uff0b]?)\(?(?P<number>\d(?:{_SEPARATOR}{{0,4}}\d)*)
    """,
    re.I | re.X,
)
# Characters as an address, HTML, JSON or the repr of a text writes them.
_ESCAPES = re.compile(r"\\+u([\da-f]{4})|\\+x([\da-f]{2})|&(?:nbsp|#\w+);", re.I)
# An address may hold an address, which holds another.
_DECODINGS = 3
# The shortest number with a country code, and without one.
_FEWEST_DIGITS, _FEWEST_LOCAL_DIGITS = 7, 9
# A longer run of digits is an id.
_MOST_DIGITS = 15
_QUANTITY = re.compile(r"bytes|size|length|count|seconds|_[mun]s\b")


def scrub(text: str) -> str:
    """Return `text` decoded, without API keys, addresses of webhooks, queries and phones."""
    text = _decode(text)
    text = _ADDRESSES.sub(r"/\1/[secret]", _SECRETS.sub("[key]", text))
    text = _MESSAGE_IDS.sub(r"wamid.[…\1]", _ROWS.sub(r"\1[row]", text))
    return _NUMBERS.sub(_scrub_number, text)


def _decode(text: str) -> str:
    """Drop queries, also encoded ones, before their end can't be seen any more."""
    text = _without_queries(text)
    for _ in range(_DECODINGS):
        if "%" not in text:
            break
        text = _without_queries(unquote(text))
    return _ESCAPES.sub(_decode_escape, text)


def _without_queries(text: str) -> str:
    """Drop what people searched for, and the keys of links."""
    if "?" not in text:
        return text
    return "".join(map(_without_query, _TOKENS.split(text)))


def _without_query(token: str) -> str:
    path, _mark, query = token.partition("?")
    return f"{path}?[query]" if query and ("/" in path or "=" in query) else token


def _decode_escape(match: re.Match[str]) -> str:
    code = match[1] or match[2]
    return chr(int(code, 16)) if code else html.unescape(match[0])


def _scrub_number(match: re.Match[str]) -> str:
    if match["kept"]:
        return match["kept"]
    digits = "".join(filter(str.isdecimal, match["number"]))
    fewest = _FEWEST_DIGITS if match["plus"] or digits[:2] == "00" else _FEWEST_LOCAL_DIGITS
    is_id = match["number"].isdecimal() and len(digits.removeprefix("00")) > _MOST_DIGITS
    return match[0] if len(digits) < fewest or is_id else "[number]"


def _scrub_value(value: Any, name: str = "") -> Any:
    """Return `value` as JSON can hold it, scrubbed at every depth."""
    if value is None or isinstance(value, bool | float):
        return value
    if isinstance(value, int):
        return value if _QUANTITY.search(name) or scrub(str(value)) == str(value) else "[number]"
    if isinstance(value, str):
        return scrub(value)
    if isinstance(value, QueryDict):
        return "[query]"
    if isinstance(value, HttpRequest):
        return f"{value.method} {scrub(value.path)}"
    if isinstance(value, Mapping):
        return {scrub(str(key)): _scrub_value(item, str(key)) for key, item in value.items()}
    if isinstance(value, list | tuple | set | frozenset):
        return [_scrub_value(item, name) for item in value]
    if isinstance(value, datetime.date | uuid.UUID | PurePath):
        return scrub(str(value))
    return scrub(repr(value))


def _scrub_event(logger: WrappedLogger, method: str, event: EventDict) -> EventDict:
    return {scrub(str(key)): _scrub_value(value, str(key)) for key, value in event.items()}


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
