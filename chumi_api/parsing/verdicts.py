"""What an answer means: accepted, rejected, not sent or unknown, and the error to raise."""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Any

from chumi_api.errors import (
    ChumiError,
    Forbidden,
    NotFound,
    RateLimited,
    Rejected,
    Unauthorized,
    Unavailable,
    Unreachable,
    gettext_noop,
)
from chumi_api.parsing.envelopes import levels
from chumi_api.parsing.jobs import JOB_ID, JOB_ID_LOOSE
from chumi_api.parsing.json_values import (
    JSON,
    aliases,
    as_code,
    as_count,
    as_flag,
    as_id,
    as_name,
    as_number,
    as_string,
    clean_text,
    first,
    load,
    pick,
)

# --- Errors: the form {error, message, statusCode} is documented, the rest is assumed ----------

ERROR_MESSAGE = aliases(
    "message msg detail details description error.message error.error_user_msg"
    " errors.0.message errors.0.msg error title"
)
META_CODE = aliases(
    "error.code error.error.code metaError.code whatsappError.code errorCode"
    " errors.0.code details.error.code"
)
META_CODE_IN_TEXT = re.compile(r"\(#(\d{1,7})\)|\b(13\d{4}|368|190)\b")
META_DETAILS = aliases(
    "error.error_data.details error.error.error_data.details error_data.details details"
)
REQUEST_ID = aliases("fbtrace_id error.fbtrace_id requestId traceId")
REQUEST_ID_HEADERS = ("x-request-id", "x-correlation-id", "x-trace-id")
REQUIRED_SCOPE = re.compile(r"required scope:?\s*([a-z]+:[a-z]+)", re.IGNORECASE)
SUCCESS = aliases("success")


def documented_error(status: int, body: JSON) -> bool:
    """Return True for {"error", "message", "statusCode"} with the status of the answer."""
    return (
        isinstance(body, dict)
        and pick(body, aliases("error"), as_string) is not None
        and pick(body, aliases("message"), _as_message) is not None
        and pick(body, aliases("statusCode"), as_count) == status
    )


def _as_message(value: JSON) -> str | None:
    """Return a message given as text, as a list of texts or as an object with one."""
    if isinstance(value, list):
        return "; ".join(item for item in value if isinstance(item, str)) or None
    if isinstance(value, dict):
        return pick(value, aliases("message msg details description title"), as_string)
    return as_string(value)


def error_message(body: JSON) -> str:
    """Return the vendor's words for the error, or an empty text."""
    return (first(pick(level, ERROR_MESSAGE, _as_message) for level in levels(body, ())) or "")[
        :500
    ]


def says_no(body: JSON) -> bool:
    """Return True if any envelope level says `success: false`."""
    return any(pick(level, SUCCESS, as_flag) is False for level in levels(body, ()))


def says_error(body: JSON) -> bool:
    """Return True if an answer with HTTP 2xx says `success: false` or `status: "error"`.

    On an object with an id, "error" is the state of that object, not of the call.
    """
    word = pick(body, aliases("status"), as_string) or ""
    has_id = pick(body, (*JOB_ID, *JOB_ID_LOOSE), as_id) is not None
    return says_no(body) or (word.lower() == "error" and not has_id)


# --- Verdicts ---------------------------------------------------------------------------------

_CLIENT_ERRORS: dict[int, type[ChumiError]] = {
    401: Unauthorized,
    403: Forbidden,
    404: NotFound,
    429: RateLimited,
}
# These do not say whether the call was carried out: time-out, conflict, too early.
_UNCLEAR = frozenset((408, 409, 425))


def send_verdict(
    *, finished: bool, status: int | None, body: JSON, accepted: bool
) -> type[ChumiError] | None:
    """Judge a call that sends: None when it was accepted, else the class of its error.

    `finished`: the last byte of the body was handed to the network. `status`: None without
    an answer. `accepted`: the answer was understood as a yes (for a bulk send: with a job id).
    Unless it proves accepted, rejected or never sent, the verdict is Unavailable.
    """
    if status is not None and 200 <= status < 300:
        if says_no(body):
            return Rejected if error_message(body) else Unavailable
        return None if accepted else Unavailable
    if status is not None and 400 <= status < 500 and status not in _UNCLEAR:  # noqa: SIM102
        if documented_error(status, body):
            return _CLIENT_ERRORS.get(status, Rejected)
    return Unavailable if finished else Unreachable


