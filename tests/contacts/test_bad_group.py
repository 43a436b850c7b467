"""One group that ChumiAI can't give: the others are fetched, and the pages name it."""

import pytest
from django.urls import reverse

from contacts import services, tasks
from contacts.models import Contact, ContactGroup, ContactSync, GroupMembership
from core.errors import Refused
from teams.retry_policy import RetryPolicy
from tests import factories
from tests.contacts.test_contact_sync import GROUPS, fill, shown, sync


@pytest.fixture(autouse=True)
def _no_retries(monkeypatch):
    monkeypatch.setattr(tasks, "READS", RetryPolicy(longest=300, pauses=()))


@pytest.fixture
def few(connected, sandbox):
    sandbox.post("options", chaos_bad_gateway=0.0, chaos_slow=0.0, page_size=20, max_page_size=20)
    fill(sandbox, contacts=60, groups=3)
    return connected


def bad_path(name="Group 1"):
    remote_id = ContactGroup.objects.filter(name=name).values_list("remote_id", flat=True).last()
    return f"{GROUPS}/{remote_id}"


def current(team, name):
    return ContactGroup.objects.current(team).get(name=name)


def page(login, user, team, name):
    answer = login(user).get(reverse(f"contacts:{name}", args=(team.slug,)))
    return " ".join(factories.soup(answer).get_text(" ").split())


KINDS = {
    "404": ("gone", "ChumiAI does not have this group any more."),
    "500": ("unreadable", "ChumiAI could not give the members of this group."),
    "502html": ("unreadable", "ChumiAI could not give the members of this group."),
    "half_json": ("unreadable", "ChumiAI could not give the members of this group."),
    "wrong_types": ("unreadable", "ChumiAI could not give the members of this group."),
    "400": ("unreadable", "ChumiAI could not give the members of this group."),
    "reset_after": ("unreadable", "ChumiAI could not give the members of this group."),
}


@pytest.mark.parametrize("kind", KINDS)
def test_the_others_are_fetched_and_the_page_names_it(kind, few, sandbox, viewer, login):
    sync(few)
    names = sorted(ContactGroup.objects.values_list("name", flat=True))
    before = current(few, names[1])
    sandbox.fault(kind, method="GET", path=bad_path(names[1]), times=None)
    run = sync(few)
    assert (run.state, run.error, run.groups_synced) == ("succeeded", "", 2)
    assert shown(few) == (60, 3, 60)
    group = current(few, names[1])
    assert group.pk != before.pk
    assert (group.problem, group.size, group.synced_at) == (KINDS[kind][0], 20, before.synced_at)
    assert not group.is_complete
    others = ContactGroup.objects.current(few).exclude(pk=group.pk)
    assert all(other.is_complete and other.synced_at > group.synced_at for other in others)
    assert run.summary.endswith(f"Not updated: the group {names[1]}")
    assert f"Not updated: the group {names[1]}" in page(login, viewer, few, "contact_list")
    assert KINDS[kind][1] in page(login, viewer, few, "group_list")


def test_a_group_that_never_came_has_no_members_and_cannot_be_chosen(
    few, sandbox, marketer, login
):
    sync(few)
    path = bad_path(sorted(ContactGroup.objects.values_list("name", flat=True))[1])
    ContactSync.objects.all().delete()
    sandbox.fault("404", method="GET", path=path, times=None)
    assert sync(few).state == "succeeded"
    assert shown(few) == (60, 3, 40)
    group = ContactGroup.objects.current(few).unread().get()
    assert (group.problem, group.size, group.synced_at) == ("gone", 0, None)
    campaign = factories.make_campaign(few, template=factories.make_template(few))
    with pytest.raises(Refused, match="not known yet"):
        factories.groups.choose_group(campaign, group, by=None)
    assert "—" in page(login, marketer, few, "group_list")


