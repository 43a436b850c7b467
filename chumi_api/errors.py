"""The errors of a call to ChumiAI.

ChumiError(message, *, params, status, request_id, raw)
├── Unreachable    no connection was made, or the body provably did not finish: nothing was sent
├── RateLimited    429; retry_after in seconds
├── Unavailable    time-out, reset, 3xx, 5xx, an unreadable or cut answer: the outcome is unknown
├── Unauthorized   401: the key is wrong or revoked
├── Forbidden      403; required_scope where the message names it
├── NotFound       404
└── Rejected       any other documented 4xx, or a 2xx that says no; code, details

Each error answers three questions, and nothing else needs asking after a failure:
`maybe_sent` (could it have been sent?), `concerns_account` (would the next recipient fail for the
same reason?) and `is_temporary` (can the same call succeed later, with nothing changed?).

An error is shown to people in our own words. `message` is an English sentence marked for
translation, `params` are its values, and `str()` puts both together in English. This package
has no Django, so the page that shows an error translates it:

    gettext(error.message).format(**error.params)

The vendor's words may hold a phone number, so `str()` and `repr()` never show them: they are in
`vendor_message`, `details` and `raw`.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

# WhatsApp's error codes that stop every message of the account or of the template, as opposed
# to those that concern one recipient (Meta, "Cloud API error codes").
ACCOUNT_CODES = frozenset(
    (0, 2, 3, 4, 10, 190, 368, 80007, *range(200, 300))
    + (130429, 131005, 131016, 131031, 131037, 131042, 131045, 131048, 131057, 131063, 131064)
    + (132000, 132001, 132007, 132012, 132015, 132016, 132068, 132069)
    + (133004, 133010, 134101, 134102)
)

RAW_LIMIT = 2_000


def gettext_noop(message: str) -> str:
    """Mark a sentence for translation and return it unchanged."""
    return message


class ChumiError(Exception):
    """A call to ChumiAI failed; `message` with `params` says why, in our words.

    A message without params is shown as it is, so braces in it are harmless.
    """

    maybe_sent = True
    concerns_account = False
    is_temporary = False

    def __init__(
        self,
        message: str,
        *,
        params: Mapping[str, object] | None = None,
        status: int | None = None,
        request_id: str | None = None,
        raw: str | None = None,
        vendor_message: str = "",
        code: int | None = None,
        details: str = "",
    ) -> None:
        super().__init__(message)
        self.message = message
        # Why, without what became of this call: for what outlives it.
        self.reason = message
        self.params = dict(params or {})
        self.status = status
        self.request_id = request_id
        self.raw = raw[:RAW_LIMIT] if raw is not None else None
        self.vendor_message = vendor_message
        self.code = code
        self.details = details

    def __str__(self) -> str:
        return self.message.format(**self.params) if self.params else self.message

    def __repr__(self) -> str:
        return f"{type(self).__name__}({str(self)!r}, status={self.status!r})"


class Unreachable(ChumiError):
    """Nothing was sent: no connection, or a body that provably did not finish."""

    maybe_sent = False
    concerns_account = True
    is_temporary = True


class RateLimited(ChumiError):
    """ChumiAI's rate limit is reached; `retry_after` is in seconds where ChumiAI gives it."""

    maybe_sent = False
    concerns_account = True
    is_temporary = True

    def __init__(self, message: str, *, retry_after: float | None = None, **rest: Any) -> None:
        super().__init__(message, **rest)
        self.retry_after = retry_after


class Unavailable(ChumiError):
    """The answer is missing or unclear: the call may or may not have been carried out."""

    is_temporary = True


class Unauthorized(ChumiError):
    """The key is wrong or revoked."""

    maybe_sent = False
    concerns_account = True


class Forbidden(ChumiError):
    """The key or the plan does not allow this; `required_scope` where the answer names it."""

    maybe_sent = False
    concerns_account = True

    def __init__(self, message: str, *, required_scope: str | None = None, **rest: Any) -> None:
        super().__init__(message, **rest)
        self.required_scope = required_scope


class NotFound(ChumiError):
    """ChumiAI does not know the template, group, job or path."""

    maybe_sent = False
    # A missing template or path is missing for every recipient.
    concerns_account = True


class Rejected(ChumiError):
    """ChumiAI understood the call and refused it; `code` is WhatsApp's where there is one."""

    maybe_sent = False

    @property
    def concerns_account(self) -> bool:  # type: ignore[override]
        return self.code in ACCOUNT_CODES
