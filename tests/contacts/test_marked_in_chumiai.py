"""ChumiAI's own mark: it puts a number on our list, and never takes one off."""

import pytest

from chumi_api.types import Contact as Remote
from contacts import services
from contacts.models import ContactSync, OptOut
from teams.models import AuditEvent
from tests import factories

AMA, KOFI = "+233244123456", "+233201234567"


def read(team, *, ama=None, kofi=None):
    """Read an address book in which ChumiAI says this about the two."""
    return factories.mirror(
        team,
        [
            Remote("1", AMA[1:], "Ama Mensah", opted_out=ama),
            Remote("2", KOFI[1:], "Kofi Boateng", opted_out=kofi),
            Remote("3", "none", "No number", opted_out=True),
        ],
    )


def on_list(team):
    return set(OptOut.objects.for_team(team).phones())


def test_who_is_marked_is_on_the_list(team, other_team):
    read(team, ama=True, kofi=False)
    row = OptOut.objects.get()
    assert (row.team, row.phone, row.source, row.created_by) == (team, AMA, "chumiai", None)
    assert row.get_source_display() == "Marked in ChumiAI"
    event = AuditEvent.objects.get(action="opt-out added")
    assert event.after == {"source": "chumiai"} and "123456" not in event.subject
    assert on_list(other_team) == set()


def test_read_twice_is_one_row(team):
    read(team, ama=True)
    read(team, ama=True)
    assert OptOut.objects.count() == 1


@pytest.mark.parametrize("says", [False, None])
def test_a_mark_that_goes_away_lifts_nothing(says, team):
    read(team, ama=True)
    read(team, ama=says)
    assert on_list(team) == {AMA}


def test_a_mark_that_stays_does_not_undo_a_lifting(team, manager):
    read(team, ama=True)
    services.lift(OptOut.objects.get(), reason="Asked for it", by=manager)
    for _ in range(2):
        read(team, ama=True, kofi=True)
        assert on_list(team) == {KOFI}


def test_a_mark_that_comes_back_is_a_new_word(team, manager):
    read(team, ama=True)
    services.lift(OptOut.objects.get(), reason="Asked for it", by=manager)
    read(team, ama=False)
    assert on_list(team) == set()
    read(team, ama=True)
    assert on_list(team) == {AMA}


def test_an_opt_out_of_another_kind_stays_the_one_it_was(team, marketer):
    services.opt_out(team, AMA, reason="Rang us", by=marketer)
    read(team, ama=True)
    assert OptOut.objects.get().reason == "Rang us"


def test_a_reading_that_is_not_complete_marks_nobody(team):
    sync = services.request_contact_sync(team)
    services.begin_contact_sync(sync)
    people = [Remote("1", AMA[1:], "Ama", opted_out=True)]
    page = factories.Listing(people)
    services.apply_contact_page(sync, page)
    services.record_contact_sync_failed(sync, "It broke off.")
    assert ContactSync.objects.get().state == "failed"
    assert on_list(team) == set()


@pytest.mark.parametrize("shape", ["nest", "snake", "meta"])
def test_over_the_wire(shape, connected, sandbox):
    sandbox.post("options", chaos_bad_gateway=0.0, chaos_slow=0.0)
    sandbox.post("shape", shape=shape, account=factories.account_of(connected))
    services.request_contact_sync(connected)
    factories.drain("sync_contacts")
    contacts = ContactSync.objects.current(connected).contacts.filter(opted_out=True)
    marked = set(contacts.exclude(phone="").values_list("phone", flat=True))
    assert marked and on_list(connected) == marked
