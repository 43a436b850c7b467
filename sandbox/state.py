"""The state of the sandbox: accounts, templates, jobs and the ledger. Nothing of HTTP.

Every public method of `State` holds its one lock.
"""

import functools
import random
import secrets
import threading
import time
from collections import Counter
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from typing import Any, NamedTuple, TypeVar, cast

from sandbox import outcomes, resources, webhook_events
from sandbox.accounts import Account
from sandbox.clock import Clock
from sandbox.faults import Fault, Refusal
from sandbox.jobs import MESSAGES_PER_SECOND, Job, RowError
from sandbox.keys import Key
from sandbox.ledger import Entry
from sandbox.options import Options
from sandbox.resources import LazyList
from sandbox.shapes import SHAPES, Problem
from sandbox.uploads import Row
from sandbox.webhook_events import Address
from sandbox.webhook_sender import WebhookSender

Data = dict[str, Any]
Method = TypeVar("Method", bound=Callable[..., Any])

# The rate limit of a limited key, and its Retry-After in seconds.
LIMITED_PER_SECOND = 2
LIMITED_RETRY_AFTER = 3


class Sent(NamedTuple):
    """The answer to an accepted single send; if `lost_after` is set, it is lost after so long."""

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


class State:
    """Everything that changes while the sandbox runs."""

    def __init__(self, *, seed: int = 1, speed: float = 1.0, shape: str = "nest") -> None:
        self.lock = threading.RLock()
        self.seed = seed
        self.first_speed = speed
        self.first_shape = shape
        self.reset()

    # For the control endpoints.

    @locked
    def reset(self) -> None:
        """Forget everything and start again."""
        self.clock = Clock(self.first_speed)
        self.shape = self.first_shape
        self.options = Options()
        self.random = random.Random(self.seed)
        self.accounts: dict[str, Account] = {}
        self.ledger: list[Entry] = []
        self.faults: list[Fault] = []
        self.refusals: list[Refusal] = []
        self.requests: Counter[tuple[str, str, str]] = Counter()
        self.senders: dict[str, WebhookSender] = {}

    @locked
    def reset_account(self, name: str) -> None:
        """Forget one account, its ledger lines, faults and request counts."""
        self.accounts.pop(name, None)
        self.senders.pop(name, None)
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
    def set_webhook(self, account: str, address: Address) -> None:
        """Send the account's webhooks to this address from now on."""
        chance = random.Random(f"{self.seed}:{account}:webhooks")
        self.senders[account] = WebhookSender(address, chance)

    @locked
    def drop_webhook(self, account: str) -> None:
        self.senders.pop(account, None)

    @locked
    def webhook_status(self, account: str) -> Data:
        """Return how many events are pending and sent; none where there is no address."""
        sender = self.senders.get(account)
        return sender.public() if sender else {"pending": 0, "events": 0, "answers": {}}

    @locked
    def webhook_events(self, account: str) -> list[Data]:
        """Return every event of the account, sent or pending, once each."""
        sender = self.senders.get(account)
        return list(sender.events) if sender else []

    @locked
    def send_event(self, account: str, event: Data) -> None:
        """Send an event now, if the account has an address."""
        if sender := self.senders.get(account):
            sender.schedule(self.clock.elapsed(), event)

    @locked
    def add_fault(self, fault: Fault) -> None:
        self.faults.append(fault)

    @locked
    def clear_faults(self, account: str | None = None) -> None:
        self.faults = [f for f in self.faults if account is not None and f.account != account]

    @locked
    def take_fault(self, method: str, path: str, account: str) -> Fault | None:
        """Return the first fault that is due for this request, and use it once."""
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
    def change_job(self, account: str, job_id: str, action: str) -> Job:
        """Make a job misbehave; `last` is the account's newest. Raise ValueError."""
        jobs = self.account(account).jobs
        job = list(jobs.values())[-1] if job_id == "last" else jobs.get(job_id)
        if job is None:
            raise ValueError("that account has no such job")
        job.change(action, self.clock.elapsed())
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
        """Return the next seeded random number, from 0 to 1."""
        return self.random.random()

    # Accounts

    @locked
    def account(self, name: str) -> Account:
        """Return the account of this name; it is made when first asked for."""
        if name not in self.accounts:
            self.accounts[name] = Account(name, self.seed)
        return self.accounts[name]

    @locked
    def check_rate(self, key: Key) -> None:
        """Refuse a limited key its third request within a second of real time."""
        if not key.limited:
            return
        account, now = self.account(key.account), time.monotonic()
        if not account.take_call(now, per_second=LIMITED_PER_SECOND):
            raise Problem(
                429,
                f"Rate limit exceeded. Try again in {LIMITED_RETRY_AFTER} seconds.",
                headers={"Retry-After": str(LIMITED_RETRY_AFTER)},
            )

    # Templates

    @locked
    def list_templates(self, account: str) -> list[Data]:
        return self.account(account).list_templates(self.clock.elapsed())

    @locked
    def sync_templates(self, account: str) -> Data | None:
        """Copy the templates at Meta into the list; return the counts, or None if it is queued."""
        mine = self.account(account)
        if self.options.sync_seconds:
            mine.sync_ready_at = self.clock.elapsed() + self.options.sync_seconds
            return None
        return mine.sync_templates()

    @locked
    def set_template(self, account: str, template: Data, *, listed: bool = False) -> None:
        """Add or replace a template at Meta, and send an event for each change.

        If it is `listed`, ChumiAI's list shows it without a sync.
        """
        mine = self.account(account)
        before = mine.at_meta.get((template["name"], template["language"]))
        now = mine.set_template(template, listed=listed)
        for event in webhook_events.template_changes(before, now) if before else []:
            self.send_event(account, event)

    @locked
    def add_twin(self, account: str, template: Data, place: str) -> None:
        self.account(account).add_twin(template, place)

    @locked
    def drop_template(self, account: str, name: str, language: str) -> bool:
        return self.account(account).at_meta.pop((name, language), None) is not None

    @locked
    def find_template(self, account: str, name: str, language: str) -> Data:
        """Return a template that may be sent, or raise a Problem with Meta's code.

        It must have been synced, and its state at Meta decides.
        """
        mine = self.account(account)
        self.list_templates(account)
        template = mine.at_meta.get((name, language)) if (name, language) in mine.listed else None
        if template is None:
            raise _problem(132001, status=404)
        if code := outcomes.status_code(template):
            raise _problem(code)
        return template

    # Sends

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
        # ChumiAI checks the values before the media.
        code = outcomes.components_code(found, media=True) or outcomes.values_code(found, values)
        if code := code or outcomes.components_code(found, media=bool(media)):
            raise _problem(code)
        refused = self._take_refusal(account, to)
        if refused is None:
            refused = self._take_refusal(account, None)
        if refused is not None:
            raise _problem(refused)
        outcome = outcomes.by_last_digits(to)
        self._refuse_by_outcome(account, to, outcome)
        is_held = outcome.kind in ("held", "dropped")
        entry = self._write(
            account,
            "single",
            to=to,
            template=template,
            language=language,
            values=values,
            media=media,
            outcome="held" if is_held else "accepted",
        )
        return Sent(
            message_id=None if outcome.kind == "no_id" else entry.message_id,
            status="held_for_quality_assessment" if is_held else "accepted",
            lost_after=self.in_real_seconds(35) if outcome.kind == "timeout" else None,
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
        if found is not None and (code := self._take_refusal(account, None)) is not None:
            found, refused = None, outcomes.meta_message(code)
        job = self._new_job(account, template, language, file_name, len(rows), refused)
        for position, row in enumerate(rows):
            if not outcomes.is_phone(row.phone):
                text = "Invalid phone number"
                job.errors.append(RowError(position, row.number, row.phone, None, text))
            elif found is not None:
                values = outcomes.without_empty_columns(found, row.values)
                code = self._take_refusal(account, row.phone)
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
        return job

    @locked
    def start_foreign_job(
        self, account: str, *, template: str, language: str, file_name: str | None, total: int
    ) -> Job:
        """Make a job that was started outside the product: it runs, without ledger lines."""
        return self._new_job(account, template, language, file_name, total)

    # Jobs

    @locked
    def list_jobs(self, account: str) -> list[Data]:
        """Return the jobs that the list shows, newest first."""
        shown_until = self.clock.elapsed() - self.options.list_jobs_delay
        jobs = [
            job
            for job in self.account(account).jobs.values()
            if job.made_at <= shown_until and not job.vanished
        ]
        return [resources.describe_job(job, self.clock, self.options) for job in reversed(jobs)]

    @locked
    def get_job(self, account: str, job_id: str) -> Data:
        """Return the status of a job, with its rows where the options allow it."""
        job = self.account(account).jobs.get(job_id)
        if job is None or job.vanished:
            raise Problem(404, "Bulk job not found")
        entries = (e for e in self.ledger if e.account == account and e.job_id == job_id)
        return resources.describe_job_status(job, self.clock, self.options, entries)

    @locked
    def describe_new_job(self, job: Job) -> Data:
        return resources.describe_new_job(job, self.clock, self.options)

    # Contacts and groups

    @locked
    def fill_contacts(self, account: str, contacts: int, groups: int) -> None:
        self.account(account).fill(contacts, groups)

    @locked
    def set_group(self, account: str, name: str, people: list[Data]) -> str:
        return self.account(account).set_group(name, people)

    @locked
    def list_contacts(self, account: str, search: str) -> Sequence[Data]:
        mine = self.account(account)
        found = mine.search_contacts(search)
        return LazyList(found, lambda c: resources.describe_contact(c, mine, self.clock))

    @locked
    def get_contact(self, account: str, contact_id: str) -> Data:
        mine = self.account(account)
        if contact_id not in mine.contacts:
            raise Problem(404, "Contact not found")
        return resources.describe_contact(mine.contacts[contact_id], mine, self.clock)

    @locked
    def list_groups(self, account: str) -> list[Data]:
        groups = self.account(account).groups.values()
        return [resources.describe_group(group, self.clock) for group in groups]

    @locked
    def get_group(self, account: str, group_id: str) -> tuple[Data, Sequence[Data]]:
        """Return a group and its contacts, in a stable order."""
        mine = self.account(account)
        group = mine.groups.get(group_id)
        if group is None:
            raise Problem(404, "Contact group not found")
        members = LazyList(
            group["members"],
            lambda member: resources.describe_contact(mine.contacts[member], mine, self.clock),
        )
        return resources.describe_group(group, self.clock), members

    # Conversations

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
        """Add a message from a customer, or the press of a button; return its id.

        `more` has further fields for the history, such as the type or the media.
        """
        event = webhook_events.inbound(phone, text, reply_to, button=button)
        extra = {"type": "button"} if button else {}
        extra |= {"replyTo": reply_to} if reply_to else {}
        self.account(account).receive(event, self.clock.elapsed(), extra | (more or {}))
        self.send_event(account, event)
        return str(event["id"])

    @locked
    def list_messages(self, account: str, phone: str) -> list[Data]:
        """Return the conversation with a number, newest first."""
        if not self.options.conversations:
            raise Problem(404, "Cannot GET this path")
        now, mine = self.clock.elapsed(), self.account(account)
        outbound = [
            (entry.made_at, resources.describe_sent(entry, mine, self.clock))
            for entry in self.ledger
            if entry.account == account and entry.to == phone and entry.made_at <= now
        ]
        inbound = [
            (message["made_at"], resources.describe_received(message, self.clock))
            for message in mine.inbound
            if message["phone"] == phone and message["made_at"] <= now
        ]
        newest = sorted(outbound + inbound, key=lambda pair: pair[0], reverse=True)
        return [message for _, message in newest]

    @locked
    def in_real_seconds(self, seconds: float) -> float:
        """Return how long a wait in sandbox seconds lasts for the client."""
        return seconds / max(self.clock.speed, 1.0)

    # Helpers, called under the lock.

    def _new_job(
        self,
        account: str,
        template: str,
        language: str,
        file_name: str | None,
        total: int,
        refused: str | None = None,
    ) -> Job:
        job = Job(
            id=f"{int(time.time()):08x}{secrets.token_hex(8)}",
            template=template,
            language=language,
            file_name=file_name,
            total=total,
            made_at=self.clock.elapsed(),
            refused=refused,
        )
        self.account(account).jobs[job.id] = job
        return job

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
            body=self.account(account).body_of(template, language),
            values=values,
            media=media,
            outcome=outcome,
            made_at=now if made_at is None else made_at,
            message_id=f"wamid.{secrets.token_urlsafe(24)}",
        )
        self.ledger.append(entry)
        if sender := self.senders.get(account):
            for at, event in sender.events_of(entry):
                if event["kind"] != "status":
                    self.account(account).receive(event, at)
                sender.schedule(at, event)
        return entry

    def _refuse_by_outcome(self, account: str, to: str, outcome: outcomes.Outcome) -> None:
        failed_once = self.account(account).failed_once
        if outcome.kind == "rejected" and outcome.code:
            raise _problem(outcome.code)
        if outcome.kind == "http_500":
            raise Problem(500, "Internal server error")
        if outcome.kind in ("once", "http_429") and to not in failed_once:
            failed_once.add(to)
            if outcome.code:
                raise _problem(outcome.code)
            raise Problem(429, "Rate limit exceeded. Slow down.", headers={"Retry-After": "1"})

    def _take_refusal(self, account: str, phone: str | None) -> int | None:
        """Return the code of a refusal of this phone, or without one of all; use it once."""
        return next((r.code for r in self.refusals if r.take(account, phone)), None)


def _problem(code: int, *, status: int = 400) -> Problem:
    return Problem(status, outcomes.meta_message(code), code=code)
