"""Sync 100,000 contacts in 50 groups over pages of 50: complete, in constant memory, fast.

`script/test --long tests/contacts/test_scale.py -s` prints the figures.
"""

import hashlib
import os
import time
from pathlib import Path

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from contacts import services
from contacts.models import Contact, ContactGroup, ContactSync, GroupMembership
from tests import factories
from tests.contacts.test_contact_sync import fill, sync

MB, PAGE = 1024 * 1024, os.sysconf("SC_PAGE_SIZE")
CONTACTS, GROUPS = 100_000, 50
# The client keeps a mark of each id, to notice a repeated page; nothing else may grow.
MOST_GROWTH = 24 * MB


def checksum(ids):
    """Return a checksum of a set of ids."""
    return hashlib.sha256("\n".join(sorted(ids)).encode()).hexdigest()


def memory():
    """Return the memory of this process in bytes."""
    return int(Path("/proc/self/statm").read_text().split()[1]) * PAGE


def url(team, query="", name="contact_list"):
    return reverse(f"contacts:{name}", args=(team.slug,)) + query


def queries_of(client, team):
    """Return how many queries each page takes, and print the times."""
    group = ContactGroup.objects.filter(sync=ContactSync.objects.current(team)).first()
    found = {}
    for name, query in {
        "list": "",
        "name": "?q=person+5",
        "the middle of a name": "?q=son+77",
        "a name without results": "?q=zebra",
        "digits": "?q=02400",
        "whole number": "?q=0240000007",
        "group": f"?group={group.uuid}",
        "name in group": f"?group={group.uuid}&q=person+5",
        "name without results in the group": f"?group={group.uuid}&q=zebra",
    }.items():
        with CaptureQueriesContext(
            connection,
        ) as captured:
            begun = time.monotonic()
            answer = client.get(url(team, query))
            took = time.monotonic() - begun
        assert answer.status_code == 200
        print(f"{team.slug}: {name}: {len(captured)} queries, {took * 1000:.0f} ms")
        found[name] = len(captured)
    with CaptureQueriesContext(connection) as captured:
        client.get(url(team, name="group_list"))
    return found | {"groups": len(captured)}


@pytest.mark.long
def test_a_hundred_thousand(connected, sandbox, manager, login, monkeypatch):
    fill(sandbox, contacts=CONTACTS, groups=GROUPS)
    sandbox.post("options", chaos_bad_gateway=0.0, chaos_slow=0.0, page_size=50, max_page_size=50)
    written, held = services.apply_contact_page, []

    def apply_contact_page(*page):
        written(*page)
        held.append(memory())

    monkeypatch.setattr(services, "apply_contact_page", apply_contact_page)
    begun = time.monotonic()
    assert sync(connected).state == "succeeded"
    growth = held[-1] - held[len(held) // 5]
    print(
        f"{connection.vendor}: {len(held)} pages in {time.monotonic() - begun:.0f} s, "
        f"the process grew by {growth / MB:.1f} MB over the last 80 %"
    )
    assert len(held) == CONTACTS / 50
    assert growth < MOST_GROWTH

    current = ContactSync.objects.current(connected)
    ids = current.contacts.values_list("remote_id", flat=True)
    assert len(ids) == CONTACTS
    assert checksum(ids) == checksum(f"{number:024x}" for number in range(CONTACTS))
    assert {group.size for group in current.groups.all()} == {CONTACTS // GROUPS}
    assert GroupMembership.objects.filter(group__sync=current).count() == CONTACTS

    client = login(manager)
    large = queries_of(client, connected)
    Contact.objects.filter(sync=current).exclude(remote_id__lt=f"{100:024x}").delete()
    small = queries_of(client, connected)
    assert large == small


def test_a_check_of_many_rows_takes_no_more_queries(connected, marketer, login):
    client = login(marketer)
    counts = set()
    for name, size in (("Few", 20), ("Many", 3000)):
        campaign = factories.make_ready_campaign(connected, count=size, name=name)
        pages = []
        for page in ("check", "preview", "review"):
            address = reverse(f"campaigns:campaign_{page}", args=(connected.slug, campaign.uuid))
            with CaptureQueriesContext(connection) as captured:
                assert client.get(address).status_code == 200
            pages.append(len(captured))
        counts.add(tuple(pages))
    assert len(counts) == 1
