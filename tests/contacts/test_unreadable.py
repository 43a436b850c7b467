"""An opt-out whose number can't be read stands on the page until a person decides."""

import pytest
from django.urls import reverse

from chumi_api.types import Contact as RemoteContact
from contacts import services
from contacts.models import OptOut, UnreadableOptOut
from core.errors import Refused
from teams.models import AuditEvent
from tests import factories


@pytest.fixture
def row(team):
    return factories.make_unreadable(team, message="Please STOP", number="0244 12")


def page(client, team):
    answer = client.get(reverse("contacts:opt_out_list", args=[team.slug]))
    return " ".join(factories.soup(answer).get_text(" ").split())


def decide(client, row, how, **data):
    url = reverse(f"contacts:unreadable_{how}", args=[row.team.slug, row.uuid])
    return client.post(url, data, follow=True)


def test_it_stands_on_top_of_the_page_with_its_message(row, team, marketer, viewer, login):
    text = page(login(marketer), team)
    for part in ("Needs a person", "Ama Mensah", "0244 12", "Please STOP", "Replied STOP"):
        assert part in text
    seen = page(login(viewer), team)
    assert "Ama Mensah" in seen and "Please STOP" in seen
    assert "0244 12" not in seen and "Not a STOP" not in seen


def test_a_person_types_the_right_number(row, team, marketer, login):
    answer = decide(login(marketer), row, "add", phone="0244 123 456")
    assert "+233 24 412 3456 is on the list" in answer.content.decode()
    (gone,) = OptOut.objects.for_team(team)
    assert (gone.phone, gone.source, gone.message) == ("+233244123456", "keyword", "Please STOP")
    assert (gone.created_by, gone.created_at) == (marketer, row.created_at)
    row.refresh_from_db()
    assert (row.decision, row.decided_by) == ("added", marketer)
    assert AuditEvent.objects.filter(action="unreadable opt-out added", user=marketer).exists()
    assert "Needs a person" not in page(login(marketer), team)


def test_a_number_that_is_still_wrong_changes_nothing(row, team, marketer, login):
    answer = decide(login(marketer), row, "add", phone="0244")
    assert "too short" in answer.content.decode()
    assert "Needs a person" in answer.content.decode()
    assert not OptOut.objects.exists()
    assert UnreadableOptOut.objects.waiting(team).exists()


def test_what_is_no_stop_is_dismissed(row, team, marketer, login):
    decide(login(marketer), row, "dismiss")
    assert not OptOut.objects.exists()
    assert not UnreadableOptOut.objects.waiting(team).exists()
    assert AuditEvent.objects.filter(action="unreadable opt-out dismissed").exists()


def test_of_two_decisions_the_first_counts(row, marketer):
    services.dismiss_unreadable(row, by=marketer)
    with pytest.raises(Refused, match="already"):
        services.add_unreadable(row, "+233244123456", by=marketer)
    assert not OptOut.objects.exists()


def test_an_event_comes_once_and_a_number_stands_once(row, team, marketer):
    factories.make_unreadable(team, event="wamid.2", number="0244 12")
    assert UnreadableOptOut.objects.count() == 1
    services.dismiss_unreadable(row, by=marketer)
    services.record_unreadable_opt_outs(team, [services.Unread("wamid.1", "0244 12", "keyword")])
    assert not UnreadableOptOut.objects.waiting(team).exists()
    # A new message is a new wish.
    factories.make_unreadable(team, event="wamid.3", number="0244 12")
    assert UnreadableOptOut.objects.waiting(team).count() == 1


def test_two_people_without_any_number_are_two(team):
    unread = [services.Unread(f"wamid.{n}", "", "keyword", "STOP") for n in (1, 2)]
    services.record_unreadable_opt_outs(team, unread)
    assert UnreadableOptOut.objects.waiting(team).count() == 2


def test_the_page_shows_the_oldest_and_counts_the_others(team, marketer, login):
    unread = [services.Unread(f"wamid.{n}", f"02{n}", "keyword", "STOP") for n in range(23)]
    services.record_unreadable_opt_outs(team, unread)
    text = page(login(marketer), team)
    assert text.count("Not a STOP") == 20
    assert "3 more come up" in text


def test_chumiais_mark_on_a_number_that_cant_be_read_is_listed_once(team, marketer):
    people = [
        RemoteContact("1", "0244 12", "Ama", opted_out=True),
        RemoteContact("2", "0244 13", "Kofi"),
        RemoteContact("3", "", "Instagram only", opted_out=True),
        RemoteContact("4", "0244123456", "Esi", opted_out=True),
    ]
    factories.mirror(team, people)
    row = UnreadableOptOut.objects.get()
    assert (row.number, row.name, row.source) == ("0244 12", "Ama", "chumiai")
    assert list(OptOut.objects.phones()) == ["+233244123456"]
    services.dismiss_unreadable(row, by=marketer)
    factories.mirror(team, people)
    assert not UnreadableOptOut.objects.waiting(team).exists()


def test_home_names_them(row, team, viewer, login):
    text = login(viewer).get(reverse("reports:home", args=[team.slug])).content.decode()
    assert "An opt-out needs a person" in text
    assert "1 person asked for no more messages" in text
