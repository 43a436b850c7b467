"""The errors of a call to ChumiAI.

ChumiError(message, *, status, request_id, raw)
├── Unreachable    the connection was never made, or the body provably did not finish
├── RateLimited    429; retry_after in seconds
├── Unavailable    time-out, reset, 3xx, 5xx, an unreadable or cut answer: the outcome is unknown
├── Unauthorized   401: the key is wrong or revoked
├── Forbidden      403; required_scope where the message names it
├── NotFound       404
└── Rejected       any other documented 4xx, or a 2xx that says no; code, details

Two questions are answered for every error, and nothing else needs asking after a failure:
`maybe_sent` (could it have been sent?) and `concerns_account` (would the next recipient fare
the same?). `str()` and `repr()` hold our own sentence only: the vendor's words may name a
phone number, so they live in `vendor_message`, `details` and `raw`.
"""

from __future__ import annotations

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


class ChumiError(Exception):
    """Say in our words why a call to ChumiAI failed."""

    maybe_sent = True
    concerns_account = False

    def __init__(
        self,
        message: str,
        *,
        status: int | None = None,
        request_id: str | None = None,
        raw: str | None = None,
        vendor_message: str = "",
        code: int | None = None,
        details: str = "",
    ) -> None:
        super().__init__(message)
        self.status = status
        self.request_id = request_id
        self.raw = raw[:RAW_LIMIT] if raw is not None else None
        self.vendor_message = vendor_message
        self.code = code
        self.details = details

    def __repr__(self) -> str:
        return f"{type(self).__name__}({str(self)!r}, status={self.status!r})"


class Unreachable(ChumiError):
    """Nothing was sent: no connection, or a body that provably did not finish."""

    maybe_sent = False
    concerns_account = True


class RateLimited(ChumiError):
    """ChumiAI turned the call away until later; `retry_after` is in seconds where it said so."""

    maybe_sent = False
    concerns_account = True

    def __init__(self, message: str, *, retry_after: float | None = None, **rest: Any) -> None:
        super().__init__(message, **rest)
        self.retry_after = retry_after


class Unavailable(ChumiError):
    """No clear answer came back: what was asked may or may not have happened."""


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
    """ChumiAI does not know what was asked for."""

    maybe_sent = False
    # A missing template or path is missing for every recipient alike.
    concerns_account = True


class Rejected(ChumiError):
    """ChumiAI read the call and refused it; `code` is WhatsApp's where there is one."""

    maybe_sent = False

    @property
    def concerns_account(self) -> bool:  # type: ignore[override]
        return self.code in ACCOUNT_CODES
