"""A list is read to its end: never cut short, never read for ever."""

import time

import pytest

from chumi_api.client import Client
from chumi_api.errors import Unavailable
from chumi_api.lists import Budget

GROUPS = [{"id": f"g{i}", "name": f"Group {i}"} for i in range(23)]


def slice_of(query, size, *, first=1):
    start = (int(query.get("page", first)) - first) * size
    return GROUPS[start : start + size]


STYLES = {
    "capped, no paging": lambda q: slice_of(q, 10),
    "capped, with pages": lambda q: {
        "data": slice_of(q, 10),
        "meta": {"current_page": int(q["page"]), "last_page": 3, "total": 23},
    },
    "capped, with a total": lambda q: {"items": slice_of(q, 10), "total": "23"},
    "capped, with has_more": lambda q: {
        "groups": slice_of(q, 10),
        "pagination": {"hasMore": q["page"] != "3"},
    },
    "from zero": lambda q: {
        "content": slice_of(q, 10, first=0),
        "number": int(q["page"]),
        "totalPages": 3,
        "totalElements": 23,
    },
    "a link": lambda q: {
        "results": slice_of(q, 10),
        "count": 23,
        "next": f"https://elsewhere.example/x?page={int(q['page']) + 1}"
        if q["page"] != "3"
        else None,
    },
    "a cursor": lambda q: {
        "data": GROUPS[int(q.get("cursor", 0)) : int(q.get("cursor", 0)) + 10],
        "nextCursor": str(int(q.get("cursor", 0)) + 10) if q.get("cursor") != "20" else None,
    },
    "an opaque next": lambda q: {
        "data": GROUPS[len(q.get("cursor", "")) : len(q.get("cursor", "")) + 10],
        "next": "x" * (len(q.get("cursor", "")) + 10) if len(q.get("cursor", "")) < 20 else None,
    },
    "Meta's cursors": lambda q: {
        "data": GROUPS[int(q.get("after", 0)) : int(q.get("after", 0)) + 10],
        "paging": {"cursors": {"after": str(int(q.get("after", 0)) + 10)}},
    },
    "edges": lambda q: {
        "data": {
            "groups": {
                "edges": [{"node": group} for group in slice_of(q, 10)],
                "pageInfo": {"hasNextPage": q["page"] != "3"},
            }
        }
    },
    "everything on every page": lambda q: GROUPS,
    "everything, with a total": lambda q: {"data": {"rows": GROUPS}, "total": 23},
}


@pytest.mark.parametrize("style", STYLES)
def test_a_list_comes_whole(serve_json, style):
    groups = Client(serve_json(STYLES[style]), "key").list_groups()

    assert [group.remote_id for group in groups] == [group["id"] for group in GROUPS]


@pytest.mark.parametrize("body", [[], {"data": []}, {"data": [], "total": 0}, {"groups": []}])
def test_an_empty_list_is_empty(serve_json, body):
    assert Client(serve_json(lambda query: body), "key").list_groups() == []


@pytest.mark.parametrize(
    "body",
    [
        {},
        None,
        "text",
        7,
        {"data": None},
        {"data": {"total": 3}},
        [1, 2, 3],
        {"data": [{"unknown": 1}]},
    ],
)
def test_an_answer_without_a_list_is_an_error_and_never_an_empty_list(serve_json, body):
    with pytest.raises(Unavailable):
        Client(serve_json(lambda query: body), "key").list_groups()


def test_an_entry_without_an_id_is_counted(serve_json):
    groups = Client(serve_json(lambda query: [*GROUPS, {"name": "?"}]), "key").list_groups()

    assert (len(groups), groups.skipped) == (23, 1)


@pytest.mark.parametrize("announced", [{"total": 30}, {"total": 30, "totalPages": 3}])
def test_a_list_shorter_than_announced_is_an_error(serve_json, announced):
    url = serve_json(lambda query: {"data": slice_of(query, 10), **announced})

    with pytest.raises(Unavailable, match="23 of 30"):
        Client(url, "key").list_groups()


def test_a_page_repeated_where_another_was_promised_is_an_error(serve_json):
    asked = []

    def make(query):
        asked.append(query)
        return {"data": GROUPS[:10], "hasMore": True}

    with pytest.raises(Unavailable, match="repeats a page"):
        Client(serve_json(make), "key").list_groups()
    assert len(asked) == 2


def test_a_list_without_end_is_an_error(serve_json):
    url = serve_json(lambda query: [{"id": f"g{query['page']}"}])

    with pytest.raises(Unavailable, match="more than 20 pages"):
        Client(url, "key", max_pages=20).list_groups()


def test_an_entry_that_moved_to_the_next_page_comes_once(serve_json):
    def make(query):
        start = 0 if query["page"] == "1" else 8
        return {"data": GROUPS[start : start + 10], "totalPages": 2}

    assert len(Client(serve_json(make), "key").list_groups()) == 18


