"""Give an answer in any of the shapes that an API like ChumiAI's might have.

Handlers return an `Item` or a `Page` of plain dicts with canonical field names, or raise a
`Problem`; times are datetimes until here. Everything in this module is pure.
"""

import base64
import json
import math
import random
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from http import HTTPStatus
from typing import Any

Json = Any
Data = dict[str, Any]


@dataclass(frozen=True)
class Item:
    """One resource: a job, a new job (`bulk`), a message just sent (`sent`), a contact …"""

    resource: str
    data: Data
    status: int = 200
    message: str | None = None


@dataclass(frozen=True)
class Page:
    """A page of resources; `owner` is the group whose contacts they are."""

    resource: str
    items: list[Data]
    offset: int
    limit: int
    total: int
    path: str
    owner: Data | None = None

    @property
    def number(self) -> int:
        return self.offset // self.limit + 1

    @property
    def count(self) -> int:
        return math.ceil(self.total / self.limit)

    @property
    def has_next(self) -> bool:
        return self.offset + len(self.items) < self.total


@dataclass(eq=False)
class Problem(Exception):
    """An error in the documented form; `code` is Meta's."""

    status: int
    message: str | list[str]
    code: int | None = None
    headers: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Chaos:
    """The defects of the shape `chaos`, from 0 to 1. The last three affect reads only."""

    unknown_status: float = 0.2
    missing_id: float = 0.05
    bad_gateway: float = 0.05
    slow: float = 0.03
    slow_seconds: float = 20.0


def cursor(offset: int) -> str:
    """Return an opaque cursor for an offset."""
    return base64.urlsafe_b64encode(str(offset).encode()).decode()


def cursor_offset(text: str) -> int:
    """Return the offset of a cursor; ValueError for any other text."""
    return int(base64.urlsafe_b64decode(text.encode()))


def render(
    shape: str, answer: Item | Page | Problem, *, chaos: Chaos, rng: random.Random
) -> tuple[int, Json]:
    """Return the HTTP status and the JSON value of an answer in the named shape."""
    dialect = DIALECTS.get(shape, NEST)
    if isinstance(answer, Problem):
        status, value = answer.status, dialect.problem(answer)
    elif isinstance(answer, Item):
        fields = dialect.fields(answer.resource, answer.data)
        status = dialect.created if answer.resource == "bulk" else answer.status
        value = dialect.item(answer.resource, fields, answer.message)
    else:
        status, value = 200, dialect.page(answer)
    if shape == "chaos":
        return status, _chaotic(value, chaos=chaos, rng=rng)
    return status, value


def to_bytes(value: Json) -> bytes:
    """Return the bytes of JSON."""
    return json.dumps(value, ensure_ascii=False).encode()


class Dialect:
    """One way to spell answers; this base is the shape `nest`."""

    created = 201
    names: dict[str, dict[str, str]] = {}
    statuses: dict[str, str] = {}

    def fields(self, resource: str, data: Data) -> Data:
        """Return a resource with this dialect's names, statuses and times."""
        kind = "job" if resource == "bulk" else resource
        names = self.names.get(kind, {})
        tune = getattr(self, f"tune_{resource}", None)
        data = tune(dict(data)) if tune else data
        return {names.get(key, key): self.value(key, value) for key, value in data.items()}

    def value(self, key: str, value: Any) -> Any:
        if isinstance(value, datetime):
            return self.time(value)
        if key == "status":
            return self.statuses.get(value, value)
        return value

    def time(self, moment: datetime) -> Json:
        return moment.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")

    def item(self, resource: str, data: Data, message: str | None) -> Json:
        return {"success": True, **({"message": message} if message else {}), "data": data}

    def page(self, page: Page) -> Json:
        items: Json = [self.fields(page.resource, item) for item in page.items]
        if page.owner is not None:
            items = {**self.fields("group", page.owner), "contacts": items}
        pagination = {
            "page": page.number,
            "limit": page.limit,
            "total": page.total,
            "totalPages": page.count,
            "hasNextPage": page.has_next,
        }
        return {"success": True, "data": items, "pagination": pagination}

    def problem(self, problem: Problem) -> Data:
        title = HTTPStatus(problem.status).phrase
        body: Data = {"error": title, "message": problem.message, "statusCode": problem.status}
        return body | (self.code(problem.code) if problem.code else {})

    def code(self, code: int) -> Data:
        return {"errorCode": code}


