"""What ChumiAI tells by itself: statuses, messages and templates, posted to a business's address.

As the real thing it repeats itself, tells things out of order, packs several into one body, signs
them, and tries again what was not answered with 200.
"""

import hashlib
import heapq
import hmac
import itertools
import json
import math
import random
import threading
import time
from collections import Counter
from dataclasses import dataclass, field, fields
from http.client import HTTPConnection, HTTPException, HTTPSConnection
from typing import Any
from urllib.parse import urlsplit

from sandbox import outcomes
from sandbox.clock import Clock
from sandbox.ledger import HELD_SECONDS, Entry

Data = dict[str, Any]

FAMILIES = ("meta", "flat")
# Real seconds: how often we look, how long an answer may take, and the waits between tries.
EVERY = 0.05
PATIENCE = 5
TRIES = (0.2, 0.5, 1, 2, 5, 10, 30, 60)
REPLIES = ("Thank you!", "Yes please", "How much is it?", "When are you open?", "Ok")
# A later failure is one of these, the more frequent ones more often.
LATER_CODES = (131049, 131049, 131049, 131026, 131026, 130472)


@dataclass
class Address:
    """Where an account's news go, and how badly; the shares are from 0 to 1."""

    url: str
    secret: str = ""
    family: str = "meta"
    # How many events a body may hold.
    batch: int = 1
    duplicates: float = 0.03
    disorder: float = 0.02
    # Shares of the messages that fail after they were accepted, and of those that are answered.
    later_failures: float = 0.0
    replies: float = 0.0
    # The share of the answers that say STOP.
    stops: float = 0.06

    def __post_init__(self) -> None:
        if urlsplit(self.url).scheme not in ("http", "https"):
            raise ValueError("url must begin with http:// or https://")
        if self.family not in FAMILIES:
            raise ValueError(f"family must be one of {', '.join(FAMILIES)}")
        if not 1 <= self.batch <= 1000:
            raise ValueError("batch must be between 1 and 1000")
        for share in ("duplicates", "disorder", "later_failures", "replies", "stops"):
            if not 0 <= getattr(self, share) <= 1:
                raise ValueError(f"{share} must be between 0 and 1")

    @classmethod
    def read(cls, order: Data) -> "Address":
        """Make one of an order; raise ValueError for what is of the wrong type."""
        known = {f.name: order[f.name] for f in fields(cls) if f.name in order}
        for name, value in known.items():
            kinds = (str,) if name in ("url", "secret", "family") else (int, float)
            if not isinstance(value, kinds) or isinstance(value, bool):
                raise ValueError(f"{name} is of the wrong type")
        if "url" not in known:
            raise ValueError("url is missing")
        return cls(**known)


@dataclass
class Desk:
    """What an account has to tell, by the moment at which it is due; and how the telling went."""

    address: Address
    chance: random.Random
    due: list[tuple[float, int, Data]] = field(default_factory=list)
    numbers: Any = field(default_factory=itertools.count)
    under_way: int = 0
    answers: Counter[str] = field(default_factory=Counter)
    events: int = 0
    # Every event, once, in the order in which they were planned.
    planned: list[Data] = field(default_factory=list)

    def plan(self, at: float, event: Data) -> None:
        """Tell an event at a moment of the sandbox's clock, perhaps too late, perhaps twice."""
        self.planned.append(event)
        if self.chance.random() < self.address.disorder:
            at += self.chance.uniform(5, 60)
        heapq.heappush(self.due, (at, next(self.numbers), event))
        if self.chance.random() < self.address.duplicates:
            again = at + self.chance.uniform(0, 120)
            heapq.heappush(self.due, (again, next(self.numbers), event))

    def take(self, now: float) -> list[Data]:
        """Return what is due, at most as much as fits into one body."""
        taken: list[Data] = []
        while self.due and self.due[0][0] <= now and len(taken) < self.address.batch:
            taken.append(heapq.heappop(self.due)[2])
        self.under_way += len(taken)
        return taken

    def public(self) -> Data:
        return {
            "pending": len(self.due) + self.under_way,
            "events": self.events,
            "answers": dict(self.answers),
        }


# --- What is told ---------------------------------------------------------------------------


