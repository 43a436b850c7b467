"""Recipients of a launched campaign: listed by status and reason, searched, downloaded."""

import csv
import io

import pytest
from django.urls import reverse

from campaigns.models import Recipient
from sending.models import BulkJob
from tests import factories
from tests.sending.test_progress import finish

NUMBERS = ["233244100026", "233244200026", "233244300049", "233244400111", "447400123456"]


@pytest.fixture
def sent(connected, drain, sandbox):
    """A campaign of five: two not on WhatsApp, one held back, two accepted."""
    rows = [["Phone", "Name", "Code"], *([number, "Ama", "C"] for number in NUMBERS)]
    row = factories.launch(factories.make_ready_campaign(connected, rows=rows))
    finish(row, drain)
    return row


def page_of(client, campaign, **query):
    return client.get(url("campaign_recipients", campaign), query).content.decode()


def url(name, campaign):
    return reverse(f"campaigns:{name}", args=(campaign.team.slug, campaign.uuid))


def shown(page):
    """Return the numbers that are on a page, in their order."""
    bare = page.replace(" ", "").replace("-", "")
    found = {number: bare.find(f"+{number}") for number in NUMBERS}
    return [number for number in sorted(found, key=found.get) if found[number] >= 0]


def test_everyone_is_listed_in_the_order_of_the_file(sent, login, marketer):
    page = page_of(login(marketer), sent)
    assert shown(page) == NUMBERS
    assert "This number is not on WhatsApp" in page
    assert "Check the number or contact them by SMS or phone." in page


def test_each_count_links_to_its_rows(sent, login, marketer):
    client = login(marketer)
    detail = client.get(url("campaign_detail", sent)).content.decode()
    here = url("campaign_recipients", sent)
    for show, people in (
        ("accepted", NUMBERS[3:]),
        ("failed", NUMBERS[:3]),
        ("remaining", []),
        ("skipped", []),
    ):
        assert (f'href="{here}?show={show}"' in detail) == bool(people)
        assert shown(page_of(client, sent, show=show)) == people
    assert f'href="{here}?show=failed&amp;code=131026">2</a>' in detail
    page = page_of(client, sent, show="failed", code="131026")
    assert shown(page) == NUMBERS[:2]
    assert "Only those who failed for this reason" in page


def test_a_failure_without_a_code_is_a_reason_too(sent, login, marketer):
    Recipient.objects.filter(phone=f"+{NUMBERS[0]}").update(failure_code=None, reason="Refused.")
    assert shown(page_of(login(marketer), sent, show="failed", code="none")) == NUMBERS[:1]


@pytest.mark.parametrize(
    ("text", "people"),
    [
        ("0244400111", ["233244400111"]),
        ("+233 24 440 0111", ["233244400111"]),
        ("0244", NUMBERS[:4]),
        ("+44", ["447400123456"]),
        ("2332443", ["233244300049"]),
        ("0", []),
        ("nobody", []),
    ],
)
def test_a_number_is_found_by_its_first_digits(sent, login, marketer, text, people):
    page = page_of(login(marketer), sent, q=text)
    assert shown(page) == people
    assert ("No results" in page) == (not people)


def test_a_viewer_sees_masked_numbers_and_cannot_search_for_digits(sent, login, viewer):
    client = login(viewer)
    page = page_of(client, sent)
    assert not shown(page) and "+233 24 *** 0026" in page
    assert "No results" in page_of(client, sent, q="02441")
    assert "+233 24 *** 0111" in page_of(client, sent, q="0244400111")


def test_an_invalid_filter_is_ignored(sent, login, marketer):
    client = login(marketer)
    for query in ({"show": "x"}, {"code": "x"}, {"after": "x"}, {"after": "9" * 30}):
        assert shown(page_of(client, sent, **query)) == NUMBERS


def test_the_list_comes_in_pages(connected, login, marketer, django_assert_max_num_queries):
    row = factories.launch(factories.make_ready_campaign(connected, count=120))
    client, seen, query = login(marketer), [], {}
    for _ in range(5):
        with django_assert_max_num_queries(12):
            response = client.get(url("campaign_recipients", row), query)
        seen += [row.person.position for row in response.context["rows"]]
        following = response.context["page"].next
        if not following:
            break
        assert 'rel="next"' in response.content.decode()
        query = {"after": following}
    assert seen == list(range(1, 121))


def test_the_download_has_the_filters_of_the_page(sent, login, marketer):
    client = login(marketer)
    page = page_of(client, sent, show="failed", code="131026")
    link = f"{url('campaign_recipients_export', sent)}?show=failed&code=131026"
    assert f'href="{link.replace("&", "&amp;")}"' in page
    lines = b"".join(client.get(link).streaming_content).decode("utf-8-sig")
    rows = list(csv.reader(io.StringIO(lines)))
    assert [row[1] for row in rows[1:]] == [f"'+{number}" for number in NUMBERS[:2]]


def test_the_page_says_what_chumiai_does_not_report(sent, login, marketer):
    BulkJob.objects.update(failed=4, accepted=1)
    assert "Batch 1: 4 failed; ChumiAI does not say which." in page_of(login(marketer), sent)