class Bare(Dialect):
    """Lists and objects without an envelope, no totals, templates flattened."""

    created = 200
    names = {
        "job": {
            "jobId": "id",
            "total": "totalMessages",
            "processed": "done",
            "successful": "sent",
            "failed": "failures",
            "invalid": "skipped",
            "pending": "waiting",
            "errors": "failedRecipients",
        },
        "template": {"language": "locale", "status": "approvalStatus"},
        "contact": {"name": "fullName", "phone": "phoneNumber", "optedOut": "unsubscribed"},
        "group": {"contactCount": "size"},
        "sent": {"messageId": "id", "to": "phone"},
        "message": {"messageId": "id", "text": "body"},
        "sync": {"synced": "count"},
    }
    statuses = {"pending": "created", "processing": "sending", "completed": "finished"}

    def time(self, moment: datetime) -> Json:
        return moment.astimezone(UTC).replace(tzinfo=None).isoformat(timespec="seconds")

    def item(self, resource: str, data: Data, message: str | None) -> Json:
        return data

    def page(self, page: Page) -> Json:
        items = [self.fields(page.resource, item) for item in page.items]
        if page.owner is None:
            return items
        return {**self.fields("group", page.owner), "contacts": items}

    def code(self, code: int) -> Data:
        return {}

    def tune_job(self, job: Data) -> Data:
        return job | {"progress": round(job["progress"] / 100, 2)}

    def tune_template(self, template: Data) -> Data:
        if template["status"] == "APPROVED":
            del template["status"]
        by_type = {c["type"]: c for c in template["components"]}
        if by_type.keys() <= {"HEADER", "BODY", "FOOTER", "BUTTONS"}:
            del template["components"]
            header = by_type.get("HEADER", {})
            template["headerType"] = header.get("format")
            template["headerText"] = header.get("text")
            template["headerMediaUrl"] = header.get("example", {}).get("header_handle", [None])[0]
            template["body"] = by_type["BODY"]["text"]
            template["footer"] = by_type.get("FOOTER", {}).get("text")
            template["buttons"] = by_type.get("BUTTONS", {}).get("buttons", [])
        return template

    def tune_message(self, message: Data) -> Data:
        return message | {"fromMe": message.pop("direction") == "outbound"}


class Mongo(Dialect):
    """As Mongo libraries spell it: `_id`, `$oid`, `$date`, `docs`, components as a JSON string."""

    names = {
        "job": {
            "jobId": "_id",
            "total": "totalRecipients",
            "successful": "successCount",
            "failed": "failedCount",
            "invalid": "invalidRows",
            "pending": "remaining",
            "errors": "logs",
        },
        "template": {"id": "_id"},
        "contact": {"id": "_id", "phone": "mobile", "customFields": "attributes"},
        "group": {"id": "_id", "name": "groupName"},
        "sent": {"messageId": "wamid", "to": "recipient"},
        "message": {"messageId": "wamid", "text": "content"},
    }
    statuses = {"pending": "waiting", "processing": "active"}

    def value(self, key: str, value: Any) -> Any:
        return {"$oid": value} if key == "jobId" else super().value(key, value)

    def time(self, moment: datetime) -> Json:
        return {"$date": super().time(moment)}

    def item(self, resource: str, data: Data, message: str | None) -> Json:
        return data

    def page(self, page: Page) -> Json:
        items = [self.fields(page.resource, item) for item in page.items]
        place = {
            "totalDocs": page.total,
            "limit": page.limit,
            "page": page.number,
            "totalPages": page.count,
            "hasNextPage": page.has_next,
            "nextPage": page.number + 1 if page.has_next else None,
        }
        if page.owner is None:
            return {"docs": items, **place}
        return {**self.fields("group", page.owner), "members": items, **place}

    def code(self, code: int) -> Data:
        return {"errors": [{"code": code}]}

    def tune_job(self, job: Data) -> Data:
        done, total = job.pop("processed"), job["total"]
        job["progress"] = {"current": done, "total": total, "percentage": job["progress"]}
        return job

    def tune_template(self, template: Data) -> Data:
        template["language"] = {"code": template["language"]}
        template["components"] = json.dumps(template["components"])
        return template

    def tune_contact(self, contact: Data) -> Data:
        first, _, last = (contact.pop("name") or "").partition(" ")
        contact["isActive"] = not contact.pop("optedOut")
        return contact | {"firstName": first or None, "lastName": last or None}

    def tune_group(self, group: Data) -> Data:
        return group | {"_count": {"contacts": group.pop("contactCount")}}

    def tune_message(self, message: Data) -> Data:
        sender = "business" if message.pop("direction") == "outbound" else "user"
        return message | {"sender": sender}


