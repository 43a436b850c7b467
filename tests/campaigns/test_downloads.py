"""Download the rows of a check."""

import csv
import io

import pytest

from contacts.services import opt_out
from tests import factories
from tests.campaigns.pages import url

ROWS = [
    ["Phone", "Name", "=cmd()"],
    ["0244123001", "Ama", "A-1"],
    ["24412", "=HYPERLINK(1)", "+1+1"],
    ["0244123001", "Again", "A-3"],
    ["0244123002", "Esi", "A-4"],
    ["233244123004.0", "Abena", "A-5"],
]


@pytest.fixture
def checked(team):
    opt_out(team, "+233244123002")
    return factories.make_ready_campaign(team, rows=ROWS)


@pytest.fixture
def download(checked, login, marketer):
    def get(outcome):
        response = login(marketer).get(url(checked, "rows", outcome=outcome))
        assert f'filename="easter-sale-{outcome}.csv"' in response["Content-Disposition"]
        content = b"".join(response.streaming_content).decode("utf-8-sig")
        return list(csv.reader(io.StringIO(content)))

    return get


def test_invalid_rows_keep_their_cells_but_no_formula(download):
    header, row = download("invalid")
    assert header == ["Row", "Phone", "What is wrong", "Phone", "Name", "'=cmd()"]
    assert row[:2] == ["3", ""]
    assert row[2] == "This number is too short. Look for missing digits."
    assert row[3:] == ["24412", "'=HYPERLINK(1)", "'+1+1"]


@pytest.mark.parametrize(
    ("outcome", "number", "sentence"),
    [
        ("duplicate", "4", "Same number as row 2, which is sent."),
        ("opted_out", "5", "This person opted out."),
        ("repaired", "6", "Removed a trailing .0 from the phone number."),
    ],
)
def test_each_outcome_has_its_rows(download, outcome, number, sentence):
    _, row = download(outcome)
    assert (row[0], row[2]) == (number, sentence)


def test_ready_rows_have_the_values_that_are_sent(download):
    assert download("ready") == [
        ["Row", "Phone", "Notes", "1", "2"],
        ["2", "'+233244123001", "", "Ama", "A-1"],
    ]


def test_the_download_has_all_rows_not_only_those_on_the_page(team, login, marketer):
    rows = [["Phone", "Name", "Code"], *(["12", f"P {n}", "x"] for n in range(120))]
    campaign = factories.make_ready_campaign(team, rows=rows)
    response = login(marketer).get(url(campaign, "rows", outcome="invalid"))
    assert len(b"".join(response.streaming_content).splitlines()) == 121


def test_an_unknown_outcome_or_a_deleted_report_is_not_found(checked, login, marketer, settings):
    client = login(marketer)
    assert client.get(url(checked, "rows", outcome="everything")).status_code == 404
    (settings.MEDIA_ROOT / checked.check_result.report).unlink()
    assert client.get(url(checked, "rows", outcome="invalid")).status_code == 404


def test_a_viewer_and_a_stranger_get_nothing(checked, viewer, outsider, login):
    path = url(checked, "rows", outcome="invalid")
    assert login(viewer).get(path).status_code == 403
    assert login(outsider).get(path).status_code == 404
