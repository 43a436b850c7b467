"""The control endpoints at /__sandbox__/: the ledger, faults, shape, speed, options …"""

import json
import re
from collections.abc import Callable
from dataclasses import asdict
from html import escape
from typing import Any
from urllib.parse import parse_qs

from sandbox import media
from sandbox.api import Request
from sandbox.faults import KINDS, Fault, Refusal, Response
from sandbox.keys import DEFAULT_ACCOUNT, KEY_PREFIX, read_key
from sandbox.shapes import SHAPES
from sandbox.state import State
from sandbox.webhook_events import Address

Json = Any
Data = dict[str, Any]

BASE = "/__sandbox__"
# What a message from a customer may have beside its text.
INBOUND_FIELDS = ("type", "media", "replyTo", "payload", "profileName")


# What a template is sent with to the control, beside its own fields.
TEMPLATE_ORDERS = ("account", "key", "listed", "twin")


class Refused(Exception):
    """The request is invalid; the message says why."""


def respond(state: State, request: Request) -> Response:
    """Answer a control request; a form of the HTML page leads back to the page."""
    path = request.path[len(BASE) :] or "/"
    # `curl -d` declares every body a form, JSON too.
    is_json = request.body.lstrip().startswith(b"{")
    is_form = not is_json and "form-urlencoded" in request.headers.get("content-type", "")
    if (request.method, path) == ("GET", "/"):
        return Response(200, _page(state).encode(), {"Content-Type": "text/html; charset=utf-8"})
    if request.method == "GET" and path.startswith(media.PATH):
        return media.respond(path.removeprefix(media.PATH))
    for method, pattern, handle in ROUTES:
        found = re.fullmatch(pattern, path)
        if method == request.method and found:
            try:
                value = handle(state, _read(request, is_form), **found.groupdict())
            except (Refused, ValueError, re.error) as problem:
                return _json({"error": str(problem)}, 400)
            if is_form:
                return Response(303, b"", {"Location": f"{BASE}/"})
            return _json(value)
    return _json({"error": "Not a control path"}, 404)


def _read(request: Request, is_form: bool) -> Data:
    """Return the query and the body as one dict."""
    if is_form:
        fields = parse_qs(request.body.decode("utf-8", "replace"))
        return {name: _loose(values[-1]) for name, values in fields.items()}
    if not request.body:
        return dict(request.query)
    value = json.loads(request.body)
    if not isinstance(value, dict):
        raise Refused("send a JSON object")
    return request.query | value


def _loose(text: str) -> Json:
    """Return the value of a form field: a number or true/false where it looks like one."""
    try:
        return json.loads(text)
    except ValueError:
        return text


def _account(data: Data) -> str | None:
    """Return the account that a control request names, by its name or its key."""
    if "key" in data:
        key = read_key(str(data["key"]))
        if key is None:
            raise Refused("that is no key of the sandbox")
        return key.account
    return str(data["account"]) if data.get("account") else None


def _need(data: Data, name: str, kind: type) -> Any:
    value = data.get(name)
    if kind is float and type(value) is int:
        return float(value)
    if type(value) is not kind:
        raise Refused(f"{name} is missing, or not of type {kind.__name__}")
    return value


def get_ledger(state: State, data: Data) -> Json:
    return state.list_ledger(_account(data), data.get("job_id"))


def get_requests(state: State, data: Data) -> Json:
    return state.list_requests(_account(data))


def get_state(state: State, data: Data) -> Json:
    return {
        "shape": state.shape,
        "speed": state.clock.speed,
        "elapsed": round(state.clock.elapsed(), 3),
        "options": asdict(state.options),
        "accounts": sorted(state.accounts),
        "shapes": list(SHAPES),
        "faults": list(KINDS),
    }


def get_faults(state: State, data: Data) -> Json:
    return [asdict(fault) for fault in state.faults]


def add_fault(state: State, data: Data) -> Json:
    fault = Fault(
        kind=str(data.get("kind", "")),
        path=str(data.get("path") or "/"),
        method=str(data["method"]).upper() if data.get("method") else None,
        account=_account(data),
        times=data.get("times", 1),
        after=int(data.get("after") or 0),
        params=data.get("params") or {},
    )
    state.add_fault(fault)
    return asdict(fault)


def clear_faults(state: State, data: Data) -> Json:
    state.clear_faults(_account(data))
    return {}


def reset(state: State, data: Data) -> Json:
    account = _account(data)
    if account:
        state.reset_account(account)
    else:
        state.reset()
    return {}


def set_speed(state: State, data: Data) -> Json:
    speed = _need(data, "speed", float)
    if not 0 <= speed <= 1_000_000:
        raise Refused("speed must be between 0 and 1000000")
    state.set_speed(speed)
    return {"speed": speed}


