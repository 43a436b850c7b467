"""A sync that breaks off between two pages, in every shape, leaves the former one complete."""

import pytest

from contacts import tasks
from teams.retry_policy import RetryPolicy
from tests.contacts.test_contact_sync import CONTACTS, GROUPS, SHAPES, fill, shown, sync

KINDS = [
    "500",
    "502html",
    "half_json",
    "half_body",
    "wrong_types",
    "empty_body",
    "200_success_false",
    "reset_after",
    "redirect",
]


@pytest.fixture(autouse=True)
def _no_retries(monkeypatch):
    monkeypatch.setattr(tasks, "READS", RetryPolicy(longest=300, pauses=()))


# The shape without totals, in which an incomplete list is hardest to notice.
ALL = [pytest.param(s, marks=[] if s == "bare" else pytest.mark.long) for s in SHAPES]


@pytest.mark.parametrize("shape", ALL)
@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("path", [CONTACTS, f"{GROUPS}/"], ids=["contacts", "members"])
def test_the_former_sync_stays(path, kind, shape, connected, sandbox):
    sandbox.post("options", chaos_bad_gateway=0.0, chaos_slow=0.0, page_size=20, max_page_size=20)
    sandbox.post("shape", shape=shape, account="kente")
    fill(sandbox, contacts=60, groups=2)
    assert sync(connected).state == "succeeded"
    assert shown(connected) == (60, 2, 60)
    fill(sandbox, contacts=50, groups=2)
    sandbox.fault(kind, method="GET", path=path, after=1, times=None)
    run = sync(connected)
    assert (run.state, shown(connected)) == ("failed", (60, 2, 60))
    assert run.error
