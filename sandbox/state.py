"""What the sandbox knows: accounts, templates, jobs and the ledger. Nothing of HTTP.

Every public method of `State` holds its one lock.
"""

import functools
import random
import secrets
import threading
import time
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, fields
from datetime import UTC, datetime
from typing import Any, NamedTuple, TypeVar, cast

from sandbox import news, outcomes, seed
from sandbox.accounts import Account
from sandbox.clock import Clock
from sandbox.faults import Fault, Refusal
from sandbox.jobs import MESSAGES_PER_SECOND, OVER, Job, RowError
from sandbox.keys import Key
from sandbox.ledger import Entry, delivery
from sandbox.shapes import SHAPES, Chaos, Problem
from sandbox.uploads import Row

Data = dict[str, Any]
Method = TypeVar("Method", bound=Callable[..., Any])

LIMITED_PER_SECOND = 2
LIMITED_RETRY_AFTER = 3


@dataclass
class Options:
    """What POST /__sandbox__/options can change; times in seconds of the sandbox's clock.

    `latency` alone is in real seconds: so much later comes every answer of the API.
    """

    row_errors: bool = True
    message_ids: bool = False
    echo_file_name: bool = True
    header_row: str = "auto"
    list_jobs_delay: float = 0.0
    sync_seconds: float = 0.0
    latency: float = 0.0
    conversations: bool = True
    max_rows: int = 10_000
    page_size: int = 20
    max_page_size: int = 100
    chaos_unknown_status: float = Chaos.unknown_status
    chaos_missing_id: float = Chaos.missing_id
    chaos_bad_gateway: float = Chaos.bad_gateway
    chaos_slow: float = Chaos.slow
    chaos_slow_seconds: float = Chaos.slow_seconds

    def change(self, changes: Data) -> None:
        """Set the named options, or raise ValueError and change none."""
        known = {f.name: type(getattr(self, f.name)) for f in fields(self)}
        for name, value in changes.items():
            kind = known.get(name)
            if kind is float and type(value) is int:
                continue
            if kind is None or type(value) is not kind:
                raise ValueError(f"{name} is no option, or not of its type")
        if changes.get("header_row", "auto") not in ("auto", "always", "never"):
            raise ValueError("header_row must be auto, always or never")
        if not 0 <= changes.get("latency", 0) <= 60:
            raise ValueError("latency must be between 0 and 60")
        for name, value in changes.items():
            setattr(self, name, known[name](value))

    @property
    def chaos(self) -> Chaos:
        values = asdict(self)
        return Chaos(**{f.name: values[f"chaos_{f.name}"] for f in fields(Chaos)})


class Sent(NamedTuple):
    """What a single send that was accepted gets; after `lost_after` seconds its answer is lost."""

    message_id: str | None
    status: str
    lost_after: float | None = None


def locked(method: Method) -> Method:
    """Run the method under the state's lock."""

    @functools.wraps(method)
    def run(self: "State", *args: Any, **kwargs: Any) -> Any:
        with self.lock:
            return method(self, *args, **kwargs)

    return cast(Method, run)


class Dressed(Sequence[Data]):
    """Things as the API shows them, each made when it is asked for: a page of a long list costs
    no more than one of a short."""

    def __init__(self, things: list[Any], dress: Callable[[Any], Data]) -> None:
        self._things, self._dress = things, dress

    def __len__(self) -> int:
        return len(self._things)

    def __getitem__(self, index: Any) -> Any:
        if isinstance(index, slice):
            return [self._dress(thing) for thing in self._things[index]]
        return self._dress(self._things[index])


