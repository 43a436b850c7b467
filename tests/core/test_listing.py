from datetime import UTC, datetime, timedelta
from types import SimpleNamespace
from uuid import uuid4

import pytest
from django import forms

from core.listing import FilterForm, keyset_page, numbered_page, render_list, row_named
from teams.models import AuditEvent

START = datetime(2026, 11, 22, tzinfo=UTC)
NEWEST_FIRST = ("-at", "-pk")


@pytest.fixture
def events(team):
    """Seven rows; the fourth and the fifth have the same moment."""
    for minute in (0, 1, 2, 3, 3, 4, 5):
        event = AuditEvent.objects.create(team=team, action=f"minute {minute}")
        AuditEvent.objects.filter(pk=event.pk).update(at=START + timedelta(minutes=minute))
    return AuditEvent.objects.all()


@pytest.mark.parametrize("size", [1, 2, 3, 7, 8])
@pytest.mark.parametrize("order", [NEWEST_FIRST, ("at", "pk"), ("pk",), ("action", "-pk")])
def test_the_pages_have_every_row_once_and_in_order(events, order, size):
    seen, cursor = [], ""
    while True:
        page = keyset_page(events, order=order, after=row_named(events, cursor), size=size)
        assert page.is_first == (cursor == "")
        seen += page.rows
        cursor = page.next
        if not cursor:
            break
    assert seen == list(events.order_by(*order))


def test_the_last_page_has_no_next_one_although_it_is_full(events):
    assert keyset_page(events, order=NEWEST_FIRST, after=None, size=7).next == ""


def test_a_row_that_was_filtered_out_still_names_its_place(events):
    last = events.order_by(*NEWEST_FIRST)[2]
    page = keyset_page(events.exclude(pk=last.pk), order=NEWEST_FIRST, after=last, size=2)
    assert page.rows == list(events.order_by(*NEWEST_FIRST)[3:5])


def test_another_field_can_name_the_row(events):
    page = keyset_page(events, order=("pk",), after=AuditEvent(pk=0), size=2, cursor="action")
    assert (page.next, page.is_first) == ("minute 1", False)


def test_what_names_no_row_is_none(events):
    assert [row_named(events, text) for text in ("", "nonsense", str(uuid4()))] == [None] * 3


def test_an_impossible_page_number_is_the_nearest_page(rf, events):
    numbers = [
        numbered_page(rf.get("/", {"page": page}), events.order_by("pk"), 2).number
        for page in ("2", "99", "x", "-1")
    ]
    assert numbers == [2, 4, 1, 4]


class StateForm(FilterForm):
    q = forms.CharField(required=False, max_length=3)
    state = forms.ChoiceField(required=False, choices=[("open", "Open")])


@pytest.mark.parametrize(
    ("data", "asked", "narrows"),
    [
        ({}, {"q": "", "state": ""}, False),
        ({"q": "ab", "state": "open"}, {"q": "ab", "state": "open"}, True),
        ({"q": "too long", "state": "nonsense"}, {}, False),
    ],
)
def test_a_filter_that_is_not_understood_filters_nothing(data, asked, narrows):
    form = StateForm(data)
    assert (form.asked, form.narrows) == (asked, narrows)


@pytest.mark.parametrize(
    ("htmx", "whole"),
    [
        (False, True),
        (SimpleNamespace(boosted=True), True),
        (SimpleNamespace(boosted=False), False),
    ],
)
def test_htmx_gets_the_fragment_and_pays_for_nothing_around_it(rf, htmx, whole, monkeypatch):
    called = []
    request = rf.get("/")
    request.htmx = htmx
    monkeypatch.setattr(
        "core.listing.render", lambda request, template, context: (template, context)
    )
    template, context = render_list(
        request, "a/b.html", "rows", {"page": 1}, around=lambda: called.append(1) or {"sync": 2}
    )
    assert template == ("a/b.html" if whole else "a/b.html#rows")
    assert context == ({"page": 1, "sync": 2} if whole else {"page": 1})
    assert bool(called) == whole
