"""List pages: a filter form in the query string, a page of rows, a fragment or the whole page.

A view of a list with next pages (a keyset) reads:

    form = ContactFilterForm(request.GET, …)
    contacts = Contact.objects.filter(…)
    page = keyset_page(
        form.filter(contacts),
        order=("sort_key", "pk"),
        after=row_named(contacts, request.GET.get("after", "")),
        size=PAGE_SIZE,
    )
    context = {"filters": form, "page": page, "contacts": page.rows}
    return render_list(
        request, "contacts/contact_list.html", "results", context,
        around=lambda: _sync(request.team),
    )

and its template ends the rows with `{% include "includes/_cursor_pager.html" with
next=page.next is_first_page=page.is_first base="" %}`. A list with page numbers takes
`numbered_page(request, found, PAGE_SIZE)` and `includes/_pagination.html` instead.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Generic, TypeVar
from uuid import UUID

from django import forms
from django.core.paginator import Page, Paginator
from django.db.models import Model, Q, QuerySet
from django.http import HttpResponse
from django.shortcuts import render

from core.requests import HtmxRequest, wants_fragment

Row = TypeVar("Row", bound=Model)


class FilterForm(forms.Form):
    """The filters of a list; a value that can't be understood filters nothing.

    A subclass has `filter(queryset)`, which reads `asked`.
    """

    @property
    def asked(self) -> dict[str, Any]:
        """Return the values that are valid, by name."""
        self.is_valid()
        return self.cleaned_data

    @property
    def narrows(self) -> bool:
        """Return True if any filter is set."""
        return any(self.asked.values())


@dataclass(frozen=True, slots=True)
class KeysetPage(Generic[Row]):
    """Some rows of a list. `next` names the last one where more follow, else it is ''."""

    rows: list[Row]
    next: str
    is_first: bool


def keyset_page(
    queryset: QuerySet[Row],
    *,
    order: Sequence[str],
    after: Row | None,
    size: int,
    cursor: str = "uuid",
) -> KeysetPage[Row]:
    """Return the page that follows the row `after`, or the first page.

    `order` are fields, as for `order_by`, whose last one is unique. `cursor` is the field whose
    value names a row in a link.
    """
    if after is not None:
        queryset = queryset.filter(_follows(after, order))
    rows = list(queryset.order_by(*order)[: size + 1])
    following = str(getattr(rows[size - 1], cursor)) if len(rows) > size else ""
    return KeysetPage(rows[:size], following, after is None)


def _follows(row: Model, order: Sequence[str]) -> Q:
    """Return the condition of the rows after `row`.

    For two fields it is `a <= x AND (a < x OR b < y)`: so a database enters its index at the
    row; for `a < x OR (a = x AND b < y)` it would walk there from the start.
    """
    condition = Q()
    for name in reversed(order):
        field, beyond = (name[1:], "lt") if name.startswith("-") else (name, "gt")
        value = getattr(row, field)
        strict = Q((f"{field}__{beyond}", value))
        at_or_after = Q((f"{field}__{beyond}e", value))
        condition = at_or_after & (strict | condition) if condition else strict
    return condition


def row_named(queryset: QuerySet[Row], text: str) -> Row | None:
    """Return the row whose uuid `text` is, or None: also for a text that is no uuid."""
    try:
        return queryset.filter(uuid=UUID(text)).first()
    except ValueError:
        return None


def numbered_page(request: HtmxRequest, queryset: QuerySet[Row], size: int) -> Page[Row]:
    """Return the page whose number the query string has; an impossible one is the nearest."""
    return Paginator(queryset, size).get_page(request.GET.get("page"))


def render_list(
    request: HtmxRequest,
    template: str,
    fragment: str,
    context: dict[str, Any],
    *,
    around: Callable[[], dict[str, Any]] | None = None,
) -> HttpResponse:
    """Render the fragment of the template for htmx, or the whole page.

    `around` returns what only the whole page needs; it is not called for the fragment.
    """
    if wants_fragment(request):
        return render(request, f"{template}#{fragment}", context)
    return render(request, template, context | (around() if around else {}))
