"""Sync the contacts and groups, against the sandbox over real HTTP."""

import pytest
from django.urls import reverse

from contacts import services, tasks
from contacts.models import Contact, ContactGroup, ContactSync, GroupMembership, OptOut
from teams.models import AuditEvent, Connection
from teams.retry_policy import RetryPolicy
from tests import factories

CONTACTS = "/api/v1/contacts$"
GROUPS = "/api/v1/contacts/groups"
SHAPES = ["nest", "bare", "mongo", "snake", "meta", "chaos"]


@pytest.fixture(autouse=True)
def _short_pauses(monkeypatch):
    monkeypatch.setattr(tasks, "READS", RetryPolicy(longest=300, pauses=(0, 0)))


@pytest.fixture
def few(connected, sandbox):
    """A small address book: 60 contacts in 3 groups, pages of 20."""
    fill(sandbox, contacts=60, groups=3)
    sandbox.post("options", chaos_bad_gateway=0.0, chaos_slow=0.0, page_size=20, max_page_size=20)
    return connected


def fill(sandbox, *, contacts, groups):
    sandbox.post("contacts", account="kente", contacts=contacts, groups=groups)


def sync(team):
    row = services.request_contact_sync(team)
    factories.drain("sync_contacts")
    row.refresh_from_db()
    return row


def shown(team):
    """Return how many contacts, groups and memberships the pages are of."""
    current = ContactSync.objects.current(team)
    return (
        Contact.objects.filter(sync=current).count(),
        ContactGroup.objects.filter(sync=current).count(),
        GroupMembership.objects.filter(group__sync=current).count(),
    )


@pytest.mark.parametrize("shape", SHAPES)
def test_every_shape_gives_the_same_people(shape, few, sandbox):
    sandbox.post("shape", shape=shape, account="kente")
    run = sync(few)
    assert (run.state, run.error) == ("succeeded", "")
    assert (run.contacts_synced, run.groups_synced, run.skipped) == (60, 3, 0)
    assert shown(few) == (60, 3, 60)
    first = Contact.objects.order_by("sort_key").first()
    assert (first.name, first.phone) == ("Person 0", "+233240000000")
    assert {group.size for group in ContactGroup.objects.all()} == {20}


def test_two_thousand_over_pages_of_fifty(connected, sandbox):
    fill(sandbox, contacts=2000, groups=8)
    assert sync(connected).state == "succeeded"
    assert shown(connected) == (2000, 8, 2000)


def test_two_syncs_give_the_same_contacts_with_the_same_uuids(few):
    sync(few)
    before = set(Contact.objects.values_list("uuid", "name", "phone"))
    sync(few)
    current = ContactSync.objects.current(few)
    assert set(current.contacts.values_list("uuid", "name", "phone")) == before


def test_vanished_contacts_are_hidden_at_once_and_deleted_later(few, sandbox):
    sync(few)
    fill(sandbox, contacts=50, groups=2)
    sync(few)
    assert shown(few) == (50, 2, 50)
    # A page that is being rendered may still show the former sync.
    assert Contact.objects.count() == 110
    factories.let_time_pass()
    factories.drain("sync_contacts")
    assert (Contact.objects.count(), ContactGroup.objects.count()) == (50, 2)


@pytest.mark.parametrize("kind", ["500", "502html", "half_json", "reset_after"])
def test_a_temporary_error_between_pages_is_retried(kind, few, sandbox):
    sandbox.fault(kind, method="GET", path=CONTACTS, after=1)
    sandbox.fault(kind, method="GET", path=f"{GROUPS}/", after=2)
    assert sync(few).state == "succeeded"
    assert shown(few) == (60, 3, 60)


def test_a_429_is_waited_out(few, sandbox):
    sandbox.fault("429", method="GET", path=CONTACTS, retry_after=1)
    assert sync(few).state == "succeeded"
    assert shown(few) == (60, 3, 60)


@pytest.mark.parametrize(("path", "after"), [(CONTACTS, 1), (f"{GROUPS}/", 0)])
@pytest.mark.parametrize("kind", ["500", "502html", "half_json"])
def test_an_incomplete_sync_is_never_shown(kind, path, after, few, sandbox, viewer, login):
    sync(few)
    fill(sandbox, contacts=40, groups=2)
    sandbox.fault(kind, method="GET", path=path, after=after, times=None)
    run = sync(few)
    assert run.state == "failed" and run.error
    assert shown(few) == (60, 3, 60)
    here = reverse("contacts:contact_list", args=(few.slug,))
    page = login(viewer).get(here).content.decode()
    assert "The update failed" in page and "Nothing was lost" in page
    factories.let_time_pass()
    factories.drain("sync_contacts")
    assert Contact.objects.count() == 60