class Snake(Dialect):
    """snake_case, epoch seconds, percent signs, and each item under the name of its resource."""

    created = 202
    names = {
        "job": {
            "total": "total_count",
            "processed": "processed_count",
            "successful": "success_count",
            "failed": "failed_count",
            "invalid": "invalid_count",
            "pending": "pending_count",
            "progress": "percent_complete",
        },
        "template": {"id": "template_id", "name": "template_name", "language": "language_code"},
        "contact": {"id": "contact_id", "phone": "phone_number"},
        "group": {"id": "group_id", "contactCount": "member_count"},
        "sent": {"status": "message_status", "to": "wa_id"},
        "message": {"direction": "sender", "type": "message_type", "text": "content"},
        "sync": {"synced": "templates_synced"},
    }
    statuses = {"pending": "queued", "processing": "in_progress", "completed": "done"}

    def fields(self, resource: str, data: Data) -> Data:
        return {_snake(key): value for key, value in super().fields(resource, data).items()}

    def time(self, moment: datetime) -> Json:
        return int(moment.timestamp())

    def item(self, resource: str, data: Data, message: str | None) -> Json:
        noun = {"bulk": "job", "sent": "message"}.get(resource, resource)
        return {"status": "success", "result": data if noun == "sync" else {noun: data}}

    def page(self, page: Page) -> Json:
        items = [self.fields(page.resource, item) for item in page.items]
        place = {
            "page": page.number,
            "per_page": page.limit,
            "total_count": page.total,
            "has_next": page.has_next,
        }
        if page.owner is None:
            return {"status": "success", "results": items, "page_info": place}
        group = self.fields("group", page.owner) | {"members": [{"contact": i} for i in items]}
        return {"status": "success", "result": {"group": group}, "page_info": place}

    def problem(self, problem: Problem) -> Data:
        return {_snake(key): value for key, value in super().problem(problem).items()}

    def tune_job(self, job: Data) -> Data:
        return job | {"progress": f"{job['progress']}%"}

    def tune_template(self, template: Data) -> Data:
        components = enumerate(template["components"])
        return template | {"components": {str(index): item for index, item in components}}


