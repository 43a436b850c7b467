"""The pages of the contacts: list, search, one contact, groups."""

import pytest
from django.urls import reverse

from chumi_api.types import Contact as Remote
from contacts import services
from contacts.models import Contact, ContactSync, OptOut
from tests import factories


@pytest.fixture
def book(team):
    """Six people; three of them are in a group."""
    people = [
        Remote("1", "233244123456", "Ama Mensah", "ama@mail.example", ("vip",), {"town": "Ho"}),
        Remote("2", "233201234567", "kofi Boateng"),
        Remote("3", "2348031234567", "\u00c9lodie Osei"),
        Remote("4", "233244123457", ""),
        Remote("5", "none", "Yaw <b>Darko</b>"),
        Remote("6", "233244123458", "Ama Mensah", opted_out=True),
    ]
    return factories.mirror(team, people, groups={"Accra": people[:3], "Empty": []})


def url(name, team, uuid=None):
    return reverse(f"contacts:{name}", args=(team.slug, uuid) if uuid else (team.slug,))


def names(client, team, **query):
    page = factories.soup(client.get(url("contact_list", team), query))
    return [cell.get_text(strip=True) for cell in page.select("tbody th")]


def test_sorted_by_name_with_unnamed_contacts_last(team, book, viewer, login):
    found = names(login(viewer), team)
    # Databases sort a letter with an accent differently.
    found.remove("\u00c9lodie Osei")
    assert found == [
        "Ama Mensah",
        "Ama Mensah",
        "kofi Boateng",
        "Yaw <b>Darko</b>",
        "No name",
    ]


@pytest.mark.parametrize(
    ("q", "found"),
    [
        ("mensah", 2),
        ("KOFI", 1),
        ("\u00e9lodie", 1),
        ("0244", 3),
        ("024412345", 3),
        ("23324", 3),
        ("+23324", 3),
        ("+234", 1),
        ("0244123456", 1),
        ("24412", 3),
        ("4412", 0),
        ("999", 0),
        ("%", 0),
        ("0", 0),
        ("<b>", 1),
    ],
)
def test_search(q, found, team, book, marketer, login):
    assert len(names(login(marketer), team, q=q)) == found


def test_a_viewer_sees_masked_numbers_and_can_search_complete_ones(team, book, viewer, login):
    client = login(viewer)
    page = client.get(url("contact_list", team)).content.decode()
    assert "*** 3456" in page and "412 3456" not in page
    assert len(names(client, team, q="0244")) == 0
    assert len(names(client, team, q="0244123456")) == 1
    detail = client.get(url("contact_detail", team, contact("1").uuid)).content.decode()
    assert "412 3456" not in detail and "233244123456" not in detail


def contact(remote_id):
    return Contact.objects.get(remote_id=remote_id)


def test_by_group(team, book, viewer, login):
    client = login(viewer)
    group = book.groups.get(remote_id="Accra")
    assert len(names(client, team, group=str(group.uuid))) == 3
    assert len(names(client, team, group="nonsense")) == 6
    page = client.get(url("group_list", team)).content.decode()
    assert "Accra" in page and "Empty" in page


def test_pages_by_keyset_in_few_queries(team, viewer, login, django_assert_max_num_queries):
    people = [Remote(str(n), f"23324{n:07}", f"Person {n // 3:03}") for n in range(120)]
    factories.mirror(team, people, groups={str(n): people[n::20] for n in range(20)})
    client, seen, query = login(viewer), [], ""
    for size in (50, 50, 20):
        with django_assert_max_num_queries(12):
            page = factories.soup(client.get(url("contact_list", team) + query))
        rows = [a["href"] for a in page.select("tbody th a")]
        assert len(rows) == size
        seen += rows
        link = page.find("a", rel="next")
        query = link["href"] if link else ""
    assert not query
    assert len(set(seen)) == 120


def test_the_page_of_a_contact(team, book, marketer, manager, login):
    ama = contact("1")
    row, _ = services.opt_out(team, ama.phone, reason="Rang us", by=marketer)
    services.lift(row, reason="Asked again", by=manager)
    services.opt_out(team, ama.phone, reason="Changed her mind", by=marketer)
    page = login(marketer).get(url("contact_detail", team, ama.uuid)).content.decode()
    for text in ("Ama Mensah", "+233 24 412 3456", "ama@mail.example", "Town", "Ho", "vip"):
        assert text in page
    for text in ("Accra", "Opted out", "Rang us", "Asked again", "Changed her mind"):
        assert text in page


def test_outside_text_is_escaped(team, book, marketer, login):
    page = login(marketer).get(url("contact_detail", team, contact("5").uuid)).content.decode()
    assert "<b>Darko" not in page and "&lt;b&gt;Darko" in page
    assert "No valid number: none" in page


def test_a_contact_opted_out_only_in_chumiai_can_be_added_to_the_list(
    team, book, marketer, manager, login
):
    services.lift(OptOut.objects.get(), reason="Asked for it", by=manager)
    client = login(marketer)
    here = url("contact_detail", team, contact("6").uuid)
    assert "This person opted out in ChumiAI" in client.get(here).content.decode()
    client.post(url("opt_out_add", team), {"phone": contact("6").phone})
    page = client.get(here).content.decode()
    assert "This person opted out in ChumiAI" not in page and "Opted out" in page


def test_a_vanished_contact_has_no_page(team, book, viewer, login):
    uuid = contact("1").uuid
    client = login(viewer)
    assert client.get(url("contact_detail", team, uuid)).status_code == 200
    factories.mirror(team, [Remote("2", "233201234567", "Kofi Boateng")])
    assert client.get(url("contact_detail", team, uuid)).status_code == 404
    assert names(client, team) == ["Kofi Boateng"]


def test_the_list_reloads_when_the_sync_has_finished(team, book, viewer, login):
    answer = login(viewer).get(url("contact_sync", team), headers={"HX-Request": "true"})
    assert "contacts-synced" in answer["HX-Trigger"]
    services.request_contact_sync(team)
    answer = login(viewer).get(url("contact_sync", team), headers={"HX-Request": "true"})
    assert "HX-Trigger" not in answer
    assert b"load delay:2s" in answer.content


@pytest.mark.parametrize(
    "query", [{"after": "x"}, {"after": "0" * 999}, {"q": "\0"}, {"group": "'"}]
)
def test_invalid_queries_show_the_list(query, team, book, viewer, login):
    assert len(names(login(viewer), team, **query)) == 6


def test_empty_states(team, viewer, marketer, sandbox, login):
    assert (
        "Not connected to ChumiAI yet"
        in login(viewer).get(url("contact_list", team)).content.decode()
    )
    factories.connect(team, sandbox)
    page = login(marketer).get(url("contact_list", team)).content.decode()
    assert "No contacts yet" in page and "Never updated" in page
    factories.mirror(team, [])
    page = login(marketer).get(url("contact_list", team)).content.decode()
    assert "No contacts in ChumiAI" in page
    assert ContactSync.objects.current(team).contacts.count() == 0


def test_invisible_to_a_stranger(team, book, other_team, outsider, login):
    client = login(outsider)
    assert client.get(url("contact_list", team)).status_code == 404
    assert names(client, other_team) == []
    assert client.get(url("contact_detail", other_team, contact("1").uuid)).status_code == 404
