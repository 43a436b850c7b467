"""The endpoints of ChumiAI: each handler returns an Item or a Page, or raises a Problem."""

import json
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any, NamedTuple
from urllib.parse import parse_qs

from sandbox import shapes
from sandbox.faults import BAD_GATEWAY, Response
from sandbox.keys import DEFAULT_ACCOUNT, Key, read_key
from sandbox.outcomes import is_phone
from sandbox.shapes import Item, Page, Problem
from sandbox.state import State
from sandbox.uploads import Row, Upload, read_form, read_rows

Data = dict[str, Any]
Answer = Item | Page

BASE = "/api/v1"


@dataclass(frozen=True)
class Request:
    """A request; `headers` have lower-case names."""

    method: str
    path: str
    query: dict[str, str]
    headers: dict[str, str]
    body: bytes = b""

    def with_body(self, body: bytes) -> "Request":
        return replace(self, body=body)

    def json(self) -> Data:
        try:
            value = json.loads(self.body or b"{}")
        except ValueError:
            raise Problem(400, "Body is not valid JSON") from None
        if not isinstance(value, dict):
            raise Problem(400, "Body must be a JSON object")
        return value


@dataclass(frozen=True)
class Call:
    """A request of a known key to one endpoint; `args` are the values in its path."""

    request: Request
    state: State
    key: Key
    args: dict[str, str]

    @property
    def account(self) -> str:
        return self.key.account

    def page(self, resource: str, items: Sequence[Data], owner: Data | None = None) -> Page:
        """Return the page of these items that the request names."""
        query, options = self.request.query, self.state.options
        limit = min(_positive(query, "limit", options.page_size), options.max_page_size)
        offset = (_positive(query, "page", 1) - 1) * limit
        if "after" in query:
            try:
                offset = shapes.cursor_offset(query["after"])
            except ValueError:
                raise Problem(400, ["after is not a cursor"]) from None
        shown = list(items[offset : offset + limit])
        return Page(resource, shown, offset, limit, len(items), self.request.path, owner)


def _positive(query: dict[str, str], name: str, default: int) -> int:
    text = query.get(name, str(default))
    if not text.isascii() or not text.isdigit() or int(text) < 1:
        raise Problem(400, [f"{name} must be a positive integer"])
    return int(text)


def list_templates(call: Call) -> Answer:
    return call.page("template", call.state.list_templates(call.account))


def sync_templates(call: Call) -> Answer:
    counts = call.state.sync_templates(call.account)
    if counts is None:
        return Item("sync", {"status": "queued", "isSyncing": True}, 202, "Sync queued")
    return Item("sync", counts, 200, "Templates synced successfully")


def send_template(call: Call) -> Answer:
    body = call.request.json()
    to, template, language = body.get("to"), _template_name(body), _language(body)
    if not isinstance(to, str) or not is_phone(to):
        raise Problem(400, ["to must be a phone number in international format without +"])
    sent = call.state.send_one(
        call.account,
        to=to,
        template=template,
        language=language,
        values=_values(body),
        media=_media(body),
    )
    if sent.lost_after is not None:
        raise Lost(sent.lost_after)
    fields = {"messageId": sent.message_id, "status": sent.status, "to": to}
    if sent.message_id is None:
        del fields["messageId"]
    return Item(
        "sent", fields | {"templateName": template}, 200, "Template message sent successfully"
    )


def bulk_import(call: Call) -> Answer:
    request, options = call.request, call.state.options
    form = read_form(request.headers.get("content-type", ""), request.body)
    template, language = _template_name(form), _language(form)
    upload = form.get("file")
    if not isinstance(upload, Upload):
        raise Problem(400, ["file should not be empty"])
    rows = read_rows(upload, header_row=options.header_row, limit=options.max_rows)
    job = call.state.start_job(
        call.account,
        via="bulk",
        rows=rows,
        template=template,
        language=language,
        file_name=upload.name,
    )
    return Item("bulk", call.state.describe_new_job(job), 201, "Bulk import job created")


def send_to_group(call: Call) -> Answer:
    body = call.request.json()
    template, language, values = _template_name(body), _language(body), _values(body)
    group_id = body.get("groupId")
    if not isinstance(group_id, str) or not group_id:
        raise Problem(400, ["groupId should not be empty"])
    _, members = call.state.get_group(call.account, group_id)
    if not members:
        raise Problem(400, ["group has no contacts"])
    rows = [Row(number, member["phone"], values) for number, member in enumerate(members, 1)]
    job = call.state.start_job(
        call.account,
        via="group",
        rows=rows,
        template=template,
        language=language,
        media=_media(body),
    )
    return Item("bulk", call.state.describe_new_job(job), 201, "Group send job created")


def list_jobs(call: Call) -> Answer:
    return call.page("job", call.state.list_jobs(call.account))


def get_job(call: Call) -> Answer:
    return Item("job", call.state.get_job(call.account, call.args["id"]))


def list_contacts(call: Call) -> Answer:
    search = call.request.query.get("search", "")
    return call.page("contact", call.state.list_contacts(call.account, search))


def get_contact(call: Call) -> Answer:
    return Item("contact", call.state.get_contact(call.account, call.args["id"]))


def list_groups(call: Call) -> Answer:
    return call.page("group", call.state.list_groups(call.account))


def get_group(call: Call) -> Answer:
    group, members = call.state.get_group(call.account, call.args["id"])
    return call.page("contact", members, owner=group)


def list_messages(call: Call) -> Answer:
    return call.page("message", call.state.list_messages(call.account, call.args["phone"]))