def set_shape(state: State, data: Data) -> Json:
    shape = _need(data, "shape", str)
    state.set_shape(shape, _account(data))
    return {"shape": shape}


def set_options(state: State, data: Data) -> Json:
    state.set_options(data)
    return asdict(state.options)


def set_template(state: State, data: Data) -> Json:
    account = _account(data) or DEFAULT_ACCOUNT
    template = {key: value for key, value in data.items() if key not in TEMPLATE_ORDERS}
    for name in ("name", "language"):
        _need(template, name, str)
    if twin := data.get("twin"):
        if twin not in ("before", "after"):
            raise Refused("twin must be before or after")
        state.add_twin(account, template, twin)
    else:
        state.set_template(account, template, listed=data.get("listed") is True)
    return template


def drop_template(state: State, data: Data, name: str, language: str) -> Json:
    if not state.drop_template(_account(data) or DEFAULT_ACCOUNT, name, language):
        raise Refused("there is no such template")
    return {}


def add_job(state: State, data: Data) -> Json:
    job = state.start_foreign_job(
        _account(data) or DEFAULT_ACCOUNT,
        template=str(data.get("template", "welcome_message")),
        language=str(data.get("language", "en_US")),
        file_name=data.get("file_name"),
        total=int(data.get("total", 100)),
    )
    return {"job_id": job.id}


def change_job(state: State, data: Data, job_id: str) -> Json:
    account = _account(data) or DEFAULT_ACCOUNT
    job = state.change_job(account, job_id, _need(data, "action", str))
    return {"job_id": job.id}


def get_codes(state: State, data: Data) -> Json:
    return [asdict(refusal) for refusal in state.refusals]


def add_code(state: State, data: Data) -> Json:
    refusal = Refusal(
        code=_need(data, "code", int),
        phones=data.get("phones"),
        account=_account(data),
        times=data.get("times", 1),
    )
    state.add_refusal(refusal)
    return asdict(refusal)


def clear_codes(state: State, data: Data) -> Json:
    state.clear_refusals(_account(data))
    return {}


def fill_contacts(state: State, data: Data) -> Json:
    contacts, groups = _need(data, "contacts", int), _need(data, "groups", int)
    if not (0 <= contacts <= 1_000_000 and 0 <= groups <= 1000):
        raise Refused("at most 1,000,000 contacts and 1,000 groups")
    state.fill_contacts(_account(data) or DEFAULT_ACCOUNT, contacts, groups)
    return {}


def set_group(state: State, data: Data) -> Json:
    name, members = _need(data, "name", str), _need(data, "members", list)
    known = {"phone", "name", "email", "fields", "opted_out"}
    if not all(isinstance(m, dict) and "phone" in m and m.keys() <= known for m in members):
        raise Refused(f"each member needs a phone, and may have {sorted(known - {'phone'})}")
    return {"id": state.set_group(_account(data) or DEFAULT_ACCOUNT, name, members)}


def add_inbound(state: State, data: Data) -> Json:
    account = _account(data) or DEFAULT_ACCOUNT
    phone, text = str(data.get("phone", "")), str(data.get("text", ""))
    more = {key: data[key] for key in INBOUND_FIELDS if key in data}
    if not phone or not (text or more):
        raise Refused("phone is missing, or text and all other content")
    message_id = state.add_inbound(
        account,
        phone,
        text,
        reply_to=str(data.get("reply_to") or ""),
        button=bool(data.get("button")),
        more=more,
    )
    return {"id": message_id}


def add_preference(state: State, data: Data) -> Json:
    account = _account(data) or DEFAULT_ACCOUNT
    value = _need(data, "value", str)
    if value not in ("stop", "resume"):
        raise Refused("value must be stop or resume")
    phone = str(data.get("phone", ""))
    state.send_event(account, {"kind": "preference", "phone": phone, "value": value})
    return {}


def get_webhook(state: State, data: Data) -> Json:
    return state.webhook_status(_account(data) or DEFAULT_ACCOUNT)


def get_webhook_events(state: State, data: Data) -> Json:
    return {"events": state.webhook_events(_account(data) or DEFAULT_ACCOUNT)}


def set_webhook(state: State, data: Data) -> Json:
    state.set_webhook(_account(data) or DEFAULT_ACCOUNT, Address.read(data))
    return {}


def drop_webhook(state: State, data: Data) -> Json:
    state.drop_webhook(_account(data) or DEFAULT_ACCOUNT)
    return {}