def test_jobs_listed_oldest_first_are_reversed(serve_json):
    jobs = [{"jobId": str(i), "createdAt": 1_790_000_000 + i} for i in range(23)]

    def make(query):
        start = (int(query["page"]) - 1) * 10
        return {"data": jobs[start : start + 10], "total": 23}

    newest = Client(serve_json(make), "key").list_bulk_jobs(max_items=3)

    assert [job.remote_id for job in newest] == ["22", "21", "20"]


def test_the_members_of_a_group_over_all_pages(serve_json):
    members = [{"id": str(i), "phone": f"2332441234{i:02}"} for i in range(25)]

    def make(query):
        start = (int(query["page"]) - 1) * 10
        return {"data": {"id": "g", "contactCount": 25, "members": members[start : start + 10]}}

    detail = Client(serve_json(make), "key").group("g")

    assert len(detail.members) == 25
    assert detail.complete


def test_a_group_that_gives_fewer_members_than_it_counts_is_incomplete(serve_json):
    url = serve_json(
        lambda query: {"group": {"name": "VIP", "contactCount": 5}, "contacts": ["1", "2"]}
    )

    detail = Client(url, "key").group("g")

    assert (detail.group.name, len(detail.members), detail.complete) == ("VIP", 2, False)


def failing_once(at):
    """Return a maker of pages, of which page `at` fails once; and the list of pages asked for."""
    people = [{"id": f"c{n}", "phone": f"23324{n:07}"} for n in range(23)]
    asked = []

    def make(query):
        asked.append(query["page"])
        if query["page"] == at and asked.count(at) == 1:
            return None
        start = (int(query["page"]) - 1) * 10
        return {"data": people[start : start + 10], "total": 23}

    return make, asked


@pytest.mark.parametrize("at", ["1", "2", "3"])
def test_a_failed_page_is_fetched_again_if_the_caller_retries(serve_json, at):
    make, asked = failing_once(at)
    retries = []

    def retry(error, tries):
        retries.append(tries)
        if tries > 2:
            raise error

    pages = list(Client(serve_json(make), "key").contact_pages(retry=retry))

    assert [len(page) for page in pages] == [10, 10, 3]
    assert len(asked) == 4
    assert retries == [0]


def test_without_a_retry_a_failed_page_is_an_error(serve_json):
    make, asked = failing_once("2")

    with pytest.raises(Unavailable):
        list(Client(serve_json(make), "key").contact_pages())
    assert asked == ["1", "2"]


def endless(key):
    """Return a server of ten million pages, with entries that every reading understands."""

    def answer(query):
        page = int(query.get("page", 1))
        ids = [f"{page}-{row}" for row in range(50)]
        rows = [
            {"id": i, "name": i, "fromMe": False, "text": "x" * 200, "status": "completed"}
            for i in ids
        ]
        return {key: rows, "pagination": {"page": page, "totalPages": 10_000_000}}

    return answer


READINGS = {
    "templates": ("data", lambda client: client.list_templates()),
    "groups": ("data", lambda client: client.list_groups()),
    "group": ("contacts", lambda client: client.group("g")),
    "contacts": ("data", lambda client: list(client.contact_pages())),
    "members": ("contacts", lambda client: list(client.member_pages("g"))),
    "jobs": ("data", lambda client: client.list_bulk_jobs()),
    "conversation": ("data", lambda client: list(client.conversation_pages("233244123456"))),
}


@pytest.mark.parametrize("reading", READINGS)
def test_an_endless_list_ends_at_its_time(serve_json, reading):
    key, read = READINGS[reading]
    client = Client(serve_json(endless(key)), "key", list_seconds=0.5)

    with pytest.raises(Unavailable) as raised:
        read(client)

    assert str(raised.value) == ("The list did not end after 0.5 seconds. The former list stays.")


@pytest.mark.parametrize("reading", READINGS)
def test_a_huge_list_ends_at_its_size(serve_json, reading):
    key, read = READINGS[reading]
    asked = []

    def answer(query):
        asked.append(query)
        return endless(key)(query)

    client = Client(serve_json(answer), "key", list_bytes=100 * 1024)

    with pytest.raises(Unavailable) as raised:
        read(client)

    assert str(raised.value) == "The list did not end after 0.0977 MB. The former list stays."
    assert len(asked) < 15


def test_one_huge_page_ends_at_the_size_of_the_list(serve_json):
    client = Client(serve_json(endless("data")), "key", list_bytes=1024)

    with pytest.raises(Unavailable, match="did not end after"):
        client.list_groups()


def test_waits_count_and_nothing_is_tried_again_after_the_limit(serve_json):
    tried = []

    def retry(error, tries):
        tried.append(error)
        time.sleep(0.4)

    client = Client(serve_json(lambda query: "nonsense"), "key", list_seconds=0.5)

    with pytest.raises(Unavailable, match="did not end after"):
        client.list_groups(retry=retry)

    assert 1 <= len(tried) <= 2


def test_the_sentence_counts_minutes():
    with pytest.raises(Unavailable) as raised:
        Budget(300, 1, started=0).check()

    assert str(raised.value) == "The list did not end after 5 minutes. The former list stays."
