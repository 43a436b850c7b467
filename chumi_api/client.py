"""The calls to ChumiAI: one method each, typed values out, a ChumiError for anything else.

Each call is made once. Nothing is retried here: the caller decides what may be repeated, because
only the caller knows what it has stored.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, nullcontext
from dataclasses import replace
from datetime import UTC, datetime
from functools import partial
from typing import TYPE_CHECKING, Any, BinaryIO, Literal, Protocol, TypeVar
from urllib.parse import quote, urlsplit

from chumi_api import parsing
from chumi_api.errors import (
    ChumiError,
    Forbidden,
    NotFound,
    RateLimited,
    Unauthorized,
    gettext_noop,
)
from chumi_api.lists import MEBIBYTE, Budget, Entry, Page, read_pages
from chumi_api.types import (
    AccessCheck,
    AccessReport,
    BulkAccepted,
    BulkJob,
    Contact,
    ContactGroup,
    GroupDetail,
    Listing,
    Message,
    SendResult,
    SyncResult,
    Template,
)

if TYPE_CHECKING:
    from chumi_api.transport import Answer, Body, Connection

Gate = Callable[[], bool]
# Called with the error and the number of retries so far: returns to try again, or raises.
Retry = Callable[[ChumiError, int], None]
T = TypeVar("T")
R = TypeVar("R", SendResult, BulkAccepted)
Find = Callable[[Any], parsing.Entries | None]

API = "/api/v1"
TEMPLATES = f"{API}/whatsapp/templates"
JOBS = f"{API}/whatsapp/bulk-jobs"
CONTACTS = f"{API}/contacts"
GROUPS = f"{API}/contacts/groups"
CONVERSATION = f"{API}/whatsapp/conversations/{{phone}}"

OLDEST = datetime.min.replace(tzinfo=UTC)

KEY_FORM = re.compile(r"[!-~]{1,500}")

# Which read shows which scope. ChumiAI documents no scope for the job list, so an answer there
# proves none.
ACCESS_QUESTIONS: tuple[tuple[str, tuple[str, ...], Callable[[Any], object], str | None], ...] = (
    (TEMPLATES, parsing.TEMPLATE_NAMES, parsing.parse_template, "templates:read"),
    (CONTACTS, parsing.CONTACT_NAMES, parsing.parse_contact, "contacts:read"),
    (JOBS, parsing.JOB_NAMES, parsing.parse_job, None),
)
SCOPE_OF_PATH = (
    (f"{TEMPLATES}/sync", ""),
    (TEMPLATES, "templates:read"),
    (JOBS, ""),
    (CONTACTS, "contacts:read"),
    (f"{API}/whatsapp/send-template", "whatsapp:send"),
    (f"{API}/whatsapp/bulk-import-messages", "whatsapp:send"),
)
SCOPES = ("templates:read", "contacts:read", "contacts:write", "whatsapp:read", "whatsapp:send")


class Listener(Protocol):
    """Hears each call, in its thread: the scope documented for it or '', its error or None."""

    def hear(self, scope: str, error: ChumiError | None) -> None: ...


class _Key(str):
    """An API key that no repr shows: not a dict's, not a stack frame's."""

    def __repr__(self) -> str:
        return "'[key]'"


class Client:
    """ChumiAI for one API key. Times in seconds, `max_body` in bytes.

    `deadline` and `send_deadline` are for a whole exchange, from the look-up of the name to
    the last byte of the answer. A list raises an error when it has more than `max_pages`, takes
    longer than `list_seconds` (waits included) or is larger than `list_bytes`; no list is ever
    cut short. `listener` hears the outcome of each call.
    """

    def __init__(
        self,
        base_url: str,
        api_key: str,
        *,
        connect_timeout: float = 5,
        deadline: float = 30,
        send_deadline: float = 60,
        max_body: int = 16 * 1024 * 1024,
        max_pages: int = 5_000,
        list_seconds: float = 300,
        list_bytes: int = 64 * MEBIBYTE,
        listener: Listener | None = None,
    ) -> None:
        self._base_url = base_url.rstrip("/")
        self._key = _Key(api_key)
        self._connect_timeout = connect_timeout
        self._deadline = deadline
        self._send_deadline = send_deadline
        self._max_body = max_body
        self._max_pages = max_pages
        self._list_seconds = list_seconds
        self._list_bytes = list_bytes
        self.listener = listener

    def __repr__(self) -> str:
        return f"Client({urlsplit(self._base_url).hostname})"

    # Templates

    def list_templates(self) -> Listing[Template]:
        """Return all templates that ChumiAI has."""
        return self._list(TEMPLATES, parsing.TEMPLATE_NAMES, parsing.parse_template)

    def sync_templates(self) -> SyncResult:
        """Let ChumiAI fetch the templates from Meta; it may queue that (`queued`)."""
        path = f"{TEMPLATES}/sync"
        with self._heard(path):
            answer = self._call("POST", path)
            body = parsing.load(answer.text)
            # Nothing in the answer is needed, so any JSON or an empty body is a yes.
            self._raise_unless_read(answer, body, understood=body is not None or answer.text == "")
        return parsing.parse_sync(body, status=answer.status or 0)

    # Sending

    def bulk_import(
        self,
        *,
        file: bytes | BinaryIO,
        file_name: str,
        template_name: str,
        language: str,
        gate: Gate | None = None,
    ) -> BulkAccepted:
        """Upload a file of recipients; ChumiAI sends to them in a job of its own.

        `file` (bytes, or an open seekable file) has the phones in its first column and the
        values after it. `gate` is called, in this thread, before the last bytes leave; unless
        it returns True, Unreachable is raised and provably nothing was sent.
        """
        from chumi_api.transport import multipart_body

        fields = {"templateName": template_name, "languageCode": language}
        return self._send(
            f"{API}/whatsapp/bulk-import-messages",
            multipart_body(_without_blanks(fields), file, file_name, gate),
            parsing.parse_bulk_accepted,
        )

    def send_template(
        self,
        *,
        to: str,
        template_name: str,
        language: str,
        values: Sequence[str],
        header_media_id: str | None = None,
        header_media_url: str | None = None,
        gate: Gate | None = None,
        connection: Connection | None = None,
    ) -> SendResult:
        """Send one message; `to` in digits with the country code, `gate` as in bulk_import.

        `connection` stays open for the next message; without one, this message opens its own.
        A failure on a connection that was used before proves no more than on a new one.
        """
        body = {
            "to": to.lstrip("+"),
            **_template(template_name, language, values, header_media_id, header_media_url),
        }
        return self._send_json(
            f"{API}/whatsapp/send-template", body, parsing.parse_send, gate, connection
        )

    def send_template_to_group(
        self,
        *,
        group_id: str,
        template_name: str,
        language: str,
        values: Sequence[str],
        header_media_id: str | None = None,
        header_media_url: str | None = None,
        gate: Gate | None = None,
    ) -> BulkAccepted:
        """Send a template to a group in a job, with the same values for every member."""
        body = {
            "groupId": group_id,
            **_template(template_name, language, values, header_media_id, header_media_url),
        }
        path = f"{API}/whatsapp/send-template-to-group"
        return self._send_json(path, body, parsing.parse_bulk_accepted, gate)

    # Bulk jobs

    def list_bulk_jobs(self, *, max_items: int | None = None) -> Listing[BulkJob]:
        """Return the jobs of the key, newest first; `max_items` keeps only the newest.

        We assume that ChumiAI lists the newest first. Where the first pages show another order,
        all pages are read before any job is dropped.
        """
        jobs: Listing[BulkJob] = Listing()
        find = partial(parsing.find_list, names=parsing.JOB_NAMES)
        for page in self._pages(JOBS, find, parsing.parse_job):
            jobs.add(page.values)
            if max_items is not None and len(jobs) >= max_items and _newest_first(jobs):
                break
        if not _newest_first(jobs):
            jobs.sort(key=lambda job: job.created_at or OLDEST, reverse=True)
        if max_items is not None:
            del jobs[max_items:]
        return jobs

    def bulk_job(self, job_id: str) -> BulkJob:
        """Return the state of one job."""
        path = f"{JOBS}/{_segment(job_id)}/status"
        with self._heard(path):
            answer = self._call("GET", path)
            body = parsing.load(answer.text)
            job = parsing.parse_job_answer(body, job_id)
            self._raise_unless_read(answer, body, understood=job is not None)
        assert job is not None
        return job

    # Contacts and groups

    def list_groups(self, *, retry: Retry | None = None) -> Listing[ContactGroup]:
        """Return the contact groups; `retry` as for `contact_pages`."""
        return self._list(GROUPS, parsing.GROUP_NAMES, parsing.parse_group, retry)

    def group(self, group_id: str, *, retry: Retry | None = None) -> GroupDetail:
        """Return a group with its members, over all pages; `retry` as for `contact_pages`."""
        group: ContactGroup | None = None
        members: Listing[Contact] = Listing()
        find = partial(parsing.find_members, group_id=group_id)
        path = f"{GROUPS}/{_segment(group_id)}"
        for page in self._pages(path, find, parsing.parse_contact, retry):
            group = group or page.group
            members.add(page.values)
        group = group or ContactGroup(group_id)
        return GroupDetail(group, members=tuple(members), skipped=members.skipped)

    def contact_pages(self, *, retry: Retry | None = None) -> Iterator[Listing[Contact]]:
        """Yield the contacts page by page; each page is fetched when it is needed.

        `retry` is called when a page fails, with the error and the number of retries so far. It
        returns to fetch the page again, or raises.
        """
        find = partial(parsing.find_list, names=parsing.CONTACT_NAMES)
        for page in self._pages(CONTACTS, find, parsing.parse_contact, retry):
            yield page.values

    def member_pages(
        self, group_id: str, *, retry: Retry | None = None
    ) -> Iterator[Listing[Contact]]:
        """Yield a group's members page by page; `retry` as for `contact_pages`."""
        find = partial(parsing.find_members, group_id=group_id)
        path = f"{GROUPS}/{_segment(group_id)}"
        for page in self._pages(path, find, parsing.parse_contact, retry):
            yield page.values

    # Conversations

    def conversation_pages(
        self, phone: str, *, path: str = CONVERSATION, retry: Retry | None = None
    ) -> Iterator[Listing[Message]]:
        """Yield the history with a number page by page; `retry` as for `contact_pages`.

        `{phone}` in `path` stands for the number in digits. Raise NotFound where ChumiAI does
        not offer the history.
        """
        digits = phone.lstrip("+")
        find = partial(parsing.find_list, names=parsing.HISTORY_NAMES)
        parse = partial(parsing.parse_message, phone=digits)
        where = path.replace("{phone}", _segment(digits))
        for page in self._pages(where, find, parse, retry):
            yield page.values

    # What the key may do

    def check_access(self) -> AccessReport:
        """Return what the key may do and how we understood ChumiAI's answers; read-only."""
        scopes: dict[str, Literal["granted", "missing", "untested"]] = dict.fromkeys(
            SCOPES, "untested"
        )
        checks: list[AccessCheck] = []
        for path, names, parse, scope in ACCESS_QUESTIONS:
            find = partial(parsing.find_list, names=names)
            try:
                with self._heard(path), self.connection() as connection:
                    page = self._page(
                        connection,
                        path,
                        find,
                        parse,
                        {"page": "1", "limit": "1"},
                        1,
                        self._budget(),
                    )
            except ChumiError as problem:
                checks.append(AccessCheck(path, ok=False, problem=problem))
                if isinstance(problem, Forbidden):
                    missing = problem.required_scope or scope
                    if missing:
                        scopes[missing] = "missing"
                answered = any(check.ok for check in checks)
                if isinstance(problem, RateLimited) or (
                    not answered and (problem.status is None or isinstance(problem, Unauthorized))
                ):
                    # The other reads would fail for the same reason.
                    break
                continue
            if scope:
                scopes[scope] = "granted"
            checks.append(
                AccessCheck(
                    path,
                    ok=True,
                    items=len(page.entries) if page.info.total is None else page.info.total,
                    skipped=page.values.skipped,
                    paging=page.info.style,
                    envelope=page.envelope,
                )
            )
        return AccessReport(scopes, tuple(checks))

    # How a call is made

    def connection(self) -> Connection:
        """Return a connection for several calls, one after the other; a context manager."""
        from chumi_api.transport import Connection

        return Connection()

    @contextmanager
    def _heard(self, path: str) -> Iterator[None]:
        """Let the listener hear how the call to this path ends."""
        try:
            yield
        except ChumiError as error:
            if self.listener:
                self.listener.hear(_scope_of(path), error)
            raise
        if self.listener:
            self.listener.hear(_scope_of(path), None)

    def _call(self, method: str, path: str) -> Answer:
        with self.connection() as connection:
            return self._exchange(connection, method, path, deadline=self._deadline)

    def _exchange(
        self,
        connection: Connection,
        method: str,
        path: str,
        *,
        deadline: float,
        params: dict[str, str] | None = None,
        body: Body | None = None,
        keep: bool = False,
        max_body: int | None = None,
    ) -> Answer:
        from chumi_api.transport import exchange

        if not KEY_FORM.fullmatch(self._key):
            # An HTTP library would quote such a key in the error that it raises.
            raise Unauthorized(
                gettext_noop("This is not an API key: it has characters that no key has.")
            )
        answer = exchange(
            connection,
            method,
            self._base_url + path,
            headers={
                "X-API-Key": self._key,
                "Accept": "application/json",
                "Accept-Encoding": "gzip",
                "User-Agent": "ChumiAdmin",
                **({"Connection": "close"} if body is not None and not keep else {}),
            },
            params=params or {},
            body=body,
            connect_timeout=min(self._connect_timeout, deadline),
            deadline=deadline,
            max_body=self._max_body if max_body is None else max_body,
        )
        # ChumiAI may echo the key; it must not go further than this.
        return replace(
            answer,
            headers={name: self._hide_key(value) for name, value in answer.headers.items()},
            text=None if answer.text is None else self._hide_key(answer.text),
        )

    def _hide_key(self, text: str) -> str:
        return text.replace(self._key, "[key]")

    def _send_json(
        self,
        path: str,
        value: dict[str, Any],
        parse: Callable[[Any], R | None],
        gate: Gate | None,
        connection: Connection | None = None,
    ) -> R:
        from chumi_api.transport import json_body

        return self._send(path, json_body(value, gate), parse, connection)

    def _send(
        self,
        path: str,
        body: Body,
        parse: Callable[[Any], R | None],
        kept: Connection | None = None,
    ) -> R:
        """Make a call that sends, on `kept` or on its own connection; raise unless accepted."""
        with self._heard(path):
            with nullcontext(kept) if kept else self.connection() as connection:
                answer = self._exchange(
                    connection,
                    "POST",
                    path,
                    deadline=self._send_deadline,
                    body=body,
                    keep=kept is not None,
                )
            content = parsing.load(answer.text)
            result = parse(content)
            kind = parsing.send_verdict(
                finished=answer.finished,
                status=answer.status,
                body=content,
                accepted=result is not None,
            )
            if kind is not None:
                raise self._error(kind, answer, sends=True) from body.gate_error
            assert result is not None
            return replace(result, request_id=parsing.request_id(answer.headers, content))

    def _raise_unless_read(self, answer: Answer, body: Any, *, understood: bool) -> None:
        kind = parsing.read_verdict(
            connected=answer.connected,
            status=answer.status,
            body=body,
            understood=understood,
        )
        if kind is not None:
            raise self._error(kind, answer, sends=False)

    def _error(self, kind: type[ChumiError], answer: Answer, *, sends: bool) -> ChumiError:
        return parsing.build_error(
            kind, sends=sends, status=answer.status, headers=answer.headers, text=answer.text
        )

    def _list(
        self,
        path: str,
        names: tuple[str, ...],
        parse: Callable[[Any], T | None],
        retry: Retry | None = None,
    ) -> Listing[T]:
        listing: Listing[T] = Listing()
        find = partial(parsing.find_list, names=names)
        for page in self._pages(path, find, parse, retry):
            listing.add(page.values)
        return listing

    def _page(
        self,
        connection: Connection,
        path: str,
        find: Find,
        parse: Callable[[Any], T | None],
        params: dict[str, str],
        asked: int,
        budget: Budget,
    ) -> Page[T]:
        """Fetch and read one page of a list; `asked` is its number, counted from one."""
        answer = self._exchange(
            connection,
            "GET",
            path,
            params=params,
            deadline=min(self._deadline, max(budget.seconds_left, 0.001)),
            max_body=min(self._max_body, budget.size_left),
        )
        budget.received += answer.size
        body = parsing.load(answer.text)
        found = find(body)
        entries = [Entry.of(item, parse(item)) for item in found.items] if found else []
        # A list in which nothing is understood is a list of something else.
        understood = found is not None and (
            not entries or any(entry.value is not None for entry in entries)
        )
        self._raise_unless_read(answer, body, understood=understood)
        assert found is not None
        info = parsing.page_info(found.around, answer.headers, asked)
        return Page(entries, info, found.envelope, found.group)

    def _pages(
        self,
        path: str,
        find: Find,
        parse: Callable[[Any], T | None],
        retry: Retry | None = None,
    ) -> Iterator[Page[T]]:
        """Yield the pages of a list over one connection; `retry` as for `contact_pages`."""
        budget = self._budget()
        with self.connection() as connection:

            def fetch(params: dict[str, str], asked: int) -> Page[T]:
                tries = 0
                while True:
                    budget.check()
                    try:
                        with self._heard(path):
                            return self._page(connection, path, find, parse, params, asked, budget)
                    except ChumiError as error:
                        # A page may be cut because the list has taken all that it may.
                        budget.check()
                        if retry is None:
                            raise
                        retry(error, tries)
                        tries += 1

            yield from read_pages(fetch, max_pages=self._max_pages)

    def _budget(self) -> Budget:
        return Budget(self._list_seconds, self._list_bytes)