ROUTES: list[tuple[str, str, Callable[..., Json]]] = [
    ("GET", "/ledger", get_ledger),
    ("GET", "/requests", get_requests),
    ("GET", "/state", get_state),
    ("GET", "/faults", get_faults),
    ("POST", "/faults", add_fault),
    ("DELETE", "/faults", clear_faults),
    ("POST", "/faults/clear", clear_faults),
    ("POST", "/reset", reset),
    ("POST", "/speed", set_speed),
    ("POST", "/shape", set_shape),
    ("POST", "/options", set_options),
    ("POST", "/templates", set_template),
    ("DELETE", "/templates/(?P<name>[^/]+)/(?P<language>[^/]+)", drop_template),
    ("POST", "/jobs", add_job),
    ("POST", "/jobs/(?P<job_id>[^/]+)", change_job),
    ("GET", "/codes", get_codes),
    ("POST", "/codes", add_code),
    ("DELETE", "/codes", clear_codes),
    ("POST", "/contacts", fill_contacts),
    ("POST", "/groups", set_group),
    ("POST", "/inbound", add_inbound),
    ("POST", "/preferences", add_preference),
    ("GET", "/webhook", get_webhook),
    ("GET", "/webhook/events", get_webhook_events),
    ("POST", "/webhook", set_webhook),
    ("DELETE", "/webhook", drop_webhook),
]


def _json(value: Json, status: int = 200) -> Response:
    return Response(status, json.dumps(value).encode(), {"Content-Type": "application/json"})


def _options(names: list[str], chosen: str = "") -> str:
    return "".join(
        f"<option{' selected' if name == chosen else ''}>{escape(name)}</option>" for name in names
    )


def _page(state: State) -> str:
    with state.lock:
        accounts = "".join(
            f"<tr><td>{escape(name)}<td>{len(account.jobs)}"
            f"<td>{sum(entry.account == name for entry in state.ledger)}"
            for name, account in sorted(state.accounts.items())
        )
        faults = "".join(
            f"<li>{escape(fault.kind)} on {escape(fault.path)}, "
            f"{'always' if fault.times is None else f'{max(fault.times, 0)} left'}"
            for fault in state.faults
        )
        shape, speed = state.shape, state.clock.speed
    return f"""<!doctype html>
<html lang="en"><meta charset="utf-8"><title>Sandbox ChumiAI</title>
<meta name="viewport" content="width=device-width">
<style>
  body {{ font: 16px/1.5 system-ui, sans-serif; max-width: 44rem; margin: 2rem auto; }}
  body {{ padding: 0 1rem; color: #1c2733; }}
  form {{ display: flex; flex-wrap: wrap; gap: .5rem; align-items: end; margin: .75rem 0; }}
  label {{ display: grid; font-size: .85rem; color: #556; }}
  input, select, button {{ font: inherit; padding: .25rem .5rem; }}
  th, td {{ text-align: left; padding: .15rem 1.5rem .15rem 0; }}
</style>
<h1>Sandbox ChumiAI</h1>
<p>Nothing sent here reaches WhatsApp. Keys: <code>{KEY_PREFIX}full</code>,
<code>…_readonly</code>, <code>…_limited</code>, <code>…_revoked</code>,
<code>…_without_templates-read</code>; add <code>_name</code> for a separate account.</p>
<table><tr><th>Account<th>Jobs<th>Messages in the ledger{accounts}</table>
<p><a href="{BASE}/ledger">Ledger</a> · <a href="{BASE}/requests">Requests</a> ·
<a href="{BASE}/state">State</a></p>
<h2>Speed and shape</h2>
<form method="post" action="{BASE}/speed"><label>Speed (0 stops the clock)
<input name="speed" type="number" min="0" step="any" value="{speed:g}"></label>
<button>Set speed</button></form>
<form method="post" action="{BASE}/shape"><label>Shape of the answers
<select name="shape">{_options(list(SHAPES), shape)}</select></label>
<button>Set shape</button></form>
<h2>Faults</h2>
<ul>{faults}</ul>
<form method="post" action="{BASE}/faults">
<label>Kind<select name="kind">{_options(["429", "500", "503", *KINDS])}</select></label>
<label>Path<input name="path" value="/api/v1/whatsapp/bulk-import-messages" size="34"></label>
<label>Times<input name="times" type="number" min="1" value="1" size="4"></label>
<button>Add fault</button></form>
<form method="post" action="{BASE}/faults/clear"><button>Clear faults</button></form>
<h2>A customer writes</h2>
<form method="post" action="{BASE}/inbound">
<label>Account<input name="account" value="{DEFAULT_ACCOUNT}"></label>
<label>Phone<input name="phone" pattern="[0-9]+"></label>
<label>Text<input name="text" value="Thank you!"></label><button>Write</button></form>
<h2>Start again</h2>
<form method="post" action="{BASE}/reset"><button>Reset everything</button></form>
</html>"""
