"""Jobs, contacts, groups and messages as the API shows them, before a shape renames the fields."""

from collections.abc import Callable, Iterable, Sequence
from typing import Any

from sandbox import outcomes, seed
from sandbox.accounts import Account
from sandbox.clock import Clock
from sandbox.jobs import ENDED, Job
from sandbox.ledger import Entry, delivery_status
from sandbox.options import Options

Data = dict[str, Any]


class LazyList(Sequence[Data]):
    """Items that are described when they are read, so a page of a long list costs no more."""

    def __init__(self, items: list[Any], describe: Callable[[Any], Data]) -> None:
        self._items, self._describe = items, describe

    def __len__(self) -> int:
        return len(self._items)

    def __getitem__(self, index: Any) -> Any:
        if isinstance(index, slice):
            return [self._describe(item) for item in self._items[index]]
        return self._describe(self._items[index])


def describe_job(job: Job, clock: Clock, options: Options) -> Data:
    """Return a job as the list of jobs shows it."""
    now = clock.elapsed()
    done, errors = job.processed(now), job.errors_so_far(now)
    invalid = sum(error.is_invalid for error in errors)
    status, has_started = job.status(now), job.moment(now) >= job.starts_at
    fields = {
        "jobId": job.id,
        "status": status,
        "progress": 100 * done // job.total if job.total else 100,
        "total": job.total,
        "processed": done,
        "successful": done - len(errors),
        "failed": len(errors) - invalid,
        "invalid": invalid,
        "pending": job.total - done,
        **_request_fields(job, options),
        "createdAt": clock.at(job.made_at),
        "startedAt": clock.at(job.starts_at) if has_started else None,
        "completedAt": clock.at(job.ends_at) if status in ENDED else None,
    }
    if job.refused and has_started:
        fields["error"] = job.refused
    return fields


def describe_job_status(
    job: Job, clock: Clock, options: Options, entries: Iterable[Entry]
) -> Data:
    """Return a job as its status shows it, with its rows where the options allow it.

    `entries` are its lines of the ledger.
    """
    fields = describe_job(job, clock, options)
    is_moving = job.stalled_at is None and not fields["completedAt"]
    fields["estimatedCompletion"] = clock.at(job.ends_at) if is_moving else None
    now = clock.elapsed()
    if options.message_ids:
        fields["results"] = _row_results(job, entries, now)
    elif options.row_errors:
        fields["errors"] = [
            {"row": e.row, "phone": e.phone, "code": e.code, "message": e.message}
            for e in job.errors_so_far(now)
        ]
    return fields


def describe_new_job(job: Job, clock: Clock, options: Options) -> Data:
    """Return the answer to the request that made the job."""
    return {
        "jobId": job.id,
        "status": "pending",
        "totalRecipients": job.total,
        "validRecipients": job.total - job.invalid,
        "invalidRecipients": job.invalid,
        **_request_fields(job, options),
        "createdAt": clock.at(job.made_at),
    }


def _request_fields(job: Job, options: Options) -> Data:
    fields: Data = {"templateName": job.template, "languageCode": job.language}
    if options.echo_file_name:
        fields["fileName"] = job.file_name
    return fields


def _row_results(job: Job, entries: Iterable[Entry], now: float) -> list[Data]:
    """Return the result of each row so far, with the ids of the messages."""
    errors = {e.row: e for e in job.errors_so_far(now)}
    results: list[Data] = [
        {"row": e.row, "phone": e.phone, "status": "failed", "code": e.code, "error": e.message}
        for e in errors.values()
    ]
    results += [
        {"row": e.row, "phone": e.to, "messageId": e.message_id, "status": "sent"}
        for e in entries
        if e.row not in errors and e.made_at < job.moment(now)
    ]
    return results


def describe_contact(contact: Data, account: Account, clock: Clock) -> Data:
    fields = {key: value for key, value in contact.items() if key != "days_ago"}
    fields["groups"] = account.groups_of.get(contact["id"], [])
    fields["createdAt"] = clock.at(-contact["days_ago"] * seed.DAY)
    return fields


def describe_group(group: Data, clock: Clock) -> Data:
    return {
        "id": group["id"],
        "name": group["name"],
        "description": group["description"],
        "contactCount": len(group["members"]),
        "createdAt": clock.at(-group["days_ago"] * seed.DAY),
    }


def describe_sent(entry: Entry, account: Account, clock: Clock) -> Data:
    """Return a message of the business, as the history shows it."""
    template = account.at_meta.get((entry.template, entry.language))
    return {
        "messageId": entry.message_id,
        "direction": "outbound",
        "type": "template",
        "text": outcomes.fill(template, entry.values) if template else "",
        "templateName": entry.template,
        "status": delivery_status(entry, clock.elapsed() - entry.made_at),
        "timestamp": clock.at(entry.made_at),
    }


def describe_received(message: Data, clock: Clock) -> Data:
    """Return a customer's message, as the history shows it."""
    fields: Data = {
        "messageId": message["id"],
        "direction": "inbound",
        "type": "text",
        "text": message["text"],
        "status": "received",
        "timestamp": clock.at(message["made_at"]),
    }
    fields.update(message["more"])
    return fields
