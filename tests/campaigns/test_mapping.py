"""Choose the phone number column and the source of each value."""

import pytest

from campaigns.models import Campaign, Check
from campaigns.services import drafts
from tests import factories
from tests.campaigns.pages import list_url, text, url

ANSWERS = {"phone_column": 0, "source_0": 1, "source_1": 2}


@pytest.fixture
def draft(team, marketer):
    campaign = factories.make_campaign(team, template=factories.make_template(team))
    file = factories.xlsx(factories.people(3))
    drafts.attach_upload(campaign, file, name=file.name, by=marketer)
    return campaign


@pytest.fixture
def client(login, marketer):
    return login(marketer)


def test_suggestions_are_filled_in_with_a_sample(client, draft):
    page = client.get(url(draft, "values"))
    assert "Row 2: 233244001111" in text(page)
    assert "Row 2: Person 1" in text(page)
    assert '<span class="value">Person 1</span>' in page.content.decode()
    assert "Hi {{1}}, your code is" in text(page)


def test_the_button_stores_the_mapping_and_requests_the_check(client, draft):
    answers = ANSWERS | {"fallback_0": " Customer ", "then": "check"}
    assert client.post(url(draft, "values"), answers).url == url(draft, "check")
    campaign = Campaign.objects.get()
    assert campaign.mapping == {
        "phone_column": 0,
        "values": {
            "1": {"column": 1, "fallback": "Customer"},
            "2": {"column": 2, "fallback": ""},
        },
    }
    assert campaign.check_result.is_open


def test_a_text_for_everyone(client, draft):
    answers = ANSWERS | {"source_1": "text", "text_1": "EASTER", "then": "check"}
    client.post(url(draft, "values"), answers)
    assert Campaign.objects.get().mapping["values"]["2"] == {"text": "EASTER"}


@pytest.mark.parametrize(
    ("answers", "sentence"),
    [
        ({"phone_column": ""}, "Choose the column with the phone numbers."),
        ({"source_1": ""}, "Choose a column, or type a text for everyone."),
        ({"source_1": "text", "text_1": " "}, "Type the text that everyone gets."),
        ({"source_1": "7"}, "Select a valid choice."),
        ({"phone_column": "-1"}, "Select a valid choice."),
        ({"fallback_0": "x" * 1025}, "at most 1024 characters"),
    ],
)
def test_a_missing_answer_is_an_error_of_its_field(client, draft, answers, sentence):
    response = client.post(url(draft, "values"), ANSWERS | answers | {"then": "check"})
    assert response.status_code == 200
    assert sentence in text(response)
    assert not Check.objects.exists()


def test_an_unfinished_mapping_is_saved(client, draft):
    answers = ANSWERS | {"source_1": "text", "text_1": "", "then": "leave"}
    assert client.post(url(draft, "values"), answers).url == list_url(draft.team)
    assert Campaign.objects.get().mapping["values"]["2"] is None


def test_a_change_is_saved_and_shows_the_sample(client, draft):
    answers = ANSWERS | {"source_0": "text", "text_0": "dear friend"}
    page = client.post(url(draft, "values"), answers, HTTP_HX_REQUEST="true")
    assert page.status_code == 200
    assert "Everyone: dear friend" in text(page)
    assert '<span class="value">dear friend</span>' in page.content.decode()
    assert text(page) == text(client.get(url(draft, "values")))


def test_saving_the_same_answers_keeps_the_check(client, draft):
    client.post(url(draft, "values"), ANSWERS | {"then": "check"})
    client.post(url(draft, "values"), ANSWERS, HTTP_HX_REQUEST="true")
    assert Campaign.objects.get().check_result.is_open


def test_a_change_discards_the_check(team, client):
    campaign = factories.make_ready_campaign(team)
    client.post(url(campaign, "values"), ANSWERS | {"source_1": 1})
    campaign = Campaign.objects.get()
    assert (campaign.status, campaign.digest, campaign.recipient_count) == ("draft", "", 0)
    assert not Check.objects.exists()


def test_a_template_without_placeholders_needs_only_the_phone_column(team, client):
    plain = factories.make_template(team, "plain", body="We are open.")
    campaign = factories.make_campaign(team, template=plain)
    file = factories.xlsx(factories.people(2))
    drafts.attach_upload(campaign, file, name=file.name, by=None)
    assert "everyone gets the same message" in text(client.get(url(campaign, "values")))
    answers = {"phone_column": 0, "then": "check"}
    assert client.post(url(campaign, "values"), answers).url == url(campaign, "check")


def test_a_viewer_and_a_stranger_change_nothing(draft, viewer, outsider, login):
    before = draft.mapping
    assert login(viewer).post(url(draft, "values"), ANSWERS).status_code == 403
    assert login(outsider).post(url(draft, "values"), ANSWERS).status_code == 404
    assert Campaign.objects.get().mapping == before
