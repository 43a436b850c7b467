"""The sandbox tells as the real thing does: signed, repeated, out of order, in batches."""

import pytest
from django.utils import timezone

from campaigns.models import Recipient
from campaigns.standing import standing_of
from contacts.models import OptOut
from message_templates.models import MessageTemplate
from tests import factories
from tests.processes import wait_until
from webhooks import services
from webhooks.models import Delivery, WebhookEvent

pytestmark = pytest.mark.stack

SECRET = "the signing secret"
Reached = Recipient.Reached


@pytest.fixture
def told(stack, sandbox):
    """A team to whose address the sandbox tells; web and worker are running."""
    team = factories.connect(factories.make_team("kente"), sandbox)
    manager = factories.make_user("Ama Mensah", team, "manager")
    webhook = services.renew_address(team, by=manager)
    services.change_signing(webhook, SECRET, by=manager)
    stack.start_web()
    stack.start_worker()
    team.address = f"{stack.url}/webhooks/{webhook.secret()}/"
    return team


def tell(sandbox, team, **order):
    order = {"url": team.address, "secret": SECRET, "account": team.slug} | order
    sandbox.post("webhook", **order)


def is_quiet(sandbox, team):
    """Say whether everything was told, and processed."""
    return not (
        sandbox.get("webhook", account=team.slug)["pending"]
        or Delivery.objects.filter(processed_at=None).exists()
        or WebhookEvent.objects.filter(state="waiting").exists()
    )


def expected(phone):
    """Return how far a message gets, by the sandbox's own rules."""
    if phone.endswith("999"):
        return Reached.READ
    return Reached.READ if int(phone[-4:]) % 3 == 0 else Reached.DELIVERED


@pytest.mark.parametrize("family", ["meta", "flat"])
def test_every_message_ends_where_the_sandbox_says(told, sandbox, family):
    tell(sandbox, told, family=family, batch=7, duplicates=0.3, disorder=0.3)
    rows = factories.people(30)
    for row, ending in zip(rows[1:], ("999", "888", "777"), strict=False):
        row[0] = row[0][:-3] + ending
    campaign = factories.make_ready_campaign(told, rows=rows)
    factories.launch(campaign, engine="singly")
    wait_until(lambda: refreshed(campaign).is_terminal, what="the campaign", seconds=60)
    # The one whose answer had no id can't be traced.
    people = campaign.recipients.exclude(remote_id="")
    wait_until(
        lambda: all(p.reached == expected(p.phone) for p in people.all()),
        what="the receipts",
        seconds=60,
    )
    assert people.count() == 29
    progress = standing_of(campaign)
    assert progress.accepted == 30
    assert progress.receipts.delivered == 29
    answers = sandbox.get("webhook", account=told.slug)["answers"]
    assert set(answers) == {"200"}


def test_replies_buttons_choices_and_templates_arrive(told, sandbox):
    factories.make_template(told)
    tell(sandbox, told, duplicates=0.5)
    sandbox.post("inbound", account=told.slug, phone="233244123451", text="Stop!")
    sandbox.post(
        "inbound", account=told.slug, phone="233244123452", text="Stop promotions", button=True
    )
    sandbox.post("preferences", account=told.slug, phone="233244123453", value="stop")
    body = [{"type": "BODY", "text": "Hi {{1}}, your code is {{2}}."}]
    sandbox.post(
        "templates",
        account=told.slug,
        name="welcome_message",
        language="en_US",
        category="MARKETING",
        status="PAUSED",
        components=body,
    )
    wait_until(lambda: OptOut.objects.count() == 3, what="the opt-outs")
    wait_until(
        lambda: MessageTemplate.objects.get().status == "PAUSED", what="the news of the template"
    )
    gone = OptOut.objects.order_by("phone").values_list("source", "message")
    assert list(gone) == [("keyword", "Stop!"), ("button", "Stop promotions"), ("whatsapp", "")]


def test_what_is_not_answered_is_told_again(told, sandbox):
    from webhooks.models import Webhook

    webhook = Webhook.objects.get(team=told)
    tell(sandbox, told, secret="a wrong one")
    sandbox.post("inbound", account=told.slug, phone="233244123451", text="STOP")
    wait_until(
        lambda: sandbox.get("webhook", account=told.slug)["answers"].get("403", 0) >= 2,
        what="two refusals",
    )
    assert not Delivery.objects.exists()
    webhook.sign_with("a wrong one")
    webhook.save()
    wait_until(OptOut.objects.exists, what="the opt-out", seconds=60)
    assert OptOut.objects.get().created_at < timezone.now()


def refreshed(campaign):
    campaign.refresh_from_db()
    return campaign
