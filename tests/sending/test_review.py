"""The review shows exactly what will happen, and everything that speaks against it."""

import pytest
from django.utils import timezone

from contacts.services import opt_out
from tasks import services as tasks
from teams.models import Connection
from tests import factories
from tests.campaigns.pages import text, url


@pytest.fixture
def ready(connected):
    tasks.record_heartbeat("w", timezone.now())
    return factories.make_ready_campaign(connected, count=60)


@pytest.fixture
def client(login, marketer):
    return login(marketer)


def review(client, campaign):
    return text(client.get(url(campaign, "review"))).replace("&#x27;", "'")


def test_it_names_message_file_recipients_and_batches(ready, client):
    ready.team.batch_size = 25
    ready.team.save()
    words = review(client, ready)
    assert "welcome_message en_US" in words
    assert "customers.xlsx" in words
    assert "60 people" in words
    assert "Fast (batches) Recommended" in words
    assert "3 batches, about 1 minute in all." in words
    assert "One by one" in words
    assert "5 messages a second, about 1 minute in all." in words
    assert "Send 60 messages now" in words
    assert "To confirm, type the number of recipients: 60" in words
    assert "Nothing has been sent yet" in words
    assert "Every row of the file gets the message." in words
    assert "This is the sandbox: nothing is sent to WhatsApp." in words


def test_few_people_need_no_number(connected, client):
    campaign = factories.make_ready_campaign(connected, count=1)
    words = review(client, campaign)
    assert "type the number" not in words
    assert "Send 1 message now" in words


def test_it_says_how_many_are_skipped(connected, client):
    rows = [*factories.people(3), ["12", "x", "y"], ["233244001111", "again", "z"]]
    campaign = factories.make_ready_campaign(connected, rows=rows)
    assert "2 rows are skipped: 1 invalid, 1 duplicate." in review(client, campaign)


def test_it_says_who_opted_out_since_the_check(ready, client):
    opt_out(ready.team, "+233244001111")
    assert "1 person opted out since the check and will be skipped." in review(client, ready)


def test_it_warns_of_low_quality_and_named_placeholders(connected, client):
    template = factories.make_template(
        connected,
        "named",
        body="Hi {{name}}, {{code}} is yours.",
        quality="RED",
        parameter_format="NAMED",
    )
    words = review(client, factories.make_ready_campaign(connected, template=template))
    assert "WhatsApp rates the quality of this template as low." in words
    assert "The placeholders of this template have names." in words


def test_a_missing_key_blocks(team, client):
    words = review(client, factories.make_ready_campaign(team))
    assert "Blocked: This team has no ChumiAI key yet." in words
    assert "messages now" not in words


def test_it_warns_of_a_missing_permission(ready, client):
    Connection.objects.update(scopes={"whatsapp:send": "missing"})
    assert "the key may not send messages" in review(client, ready)


def test_a_paused_template_blocks(ready, client):
    ready.template.unsendable_code = "status_paused"
    ready.template.save()
    words = review(client, ready)
    assert "Blocked: WhatsApp paused this template" in words
    assert "messages now" not in words


def test_a_template_that_changed_since_the_check_blocks(ready, client):
    ready.template.components = [{"type": "BODY", "text": "Bye {{1}}, {{2}}."}]
    ready.template.save()
    words = review(client, ready)
    assert "Blocked: The template changed since the check." in words
    assert "messages now" not in words


def test_it_warns_that_sending_is_paused(ready, client, settings):
    tasks.record_stopped("w")
    assert "Sending is paused on our server." in review(client, ready)
    settings.SENDING_ENABLED = False
    assert "Sending is turned off on our server" in review(client, ready)


def test_the_key_is_not_on_the_page(ready, client, sandbox):
    html = client.get(url(ready, "review")).content.decode()
    assert sandbox.key(factories.account_of(ready.team)) not in html
