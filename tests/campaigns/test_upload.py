"""Upload the file of a campaign."""

import io

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from openpyxl import load_workbook

from campaigns.models import Campaign, Upload
from tests import factories
from tests.campaigns.pages import text, url


@pytest.fixture
def draft(team):
    return factories.make_campaign(team, template=factories.make_template(team))


@pytest.fixture
def upload(login, marketer, draft):
    def send(file):
        return login(marketer).post(url(draft, "file"), {"file": file})

    return send


def stored(settings):
    return [path for path in settings.MEDIA_ROOT.rglob("*") if path.is_file()]


def test_the_first_rows_are_shown_and_the_columns_suggested(upload, draft, login, marketer):
    assert upload(factories.xlsx(factories.people(30), name="people.xlsx")).url == url(
        draft, "file"
    )
    page = login(marketer).get(url(draft, "file"))
    assert "people.xlsx" in text(page)
    assert "Row Phone Name Code 2 233244001111 Person 1 C-00001" in text(page)
    assert "Person 10" in text(page) and "Person 11" not in text(page)
    mapping = Campaign.objects.get().mapping
    assert mapping == {
        "phone_column": 0,
        "values": {"1": {"column": 1, "fallback": ""}, "2": {"column": 2, "fallback": ""}},
    }


def test_a_csv_without_a_header_is_recognised(upload, draft, login, marketer):
    upload(SimpleUploadedFile("list.csv", b"0244123456;Ama;A1\n0244123457;Kofi;A2\n"))
    assert Upload.objects.get().has_header is False
    assert "Column A" in text(login(marketer).get(url(draft, "file")))


@pytest.mark.parametrize(
    ("file", "sentence"),
    [
        (SimpleUploadedFile("a.xlsx", b""), "This file is empty."),
        (SimpleUploadedFile("a.xlsx", b"%PDF-1.7 something"), "Upload an .xlsx or a .csv file."),
        (SimpleUploadedFile("a.xlsx", b"PK\x03\x04 half a file"), "damaged"),
        (SimpleUploadedFile("a.csv", b"  \n \n"), "This file is empty."),
        ("", "Choose a file first."),
    ],
)
def test_an_unreadable_file_is_refused_with_a_reason(upload, settings, file, sentence):
    response = upload(file)
    assert response.status_code == 200
    assert sentence in text(response)
    assert response.context["upload"] is None
    assert not Upload.objects.exists()
    assert stored(settings) == []


def test_a_file_above_the_limit_is_refused(upload, settings):
    settings.MAX_UPLOAD_BYTES = 1024 * 1024
    response = upload(SimpleUploadedFile("big.csv", b"0244123456\n" * 100_000))
    assert response.status_code == 200
    assert "This file is larger than 1 MB." in text(response)
    assert stored(settings) == []


def test_a_refused_file_keeps_the_previous_one(team, marketer, login):
    campaign = factories.make_ready_campaign(team)
    page = login(marketer).post(
        url(campaign, "file"), {"file": SimpleUploadedFile("x.csv", b"%PDF-1.4")}
    )
    assert "customers.xlsx" in text(page)
    campaign = Campaign.objects.get()
    assert (campaign.status, campaign.upload.name) == ("ready", "customers.xlsx")
    assert campaign.upload.file.storage.exists(campaign.upload.file.name)


def test_another_file_replaces_the_previous_one(
    team, marketer, login, settings, django_capture_on_commit_callbacks
):
    campaign = factories.make_ready_campaign(team)
    with django_capture_on_commit_callbacks(execute=True):
        login(marketer).post(
            url(campaign, "file"), {"file": factories.xlsx(factories.people(2), name="b.xlsx")}
        )
    campaign = Campaign.objects.get()
    assert (campaign.status, campaign.upload.name) == ("draft", "b.xlsx")
    assert not hasattr(campaign, "check_result")
    assert [path for path in stored(settings) if "uploads" in path.parts] == [
        settings.MEDIA_ROOT / campaign.upload.file.name
    ]


def test_the_first_row_may_be_a_person(team, marketer, login):
    campaign = factories.make_ready_campaign(team)
    client = login(marketer)
    client.post(url(campaign, "header"), {})
    page = client.get(url(campaign, "file"))
    assert "Row Column A Column B Column C 1 Phone Name Code" in text(page)
    assert Campaign.objects.get().status == "draft"


def test_the_same_answer_keeps_the_check(team, marketer, login):
    campaign = factories.make_ready_campaign(team)
    login(marketer).post(url(campaign, "header"), {"has_header": "on"})
    assert Campaign.objects.get().status == "ready"


def test_cells_never_become_markup(upload, draft, login, marketer):
    upload(factories.xlsx([["Phone", "<b>Name</b>"], ["0244123456", "<script>alert(1)</script>"]]))
    page = login(marketer).get(url(draft, "file")).content.decode()
    assert "<script>alert" not in page and "<b>Name" not in page
    assert "&lt;script&gt;alert(1)" in page


def test_a_viewer_uploads_nothing(draft, viewer, login):
    response = login(viewer).post(
        url(draft, "file"), {"file": factories.xlsx(factories.people(2))}
    )
    assert response.status_code == 403
    assert not Upload.objects.exists()


def test_a_stranger_finds_nothing(draft, outsider, login):
    file = {"file": factories.xlsx(factories.people(2))}
    assert login(outsider).post(url(draft, "file"), file).status_code == 404


def test_the_sample_has_the_columns_of_the_template_and_no_valid_number(draft, login, marketer):
    client = login(marketer)
    response = client.get(url(draft, "sample"))
    assert "welcome_message-sample.xlsx" in response["Content-Disposition"]
    rows = list(load_workbook(io.BytesIO(response.content)).active.iter_rows(values_only=True))
    assert rows[0] == ("Phone", "Value 1", "Value 2")
    file = SimpleUploadedFile("sample.xlsx", response.content)
    client.post(url(draft, "file"), {"file": file})
    mapping = {"phone_column": 0, "source_0": 1, "source_1": 2, "then": "check"}
    assert client.post(url(draft, "values"), mapping).url == url(draft, "check")
    factories.drain("check_campaign")
    assert Campaign.objects.get().check_result.sendable == 0
