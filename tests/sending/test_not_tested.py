"""A template of which ChumiAI documents nothing: no campaign before a test was accepted."""

import pytest
from django.core.management import CommandError, call_command
from django.urls import reverse

from campaigns.models import Campaign, Recipient
from campaigns.services import checks
from core.errors import Refused
from message_templates import services as templates
from message_templates.models import MessageTemplate
from sending.tested import lacks_test
from tests import factories

PARTS = {
    "contact info": {"type": "BUTTONS", "buttons": [{"type": "REQUEST_CONTACT_INFO"}]},
    "voice call": {"type": "BUTTONS", "buttons": [{"type": "VOICE_CALL", "text": "Call"}]},
    "call permission": {"type": "CALL_PERMISSION_REQUEST"},
}
BODY = {"type": "BODY", "text": factories.BODY}


def make(team, sandbox, part="contact info"):
    sandbox.post(
        "templates",
        account=factories.account_of(team),
        name="offer",
        language="en",
        category="MARKETING",
        status="APPROVED",
        components=[BODY, PARTS[part]],
    )
    templates.request_sync(team)
    factories.drain("sync_templates")
    return MessageTemplate.objects.get(team=team, name="offer")


def review(login, user, campaign):
    args = (campaign.team.slug, campaign.uuid)
    page = login(user).get(reverse("campaigns:campaign_review", args=args))
    return " ".join(factories.soup(page).get_text(" ").split())


@pytest.mark.parametrize("part", PARTS)
def test_a_campaign_starts_after_an_accepted_test(part, connected, sandbox, manager, login, drain):
    campaign = factories.make_ready_campaign(connected, template=make(connected, sandbox, part))
    assert "Blocked: The template has a part" in review(login, manager, campaign)
    with pytest.raises(Refused, match="Send a test first"):
        factories.launch(campaign)
    factories.send_test(campaign)
    # It is not accepted yet.
    with pytest.raises(Refused, match="Send a test first"):
        factories.launch(campaign)
    drain("send_batches")
    assert "Blocked" not in review(login, manager, campaign)
    factories.finish(factories.launch(campaign))
    assert campaign.status == "completed"
    # The test counts for every other campaign of the team.
    factories.launch(factories.make_ready_campaign(connected, template=campaign.template))


def test_a_refused_test_does_not_count(connected, sandbox, drain):
    campaign = factories.make_ready_campaign(connected, template=make(connected, sandbox))
    # The sandbox refuses this number: it is not on WhatsApp.
    number = factories.make_test_number(connected, phone="+233244000026")
    factories.send_test(campaign, number=number)
    drain("send_batches")
    assert Recipient.objects.get(campaign__is_test=True).status == "failed"
    with pytest.raises(Refused, match="Send a test first"):
        factories.launch(campaign)


def test_what_a_person_decided_of_a_test_does_not_count(connected, sandbox, drain):
    campaign = factories.make_ready_campaign(connected, template=make(connected, sandbox))
    factories.send_test(campaign)
    drain("send_batches")
    Recipient.objects.filter(campaign__is_test=True).update(decision="count_as_sent")
    assert lacks_test(campaign)


def test_a_test_of_another_text_or_team_does_not_count(connected, other_team, sandbox, drain):
    campaign = factories.make_ready_campaign(connected, template=make(connected, sandbox))
    factories.send_test(campaign)
    drain("send_batches")
    assert not lacks_test(campaign)
    factories.connect(other_team, sandbox)
    theirs = make(other_team, sandbox)
    assert lacks_test(factories.make_ready_campaign(other_team, template=theirs))
    changed = [BODY | {"text": "Bye {{1}}, your code is {{2}}."}, PARTS["contact info"]]
    template = campaign.template
    template.components = changed
    template.save()
    assert lacks_test(Campaign.objects.get(pk=campaign.pk))


def test_a_message_to_one_number_needs_no_test(connected, sandbox, drain):
    single = factories.make_single(connected, template=make(connected, sandbox))
    checks.check_number(single, by=None)
    single.refresh_from_db()
    factories.launch(single, engine="singly")
    drain("send_batches")
    assert Recipient.objects.get(campaign=single).status == "accepted"


def test_the_command_refuses_without_a_test(connected, sandbox, tmp_path, capsys):
    make(connected, sandbox)
    path = tmp_path / "customers.xlsx"
    path.write_bytes(factories.xlsx(factories.people(3)).read())
    names = ["--team", "kente", "--template", "offer", "--language", "en"]
    fields = ["--map", "1=Name", "--map", "2=Code"]
    with pytest.raises(CommandError, match="Send a test first"):
        call_command("launch_campaign", str(path), *names, *fields, "--consent")
    call_command("launch_campaign", str(path), *names, *fields, "--check")
    assert "Send a test first" in capsys.readouterr().out
    assert sandbox.ledger(factories.account_of(connected)) == []
