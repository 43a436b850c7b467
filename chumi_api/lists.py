"""Read a list of ChumiAI, page by page, until it ends. Pure: the caller fetches the pages."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from typing import Any, Generic, TypeVar

from chumi_api.errors import Unavailable, gettext_noop
from chumi_api.parsing import PageInfo
from chumi_api.types import ContactGroup, Listing, Template

T = TypeVar("T")

PAGE_SIZE = 50
MEBIBYTE = 1024 * 1024


@dataclass(slots=True)
class Budget:
    """The time and the bytes that one list may take: seconds, waits included, and bytes."""

    seconds: float
    size: int
    received: int = 0
    started: float = field(default_factory=time.monotonic)

    @property
    def seconds_left(self) -> float:
        return self.started + self.seconds - time.monotonic()

    @property
    def size_left(self) -> int:
        return self.size - self.received

    def check(self) -> None:
        """Raise Unavailable once the list has taken more than it may."""
        if self.size_left < 0:
            raise Unavailable(
                gettext_noop("The list did not end after {size} MB. The former list stays."),
                params={"size": f"{self.size / MEBIBYTE:.3g}"},
            )
        if self.seconds_left > 0:
            return
        if self.seconds < 120:
            raise Unavailable(
                gettext_noop("The list did not end after {count} seconds. The former list stays."),
                params={"count": f"{self.seconds:g}"},
            )
        raise Unavailable(
            gettext_noop("The list did not end after {count} minutes. The former list stays."),
            params={"count": f"{self.seconds / 60:.3g}"},
        )


@dataclass(frozen=True, slots=True)
class Entry(Generic[T]):
    """One entry of a list: what was understood of it, and what identifies it."""

    value: T | None
    identity: str
    has_id: bool

    @classmethod
    def of(cls, item: Any, value: T | None) -> Entry[T]:
        """Identify an entry by its id, a template's name and language, or all of it."""
        if isinstance(value, Template):
            return cls(value, f"{value.name}\n{value.language}", has_id=True)
        remote_id = getattr(value, "remote_id", "")
        identity = remote_id or json.dumps(item, sort_keys=True)
        return cls(value, identity, has_id=bool(remote_id))


@dataclass(frozen=True, slots=True)
class Page(Generic[T]):
    """One page of a list, and what it says about its place in the list."""

    entries: list[Entry[T]]
    info: PageInfo
    envelope: str
    group: ContactGroup | None

    @property
    def values(self) -> Listing[T]:
        """Return what was understood; `skipped` counts the other entries."""
        values = Listing(entry.value for entry in self.entries if entry.value is not None)
        values.skipped = len(self.entries) - len(values)
        return values


# Fetches one page: query parameters, and the number of the page counted from one.
Fetch = Callable[[dict[str, str], int], Page[T]]


def read_pages(fetch: Fetch[T], *, max_pages: int) -> Iterator[Page[T]]:
    """Yield the pages of a list until ChumiAI says that it ends, or nothing more comes.

    Where ChumiAI does not say, a list ends with an empty page, with one that brings nothing
    new, or with one shorter than the first. (The first may be short because ChumiAI caps the
    size of a page, so it ends a list only when it is empty.) Raise Unavailable if the list ends
    before its own total, repeats a page where it promises another, or exceeds `max_pages`.
    """
    seen: set[str] = set()
    received, first_size, number = 0, 0, 1
    announced: list[int] = []
    params = {"page": "1", "limit": str(PAGE_SIZE)}
    for turn in range(max_pages):
        page = fetch(params, number)
        if turn == 0 and page.info.page == 2:
            # ChumiAI counts its pages from zero here, so this is the second page.
            number, params["page"] = 0, "0"
            page = fetch(params, 1)
        size = len(page.entries)
        first_size = first_size or size
        brings_more = any(entry.identity not in seen for entry in page.entries)
        if turn == 0 or brings_more:
            # An entry may come twice when the list moves on while it is read.
            fresh = [e for e in page.entries if not e.has_id or e.identity not in seen]
            received += len(fresh)
            yield replace(page, entries=fresh)
        seen.update(entry.identity for entry in page.entries)
        # The size that a group says it has is a hint to read on, but no promise.
        hint = page.group.size if page.group else None
        if page.info.total is not None:
            announced.append(page.info.total)
            hint = page.info.total
        more = page.info.more
        if more is None:
            more = received < hint if hint is not None else size >= first_size
        if page.info.more and page.entries and not brings_more:
            raise Unavailable(
                gettext_noop("ChumiAI says that its list goes on, but repeats a page.")
            )
        if not (more and brings_more):
            break
        number += 1
        params = {"page": str(number), "limit": str(PAGE_SIZE)}
        params |= dict(page.info.following)
    else:
        raise Unavailable(
            gettext_noop("ChumiAI's list has more than {limit} pages."),
            params={"limit": max_pages},
        )
    if announced and received < min(announced):
        raise Unavailable(
            gettext_noop("ChumiAI's list ended early, after {received} of {total} entries."),
            params={"received": received, "total": min(announced)},
        )