class Meta(Dialect):
    """Graph API style: `data`, cursors, the Cloud API's own answer to a send."""

    created = 202
    names = {
        "job": {
            "jobId": "id",
            "total": "recipientCount",
            "successful": "accepted",
            "failed": "errorCount",
            "invalid": "invalidRecipients",
            "progress": "percentage",
            "errors": "failures",
        },
        "contact": {"phone": "wa_id", "name": "profileName", "optedOut": "marketingOptOut"},
        "group": {"contactCount": "membersCount"},
        "message": {"messageId": "id"},
    }
    statuses = {"pending": "SCHEDULED", "processing": "RUNNING", "completed": "DONE"}

    def time(self, moment: datetime) -> Json:
        return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S+0000")

    def item(self, resource: str, data: Data, message: str | None) -> Json:
        return data

    def page(self, page: Page) -> Json:
        items = [self.fields(page.resource, item) for item in page.items]
        end = cursor(page.offset + len(items))
        paging: Data = {"cursors": {"before": cursor(page.offset), "after": end}}
        if page.has_next:
            paging["next"] = f"{page.path}?limit={page.limit}&after={end}"
        listing = {"data": items, "paging": paging}
        if page.owner is None:
            return listing
        return {**self.fields("group", page.owner), "contacts": listing}

    def code(self, code: int) -> Data:
        return {"metaError": {"code": code, "type": "OAuthException"}}

    def tune_job(self, job: Data) -> Data:
        if "errors" in job:
            job["errors"] = [
                {"to": e["phone"], "index": e["row"], "error": e["message"], "code": e["code"]}
                for e in job["errors"]
            ]
        del job["processed"], job["pending"]
        return job

    def tune_template(self, template: Data) -> Data:
        lower = {"type", "format"}
        components = [
            {k: v.lower() if k in lower else v for k, v in item.items()}
            for item in template["components"]
        ]
        return template | {"components": components}

    def tune_sent(self, sent: Data) -> Data:
        message = {"message_status": sent["status"]}
        if "messageId" in sent:
            message["id"] = sent["messageId"]
        return {
            "messaging_product": "whatsapp",
            "contacts": [{"input": sent["to"], "wa_id": sent["to"]}],
            "messages": [message],
        }

    def tune_message(self, message: Data) -> Data:
        moment: datetime = message["timestamp"]
        return message | {"timestamp": str(int(moment.timestamp()))}


NEST = Dialect()
DIALECTS: dict[str, Dialect] = {
    "nest": NEST,
    "bare": Bare(),
    "mongo": Mongo(),
    "snake": Snake(),
    "meta": Meta(),
    "chaos": NEST,
}
SHAPES = tuple(DIALECTS)
UNKNOWN_STATUSES = ("warming_up", "ON-ITS-WAY", "phase 2", "zombie")


def _snake(key: str) -> str:
    return "".join(f"_{c.lower()}" if c.isupper() else c for c in key)


def _kebab(key: str) -> str:
    return _snake(key).replace("_", "-").strip("-") or key


def _pascal(key: str) -> str:
    return key[:1].upper() + key[1:]


CASES: tuple[Callable[[str], str], ...] = (str, str.upper, _snake, _kebab, _pascal)


def _chaotic(value: Json, *, chaos: Chaos, rng: random.Random) -> Json:
    """Return a nest answer with strings for numbers, mixed keys, and unknown words and fields.

    Only items of a list may lose their ids; single resources keep theirs.
    """
    if isinstance(value, dict) and isinstance(value.get("data"), list):
        value = value | {"data": [_perhaps_without_id(item, chaos, rng) for item in value["data"]]}
    return _mixed(value, chaos, rng)


def _perhaps_without_id(item: Data, chaos: Chaos, rng: random.Random) -> Data:
    if rng.random() < chaos.missing_id:
        return {key: value for key, value in item.items() if key not in ("id", "messageId")}
    return item


def _mixed(value: Json, chaos: Chaos, rng: random.Random) -> Json:
    if isinstance(value, dict):
        mixed = {rng.choice(CASES)(k): _mixed(v, chaos, rng) for k, v in value.items()}
        if "progress" in value and rng.random() < chaos.unknown_status:
            key = next(k for k in mixed if k.lower() == "status")
            mixed[key] = rng.choice(UNKNOWN_STATUSES)
        return mixed | {"shard-hint": {"zone": "gh-1", "weights": ["0.5", None]}}
    if isinstance(value, list):
        return [_mixed(item, chaos, rng) for item in value]
    if isinstance(value, int | float) and not isinstance(value, bool):
        return str(value)
    return value