def read_verdict(
    *, connected: bool, status: int | None, body: JSON, understood: bool
) -> type[ChumiError] | None:
    """Judge a call that only reads: None when it was answered, else the class of its error."""
    if status is None:
        return Unavailable if connected else Unreachable
    if 200 <= status < 300:
        if says_error(body):
            return Rejected
        return None if understood else Unavailable
    if 400 <= status < 500 and status not in (408, 425):
        return _CLIENT_ERRORS.get(status, Rejected)
    return Unavailable


# --- Errors in our words ----------------------------------------------------------------------

# For a call that reads, and for a call that sends.
_SENTENCES: dict[type[ChumiError], tuple[str, str]] = {
    Unreachable: (
        gettext_noop("ChumiAI could not be reached."),
        gettext_noop("ChumiAI did not get the whole request, so nothing was sent."),
    ),
    RateLimited: (
        gettext_noop("ChumiAI's rate limit is reached. Try again later."),
        gettext_noop("ChumiAI's rate limit is reached. Nothing was sent."),
    ),
    Unavailable: (
        gettext_noop("ChumiAI did not answer as expected."),
        gettext_noop("ChumiAI did not answer as expected. This may have been sent."),
    ),
    Unauthorized: (
        gettext_noop("ChumiAI does not accept the API key: it is wrong or was revoked."),
        gettext_noop(
            "ChumiAI does not accept the API key: it is wrong or was revoked. Nothing was sent."
        ),
    ),
    Forbidden: (
        gettext_noop("Your key or plan does not allow this."),
        gettext_noop("Your key or plan does not allow sending. Nothing was sent."),
    ),
    NotFound: (
        gettext_noop("ChumiAI can't find this."),
        gettext_noop("ChumiAI can't find this template, group or address. Nothing was sent."),
    ),
    Rejected: (
        gettext_noop("ChumiAI refused the request."),
        gettext_noop("ChumiAI refused the request. Nothing was sent."),
    ),
}
_MISSING_SCOPE = (
    gettext_noop("The API key lacks the permission {scope}."),
    gettext_noop("The API key lacks the permission {scope}. Nothing was sent."),
)


def build_error(
    kind: type[ChumiError],
    *,
    sends: bool,
    status: int | None = None,
    headers: Mapping[str, str] | None = None,
    text: str | None = None,
    now: datetime | None = None,
) -> ChumiError:
    """Make the error of a call, in our words, with the vendor's kept apart."""
    headers = headers or {}
    body = load(text)
    vendor = error_message(body)
    found = levels(body, ())
    code = first(pick(level, META_CODE, as_code) for level in found)
    match = META_CODE_IN_TEXT.search(vendor)
    if code is None and match:
        code = int(match[1] or match[2])
    message, reason = _SENTENCES[kind][sends], _SENTENCES[kind][False]
    extra: dict[str, Any] = {}
    if kind is RateLimited:
        extra["retry_after"] = retry_after(headers.get("retry-after"), now=now)
    if kind is Forbidden and (named := REQUIRED_SCOPE.search(vendor)):
        scope = named[1].lower()
        message, reason = _MISSING_SCOPE[sends], _MISSING_SCOPE[False]
        extra |= {"required_scope": scope, "params": {"scope": scope}}
    error = kind(
        message,
        status=status,
        request_id=request_id(headers, body),
        raw=clean_text(text if isinstance(body, (dict, list)) else plain(text)) if text else None,
        vendor_message=vendor,
        code=code,
        details=(first(pick(level, META_DETAILS, as_string) for level in found) or "")[:500],
        **extra,
    )
    error.reason = reason
    return error


def retry_after(value: str | None, *, now: datetime | None = None) -> float | None:
    """Return the seconds of a Retry-After header, given in seconds or as an HTTP date."""
    seconds = as_number(value)
    if seconds is None and value:
        try:
            moment = parsedate_to_datetime(value)
        except (ValueError, TypeError, IndexError, OverflowError):
            return None
        moment = moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment
        seconds = (moment - (now or datetime.now(UTC))).total_seconds()
    return None if seconds is None else max(seconds, 0.0)


def request_id(headers: Mapping[str, str], body: JSON) -> str | None:
    """Return the vendor's trace of a call, from a header or the body."""
    found = first(headers.get(name) or None for name in REQUEST_ID_HEADERS)
    inner = first(pick(level, REQUEST_ID, as_name) for level in levels(body, ()))
    return clean_text(found or inner or "")[:200] or None


def plain(text: str) -> str:
    """Return the first words of a page that is not JSON, without its tags."""
    return " ".join(re.sub(r"<[^<>]*>?", " ", text[:20_000]).split())[:200]
