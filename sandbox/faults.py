"""Faults on demand: the requests that a fault affects, and how it changes the answer.

A fault either drops the request, or lets it be accepted first (a job is made, the ledger is
written) and then spoils the answer. `accepted` in `params` overrides which.
"""

import json
import re
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from http import HTTPStatus
from typing import Any

Json = Any
Data = dict[str, Any]

OVERSIZE = 32 * 1024 * 1024
BAD_GATEWAY = (
    b"<!DOCTYPE html><html><head><title>502 Bad Gateway</title></head>"
    b"<body><h1>502 Bad Gateway</h1><hr><p>nginx</p></body></html>"
)
ID_NAMES = {"id", "jobid", "messageid", "wamid", "templateid", "contactid", "groupid"}


@dataclass(frozen=True)
class Response:
    """An HTTP answer, and how it is sent.

    The first byte comes after `delay` seconds, the last one `drip` seconds later; only the first
    `cut` bytes of the body are sent. `end` is keep, close or reset (of the connection). A
    `silent` answer is never written; one that is not `declared` has no Content-Length.
    """

    status: int = 200
    body: bytes = b""
    headers: dict[str, str] = field(default_factory=dict)
    delay: float = 0.0
    drip: float = 0.0
    cut: int | None = None
    end: str = "keep"
    silent: bool = False
    declared: bool = True


@dataclass
class Fault:
    """One fault: `after` is how many requests pass first, `times` how many fail (None: all)."""

    kind: str
    path: str = "/"
    method: str | None = None
    account: str | None = None
    times: int | None = 1
    after: int = 0
    params: Data = field(default_factory=dict)

    def __post_init__(self) -> None:
        if self.kind not in KINDS and not _is_status(self.kind):
            raise ValueError(f"kind must be an HTTP status or one of {', '.join(KINDS)}")
        if not (self.times is None or (type(self.times) is int and self.times > 0)):
            raise ValueError("times must be a number from 1, or null for always")
        re.compile(self.path)

    @property
    def accepted(self) -> bool:
        """Whether the request is accepted before the fault."""
        default = KINDS[self.kind].accepted if self.kind in KINDS else False
        return bool(self.params.get("accepted", default))

    @property
    def before_body(self) -> bool:
        return self.kind == "reset_before"

    def matches(self, method: str, path: str, account: str) -> bool:
        return (
            self.method in (None, method)
            and self.account in (None, account)
            and re.match(self.path, path) is not None
        )

    def take(self) -> bool:
        """Use the fault for one request; False if it lets this request pass."""
        if self.after > 0:
            self.after -= 1
            return False
        if self.times is not None:
            if self.times == 0:
                return False
            self.times -= 1
        return True

    def spoil(self, answer: Response, path: str) -> Response:
        """Return the answer that is sent instead."""
        if self.kind in KINDS:
            return KINDS[self.kind].spoil(self, answer, path)
        return _documented(int(self.kind), self.params)


@dataclass
class Refusal:
    """Refuse messages with a code of WhatsApp's.

    `phones` None refuses every message of the account, and a job as a whole. `account` None is
    every account, `times` None is always.
    """

    code: int
    phones: list[str] | None = None
    account: str | None = None
    times: int | None = 1

    def __post_init__(self) -> None:
        if type(self.code) is not int or not 0 <= self.code <= 9_999_999:
            raise ValueError("code must be a number from 0 to 9999999")
        if self.phones is not None and not (
            isinstance(self.phones, list) and all(type(phone) is str for phone in self.phones)
        ):
            raise ValueError("phones must be a list of texts, or null for all")
        if not (self.times is None or (type(self.times) is int and self.times > 0)):
            raise ValueError("times must be a number from 1, or null for always")

    def take(self, account: str, phone: str | None) -> bool:
        """Use the refusal for one message, or for a whole job where `phone` is None."""
        is_meant = self.phones is None if phone is None else phone in (self.phones or [])
        if not is_meant or self.account not in (None, account) or self.times == 0:
            return False
        if self.times is not None:
            self.times -= 1
        return True


@dataclass(frozen=True)
class Kind:
    """A kind of fault; most faults that only change the answer leave the request accepted."""

    spoil: Callable[[Fault, Response, str], Response]
    accepted: bool = False


def _is_status(kind: str) -> bool:
    return kind.isdigit() and int(kind) in [status.value for status in HTTPStatus]


def _documented(status: int, params: Data) -> Response:
    """Return the documented error of a status: 429, 500, 503, 401, 403, 404 …"""
    title = HTTPStatus(status).phrase
    messages = {
        401: "Missing or invalid API key.",
        403: "Your API key does not have the required scope: "
        + str(params.get("scope", "whatsapp:send")),
        429: "Rate limit exceeded.",
    }
    message = params.get("message", messages.get(status, title))
    headers = {"Retry-After": str(params["retry_after"])} if "retry_after" in params else {}
    return _json({"error": title, "message": message, "statusCode": status}, status, headers)