def life_of(entry: Entry, address: Address, chance: random.Random) -> list[tuple[float, str, int]]:
    """Return what becomes of an accepted message: seconds after it was made, status and code.

    It agrees with what `ledger.delivery` says when it is asked.
    """
    fate = outcomes.magic(entry.to)
    start = 0.0
    if entry.outcome == "held":
        if fate.kind == "dropped":
            return [(HELD_SECONDS, "failed", fate.code or 0)]
        start = HELD_SECONDS
    elif entry.outcome != "accepted":
        # Of a single send the answer said so already; a job tells it here, too.
        return [(1.0, "failed", int(entry.outcome))] if entry.via != "single" else []
    if fate.kind == "read":
        return [(start + 2, "sent", 0), (start + 2.1, "read", 0)]
    sent = start + 2 + chance.random()
    if chance.random() < address.later_failures:
        return [(sent, "sent", 0), (sent + 3, "failed", chance.choice(LATER_CODES))]
    told = [(sent, "sent", 0), (start + 6 + chance.random(), "delivered", 0)]
    if int(entry.to[-4:]) % 3 == 0:
        told.append((start + 1500 + chance.random() * 60, "read", 0))
    return told


def events_of(entry: Entry, address: Address, chance: random.Random) -> list[tuple[float, Data]]:
    """Return the events of a message, each with its moment on the sandbox's clock."""
    told: list[tuple[float, Data]] = [
        (
            entry.made_at + after,
            {"kind": "status", "id": entry.message_id, "to": entry.to, "status": word}
            | ({"code": code} if code else {}),
        )
        for after, word, code in life_of(entry, address, chance)
    ]
    if told and told[-1][1]["status"] != "failed" and chance.random() < address.replies:
        text = "STOP" if chance.random() < address.stops else chance.choice(REPLIES)
        after = told[-1][0] + chance.uniform(30, 2400)
        told.append((after, inbound(entry.to, text, entry.message_id)))
    return told


def inbound(phone: str, text: str, reply_to: str = "", *, button: bool = False) -> Data:
    digest = hashlib.sha256(f"{phone} {text} {reply_to} {time.time()}".encode()).hexdigest()
    return {
        "kind": "button" if button else "message",
        "id": f"wamid.in{digest[:32]}",
        "from": phone,
        "text": text,
        "reply_to": reply_to,
    }


# --- How it is told -------------------------------------------------------------------------


def bodies(events: list[tuple[Data, int]], address: Address) -> list[Data]:
    """Pack events, each with its time in epoch seconds, into as few bodies as the family takes."""
    if address.family == "flat":
        told = [_flat(event, at) for event, at in events]
        return told if len(told) <= 1 else [{"events": told}]
    changes = []
    statuses = [_meta_status(e, at) for e, at in events if e["kind"] == "status"]
    if statuses:
        changes.append(("messages", {"statuses": statuses}))
    for event, at in events:
        if event["kind"] != "status":
            changes.append(_meta_change(event, at))
    base = {"messaging_product": "whatsapp", "metadata": {"phone_number_id": "106540352242922"}}
    listed = [
        {"field": name, "value": {**base, **value} if name == "messages" else value}
        for name, value in changes
    ]
    entry = {"id": "102290129340398", "changes": listed}
    return [{"object": "whatsapp_business_account", "entry": [entry]}]


def _meta_status(event: Data, at: int) -> Data:
    told = {
        "id": event["id"],
        "status": event["status"],
        "timestamp": str(at),
        "recipient_id": event["to"],
    }
    if "code" in event:
        title = outcomes.title(event["code"])
        error = {"code": event["code"], "title": title, "error_data": {"details": title}}
        told["errors"] = [error]
    elif event["status"] in ("sent", "delivered"):
        told["pricing"] = {"billable": True, "pricing_model": "PMP", "category": "marketing"}
    return told


def _meta_change(event: Data, at: int) -> tuple[str, Data]:
    match event["kind"]:
        case "template":
            return event["field"], event["value"]
        case "preference":
            choice = {
                "wa_id": event["phone"],
                "category": "marketing_messages",
                "value": event["value"],
                "timestamp": at,
            }
            return "user_preferences", {"user_preferences": [choice]}
    message = {"from": event["from"], "id": event["id"], "timestamp": str(at)}
    if event["kind"] == "button":
        message |= {"type": "button", "button": {"text": event["text"], "payload": event["text"]}}
    else:
        message |= {"type": "text", "text": {"body": event["text"]}}
    if event["reply_to"]:
        message["context"] = {"from": "233500000000", "id": event["reply_to"]}
    profile = {"profile": {"name": f"Person {event['from'][-4:]}"}, "wa_id": event["from"]}
    return "messages", {"contacts": [profile], "messages": [message]}


