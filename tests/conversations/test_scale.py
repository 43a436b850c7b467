"""The number of queries of a page does not depend on the number of messages."""

from datetime import timedelta

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from conversations import search, threads
from conversations.models import Message
from tests import factories
from tests.conversations.bulk_data import BEGIN, fill

MOST_QUERIES = 12


@pytest.mark.parametrize("count", [2_000, pytest.param(1_000_000, marks=pytest.mark.long)])
def test_pages_take_few_queries(team, marketer, login, count):
    talk, _ = fill(team, count)
    client = login(marketer)
    # 1,000 pages back, or as far as there are messages.
    deep = BEGIN + timedelta(seconds=max(count - 2 * 1_000 * threads.PAGE_SIZE, count // 10))
    place = threads.Cursor(deep, threads.FROM_MESSAGE, 1)
    listing = reverse("conversations:conversation_list", args=(team.slug,))
    thread = reverse("conversations:conversation_detail", args=(team.slug, talk.uuid))
    for path, query, shown in (
        (listing, {}, ".talk-list li"),
        (listing, {"q": "common word"}, ".talk-list li"),
        (listing, {"q": "rare77"}, ".talk-list li"),
        (listing, {"q": "person 7"}, ".talk-list li"),
        (listing, {"q": "02100"}, ".talk-list li"),
        (listing, {"q": "needle"}, ".talk-list li"),
        (listing, {"q": "nobody said this"}, ".empty-state"),
        (listing, {"show": "unread"}, ".talk-list li"),
        (thread, {}, ".talk"),
        (thread, {"before": str(place)}, ".talk"),
    ):
        with CaptureQueriesContext(
            connection,
        ) as queries:
            answer = client.get(path, query)
        assert answer.status_code == 200
        assert len(queries) <= MOST_QUERIES, [q["sql"] for q in queries]
        page = factories.soup(answer)
        assert page.select(shown), (path, query)


def test_a_frequent_word_finds_the_newest_messages(team, other_team):
    for one in (team, other_team):
        fill(one, 2_000)
    mine = Message.objects.filter(team=team).order_by("-pk").values_list("pk", flat=True)
    newest = list(mine[: search.CANDIDATES])
    assert search.find_messages(team, "common") == newest
    assert search.find_messages(team, "word comm") == newest
    assert search.find_messages(team, "common wor nobody") == []
    # The other team's messages are newer, and none of them is found.
    assert search.find_messages(team, "needle") == [pk for pk in mine if pk % 20 == newest[0] % 20]