class Endpoint(NamedTuple):
    method: str
    path: str
    scope: str
    handle: Callable[[Call], Answer]

    def match(self, method: str, path: str) -> dict[str, str] | None:
        pattern = re.sub(r"\{(\w+)\}", r"(?P<\1>[^/]+)", self.path)
        found = re.fullmatch(BASE + pattern, path) if method == self.method else None
        return found.groupdict() if found else None


# ChumiAI documents no scope for the sync and the jobs; we assume the narrowest that fits.
ENDPOINTS = [
    Endpoint("GET", "/whatsapp/templates", "templates:read", list_templates),
    Endpoint("POST", "/whatsapp/templates/sync", "templates:read", sync_templates),
    Endpoint("POST", "/whatsapp/send-template", "whatsapp:send", send_template),
    Endpoint("POST", "/whatsapp/bulk-import-messages", "whatsapp:send", bulk_import),
    Endpoint("POST", "/whatsapp/send-template-to-group", "whatsapp:send", send_to_group),
    Endpoint("GET", "/whatsapp/bulk-jobs", "whatsapp:read", list_jobs),
    Endpoint("GET", "/whatsapp/bulk-jobs/{id}/status", "whatsapp:read", get_job),
    Endpoint("GET", "/whatsapp/conversations/{phone}", "whatsapp:read", list_messages),
    Endpoint("GET", "/contacts", "contacts:read", list_contacts),
    Endpoint("GET", "/contacts/groups", "contacts:read", list_groups),
    Endpoint("GET", "/contacts/groups/{id}", "contacts:read", get_group),
    Endpoint("GET", "/contacts/{id}", "contacts:read", get_contact),
]


class Lost(Exception):
    """The message was accepted, but its answer is lost after some seconds."""

    def __init__(self, after: float) -> None:
        super().__init__()
        self.after = after


def find(method: str, path: str) -> tuple[Endpoint, dict[str, str]] | None:
    """Return the endpoint of a path, and the values in the path."""
    for endpoint in ENDPOINTS:
        args = endpoint.match(method, path)
        if args is not None:
            return endpoint, args
    return None


def pattern_of(method: str, path: str) -> str:
    """Return the path without its ids, for counting."""
    found = find(method, path)
    return BASE + found[0].path if found else "(unknown)"


def account_of(request: Request) -> str:
    """Return the account of the key; empty without a known key."""
    key = read_key(request.headers.get("x-api-key"))
    return key.account if key else ""


def respond(state: State, request: Request) -> Response:
    """Answer a request as ChumiAI would, in the chosen shape."""
    account = account_of(request)
    shape = _shape(state, request, account)
    headers = {"Content-Type": "application/json; charset=utf-8"}
    delay = 0.0
    try:
        answer: Answer | Problem = _answer(state, request)
    except Problem as problem:
        answer = problem
        headers |= problem.headers
    except Lost as lost:
        return Response(504, BAD_GATEWAY, {"Content-Type": "text/html"}, delay=lost.after)
    chaos = state.options.chaos
    if shape == "chaos" and request.method == "GET":
        if state.chance() < chaos.bad_gateway:
            return Response(502, BAD_GATEWAY, {"Content-Type": "text/html"})
        if state.chance() < chaos.slow:
            delay = state.in_real_seconds(chaos.slow_seconds)
    with state.lock:
        status, value = shapes.render(shape, answer, chaos=chaos, rng=state.random)
    return Response(status, shapes.to_bytes(value), headers, delay=delay)


def _answer(state: State, request: Request) -> Answer:
    """Check key, scope and rate in ChumiAI's order, then call the endpoint."""
    found = find(request.method, request.path)
    if found is None:
        raise Problem(404, f"Cannot {request.method} {request.path}")
    endpoint, args = found
    key = read_key(request.headers.get("x-api-key"))
    if key is None or key.revoked:
        raise Problem(401, "Missing or invalid API key. Send your key in the X-API-Key header.")
    if endpoint.scope not in key.scopes:
        text = f"Your API key does not have the required scope: {endpoint.scope}"
        raise Problem(403, text)
    state.check_rate(key)
    return endpoint.handle(Call(request, state, key, args))


def _shape(state: State, request: Request, account: str) -> str:
    asked = request.query.get("shape") or request.headers.get("x-sandbox-shape")
    return asked if asked in shapes.SHAPES else state.shape_for(account or DEFAULT_ACCOUNT)


def read_query(text: str) -> dict[str, str]:
    """Return a query string as a dict; of repeated names the last one wins."""
    return {name: values[-1] for name, values in parse_qs(text).items()}


def _template_name(body: Data) -> str:
    name = body.get("templateName")
    if not isinstance(name, str) or not name:
        raise Problem(400, ["templateName should not be empty"])
    return name


def _language(body: Data) -> str:
    language = body.get("languageCode", "en_US")
    if not isinstance(language, str) or not language:
        raise Problem(400, ["languageCode must be a string"])
    return language


def _values(body: Data) -> list[str]:
    parameters = body.get("templateParameters", [])
    wrong = Problem(400, ['templateParameters must be a list of {"text": "…"}'])
    if not isinstance(parameters, list):
        raise wrong
    texts: list[str] = []
    for parameter in parameters:
        text = parameter.get("text") if isinstance(parameter, dict) else None
        if not isinstance(text, str):
            raise wrong
        texts.append(text)
    return texts


def _media(body: Data) -> str | None:
    """Return the id or the link of the media in the header."""
    media = body.get("headerMediaId") or body.get("headerMediaUrl")
    return str(media) if media else None