def _flat(event: Data, at: int) -> Data:
    match event["kind"]:
        case "status":
            data = {"messageId": event["id"], "to": event["to"], "status": event["status"]}
            if "code" in event:
                message = outcomes.title(event["code"])
                data["error"] = {"code": event["code"], "message": message}
            return {"event": f"message.{event['status']}", "data": data, "timestamp": at}
        case "template":
            value = event["value"]
            data = {
                "name": value["message_template_name"],
                "language": value["message_template_language"],
                "status": value.get("event"),
                "quality": value.get("new_quality_score"),
            }
            return {"event": "template.status", "data": data, "timestamp": at}
        case "preference":
            word = "optout" if event["value"] == "stop" else "optin"
            data = {"phone": event["phone"]}
            return {"event": f"contact.{word}", "data": data, "timestamp": at}
    data = {
        "id": event["id"],
        "from": event["from"],
        "type": "text" if event["kind"] == "message" else "button",
        "text": event["text"],
    }
    if event["kind"] == "button":
        data |= {"buttonText": event["text"], "buttonPayload": event["text"]}
    if event["reply_to"]:
        data["replyTo"] = event["reply_to"]
    return {"event": "message.received", "data": data, "timestamp": at}


def signature(raw: bytes, secret: str) -> str:
    return "sha256=" + hmac.new(secret.encode(), raw, hashlib.sha256).hexdigest()


# --- The postman ----------------------------------------------------------------------------


class Postman(threading.Thread):
    """Takes what is due to its address, one body after the other, and again where it has to."""

    def __init__(self, state: Any) -> None:
        super().__init__(daemon=True)
        self.state = state
        self.stopping = threading.Event()
        self.lines: dict[str, HTTPConnection] = {}
        # What was not answered with 200: when in real time to try again, and how often it was.
        self.again: list[tuple[float, int, int, Desk, bytes, int]] = []
        self.numbers = itertools.count()

    def run(self) -> None:
        while not self.stopping.wait(EVERY):
            while self.round():
                pass

    def round(self) -> bool:
        """Post what is due. Return whether there was anything."""
        posts = []
        with self.state.lock:
            clock: Clock = self.state.clock
            for desk in self.state.desks.values():
                if events := desk.take(clock.elapsed()):
                    # In whole seconds, and still not before what it follows.
                    at = math.ceil(time.time())
                    posts.append((desk, [(event, at) for event in events]))
        for desk, told in posts:
            for body in bodies(told, desk.address):
                self.post(desk, json.dumps(body).encode(), len(told), tries=0)
        waiting, self.again = self.again, []
        for entry in sorted(waiting):
            if entry[0] <= time.monotonic():
                _, _, tries, desk, raw, count = entry
                self.post(desk, raw, count, tries=tries)
            else:
                self.again.append(entry)
        return bool(posts)

    def post(self, desk: Desk, raw: bytes, count: int, *, tries: int) -> None:
        """Post a body once; what is not answered with 200 comes again, eight times at most."""
        answer = self._ask(desk.address, raw)
        with self.state.lock:
            desk.answers[answer] += 1
            if answer == "200":
                desk.events += count
            elif tries < len(TRIES):
                at = time.monotonic() + TRIES[tries]
                self.again.append((at, next(self.numbers), tries + 1, desk, raw, count))
                return
            desk.under_way -= count

    def _ask(self, address: Address, raw: bytes) -> str:
        url = urlsplit(address.url)
        headers = {"Content-Type": "application/json", "User-Agent": "chumiai-webhooks"}
        if address.secret:
            headers["X-Hub-Signature-256"] = signature(raw, address.secret)
        line = self.lines.get(url.netloc)
        if line is None:
            kind = HTTPSConnection if url.scheme == "https" else HTTPConnection
            line = self.lines[url.netloc] = kind(url.netloc, timeout=PATIENCE)
        try:
            line.request("POST", url.path or "/", raw, headers)
            answer = line.getresponse()
            answer.read()
        except (OSError, HTTPException) as error:
            line.close()
            self.lines.pop(url.netloc, None)
            return type(error).__name__
        return str(answer.status)