def _scope_of(path: str) -> str:
    """Return the scope of a call; of the history, whose path is a setting, `whatsapp:read`."""
    found = (scope for prefix, scope in SCOPE_OF_PATH if path.startswith(prefix))
    return next(found, "whatsapp:read")


def _newest_first(jobs: Sequence[BulkJob]) -> bool:
    """Return True if no job is followed by a newer one, as far as times are known."""
    times = [job.created_at for job in jobs if job.created_at is not None]
    return all(earlier >= later for earlier, later in zip(times, times[1:], strict=False))


def _template(
    name: str,
    language: str,
    values: Sequence[str],
    header_media_id: str | None,
    header_media_url: str | None,
) -> dict[str, Any]:
    """Return the fields that name a template and fill it."""
    fields = {
        "templateName": name,
        "languageCode": language,
        "headerMediaId": header_media_id or "",
        "headerMediaUrl": header_media_url or "",
    }
    return {
        **_without_blanks(fields),
        "templateParameters": [{"text": value} for value in values],
    }


def _without_blanks(fields: dict[str, str]) -> dict[str, str]:
    return {key: value for key, value in fields.items() if value}


def _segment(remote_id: str) -> str:
    """Return an id as one segment of a path; an id that would leave the path is not found."""
    if remote_id in ("", ".", ".."):
        raise NotFound(gettext_noop("ChumiAI can't find this."))
    return quote(remote_id, safe="")
