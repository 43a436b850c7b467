"""The results of a campaign: the funnel, the failures, and the links of the numbers."""

from datetime import timedelta

import pytest
from bs4 import BeautifulSoup
from django.urls import reverse
from django.utils import timezone

from campaigns.models import GroupChoice
from chumi_api.types import Message
from conversations import services as conversations
from reports.results import funnel
from sending.progress_queries import load_progress
from sending.services import receipts
from tests import factories
from tests.sending.test_receipts import updates_of


@pytest.fixture
def campaign(connected, marketer):
    """Five people, one by one: one is not on WhatsApp, four were accepted."""
    numbers = ["233244100026", *(f"23324420011{n}" for n in range(4))]
    rows = [["Phone", "Name", "Code"], *([number, "Ama", "C"] for number in numbers)]
    campaign = factories.make_ready_campaign(connected, rows=rows, by=marketer)
    factories.launch(campaign, engine="singly", by=marketer)
    return factories.finish(campaign)


def page(client, campaign):
    address = reverse("reports:campaign_results", args=(campaign.team.slug, campaign.uuid))
    return client.get(address).content.decode()


def stages(campaign):
    return {str(stage.step): stage for stage in funnel(campaign, load_progress(campaign))}


def test_an_unreported_number_is_a_dash_and_never_zero(campaign, login, marketer):
    found = stages(campaign)
    assert (found["accepted"].people, found["accepted"].percent) == (4, 80)
    for name in ("delivered", "read", "replied"):
        assert (found[name].people, found[name].percent) == (None, None)
    html = page(login(marketer), campaign)
    numbers = BeautifulSoup(html, "html.parser").select(".funnel strong.tabular")
    assert [number.get_text(strip=True) for number in numbers].count("—") == 3
    assert html.count("Turn on delivery updates to see this") == 3


def test_the_funnel_follows_the_delivery_statuses(campaign, login, marketer):
    people = list(campaign.recipients.filter(status="accepted").order_by("position"))
    team = campaign.team
    receipts.record_statuses(team, updates_of(people[0].remote_id, "read"))
    receipts.record_statuses(team, updates_of(people[1].remote_id, "delivered"))
    receipts.record_statuses(team, updates_of(people[2].remote_id, "failed", code=131049))
    answer = {"inbound": True, "at": timezone.now() + timedelta(minutes=1)}
    conversations.record_messages(
        team, [Message(remote_id="in.1", phone=people[0].phone[1:], text="Yes", **answer)]
    )
    found = {name: (stage.people, stage.percent) for name, stage in stages(campaign).items()}
    assert found == {
        "accepted": (3, 60),
        "delivered": (2, 66),
        "read": (1, 50),
        "replied": (1, 50),
    }
    html = page(login(marketer), campaign)
    people_url = reverse("campaigns:campaign_recipients", args=(team.slug, campaign.uuid))
    for show in ("accepted", "delivered", "read"):
        assert f'href="{people_url}?show={show}"' in html
    replies = reverse("conversations:campaign_replies", args=(team.slug, campaign.uuid))
    assert f'<a href="{replies}">1</a>' in html
    assert "Why 2 failed" in html and f"{people_url}?show=failed&amp;code=131049" in html


def test_a_group_send_has_only_the_accepted_number(connected, sandbox, login, marketer):
    group = factories.make_group(connected, sandbox, factories.members(3))
    campaign = factories.make_group_campaign(connected, group, way=GroupChoice.Way.ENDPOINT)
    factories.launch(campaign, by=marketer, engine="group")
    factories.finish(campaign)
    answer = {"inbound": True, "at": timezone.now() + timedelta(minutes=1)}
    phone = factories.members(3)[0]["phone"].lstrip("+")
    conversations.record_messages(
        connected, [Message(remote_id="in.1", phone=phone, text="Yes", **answer)]
    )
    found = stages(campaign)
    assert [found[name].people for name in ("delivered", "read", "replied")] == [None] * 3
    client = login(marketer)
    assert page(client, campaign).count("doesn't report the recipients") == 3
    replies = reverse("conversations:campaign_replies", args=(connected.slug, campaign.uuid))
    assert "Replies can't be linked" in client.get(replies).content.decode()


def test_a_draft_has_no_results_yet(team, login, marketer):
    draft = factories.make_campaign(team)
    address = reverse("reports:campaign_results", args=(team.slug, draft.uuid))
    assert login(marketer).get(address).status_code == 302
