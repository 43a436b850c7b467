"""The events that ChumiAI sends as webhooks, and the bodies that hold them.

An event is a dict with a `kind`: status, message, button, template or preference.
"""

import hashlib
import random
import time
from dataclasses import dataclass, fields
from typing import Any
from urllib.parse import urlsplit

from sandbox import outcomes
from sandbox.ledger import HELD_SECONDS, Entry

Data = dict[str, Any]

FAMILIES = ("meta", "flat")
REPLIES = ("Thank you!", "Yes please", "How much is it?", "When are you open?", "Ok")
# The codes of later failures; the frequent ones are listed more than once.
LATER_CODES = (131049, 131049, 131049, 131026, 131026, 130472)


@dataclass
class Address:
    """Where an account's webhooks go, and with which defects; the shares are from 0 to 1."""

    url: str
    secret: str = ""
    family: str = "meta"
    # The most events in a body.
    batch: int = 1
    # Shares of the events that are sent twice, or late.
    duplicates: float = 0.03
    disorder: float = 0.02
    # Shares of the accepted messages that fail later, and of those that get a reply.
    later_failures: float = 0.0
    replies: float = 0.0
    # The share of the replies that say STOP.
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
    def read(cls, given: Data) -> "Address":
        """Make an address from JSON; raise ValueError for a missing url or a wrong type."""
        known = {f.name: given[f.name] for f in fields(cls) if f.name in given}
        for name, value in known.items():
            kinds = (str,) if name in ("url", "secret", "family") else (int, float)
            if not isinstance(value, kinds) or isinstance(value, bool):
                raise ValueError(f"{name} has the wrong type")
        if "url" not in known:
            raise ValueError("url is missing")
        return cls(**known)


# --- Events -----------------------------------------------------------------------------------


def statuses_of(
    entry: Entry, address: Address, chance: random.Random
) -> list[tuple[float, str, int]]:
    """Return the delivery statuses of a message: seconds after it was made, status and code.

    They agree with `ledger.delivery_status`.
    """
    outcome = outcomes.by_last_digits(entry.to)
    start = 0.0
    if entry.outcome == "held":
        if outcome.kind == "dropped":
            return [(HELD_SECONDS, "failed", outcome.code or 0)]
        start = HELD_SECONDS
    elif entry.outcome != "accepted":
        # The answer to a single send reports the failure; for a job only the webhook does.
        return [(1.0, "failed", int(entry.outcome))] if entry.via != "single" else []
    if outcome.kind == "read":
        return [(start + 2, "sent", 0), (start + 2.1, "read", 0)]
    sent = start + 2 + chance.random()
    if chance.random() < address.later_failures:
        return [(sent, "sent", 0), (sent + 3, "failed", chance.choice(LATER_CODES))]
    statuses = [(sent, "sent", 0), (start + 6 + chance.random(), "delivered", 0)]
    if int(entry.to[-4:]) % 3 == 0:
        statuses.append((start + 1500 + chance.random() * 60, "read", 0))
    return statuses


def events_of(entry: Entry, address: Address, chance: random.Random) -> list[tuple[float, Data]]:
    """Return the events of a message, each with its moment on the sandbox's clock."""
    events: list[tuple[float, Data]] = [
        (
            entry.made_at + after,
            {"kind": "status", "id": entry.message_id, "to": entry.to, "status": status}
            | ({"code": code} if code else {}),
        )
        for after, status, code in statuses_of(entry, address, chance)
    ]
    if events and events[-1][1]["status"] != "failed" and chance.random() < address.replies:
        text = "STOP" if chance.random() < address.stops else chance.choice(REPLIES)
        at = events[-1][0] + chance.uniform(30, 2400)
        events.append((at, inbound(entry.to, text, entry.message_id)))
    return events


def inbound(phone: str, text: str, reply_to: str = "", *, button: bool = False) -> Data:
    """Return the event of a message from a customer, or of the press of a button."""
    digest = hashlib.sha256(f"{phone} {text} {reply_to} {time.time()}".encode()).hexdigest()
    return {
        "kind": "button" if button else "message",
        "id": f"wamid.in{digest[:32]}",
        "from": phone,
        "text": text,
        "reply_to": reply_to,
    }


def template_changes(before: Data, now: Data) -> list[Data]:
    """Return the events for a changed status and a changed quality of a template."""
    template = {
        "message_template_id": now["id"],
        "message_template_name": now["name"],
        "message_template_language": now["language"],
    }
    events = []
    if now.get("status") != before.get("status"):
        value = {**template, "event": now.get("status"), "reason": "NONE"}
        events.append(_template_event("message_template_status_update", value))
    quality, old = _quality(now), _quality(before)
    if quality and quality != old:
        value = {**template, "new_quality_score": quality, "previous_quality_score": old}
        events.append(_template_event("message_template_quality_update", value))
    return events


def _template_event(field: str, value: Data) -> Data:
    return {"kind": "template", "field": field, "value": value}


def _quality(template: Data) -> str:
    """Return the score that Meta gives a template, '' where it gives none."""
    score = template.get("quality_score") or template.get("quality") or ""
    return str(score.get("score", "")) if isinstance(score, dict) else str(score)


# --- Bodies -----------------------------------------------------------------------------------


def bodies(events: list[Data], at: int, address: Address) -> list[Data]:
    """Pack events into as few bodies as the family allows; `at` in epoch seconds."""
    if address.family == "flat":
        items = [_flat(event, at) for event in events]
        return items if len(items) <= 1 else [{"events": items}]
    changes = []
    statuses = [_meta_status(event, at) for event in events if event["kind"] == "status"]
    if statuses:
        changes.append(("messages", {"statuses": statuses}))
    changes += [_meta_change(event, at) for event in events if event["kind"] != "status"]
    base = {"messaging_product": "whatsapp", "metadata": {"phone_number_id": "106540352242922"}}
    listed = [
        {"field": name, "value": {**base, **value} if name == "messages" else value}
        for name, value in changes
    ]
    entry = {"id": "102290129340398", "changes": listed}
    return [{"object": "whatsapp_business_account", "entry": [entry]}]


def _meta_status(event: Data, at: int) -> Data:
    status = {
        "id": event["id"],
        "status": event["status"],
        "timestamp": str(at),
        "recipient_id": event["to"],
    }
    if "code" in event:
        title = outcomes.title(event["code"])
        error = {"code": event["code"], "title": title, "error_data": {"details": title}}
        status["errors"] = [error]
    elif event["status"] in ("sent", "delivered"):
        status["pricing"] = {"billable": True, "pricing_model": "PMP", "category": "marketing"}
    return status


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