def _html(fault: Fault, answer: Response, path: str) -> Response:
    return Response(502, BAD_GATEWAY, {"Content-Type": "text/html"})


def _error_500(fault: Fault, answer: Response, path: str) -> Response:
    return _documented(500, fault.params)


def _half_json(fault: Fault, answer: Response, path: str) -> Response:
    return replace(answer, body=answer.body[: len(answer.body) // 2])


def _half_body(fault: Fault, answer: Response, path: str) -> Response:
    return replace(answer, cut=len(answer.body) // 2, end="close")


def _wrong_types(fault: Fault, answer: Response, path: str) -> Response:
    return replace(answer, body=_encoded(_twisted(_decoded(answer.body))))


def _slow_drip(fault: Fault, answer: Response, path: str) -> Response:
    return replace(answer, drip=float(fault.params.get("seconds", 30)))


def _hang(fault: Fault, answer: Response, path: str) -> Response:
    seconds = float(fault.params.get("seconds", 60))
    return Response(delay=seconds, silent=True, end="close")


def _reset(fault: Fault, answer: Response, path: str) -> Response:
    return Response(silent=True, end="reset")


def _redirect(fault: Fault, answer: Response, path: str) -> Response:
    """Return a redirect, by default a 307 to the same path: a client that follows it sends."""
    location = str(fault.params.get("location", path))
    return replace(_json({}, int(fault.params.get("status", 307))), headers={"Location": location})


def _no_id(fault: Fault, answer: Response, path: str) -> Response:
    return replace(answer, body=_encoded(_without_ids(_decoded(answer.body))))


def _made_up_id(fault: Fault, answer: Response, path: str) -> Response:
    """Name a job that does not exist, or another one's, with wrong types beside its id."""
    named = str(fault.params.get("id", "job_made_up"))
    return _json({"success": True, "data": {"jobId": named, "status": 7, "total": [3]}}, 201)


def _success_false(fault: Fault, answer: Response, path: str) -> Response:
    message = str(fault.params.get("message", "(#132015) Template is paused"))
    return _json({"success": False, "message": message})


def _empty(fault: Fault, answer: Response, path: str) -> Response:
    return Response(200, b"", {"Content-Type": "application/json"})


def _oversize(fault: Fault, answer: Response, path: str) -> Response:
    """Return a huge body; `declared` false omits Content-Length."""
    size = int(fault.params.get("bytes", OVERSIZE))
    body = b'{"success":true,"data":"' + b"x" * size + b'"}'
    return replace(answer, body=body, declared=bool(fault.params.get("declared", True)))


def _answer(fault: Fault, answer: Response, path: str) -> Response:
    """Return the given text, as it is."""
    body = str(fault.params.get("text", "")).encode("utf-8", "surrogatepass")
    return Response(200, body, {"Content-Type": "application/json"})


KINDS = {
    "502html": Kind(_html),
    "half_json": Kind(_half_json, accepted=True),
    "half_body": Kind(_half_body, accepted=True),
    "wrong_types": Kind(_wrong_types, accepted=True),
    "slow_drip": Kind(_slow_drip, accepted=True),
    "hang": Kind(_hang),
    "reset_before": Kind(_reset),
    "reset_after": Kind(_reset, accepted=True),
    "accepted_then_500": Kind(_error_500, accepted=True),
    "accepted_then_hang": Kind(_hang, accepted=True),
    "redirect": Kind(_redirect),
    "200_no_id": Kind(_no_id, accepted=True),
    "200_success_false": Kind(_success_false),
    "made_up_id": Kind(_made_up_id),
    "empty_body": Kind(_empty, accepted=True),
    "oversize": Kind(_oversize, accepted=True),
    "answer": Kind(_answer, accepted=True),
}


def _json(value: Json, status: int = 200, headers: dict[str, str] | None = None) -> Response:
    return Response(
        status, _encoded(value), {"Content-Type": "application/json", **(headers or {})}
    )


def _decoded(body: bytes) -> Json:
    try:
        return json.loads(body)
    except ValueError:
        return {}


def _encoded(value: Json) -> bytes:
    return json.dumps(value).encode()


def _twisted(value: Json) -> Json:
    """Return JSON of the same structure in which every leaf has another type."""
    if isinstance(value, dict):
        return {key: _twisted(item) for key, item in value.items()}
    if isinstance(value, list):
        return {str(index): _twisted(item) for index, item in enumerate(value)}
    if isinstance(value, bool):
        return "perhaps"
    return [] if isinstance(value, str) else {"value": value}


def _without_ids(value: Json) -> Json:
    """Return JSON without any field that could be an id."""
    if isinstance(value, dict):
        return {
            key: _without_ids(item)
            for key, item in value.items()
            if re.sub(r"[-_ ]", "", key).lower() not in ID_NAMES
        }
    if isinstance(value, list):
        return [_without_ids(item) for item in value]
    return value
