"""The calls to ChumiAI: one method each, typed values out, a ChumiError for whatever else.

A call is made once. There is no retry in here: who may repeat what is decided by the caller,
who knows whether it was written down first.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator, Sequence
from contextlib import nullcontext
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from functools import partial
from typing import TYPE_CHECKING, Any, BinaryIO, Generic, Literal, TypeVar
from urllib.parse import quote, urlsplit

from chumi_api import parsing
from chumi_api.errors import (
    ChumiError,
    Forbidden,
    NotFound,
    RateLimited,
    Unauthorized,
    Unavailable,
)
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
    from chumi_api.transport import Answer, Body, Line

Gate = Callable[[], bool]
Patience = Callable[[ChumiError, int], None]
T = TypeVar("T")
R = TypeVar("R", SendResult, BulkAccepted)
Find = Callable[[Any], parsing.Entries | None]

API = "/api/v1"
TEMPLATES = f"{API}/whatsapp/templates"
JOBS = f"{API}/whatsapp/bulk-jobs"
CONTACTS = f"{API}/contacts"
GROUPS = f"{API}/contacts/groups"
CONVERSATION = f"{API}/whatsapp/conversations/{{phone}}"

PAGE_SIZE = 50
OLDEST = datetime.min.replace(tzinfo=UTC)

KEY_FORM = re.compile(r"[!-~]{1,500}")

# Which question shows which scope. That the job list needs a scope of its own is not
# documented, so an answer there proves none.
ACCESS_QUESTIONS: tuple[tuple[str, tuple[str, ...], Callable[[Any], object], str | None], ...] = (
    (TEMPLATES, parsing.TEMPLATE_NAMES, parsing.parse_template, "templates:read"),
    (CONTACTS, parsing.CONTACT_NAMES, parsing.parse_contact, "contacts:read"),
    (JOBS, parsing.JOB_NAMES, parsing.parse_job, None),
)
SCOPES = ("templates:read", "contacts:read", "contacts:write", "whatsapp:read", "whatsapp:send")


class _Key(str):
    """An API key that no repr shows: not of a dict it is in, not of a frame's locals."""

    def __repr__(self) -> str:
        return "'[key]'"


@dataclass(frozen=True, slots=True)
class _Entry(Generic[T]):
    """One entry of a list: what was understood of it, and what it is known by."""

    value: T | None
    identity: str
    has_id: bool


@dataclass(frozen=True, slots=True)
class _Page(Generic[T]):
    """One page of a list, and where it says it stands."""

    entries: list[_Entry[T]]
    info: parsing.PageInfo
    envelope: str
    group: ContactGroup | None

    @property
    def values(self) -> list[T]:
        return [entry.value for entry in self.entries if entry.value is not None]

    @property
    def skipped(self) -> int:
        return sum(entry.value is None for entry in self.entries)