class State:
    """Everything that changes while the sandbox runs."""

    def __init__(self, *, seed: int = 1, speed: float = 1.0, shape: str = "nest") -> None:
        self.lock = threading.RLock()
        self.seed = seed
        self.first_speed = speed
        self.first_shape = shape
        self.reset()

    # What the control page sets.

    @locked
    def reset(self) -> None:
        """Forget everything and start as on the first day."""
        self.clock = Clock(self.first_speed)
        self.shape = self.first_shape
        self.options = Options()
        self.random = random.Random(self.seed)
        self.accounts: dict[str, Account] = {}
        self.ledger: list[Entry] = []
        self.faults: list[Fault] = []
        self.refusals: list[Refusal] = []
        self.requests: Counter[tuple[str, str, str]] = Counter()
        self.desks: dict[str, news.Desk] = {}

    @locked
    def reset_account(self, name: str) -> None:
        """Forget one account, its ledger lines, faults and request counts."""
        self.accounts.pop(name, None)
        self.desks.pop(name, None)
        self.ledger = [entry for entry in self.ledger if entry.account != name]
        self.faults = [fault for fault in self.faults if fault.account != name]
        self.refusals = [refusal for refusal in self.refusals if refusal.account != name]
        for counted in [counted for counted in self.requests if counted[0] == name]:
            del self.requests[counted]

    @locked
    def set_speed(self, speed: float) -> None:
        self.clock.speed = speed

    @locked
    def set_shape(self, shape: str, account: str | None = None) -> None:
        """Choose the shape of all answers, or of one account's."""
        if shape not in SHAPES:
            raise ValueError(f"shape must be one of {', '.join(SHAPES)}")
        if account is None:
            self.shape = shape
        else:
            self.account(account).shape = shape

    @locked
    def set_options(self, changes: Data) -> None:
        self.options.change(changes)

    @locked
    def set_address(self, account: str, address: news.Address) -> None:
        """Tell the account's news to this address from now on."""
        self.desks[account] = news.Desk(address, random.Random(f"{self.seed}:{account}:news"))

    @locked
    def drop_address(self, account: str) -> None:
        self.desks.pop(account, None)

    @locked
    def desk_of(self, account: str) -> Data:
        """Return how the telling goes; nothing is pending where there is no address."""
        desk = self.desks.get(account)
        return desk.public() if desk else {"pending": 0, "events": 0, "answers": {}}

    @locked
    def planned_of(self, account: str) -> list[Data]:
        """Return every event that was told or will be, once each."""
        desk = self.desks.get(account)
        return list(desk.planned) if desk else []

    @locked
    def tell(self, account: str, event: Data) -> None:
        """Tell an event now, where somebody wants to hear of it."""
        if desk := self.desks.get(account):
            desk.plan(self.clock.elapsed(), event)

    @locked
    def add_fault(self, fault: Fault) -> None:
        self.faults.append(fault)

    @locked
    def clear_faults(self, account: str | None = None) -> None:
        self.faults = [f for f in self.faults if account is not None and f.account != account]

    @locked
    def take_fault(self, method: str, path: str, account: str) -> Fault | None:
        """Return the first fault that is due for this request, and use it up by one."""
        for fault in self.faults:
            if fault.matches(method, path, account) and fault.take():
                return fault
        return None

    @locked
    def add_refusal(self, refusal: Refusal) -> None:
        self.refusals.append(refusal)

    @locked
    def clear_refusals(self, account: str | None = None) -> None:
        self.refusals = [r for r in self.refusals if account is not None and r.account != account]

    @locked
    def order_job(self, account: str, job_id: str, action: str) -> Job:
        """Let a job misbehave; `last` is the account's newest. Raise ValueError."""
        jobs = self.account(account).jobs
        job = list(jobs.values())[-1] if job_id == "last" else jobs.get(job_id)
        if job is None:
            raise ValueError("that account has no such job")
        job.order(action, self.clock.elapsed())
        return job

    @locked
    def count_request(self, account: str, method: str, path: str) -> None:
        self.requests[account, method, path] += 1

    @locked
    def list_requests(self, account: str | None = None) -> list[Data]:
        return [
            {"account": name, "method": method, "path": path, "count": count}
            for (name, method, path), count in sorted(self.requests.items())
            if account in (None, name)
        ]

    @locked
    def list_ledger(self, account: str | None = None, job_id: str | None = None) -> list[Data]:
        return [
            entry.public()
            for entry in self.ledger
            if account in (None, entry.account) and job_id in (None, entry.job_id)
        ]

    @locked
    def shape_for(self, account: str) -> str:
        known = self.accounts.get(account)
        return (known.shape if known else None) or self.shape

    @locked
    def chance(self) -> float:
        """Return the next number of the seeded chance, from 0 to 1."""
        return self.random.random()

    # What the API's calls read and do.

    @locked
    def account(self, name: str) -> Account:
        """Return the account of this name; it begins when first asked for."""
        if name not in self.accounts:
            self.accounts[name] = Account(name, self.seed)
        return self.accounts[name]

    @locked
    def check_rate(self, key: Key) -> None:
        """Refuse a limited key its third request within a second, by the wall clock."""
        if not key.limited:
            return
        calls, now = self.account(key.account).calls, time.monotonic()
        while calls and calls[0] <= now - 1:
            calls.popleft()
        if len(calls) >= LIMITED_PER_SECOND:
            raise Problem(
                429,
                f"Rate limit exceeded. Try again in {LIMITED_RETRY_AFTER} seconds.",
                headers={"Retry-After": str(LIMITED_RETRY_AFTER)},
            )
        calls.append(now)

    @locked
    def list_templates(self, account: str) -> list[Data]:
        mine = self.account(account)
        if mine.sync_ready_at is not None and self.clock.elapsed() >= mine.sync_ready_at:
            mine.listed, mine.sync_ready_at = dict(mine.at_meta), None
        return list(mine.listed.values())

    @locked
    def sync_templates(self, account: str) -> Data | None:
        """Bring what is at Meta into the list; return the counts, or None if it takes a while."""
        mine = self.account(account)
        if self.options.sync_seconds:
            mine.sync_ready_at = self.clock.elapsed() + self.options.sync_seconds
            return None
        before, mine.listed = mine.listed, dict(mine.at_meta)
        both = before.keys() & mine.listed.keys()
        return {
            "synced": len(mine.listed),
            "created": len(mine.listed.keys() - before.keys()),
            "updated": sum(before[key] != mine.listed[key] for key in both),
            "removed": len(before.keys() - mine.listed.keys()),
            "total": len(mine.listed),
        }

    @locked
    def set_template(self, account: str, template: Data) -> None:
        """Add or replace a template at Meta, and tell what has changed of it."""
        mine = self.account(account)
        before = mine.at_meta.get((template["name"], template["language"]), {})
        mine.set_template(template)
        now = mine.at_meta[template["name"], template["language"]]
        named = {
            "message_template_id": now["id"],
            "message_template_name": now["name"],
            "message_template_language": now["language"],
        }
        if before and now.get("status") != before.get("status"):
            value = {**named, "event": now.get("status"), "reason": "NONE"}
            self.tell(
                account,
                {"kind": "template", "field": "message_template_status_update", "value": value},
            )
        quality, old = _quality(now), _quality(before)
        if before and quality and quality != old:
            value = {**named, "new_quality_score": quality, "previous_quality_score": old}
            self.tell(
                account,
                {"kind": "template", "field": "message_template_quality_update", "value": value},
            )

    @locked
    def drop_template(self, account: str, name: str, language: str) -> bool:
        return self.account(account).at_meta.pop((name, language), None) is not None

    @locked
    def find_template(self, account: str, name: str, language: str) -> Data:
        """Return a template that may be sent, or refuse with Meta's code.

        It must have been synced, and what counts is its state at Meta now.
        """
        mine = self.account(account)
        self.list_templates(account)
        template = mine.at_meta.get((name, language)) if (name, language) in mine.listed else None
        if template is None:
            raise Problem(404, _meta_text(132001), code=132001)
        if code := outcomes.status_code(template):
            raise Problem(400, _meta_text(code), code=code)
        return template

    @locked
    def send_one(
        self,
        account: str,
        *,
        to: str,
        template: str,
        language: str,
        values: list[str],
        media: str | None,
    ) -> Sent:
        """Accept one message into the ledger, or refuse it in the documented order."""
        found = self.find_template(account, template, language)
        # The count and the texts are judged before the media, as ChumiAI's order has it.
        code = outcomes.parts_code(found, media=True) or outcomes.values_code(found, values)
        if code := code or outcomes.parts_code(found, media=bool(media)):
            raise Problem(400, _meta_text(code), code=code)
        ordered = self._ordered_code(account, to)
        if ordered is None:
            ordered = self._ordered_code(account, None)
        if ordered is not None:
            raise Problem(400, _meta_text(ordered), code=ordered)
        fate = outcomes.magic(to)
        self._refuse_by_fate(account, to, fate)
        outcome = "held" if fate.kind in ("held", "dropped") else "accepted"
        entry = self._write(
            account,
            "single",
            to=to,
            template=template,
            language=language,
            values=values,
            media=media,
            outcome=outcome,
        )
        status = "held_for_quality_assessment" if outcome == "held" else "accepted"
        return Sent(
            message_id=None if fate.kind == "no_id" else entry.message_id,
            status=status,
            lost_after=self.in_real_seconds(35) if fate.kind == "timeout" else None,
        )

    @locked
    def start_job(
        self,
        account: str,
        *,
        via: str,
        rows: list[Row],
        template: str,
        language: str,
        file_name: str | None = None,
        media: str | None = None,
    ) -> Job:
        """Make a job and write its messages to the ledger at once.

        An unknown or unsendable template makes a job that fails as a whole.
        """
        try:
            found, refused = self.find_template(account, template, language), None
        except Problem as problem:
            found, refused = None, str(problem.message)
        if found is not None and (ordered := self._ordered_code(account, None)) is not None:
            found, refused = None, _meta_text(ordered)
        job = Job(
            id=f"{int(time.time()):08x}{secrets.token_hex(8)}",
            template=template,
            language=language,
            file_name=file_name,
            total=len(rows),
            made_at=self.clock.elapsed(),
            refused=refused,
        )
        for position, row in enumerate(rows):
            if not outcomes.is_phone(row.phone):
                text = "Invalid phone number"
                job.errors.append(RowError(position, row.number, row.phone, None, text))
            elif found is not None:
                values = self._fitted(found, row.values)
                code = self._ordered_code(account, row.phone)
                if code is None:
                    code = outcomes.bulk_code(found, row.phone, values, media=bool(media))
                if code is not None:
                    text = outcomes.title(code)
                    job.errors.append(RowError(position, row.number, row.phone, code, text))
                self._write(
                    account,
                    via,
                    to=row.phone,
                    template=template,
                    language=language,
                    values=values,
                    media=media,
                    outcome="accepted" if code is None else str(code),
                    job=job,
                    row=row.number,
                    made_at=job.starts_at + position / MESSAGES_PER_SECOND,
                )
        self.account(account).jobs[job.id] = job
        return job

    @locked
    def start_foreign_job(
        self, account: str, *, template: str, language: str, file_name: str | None, total: int
    ) -> Job:
        """Make a job that somebody started elsewhere: it moves, but leaves no ledger lines."""
        job = Job(
            id=f"{int(time.time()):08x}{secrets.token_hex(8)}",
            template=template,
            language=language,
            file_name=file_name,
            total=total,
            made_at=self.clock.elapsed(),
        )
        self.account(account).jobs[job.id] = job
        return job

    @locked
    def list_jobs(self, account: str) -> list[Data]:
        """Return the jobs that the list shows, newest first."""
        shown_until = self.clock.elapsed() - self.options.list_jobs_delay
        jobs = [
            job
            for job in self.account(account).jobs.values()
            if job.made_at <= shown_until and not job.vanished
        ]
        return [self.describe_job(job) for job in reversed(jobs)]

    @locked
    def get_job(self, account: str, job_id: str) -> Data:
        """Return the status of a job, with its failed rows where the options allow it."""
        job = self.account(account).jobs.get(job_id)
        if job is None or job.vanished:
            raise Problem(404, "Bulk job not found")
        words = self.describe_job(job)
        is_moving = job.held_at is None and not words["completedAt"]
        words["estimatedCompletion"] = self.clock.at(job.ends_at) if is_moving else None
        if self.options.message_ids:
            words["results"] = self._results(account, job)
        elif self.options.row_errors:
            words["errors"] = [
                {"row": e.row, "phone": e.phone, "code": e.code, "message": e.message}
                for e in job.errors_so_far(self.clock.elapsed())
            ]
        return words

    def _results(self, account: str, job: Job) -> list[Data]:
        """Return what became of each row so far, with the ids of the messages."""
        now = self.clock.elapsed()
        errors = {e.row: e for e in job.errors_so_far(now)}
        results: list[Data] = [
            {
                "row": e.row,
                "phone": e.phone,
                "status": "failed",
                "code": e.code,
                "error": e.message,
            }
            for e in errors.values()
        ]
        for entry in self.ledger:
            mine = entry.account == account and entry.job_id == job.id
            if mine and entry.row not in errors and entry.made_at < job.moment(now):
                told = {"row": entry.row, "phone": entry.to, "messageId": entry.message_id}
                results.append({**told, "status": "sent"})
        return results

    @locked
    def describe_job(self, job: Job) -> Data:
        now = self.clock.elapsed()
        done, errors = job.processed(now), job.errors_so_far(now)
        invalid = sum(error.is_invalid for error in errors)
        status, has_started = job.status(now), job.moment(now) >= job.starts_at
        words = {
            "jobId": job.id,
            "status": status,
            "progress": 100 * done // job.total if job.total else 100,
            "total": job.total,
            "processed": done,
            "successful": done - len(errors),
            "failed": len(errors) - invalid,
            "invalid": invalid,
            "pending": job.total - done,
            **self._echo(job),
            "createdAt": self.clock.at(job.made_at),
            "startedAt": self.clock.at(job.starts_at) if has_started else None,
            "completedAt": self.clock.at(job.ends_at) if status in OVER else None,
        }
        if job.refused and has_started:
            words["error"] = job.refused
        return words

    @locked
    def describe_made(self, job: Job) -> Data:
        """Return the answer to the request that made the job."""
        return {
            "jobId": job.id,
            "status": "pending",
            "totalRecipients": job.total,
            "validRecipients": job.total - job.invalid,
            "invalidRecipients": job.invalid,
            **self._echo(job),
            "createdAt": self.clock.at(job.made_at),
        }

    @locked
    def fill_contacts(self, account: str, contacts: int, groups: int) -> None:
        self.account(account).fill(contacts, groups)

    @locked
    def set_group(self, account: str, name: str, people: list[Data]) -> str:
        return self.account(account).set_group(name, people)

    @locked
    def list_contacts(self, account: str, search: str) -> Sequence[Data]:
        wanted = search.lower()
        mine = self.account(account)
        found = [
            contact
            for contact in mine.contacts.values()
            if not wanted
            or wanted in (contact["name"] or "").lower()
            or wanted in contact["phone"]
        ]
        return Dressed(found, lambda contact: self._contact(mine, contact))

    @locked
    def get_contact(self, account: str, contact_id: str) -> Data:
        mine = self.account(account)
        if contact_id not in mine.contacts:
            raise Problem(404, "Contact not found")
        return self._contact(mine, mine.contacts[contact_id])

    @locked
    def list_groups(self, account: str) -> list[Data]:
        return [self._group(group) for group in self.account(account).groups.values()]

    @locked
    def get_group(self, account: str, group_id: str) -> tuple[Data, Sequence[Data]]:
        """Return a group and its contacts, in a stable order."""
        mine = self.account(account)
        group = mine.groups.get(group_id)
        if group is None:
            raise Problem(404, "Contact group not found")
        members = Dressed(
            group["members"], lambda member: self._contact(mine, mine.contacts[member])
        )
        return self._group(group), members

    @locked
    def add_inbound(
        self,
        account: str,
        phone: str,
        text: str,
        *,
        reply_to: str = "",
        button: bool = False,
        more: Data | None = None,
    ) -> str:
        """Let a customer write to the business, or press a button of a message; return its id.

        `more` has fields that the history tells of it, such as its type or media.
        """
        event = news.inbound(phone, text, reply_to, button=button)
        told = {"type": "button"} if button else {}
        told |= {"replyTo": reply_to} if reply_to else {}
        self._receive(account, event, self.clock.elapsed(), told | (more or {}))
        self.tell(account, event)
        return str(event["id"])

    @locked
    def list_messages(self, account: str, phone: str) -> list[Data]:
        """Return the conversation with a number, newest first."""
        if not self.options.conversations:
            raise Problem(404, "Cannot GET this path")
        now = self.clock.elapsed()
        outbound = [
            (entry.made_at, self._outbound(entry, now))
            for entry in self.ledger
            if entry.account == account and entry.to == phone and entry.made_at <= now
        ]
        inbound = [
            (
                message["made_at"],
                {
                    "messageId": message["id"],
                    "direction": "inbound",
                    "type": "text",
                    "text": message["text"],
                    "status": "received",
                    "timestamp": self.clock.at(message["made_at"]),
                }
                | message["more"],
            )
            for message in self.account(account).inbound
            if message["phone"] == phone and message["made_at"] <= now
        ]
        newest = sorted(outbound + inbound, key=lambda pair: pair[0], reverse=True)
        return [message for _, message in newest]

    @locked
    def in_real_seconds(self, seconds: float) -> float:
        """Return how long a wait of so many sandbox seconds lasts for the client."""
        return seconds / max(self.clock.speed, 1.0)

    # Helpers, called under the lock.

    def _write(
        self,
        account: str,
        via: str,
        *,
        to: str,
        template: str,
        language: str,
        values: list[str],
        media: str | None,
        outcome: str,
        job: Job | None = None,
        row: int | None = None,
        made_at: float | None = None,
    ) -> Entry:
        now = self.clock.elapsed()
        entry = Entry(
            seq=self.ledger[-1].seq + 1 if self.ledger else 1,
            at=datetime.now(UTC).isoformat(timespec="milliseconds"),
            account=account,
            via=via,
            job_id=job.id if job else None,
            file_name=job.file_name if job else None,
            row=row,
            to=to,
            template=template,
            language=language,
            values=values,
            media=media,
            outcome=outcome,
            made_at=now if made_at is None else made_at,
            message_id=f"wamid.{secrets.token_urlsafe(24)}",
        )
        self.ledger.append(entry)
        if desk := self.desks.get(account):
            for at, event in news.events_of(entry, desk.address, desk.chance):
                if event["kind"] != "status":
                    self._receive(account, event, at)
                desk.plan(at, event)
        return entry

    def _receive(self, account: str, event: Data, at: float, more: Data | None = None) -> None:
        self.account(account).inbound.append(
            {
                "id": event["id"],
                "phone": event["from"],
                "text": event["text"],
                "made_at": at,
                "more": more or {},
            }
        )

    def _refuse_by_fate(self, account: str, to: str, fate: outcomes.Magic) -> None:
        once = self.account(account).failed_once
        if fate.kind == "rejected" and fate.code:
            raise Problem(400, _meta_text(fate.code), code=fate.code)
        if fate.kind == "http_500":
            raise Problem(500, "Internal server error")
        if fate.kind in ("once", "http_429") and to not in once:
            once.add(to)
            if fate.code:
                raise Problem(400, _meta_text(fate.code), code=fate.code)
            raise Problem(429, "Rate limit exceeded. Slow down.", headers={"Retry-After": "1"})

    def _ordered_code(self, account: str, phone: str | None) -> int | None:
        """Return the code that an order gives to this message, or to all alike; use it up."""
        return next((r.code for r in self.refusals if r.take(account, phone)), None)

    def _fitted(self, template: Data, values: list[str]) -> list[str]:
        """Return the values without empty columns to the right of the last placeholder."""
        wanted = len(outcomes.body_placeholders(template))
        return values[:wanted] if not any(values[wanted:]) else values

    def _echo(self, job: Job) -> Data:
        words: Data = {"templateName": job.template, "languageCode": job.language}
        if self.options.echo_file_name:
            words["fileName"] = job.file_name
        return words

    def _contact(self, account: Account, contact: Data) -> Data:
        words = {key: value for key, value in contact.items() if key != "days_ago"}
        words["groups"] = account.groups_of.get(contact["id"], [])
        words["createdAt"] = self.clock.at(-contact["days_ago"] * seed.DAY)
        return words

    def _group(self, group: Data) -> Data:
        return {
            "id": group["id"],
            "name": group["name"],
            "description": group["description"],
            "contactCount": len(group["members"]),
            "createdAt": self.clock.at(-group["days_ago"] * seed.DAY),
        }

    def _outbound(self, entry: Entry, now: float) -> Data:
        return {
            "messageId": entry.message_id,
            "direction": "outbound",
            "type": "template",
            "text": self._text(entry),
            "templateName": entry.template,
            "status": delivery(entry, now - entry.made_at),
            "timestamp": self.clock.at(entry.made_at),
        }

    def _text(self, entry: Entry) -> str:
        template = self.account(entry.account).at_meta.get((entry.template, entry.language))
        if template is None:
            return ""
        names = outcomes.body_placeholders(template)
        filled = dict(zip(names, entry.values, strict=False))
        body = outcomes.component(template, "BODY").get("text", "")
        return outcomes.PLACEHOLDER.sub(lambda m: filled.get(m[1], m[0]), body)


def _meta_text(code: int) -> str:
    return f"(#{code}) {outcomes.title(code)}"


def _quality(template: Data) -> str:
    """Return the score that Meta gives a template, '' where it gives none."""
    score = template.get("quality_score") or template.get("quality") or ""
    return str(score.get("score", "")) if isinstance(score, dict) else str(score)
