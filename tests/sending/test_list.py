"""The list of campaigns."""

import pytest
from django.utils import timezone

from sending.models import BulkJob
from sending.progress import progress_of
from sending.services import launches
from tests import factories
from tests.campaigns.pages import list_url, text, url


@pytest.fixture
def client(login, marketer):
    return login(marketer)


def names(page):
    return [row.campaign.name for row in page.context["rows"]]


def urls_of(page):
    return {row.campaign.name: row.url for row in page.context["rows"]}


@pytest.fixture
def five(connected):
    """A draft, one that is ready, and one of each kind of launched campaign."""
    template = factories.make_template(connected)
    factories.make_campaign(connected, name="Draft", template=template)
    made = {
        name: factories.make_ready_campaign(connected, count=2, name=name)
        for name in ("Ready", "Queued", "Paused", "Stopped")
    }
    for name in ("Queued", "Paused", "Stopped"):
        factories.launch(made[name])
    launches.pause(made["Paused"])
    launches.stop(made["Stopped"], by=None)
    return made


@pytest.mark.parametrize(
    ("tab", "expected"),
    [
        ("", ["Stopped", "Paused", "Queued", "Ready", "Draft"]),
        ("drafts", ["Ready", "Draft"]),
        ("running", ["Queued"]),
        ("attention", ["Paused"]),
        ("finished", ["Stopped"]),
        ("nonsense\0", ["Stopped", "Paused", "Queued", "Ready", "Draft"]),
    ],
)
def test_the_tabs(five, client, connected, tab, expected):
    page = client.get(list_url(connected), {"tab": tab})
    assert names(page) == expected
    assert "All 5 Drafts 2 Running 1 Needs attention 1 Finished 1" in text(page)


def test_each_row_links_to_its_open_step(five, client, connected):
    urls = urls_of(client.get(list_url(connected)))
    assert urls["Draft"].endswith("/file/")
    assert urls["Ready"] == url(five["Ready"], "review")
    assert urls["Queued"] == url(five["Queued"], "detail")


def test_a_viewer_sees_no_link_to_a_draft(five, viewer, login, connected):
    page = login(viewer).get(list_url(connected))
    urls = urls_of(page)
    assert urls["Draft"] == urls["Ready"] == ""
    assert urls["Queued"] == url(five["Queued"], "detail")
    assert "New campaign" not in text(page)


def test_search_by_name(five, client, connected):
    assert names(client.get(list_url(connected), {"q": "paUs"})) == ["Paused"]
    page = client.get(list_url(connected), {"q": "nothing like it"})
    assert "No results" in text(page)
    assert len(names(client.get(list_url(connected), {"q": "a\0b", "page": "x"}))) == 5


def test_the_progress_comes_from_the_jobs(connected, client, drain):
    campaign = factories.launch(factories.make_ready_campaign(connected, count=4))
    factories.finish(campaign)
    assert "4 of 4" in text(client.get(list_url(connected)))


@pytest.mark.parametrize(
    ("reported", "processed"),
    [
        ({"state": "completed"}, 4),
        ({"state": "failed"}, 0),
        ({"state": "failed", "processed": 1, "accepted": 2, "failed": 1}, 3),
        ({"state": "running", "processed": 9}, 4),
        ({"batch": None}, 4),
    ],
)
def test_the_bar_equals_that_of_the_campaign_page(connected, client, drain, reported, processed):
    campaign = factories.launch(factories.make_ready_campaign(connected, count=4))
    factories.finish(campaign)
    BulkJob.objects.update(**{"processed": 0, "accepted": 0, "failed": 0} | reported)
    assert f"{processed} of 4" in text(client.get(list_url(connected)))
    batches = campaign.batches.select_related("job")
    assert progress_of(campaign, batches, timezone.now()).processed == processed


def test_pages_are_bounded(team, client):
    for number in range(30):
        factories.make_campaign(team, name=f"No {number}")
    assert len(names(client.get(list_url(team)))) == 25
    assert len(names(client.get(list_url(team), {"page": 2}))) == 5
    assert client.get(list_url(team), {"page": "9" * 30}).status_code == 200


def test_the_queries_do_not_grow(five, client, connected, django_assert_max_num_queries):
    with django_assert_max_num_queries(12):
        client.get(list_url(connected))


def test_htmx_gets_only_the_list(team, client):
    page = client.get(list_url(team), HTTP_HX_REQUEST="true").content.decode()
    assert page.strip().startswith('<div id="campaign-list"')


def test_the_empty_list_invites_to_create_one(team, client):
    assert "No campaigns yet" in text(client.get(list_url(team)))


def test_another_teams_campaigns_are_not_listed(team, other_team, client, outsider, login):
    factories.make_campaign(other_team, name="Secret")
    assert names(client.get(list_url(team))) == []
    assert client.get(list_url(other_team)).status_code == 404
    assert names(login(outsider).get(list_url(other_team))) == ["Secret"]
