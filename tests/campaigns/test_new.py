"""Create a draft and choose its template."""

import uuid

import pytest

from campaigns.models import Campaign
from tests import factories
from tests.campaigns.pages import list_url, messages, text, url


def test_a_new_draft_with_a_template_continues_with_the_file(team, marketer, login):
    template = factories.make_template(team, "order_ready")
    response = login(marketer).post(list_url(team, "new"), {"name": "", "template": template.uuid})
    campaign = Campaign.objects.get()
    assert response.url == url(campaign, "file")
    assert (campaign.template, campaign.created_by) == (template, marketer)
    assert campaign.name.startswith("Order ready – ")


def test_a_draft_without_a_template_asks_for_one(team, marketer, login):
    factories.make_template(team)
    client = login(marketer)
    response = client.post(list_url(team, "new"), {"name": "Easter", "template": ""})
    campaign = Campaign.objects.get()
    assert response.url == url(campaign, "template")
    assert (campaign.name, campaign.template) == ("Easter", None)
    assert client.get(url(campaign, "file")).url == url(campaign, "template")


def test_a_template_named_in_the_url_comes_first(team, marketer, login):
    factories.make_template(team, "a_first")
    wanted = factories.make_template(team, "wanted")
    page = login(marketer).get(list_url(team, "new"), {"template": wanted.uuid})
    assert [template for template, _ in page.context["templates"]][0] == wanted


def test_unsendable_templates_are_listed_with_their_reason(team, marketer, login):
    factories.make_template(team, "good")
    factories.make_template(team, "bad", status="REJECTED")
    page = login(marketer).get(list_url(team, "new"))
    assert "1 template can't be sent from here" in text(page)
    assert "WhatsApp rejected this template" in text(page)
    assert [template.name for template, _ in page.context["templates"]] == ["good"]


def test_an_unsendable_template_is_refused(team, marketer, login):
    bad = factories.make_template(team, "bad", status="PAUSED")
    response = login(marketer).post(list_url(team, "new"), {"template": bad.uuid})
    assert response.status_code == 200
    assert "bad can't be sent from here" in text(response).replace("&#x27;", "'")
    assert not Campaign.objects.exists()


@pytest.mark.parametrize("template", ["foreign", str(uuid.UUID(int=0))])
def test_a_template_of_another_team_is_not_found(team, other_team, marketer, login, template):
    if template == "foreign":
        template = factories.make_template(other_team).uuid
    client = login(marketer)
    assert client.post(list_url(team, "new"), {"template": template}).status_code == 404
    assert client.get(list_url(team, "new"), {"template": template}).status_code == 404
    campaign = factories.make_campaign(team)
    assert client.post(url(campaign, "template"), {"template": template}).status_code == 404


def test_templates_are_searched_by_name(team, marketer, login):
    factories.make_template(team, "easter_sale")
    factories.make_template(team, "order_ready")
    client = login(marketer)
    page = client.get(list_url(team, "new"), {"q": "easter sale"})
    assert [template.name for template, _ in page.context["templates"]] == ["easter_sale"]
    page = client.get(list_url(team, "new"), {"q": "nothing", "template": "no uuid"})
    assert "No results" in text(page)
    assert client.get(list_url(team, "new"), {"q": "a\0b"}).status_code == 200


def test_another_template_discards_the_check_and_gets_new_suggestions(team, marketer, login):
    campaign = factories.make_ready_campaign(team)
    other = factories.make_template(team, "codes", body="Code: {{1}}. Bye, {{2}} and {{3}}.")
    response = login(marketer).post(url(campaign, "template"), {"template": other.uuid})
    assert response.url == url(campaign, "file")
    campaign = Campaign.objects.get()
    assert (campaign.template, campaign.status) == (other, "draft")
    assert not hasattr(campaign, "check_result")
    assert campaign.mapping["values"]["1"] == {"column": 2, "fallback": ""}


def test_the_same_template_again_keeps_the_check(team, marketer, login):
    campaign = factories.make_ready_campaign(team)
    login(marketer).post(url(campaign, "template"), {"template": campaign.template.uuid})
    assert Campaign.objects.get().status == "ready"


def test_without_a_choice_nothing_changes(team, marketer, login):
    campaign = factories.make_campaign(team)
    response = login(marketer).post(url(campaign, "template"), {"template": ""})
    assert response.status_code == 200
    assert "Choose a template first." in text(response)


def test_a_viewer_creates_nothing(team, viewer, login):
    client = login(viewer)
    assert client.post(list_url(team, "new"), {"name": "Easter"}).status_code == 403
    assert not Campaign.objects.exists()


def test_a_new_name_keeps_the_check(team, marketer, login):
    campaign = factories.make_ready_campaign(team)
    client = login(marketer)
    client.post(url(campaign, "rename"), {"name": "Christmas"})
    campaign = Campaign.objects.get()
    assert (campaign.name, campaign.status) == ("Christmas", "ready")
    client.post(url(campaign, "rename"), {"name": " "})
    assert "The name was not changed" in messages(client, url(campaign, "review"))[0]
    assert Campaign.objects.get().name == "Christmas"


def test_delete_removes_the_draft_and_its_file(
    team, marketer, login, settings, django_capture_on_commit_callbacks
):
    campaign = factories.make_ready_campaign(team)
    file = campaign.upload.file
    client = login(marketer)
    with django_capture_on_commit_callbacks(execute=True):
        response = client.post(url(campaign, "delete"))
    assert response.url == list_url(team)
    assert not Campaign.objects.exists()
    assert not file.storage.exists(file.name)
    assert client.post(url(campaign, "delete")).status_code == 404


def test_a_launched_campaign_has_no_draft_pages(connected, marketer, login):
    campaign = factories.launch(factories.make_ready_campaign(connected))
    client = login(marketer)
    for page in ("template", "file", "values", "check", "result", "preview", "review", "sample"):
        assert client.get(url(campaign, page)).url == url(campaign, "detail")
    for page in ("template", "header", "values", "check", "rename", "delete"):
        assert client.post(url(campaign, page)).url == url(campaign, "detail")
    assert "has been launched" in messages(client, url(campaign, "detail"))[0]
    assert Campaign.objects.get().launched_at


def test_a_fragment_of_a_launched_campaign_redirects_the_whole_page(connected, marketer, login):
    campaign = factories.launch(factories.make_ready_campaign(connected))
    response = login(marketer).post(url(campaign, "values"), HTTP_HX_REQUEST="true")
    assert response["HX-Redirect"] == url(campaign, "detail")