def test_a_failed_first_sync_shows_nothing(few, sandbox, viewer, login):
    sandbox.fault("500", method="GET", path=CONTACTS, after=1, times=None)
    assert sync(few).state == "failed"
    assert shown(few) == (0, 0, 0)
    here = reverse("contacts:contact_list", args=(few.slug,))
    page = login(viewer).get(here).content.decode()
    assert "an incomplete list is never shown" in page
    assert "Person" not in page


def test_a_running_sync_shows_the_former_one(few, viewer, login):
    sync(few)
    row = services.request_contact_sync(few)
    services.begin_contact_sync(row)
    assert shown(few) == (60, 3, 60)
    here = reverse("contacts:contact_list", args=(few.slug,))
    assert "Until it is complete" in login(viewer).get(here).content.decode()


def test_a_replaced_worker_writes_nothing_more(few):
    row = services.request_contact_sync(few)
    services.begin_contact_sync(row)
    other = ContactSync.objects.get()
    services.begin_contact_sync(other)
    with pytest.raises(services.Superseded):
        services.apply_contact_page(row, factories.contact_page("1"))
    services.record_contact_sync_failed(row, "Too late.")
    assert ContactSync.objects.get().state == "running"
    services.apply_contact_page(other, factories.contact_page("1"))
    assert Contact.objects.count() == 1


def test_the_rows_of_a_dead_worker_are_replaced(few):
    row = services.request_contact_sync(few)
    services.begin_contact_sync(row)
    services.apply_contact_page(row, factories.contact_page("gone"))
    factories.drain("sync_contacts")
    assert shown(few) == (60, 3, 60)


def test_a_missing_permission_is_named(team, sandbox):
    factories.connect(team, sandbox, kind="without_contacts-read")
    run = sync(team)
    assert run.state == "failed"
    assert "lacks the permission contacts:read" in run.error
    # The key is good for everything else.
    assert Connection.objects.get(team=team).problem == ""


def test_a_revoked_key_fails_the_sync_and_marks_the_connection(team, sandbox):
    factories.connect(team, sandbox, kind="revoked")
    assert sync(team).state == "failed"
    assert Connection.objects.get(team=team).problem


def test_a_team_without_a_key(team):
    assert "no ChumiAI key" in sync(team).error


def test_it_never_changes_an_opt_out(few):
    services.opt_out(few, "+233240000001")
    sync(few)
    assert list(OptOut.objects.phones()) == ["+233240000001"]


def test_an_invalid_number_is_kept_and_a_member_without_a_contact_is_added(few):
    row = services.request_contact_sync(few)
    services.begin_contact_sync(row)
    services.apply_contact_page(row, factories.contact_page("1", phone="ask Ama\0"))
    (group,) = services.apply_groups(row, factories.group_page("g", size=3))
    members = factories.contact_page("1", "2", phone="233244123456")
    services.apply_member_page(row, group, members)
    services.apply_member_page(row, group, members)
    services.record_group_synced(row, group)
    services.record_contact_sync_succeeded(row)
    assert set(Contact.objects.values_list("phone", "raw_phone")) == {
        ("", "ask Ama"),
        ("+233244123456", ""),
    }
    group.refresh_from_db()
    assert (group.size, group.reported_size, group.is_short) == (2, 3, True)


def start(client, team):
    return client.post(reverse("contacts:contact_sync_start", args=(team.slug,)), follow=True)


def test_the_button_requests_one_sync(few, marketer, login):
    client = login(marketer)
    start(client, few)
    page = start(client, few).content.decode()
    assert "Updates are paused on our server" in page
    assert ContactSync.objects.get().requested_by == marketer
    assert AuditEvent.objects.filter(action="contact sync requested").count() == 1


def test_refused_to_a_viewer_and_invisible_to_a_stranger(few, viewer, outsider, login):
    assert start(login(viewer), few).status_code == 403
    assert start(login(outsider), few).status_code == 404
    assert not ContactSync.objects.exists()
