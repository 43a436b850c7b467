"""What an answer says about its place in a list, and about the page after it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from urllib.parse import parse_qsl, urlsplit

from chumi_api.parsing.json_values import (
    Object,
    aliases,
    as_bool,
    as_count,
    as_text,
    filled,
    fold,
    pick,
    picks,
)

# --- Assumed: the names -----------------------------------------------------------------------

PAGE_BLOCKS = ("pagination", "meta", "paging", "pageInfo", "links")
PAGE_BLOCK_KEYS = frozenset(fold(name) for name in PAGE_BLOCKS)
PAGE = aliases("page currentPage pageNumber")
PAGE_FROM_ZERO = aliases("pageIndex number")
TOTAL_ITEMS = aliases("total totalItems totalCount totalDocs totalElements recordsTotal")
TOTAL_PAGES = aliases("totalPages pages pageCount lastPage")
MORE = aliases("hasNext hasNextPage hasMore next")
NEXT = aliases("next nextPage nextPageUrl")
_NEXT_KEYS = frozenset(path[0] for path in NEXT)
CURSOR_AFTER = aliases("cursors.after endCursor")
CURSOR = aliases("nextCursor cursor")
NEXT_PARAMETERS = ("page", "offset", "skip", "after", "cursor", "pageToken", "page_token")


@dataclass(frozen=True, slots=True)
class PageInfo:
    """What an answer says about its place in a list; `more` is None where it says nothing."""

    page: int | None = None
    total: int | None = None
    more: bool | None = None
    following: tuple[tuple[str, str], ...] = ()
    style: str = "none"


def page_info(around: Iterable[Object], headers: Mapping[str, str], asked: int) -> PageInfo:
    """Read the pagination of one page; `asked` is the page number that was asked for.

    `following` are query parameters for the next page where the answer gives them.
    """
    for block in _page_blocks(around):
        index = pick(block, PAGE_FROM_ZERO, as_count)
        page = index + 1 if index is not None else pick(block, PAGE, as_count)
        total = pick(block, TOTAL_ITEMS, as_count)
        pages = pick(block, TOTAL_PAGES, as_count)
        more = pick(block, MORE, as_bool)
        cursor = pick(block, CURSOR_AFTER, as_text) or pick(block, CURSOR, as_text)
        if more is None and pages is not None:
            more = (page if page is not None else asked) < pages
        if more is None and pick(block, (*NEXT, *CURSOR), as_text) is not None:
            more = True
        if more is None and any(fold(key) in _NEXT_KEYS for key in block):
            more = False
        if (page, total, pages, more, cursor) != (None,) * 5:
            style = "cursor" if cursor and page is None else "pages"
            return PageInfo(page, total, more, _following(block), style)
    total = as_count(headers.get("x-total-count"))
    return PageInfo(total=total, style="none" if total is None else "total only")


def _page_blocks(around: Iterable[Object]) -> Iterator[Object]:
    """Yield the places where pagination may be: named blocks first, then the levels."""
    innermost_first = list(around)[::-1]
    for level in innermost_first:
        yield from picks(level, aliases(" ".join(PAGE_BLOCKS)), filled)
    yield from innermost_first


def _following(block: Object) -> tuple[tuple[str, str], ...]:
    """Read how to ask for the next page: a number, a cursor, or the query of a link.

    Only the query of a link is used. Its host is never called.
    """
    link = pick(block, NEXT, as_text)
    if link and link.isdigit():
        return (("page", link),)
    if link and ("?" in link or link.startswith(("http", "/"))):
        try:
            query = parse_qsl(urlsplit(link).query)
        except ValueError:
            query = []
        return tuple(pair for pair in query if pair[0] in NEXT_PARAMETERS)
    cursor = link or pick(block, CURSOR, as_text)
    if cursor:
        return (("cursor", cursor),)
    after = pick(block, CURSOR_AFTER, as_text)
    return (("after", after),) if after else ()