class Client:
    """ChumiAI for one API key. Times in seconds, `max_body` in bytes.

    `deadline` and `send_deadline` are for a whole exchange, from the look-up of the name to
    the last byte of the answer. `max_pages` is the ceiling of a list: beyond it an error is
    raised, and no list is ever cut in silence.
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
    ) -> None:
        self._base_url = base_url.rstrip("/")
        self._key = _Key(api_key)
        self._connect_timeout = connect_timeout
        self._deadline = deadline
        self._send_deadline = send_deadline
        self._max_body = max_body
        self._max_pages = max_pages

    def __repr__(self) -> str:
        return f"Client({urlsplit(self._base_url).hostname})"

    # Templates

    def list_templates(self) -> Listing[Template]:
        """Return the templates that ChumiAI knows."""
        return self._list(TEMPLATES, parsing.TEMPLATE_NAMES, parsing.parse_template)

    def sync_templates(self) -> SyncResult:
        """Let ChumiAI fetch the templates from Meta; it may queue that (`queued`)."""
        with self.line() as line:
            answer = self._exchange(line, "POST", f"{TEMPLATES}/sync", deadline=self._deadline)
        body = parsing.load(answer.text)
        # A sync has nothing that we must understand: any answer in JSON, or none, is a yes.
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
        """Hand a file of recipients to ChumiAI, which sends to them in a job of its own.

        `file` (bytes, or an open seekable file) has the phones in its first column and the
        values after it. `gate` is asked, in this thread, before the last bytes leave; unless
        it says True, Unreachable is raised and provably nothing was sent.
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
        line: Line | None = None,
    ) -> SendResult:
        """Send one message; `to` in digits with the country code, `gate` as in bulk_import.

        `line` is kept open for the next message; without one, this message has its own. What
        breaks on a line that was used before is as unclear as anywhere else.
        """
        body = {
            "to": to.lstrip("+"),
            **_template(template_name, language, values, header_media_id, header_media_url),
        }
        return self._send_json(
            f"{API}/whatsapp/send-template", body, parsing.parse_send, gate, line
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
        """Send a template to a group, with the same values for everyone, in a job."""
        body = {
            "groupId": group_id,
            **_template(template_name, language, values, header_media_id, header_media_url),
        }
        path = f"{API}/whatsapp/send-template-to-group"
        return self._send_json(path, body, parsing.parse_bulk_accepted, gate)

    # Bulk jobs

    def list_bulk_jobs(self, *, max_items: int | None = None) -> Listing[BulkJob]:
        """Return the jobs of the key, newest first; `max_items` keeps only the newest.

        That ChumiAI lists the newest first is assumed. Where the first pages show another
        order, all pages are read before any job is left out.
        """
        jobs: Listing[BulkJob] = Listing()
        find = partial(parsing.find_list, names=parsing.JOB_NAMES)
        for page in self._pages(JOBS, find, parsing.parse_job):
            jobs.extend(page.values)
            jobs.skipped += page.skipped
            if max_items is not None and len(jobs) >= max_items and _newest_first(jobs):
                break
        if not _newest_first(jobs):
            jobs.sort(key=lambda job: job.created_at or OLDEST, reverse=True)
        if max_items is not None:
            del jobs[max_items:]
        return jobs

    def bulk_job(self, job_id: str) -> BulkJob:
        """Return the state of one job."""
        with self.line() as line:
            answer = self._exchange(
                line, "GET", f"{JOBS}/{_segment(job_id)}/status", deadline=self._deadline
            )
        body = parsing.load(answer.text)
        job = parsing.parse_job_answer(body, job_id)
        self._raise_unless_read(answer, body, understood=job is not None)
        assert job is not None
        return job

    # Contacts and groups

    def list_groups(self, *, patience: Patience | None = None) -> Listing[ContactGroup]:
        """Return the contact groups; `patience` as for `contact_pages`."""
        return self._list(GROUPS, parsing.GROUP_NAMES, parsing.parse_group, patience=patience)

    def group(self, group_id: str, *, patience: Patience | None = None) -> GroupDetail:
        """Return a group with its members, over all pages; `patience` as for `contact_pages`."""
        group: ContactGroup | None = None
        members: Listing[Contact] = Listing()
        find = partial(parsing.find_members, group_id=group_id)
        path = f"{GROUPS}/{_segment(group_id)}"
        for page in self._pages(path, find, parsing.parse_contact, patience):
            group = group or page.group
            members.extend(page.values)
            members.skipped += page.skipped
        group = group or ContactGroup(group_id)
        return GroupDetail(group, members=tuple(members), skipped=members.skipped)

    def list_contacts(self, *, limit: int | None = None) -> Listing[Contact]:
        """Return the contacts, at most `limit` if given."""
        return self._list(CONTACTS, parsing.CONTACT_NAMES, parsing.parse_contact, limit)

    def iter_contacts(self) -> Iterator[Contact]:
        """Give the contacts one by one, fetching pages as they are needed.

        Entries with neither an id nor a phone are left out: nothing can be done with them.
        """
        find = partial(parsing.find_list, names=parsing.CONTACT_NAMES)
        for page in self._pages(CONTACTS, find, parsing.parse_contact):
            yield from page.values

    def contact_pages(self, *, patience: Patience | None = None) -> Iterator[Listing[Contact]]:
        """Give the contacts page by page, as they are needed; a list may be long.

        `patience` is asked when a page does not come, with the error and how often that page
        was tried again: it returns to have it asked for once more, or raises.
        """
        find = partial(parsing.find_list, names=parsing.CONTACT_NAMES)
        for page in self._pages(CONTACTS, find, parsing.parse_contact, patience):
            yield _listing(page)

    def member_pages(
        self, group_id: str, *, patience: Patience | None = None
    ) -> Iterator[Listing[Contact]]:
        """Give a group's members page by page; `patience` as for `contact_pages`."""
        find = partial(parsing.find_members, group_id=group_id)
        path = f"{GROUPS}/{_segment(group_id)}"
        for page in self._pages(path, find, parsing.parse_contact, patience):
            yield _listing(page)

    # Conversations

    def conversation_pages(
        self, phone: str, *, path: str = CONVERSATION, patience: Patience | None = None
    ) -> Iterator[Listing[Message]]:
        """Give the history with a number page by page; `patience` as for `contact_pages`.

        `path` has a place for `{phone}`, which goes there in digits. Raise NotFound where
        ChumiAI does not offer the history.
        """
        digits = phone.lstrip("+")
        find = partial(parsing.find_list, names=parsing.HISTORY_NAMES)
        parse = partial(parsing.parse_message, phone=digits)
        where = path.replace("{phone}", _segment(digits))
        for page in self._pages(where, find, parse, patience):
            yield _listing(page)

    # What the key may do

    def check_access(self) -> AccessReport:
        """Ask what the key may do, read-only, and how ChumiAI's answers were understood."""
        scopes: dict[str, Literal["granted", "missing", "untested"]] = dict.fromkeys(
            SCOPES, "untested"
        )
        checks: list[AccessCheck] = []
        for path, names, parse, scope in ACCESS_QUESTIONS:
            find = partial(parsing.find_list, names=names)
            try:
                with self.line() as line:
                    page = self._page(line, path, find, parse, {"page": "1", "limit": "1"}, 1)
            except ChumiError as problem:
                checks.append(AccessCheck(path, ok=False, problem=problem))
                if isinstance(problem, Forbidden):
                    missing = problem.required_scope or scope
                    if missing:
                        scopes[missing] = "missing"
                if problem.status is None or isinstance(problem, (Unauthorized, RateLimited)):
                    # The other questions would fare the same.
                    break
                continue
            if scope:
                scopes[scope] = "granted"
            checks.append(
                AccessCheck(
                    path,
                    ok=True,
                    items=len(page.entries) if page.info.total is None else page.info.total,
                    skipped=page.skipped,
                    paging=page.info.style,
                    envelope=page.envelope,
                )
            )
        return AccessReport(scopes, tuple(checks))

    # How it is done

    def line(self) -> Line:
        """Open a line for several messages, one after the other; a context manager."""
        from chumi_api.transport import Line

        return Line()

    def _exchange(
        self,
        line: Line,
        method: str,
        path: str,
        *,
        deadline: float,
        params: dict[str, str] | None = None,
        body: Body | None = None,
        keep: bool = False,
    ) -> Answer:
        from chumi_api.transport import exchange

        if not KEY_FORM.fullmatch(self._key):
            # An HTTP library would quote such a key in the error that it raises.
            raise Unauthorized("This is not an API key: it has characters that no key has.")
        answer = exchange(
            line,
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
            max_body=self._max_body,
        )
        # Whatever ChumiAI echoes, the key ends here.
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
        line: Line | None = None,
    ) -> R:
        from chumi_api.transport import json_body

        return self._send(path, json_body(value, gate), parse, line)

    def _send(
        self,
        path: str,
        body: Body,
        parse: Callable[[Any], R | None],
        kept: Line | None = None,
    ) -> R:
        """Make a call that sends, on a connection of its own or on one that is kept, and judge
        what came of it."""
        with nullcontext(kept) if kept else self.line() as line:
            answer = self._exchange(
                line,
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
        limit: int | None = None,
        patience: Patience | None = None,
    ) -> Listing[T]:
        listing: Listing[T] = Listing()
        find = partial(parsing.find_list, names=names)
        for page in self._pages(path, find, parse, patience):
            listing.extend(page.values)
            listing.skipped += page.skipped
            if limit is not None and len(listing) >= limit:
                del listing[limit:]
                break
        return listing

    def _page(
        self,
        line: Line,
        path: str,
        find: Find,
        parse: Callable[[Any], T | None],
        params: dict[str, str],
        asked: int,
    ) -> _Page[T]:
        """Fetch and read one page of a list; `asked` is its number, counted from one."""
        answer = self._exchange(line, "GET", path, params=params, deadline=self._deadline)
        body = parsing.load(answer.text)
        found = find(body)
        entries = [_entry(item, parse(item)) for item in found.items] if found else []
        # A list in which nothing is understood is no list of what was asked for.
        understood = found is not None and (
            not entries or any(entry.value is not None for entry in entries)
        )
        self._raise_unless_read(answer, body, understood=understood)
        assert found is not None
        info = parsing.page_info(found.around, answer.headers, asked)
        return _Page(entries, info, found.envelope, found.group)

    def _patiently(
        self,
        line: Line,
        path: str,
        find: Find,
        parse: Callable[[Any], T | None],
        params: dict[str, str],
        asked: int,
        patience: Patience | None,
    ) -> _Page[T]:
        """Fetch one page; whether one that did not come is tried again is the caller's word."""
        tries = 0
        while True:
            try:
                return self._page(line, path, find, parse, params, asked)
            except ChumiError as error:
                if patience is None:
                    raise
                patience(error, tries)
                tries += 1

    def _pages(
        self,
        path: str,
        find: Find,
        parse: Callable[[Any], T | None],
        patience: Patience | None = None,
    ) -> Iterator[_Page[T]]:
        """Give the pages of a list until ChumiAI says that it ends, or nothing more comes.

        Without a word from ChumiAI a list ends with an empty page, with one that brings
        nothing new, or with one shorter than the first. (The first may be short because
        ChumiAI caps the size of a page, so it ends a list only when it is empty.) Raise
        Unavailable if the list ends before its own total, repeats a page where it promises
        another, or goes on beyond the ceiling.
        """
        seen: set[str] = set()
        received, first_size, number = 0, 0, 1
        announced: list[int] = []
        params = {"page": "1", "limit": str(PAGE_SIZE)}
        with self.line() as line:
            for turn in range(self._max_pages):
                page = self._patiently(line, path, find, parse, params, number, patience)
                if turn == 0 and page.info.page == 2:
                    # ChumiAI counts its pages from zero here: what came is the second.
                    number, params["page"] = 0, "0"
                    page = self._patiently(line, path, find, parse, params, 1, patience)
                size = len(page.entries)
                first_size = first_size or size
                brings_more = any(entry.identity not in seen for entry in page.entries)
                if turn == 0 or brings_more:
                    # An entry may come twice when the list moves on while it is read.
                    fresh = [e for e in page.entries if not e.has_id or e.identity not in seen]
                    received += len(fresh)
                    yield replace(page, entries=fresh)
                seen.update(entry.identity for entry in page.entries)
                # What a group says of its size is a hint to read on, but no promise.
                hint = page.group.size if page.group else None
                if page.info.total is not None:
                    announced.append(page.info.total)
                    hint = page.info.total
                more = page.info.more
                if more is None:
                    more = received < hint if hint is not None else size >= first_size
                if page.info.more and page.entries and not brings_more:
                    raise Unavailable("ChumiAI says that its list goes on, but repeats a page.")
                if not (more and brings_more):
                    break
                number += 1
                params = {"page": str(number), "limit": str(PAGE_SIZE)}
                params |= dict(page.info.following)
            else:
                raise Unavailable(f"ChumiAI's list has more than {self._max_pages} pages.")
        if announced and received < min(announced):
            raise Unavailable(
                f"ChumiAI's list ended early: {received} of {min(announced)} entries came."
            )


def _entry(item: Any, value: T | None) -> _Entry[T]:
    """Pair an entry with its identity: an id, a template's name and language, or all of it."""
    if isinstance(value, Template):
        return _Entry(value, f"{value.name}\n{value.language}", has_id=True)
    remote_id = getattr(value, "remote_id", "")
    return _Entry(value, remote_id or json.dumps(item, sort_keys=True), has_id=bool(remote_id))


def _listing(page: _Page[T]) -> Listing[T]:
    listing = Listing(page.values)
    listing.skipped = page.skipped
    return listing


def _newest_first(jobs: Sequence[BulkJob]) -> bool:
    """Tell whether no job is followed by a younger one, as far as times are known."""
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
        raise NotFound("ChumiAI does not have what was asked for.")
    return quote(remote_id, safe="")
