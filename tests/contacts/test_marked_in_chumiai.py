"""ChumiAI's opt-out mark adds a number to our list and never removes one."""

import pytest

from chumi_api.types import Contact as Remote
from contacts import services
from contacts.models import ContactSync, OptOut
from teams.models import AuditEvent
from tests import factories

AMA, KOFI = "+233244123456", "+233201234567"


def sync_two(team, *, ama=None, kofi=None):
    """Sync an address book with these marks of the two people."""
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


def test_a_marked_number_is_on_the_list(team, other_team):
    sync_two(team, ama=True, kofi=False)
    row = OptOut.objects.get()
    assert (row.team, row.phone, row.source, row.created_by) == (team, AMA, "chumiai", None)
    assert row.get_source_display() == "Opted out in ChumiAI"
    event = AuditEvent.objects.get(action="opt-out added")
    assert event.after == {"source": "chumiai"} and "123456" not in event.subject
    assert on_list(other_team) == set()


def test_two_syncs_add_one_row(team):
    sync_two(team, ama=True)
    sync_two(team, ama=True)
    assert OptOut.objects.count() == 1


@pytest.mark.parametrize("says", [False, None])
def test_a_removed_mark_lifts_nothing(says, team):
    sync_two(team, ama=True)
    sync_two(team, ama=says)
    assert on_list(team) == {AMA}


def test_an_old_mark_does_not_opt_out_a_lifted_number(team, manager):
    sync_two(team, ama=True)
    services.lift(OptOut.objects.get(), reason="Asked for it", by=manager)
    for _ in range(2):
        sync_two(team, ama=True, kofi=True)
        assert on_list(team) == {KOFI}


def test_a_new_mark_is_a_new_opt_out(team, manager):
    sync_two(team, ama=True)
    services.lift(OptOut.objects.get(), reason="Asked for it", by=manager)
    sync_two(team, ama=False)
    assert on_list(team) == set()
    sync_two(team, ama=True)
    assert on_list(team) == {AMA}


def test_an_opt_out_of_another_source_keeps_its_reason(team, marketer):
    services.opt_out(team, AMA, reason="Rang us", by=marketer)
    sync_two(team, ama=True)
    assert OptOut.objects.get().reason == "Rang us"


def test_a_failed_sync_adds_no_opt_outs(team):
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