def test_its_members_stay_though_they_left_the_contacts(few, sandbox):
    sync(few)
    name = sorted(ContactGroup.objects.values_list("name", flat=True))[1]
    members = set(Contact.objects.of_group(current(few, name)).values_list("phone", flat=True))
    sandbox.fault("500", method="GET", path=bad_path(name), times=None)
    fill(sandbox, contacts=3, groups=3)
    # Several syncs in a row, and the deletion of the rows that nobody needs.
    for _ in range(2):
        assert sync(few).state == "succeeded"
        factories.let_time_pass()
        factories.drain("sync_contacts")
    group = current(few, name)
    assert set(Contact.objects.of_group(group).values_list("phone", flat=True)) == members
    assert ContactSync.objects.current(few).contacts_synced == 3
    assert GroupMembership.objects.exclude(group__sync=group.sync).count() == 0


def test_half_a_group_is_no_group(few, sandbox):
    fill(sandbox, contacts=60, groups=2)
    sync(few)
    name = sorted(ContactGroup.objects.values_list("name", flat=True))[1]
    before = set(Contact.objects.of_group(current(few, name)).values_list("phone", flat=True))
    sandbox.fault("500", method="GET", path=bad_path(name), after=1, times=None)
    sync(few)
    after = set(Contact.objects.of_group(current(few, name)).values_list("phone", flat=True))
    assert after == before and len(before) == 30
    assert current(few, name).problem == "unreadable"


def test_the_next_sync_clears_it(few, sandbox):
    sync(few)
    sandbox.fault("500", method="GET", path=bad_path(ContactGroup.objects.first().name))
    assert "Not updated" in sync(few).summary
    assert "Not updated" not in sync(few).summary
    assert not ContactGroup.objects.current(few).unread().exists()


@pytest.mark.parametrize("kind", ["401", "429"])
def test_an_error_of_the_account_ends_the_sync(kind, few, sandbox):
    sync(few)
    path = bad_path(ContactGroup.objects.first().name)
    sandbox.fault(kind, method="GET", path=path, times=None)
    assert sync(few).state == "failed"


def test_a_chumiai_that_fails_for_every_group_ends_the_sync(few, sandbox):
    sync(few)
    sandbox.fault("500", method="GET", path=f"{GROUPS}/", times=None)
    run = sync(few)
    assert run.state == "failed" and run.error
    assert shown(few) == (60, 3, 60)


def test_one_group_alone_may_fail(few, sandbox):
    fill(sandbox, contacts=5, groups=1)
    sandbox.fault("500", method="GET", path=f"{GROUPS}/", times=None)
    assert sync(few).state == "succeeded"
    assert shown(few) == (5, 1, 0)


def test_many_are_counted(few, sandbox):
    fill(sandbox, contacts=8, groups=8)
    sandbox.fault("404", method="GET", path=f"{GROUPS}/", times=None)
    assert sync(few).summary.endswith("and 3 more")


def test_a_list_without_end_is_a_bad_group(few, sandbox, settings):
    sync(few)
    name = sorted(ContactGroup.objects.values_list("name", flat=True))[1]
    body = '{"name": "x", "contacts": [' + '{"phone": "1"},' * 5000 + '{"phone": "1"}]}'
    sandbox.fault("answer", method="GET", path=bad_path(name), times=None, text=body)
    settings.CHUMIAI_LIST_BYTES = 20_000
    assert sync(few).state == "succeeded"
    assert current(few, name).problem == "unreadable"


def test_a_campaign_to_it_is_warned_and_chumiai_may_not_send_to_it(
    connected, sandbox, manager, login
):
    group = factories.make_group(connected, sandbox, factories.members(4))
    sandbox.fault("500", method="GET", path=f"{GROUPS}/", times=1)
    services.request_contact_sync(connected)
    factories.drain("sync_contacts")
    group = current(connected, group.name)
    campaign = factories.make_group_campaign(connected, group, way="expanded")
    args = (connected.slug, campaign.uuid)
    answer = login(manager).get(reverse("campaigns:campaign_review", args=args))
    words = " ".join(factories.soup(answer).get_text(" ").split())
    assert (
        "Warning: ChumiAI could not give the members of this group. We have its members" in words
    )
    with pytest.raises(Refused, match="did not list all members"):
        factories.groups.choose_way(campaign, "endpoint", by=None)
