"""The gallery: what it shows, its filters, and its empty states."""

import re

import pytest
from django.urls import reverse
from django.utils import timezone

from tests.factories import connect, make_template


def get(client, team, **query):
    return client.get(
        reverse("message_templates:template_list", kwargs={"team": team.slug}), query
    )


def names(response):
    return re.findall(
        r'class="template-name">\s*<a [^>]*>\s*([^<]+?)\s*<', response.content.decode()
    )


@pytest.fixture
def gallery(team, other_team):
    make_template(team, "easter_sale", body="Ɛha yɛ, {{1}}! Half price.", language="en_GH")
    make_template(team, "order_ready", body="Order {{1}} is ready.", category="UTILITY")
    make_template(team, "paused_one", body="Paused.", status="PAUSED")
    make_template(team, "old_one", body="Old.", vanished_at=timezone.now())
    make_template(other_team, "foreign_one", body="Not yours.")


@pytest.fixture
def client(viewer, login):
    return login(viewer)


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ({}, ["easter_sale", "order_ready"]),
        ({"state": "ready"}, ["easter_sale", "order_ready"]),
        ({"state": "unsendable"}, ["paused_one"]),
        ({"state": "vanished"}, ["old_one"]),
        ({"state": "all"}, ["easter_sale", "old_one", "order_ready", "paused_one"]),
        ({"category": "UTILITY"}, ["order_ready"]),
        ({"language": "en_GH"}, ["easter_sale"]),
        ({"q": "ORDER"}, ["order_ready"]),
        ({"q": "half price"}, ["easter_sale"]),
        # Letters that English doesn't have are folded, too.
        ({"q": "ɛHA YƐ"}, ["easter_sale"]),
        ({"q": "text"}, []),
        ({"q": "a", "language": "en_GH", "category": "UTILITY"}, []),
        # Invalid values are ignored.
        ({"state": "nonsense"}, ["easter_sale", "order_ready"]),
        ({"language": "xx'; --"}, ["easter_sale", "order_ready"]),
        ({"q": "order\0"}, ["easter_sale", "order_ready"]),
        ({"q": "x" * 5000}, ["easter_sale", "order_ready"]),
        ({"page": "-1"}, ["easter_sale", "order_ready"]),
        ({"page": "9" * 400}, ["easter_sale", "order_ready"]),
        ({"page": "x"}, ["easter_sale", "order_ready"]),
    ],
)
def test_filters(query, expected, gallery, client, team):
    response = get(client, team, **query)
    assert response.status_code == 200
    assert names(response) == expected


def test_foreign_templates_are_nowhere(gallery, client, team, other_team):
    assert b"foreign_one" not in get(client, team, state="all").content
    assert get(client, other_team).status_code == 404


def test_refinement_is_the_same_gallery(gallery, client, team):
    url = reverse("message_templates:template_list", kwargs={"team": team.slug})
    whole = client.get(url, {"q": "order"}).content.decode()
    part = client.get(url, {"q": "order"}, headers={"HX-Request": "true"}).content.decode()
    assert "<html" not in part
    assert part.strip().startswith('<div id="template-gallery"')
    assert part.strip() in whole


@pytest.mark.parametrize(
    ("fields", "badge"),
    [
        ({"quality": "GREEN"}, "Ready"),
        ({"quality": "UNKNOWN"}, "Ready · new"),
        ({"quality": "YELLOW"}, "Ready · watch quality"),
        ({"quality": "RED"}, "Ready · at risk"),
        ({"status": "PAUSED"}, "Paused by WhatsApp"),
        ({"status": "PENDING"}, "In review"),
        ({"status": "SOMETHING_ELSE"}, "Something else"),
        ({"category": "AUTHENTICATION"}, "Can&#x27;t be sent from here"),
        ({"vanished_at": timezone.now()}, "No longer listed"),
    ],
)
def test_badges(fields, badge, team, client):
    make_template(team, **fields)
    page = get(client, team, state="all").content.decode()
    assert re.search(r'<span class="status [^>]+><svg.*?</svg>([^<]+)</span>', grid(page))[1] == (
        badge
    )


def grid(page):
    return page[page.index('<ul class="template-grid"') :]


def test_page_is_bounded_and_so_are_its_queries(team, client, django_assert_max_num_queries):
    for number in range(30):
        make_template(team, f"template_{number:02}")
    with django_assert_max_num_queries(12):
        first = get(client, team)
    assert len(names(first)) == 24
    assert names(get(client, team, page=2)) == [f"template_{n}" for n in range(24, 30)]


def test_empty_without_a_key(team, client, manager, login):
    assert "A manager of this team has to add" in get(client, team).content.decode()
    assert "Connect to ChumiAI first" in get(login(manager), team).content.decode()


def test_empty_before_the_first_sync(connected, client):
    page = get(client, connected).content.decode()
    assert "Never updated" in page
    assert "No templates yet" in page


@pytest.mark.parametrize(
    ("query", "words"),
    [
        ({"q": "nothing like it"}, "No results"),
        ({"state": "vanished"}, "Every template is still listed"),
        ({}, "No template is ready to send"),
    ],
)
def test_empty_for_a_reason(query, words, team, sandbox, client):
    connect(team, sandbox)
    make_template(team, status="PAUSED")
    assert words in get(client, team, **query).content.decode()


def test_outside_text_is_escaped(team, client):
    make_template(team, body="<script>alert(1)</script> *<b>x</b>* {{1}}")
    page = get(client, team).content.decode()
    assert "<script>alert" not in page
    assert "&lt;script&gt;alert" in page
