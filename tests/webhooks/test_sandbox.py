"""The sandbox delivers like ChumiAI: signed, repeated, out of order, in batches."""

from collections import Counter, defaultdict

import pytest
from django.utils import timezone

from campaigns.models import Recipient
from contacts.models import OptOut
from conversations import threads
from conversations.models import Conversation
from conversations.services import request_history
from conversations.template_replies import replies_to
from message_templates.models import MessageTemplate
from reports.results import funnel
from sending.failure_groups import failures_of
from sending.progress_queries import load_progress
from tests import factories
from tests.processes import wait_until
from webhooks import services
from webhooks.models import Delivery, WebhookEvent

pytestmark = pytest.mark.stack

SECRET = "the signing secret"
DeliveryStatus = Recipient.DeliveryStatus


@pytest.fixture
def live_team(stack, sandbox):
    """A team with a webhook, a web server and a worker."""
    team = factories.connect(factories.make_team("kente"), sandbox)
    manager = factories.make_user("Ama Mensah", team, "manager")
    webhook = services.renew_address(team, by=manager)
    services.change_signing(webhook, SECRET, by=manager)
    stack.start_web()
    stack.start_worker()
    return team


@pytest.fixture
def start_webhook(stack, sandbox, live_team):
    """Return a function that makes the sandbox deliver to the team's webhook."""
    url = f"{stack.url}/webhooks/{live_team.webhook.secret()}/"

    def start(**options):
        account = live_team.slug
        sandbox.post("webhook", **({"url": url, "secret": SECRET, "account": account} | options))

    return start


def is_quiet(sandbox, team):
    """Return whether everything is delivered and processed, unknown messages tried twice."""
    return not (
        sandbox.get("webhook", account=team.slug)["pending"]
        or Delivery.objects.filter(processed_at=None).exists()
        or WebhookEvent.objects.filter(state="waiting", tries__lt=2).exists()
    )


def expected(phone):
    """Return the delivery status of a message by the sandbox's rules."""
    if phone.endswith("999"):
        return DeliveryStatus.READ
    return DeliveryStatus.READ if int(phone[-4:]) % 3 == 0 else DeliveryStatus.DELIVERED


@pytest.mark.parametrize("family", ["meta", "flat"])
def test_every_message_gets_the_status_of_the_sandbox(live_team, sandbox, start_webhook, family):
    start_webhook(family=family, batch=7, duplicates=0.3, disorder=0.3)
    rows = factories.people(30)
    for row, ending in zip(rows[1:], ("999", "888", "777"), strict=False):
        row[0] = row[0][:-3] + ending
    campaign = factories.make_ready_campaign(live_team, rows=rows)
    factories.launch(campaign, engine="singly")
    wait_until(lambda: refreshed(campaign).is_terminal, what="the campaign", seconds=60)
    # One response had no id: its message is recognised by its phone.
    wait_until(
        lambda: all(p.delivery_status == expected(p.phone) for p in campaign.recipients.all()),
        what="the receipts",
        seconds=60,
    )
    progress = load_progress(campaign)
    assert (progress.accepted, progress.receipts.delivered) == (30, 30)
    answers = sandbox.get("webhook", account=live_team.slug)["answers"]
    assert set(answers) == {"200"}


@pytest.mark.parametrize(
    ("engine", "names_messages"),
    [("singly", False), ("batches", True), ("batches", False)],
    ids=["singly", "batches", "batches-without-ids"],
)
def test_a_whole_campaign_agrees_with_the_ledger(
    live_team, sandbox, start_webhook, engine, names_messages
):
    """Funnel, failures, replies and opt-outs match what the sandbox did."""
    shares = {"later_failures": 0.15, "replies": 0.4, "stops": 0.3}
    start_webhook(batch=9, duplicates=0.3, disorder=0.3, **shares)
    rows = factories.people(60)
    for row, ending in zip(rows[1:], ("026", "026", "999"), strict=False):
        row[0] = row[0][:-3] + ending
    campaign = factories.make_ready_campaign(live_team, rows=rows)
    # In batches, ids come with the jobs' reports or with the first status of each message.
    sandbox.post("options", message_ids=names_messages)
    factories.launch(campaign, engine=engine)
    wait_until(lambda: refreshed(campaign).is_terminal, what="the campaign", seconds=60)
    wait_until(lambda: is_quiet(sandbox, live_team), what="the deliveries", seconds=90)

    # Two were rejected: singly at once, in batches by the job's report.
    failed = {row[0]: 131026 for row in rows[1:3]}
    ledger = sandbox.ledger(live_team.slug)
    accepted = {entry["to"] for entry in ledger if entry["outcome"] in ("accepted", "held")}
    assert len(accepted) == 58
    assert not accepted & failed.keys()
    ids = {entry["to"]: entry["message_id"] for entry in ledger}
    traced = {p.phone[1:]: p.remote_id for p in campaign.recipients.exclude(remote_id="")}
    assert traced.items() <= ids.items()
    assert accepted <= traced.keys()
    reported, replied, stopped, texts = defaultdict(set), set(), set(), defaultdict(list)
    for event in sandbox.get("webhook/events", account=live_team.slug)["events"]:
        if event["kind"] == "message":
            replied.add(event["from"])
            texts[event["from"]].append(event["text"])
            if event["text"] == "STOP":
                stopped.add(event["from"])
        elif event["to"] in traced:
            reported[event["to"]].add(event["status"])
            if event["status"] == "failed":
                failed[event["to"]] = event["code"]
    delivered = {phone for phone, found in reported.items() if found & {"delivered", "read"}}
    read = {phone for phone, found in reported.items() if "read" in found}
    assert min(map(len, (failed, replied, stopped, delivered, read))) > 2

    progress = load_progress(campaign)
    stages = {stage.step: stage.people for stage in funnel(campaign, progress)}
    assert stages == {
        "accepted": 60 - len(failed),
        "delivered": len(delivered),
        "read": len(read),
        "replied": len(replied),
    }
    reasons = {group.code: group.count for group in failures_of(campaign, progress)}
    assert reasons == Counter(failed.values())
    people = campaign.recipients.filter(status=Recipient.Status.FAILED)
    assert {person.phone[1:]: person.failure_code for person in people} == failed
    assert {talk.phone[1:] for talk in replies_to(campaign)} == replied
    assert set(OptOut.objects.values_list("phone", "source", "message")) == {
        (f"+{phone}", "keyword", "STOP") for phone in stopped
    }

    # A thread has each message once, though sends, webhooks and the history all have it.
    for phone in sorted(replied)[:5]:
        talk = Conversation.objects.get(phone=f"+{phone}")
        assert request_history(talk)
        factories.drain("sync_conversation")
        assert refreshed(talk).history == "synced"
        entries = threads.page_of(talk).entries
        assert [entry.campaign for entry in entries if not entry.inbound] == [campaign]
        assert [entry.text for entry in entries if entry.inbound] == texts[phone]


def test_replies_buttons_preferences_and_template_updates_arrive(
    live_team, sandbox, start_webhook
):
    factories.make_template(live_team)
    start_webhook(duplicates=0.5)
    sandbox.post("inbound", account=live_team.slug, phone="233244123451", text="Stop!")
    sandbox.post(
        "inbound",
        account=live_team.slug,
        phone="233244123452",
        text="Stop promotions",
        button=True,
    )
    sandbox.post("preferences", account=live_team.slug, phone="233244123453", value="stop")
    body = [{"type": "BODY", "text": "Hi {{1}}, your code is {{2}}."}]
    sandbox.post(
        "templates",
        account=live_team.slug,
        name="welcome_message",
        language="en_US",
        category="MARKETING",
        status="PAUSED",
        components=body,
    )
    wait_until(lambda: OptOut.objects.count() == 3, what="the opt-outs")
    wait_until(
        lambda: MessageTemplate.objects.get().status == "PAUSED", what="the template update"
    )
    gone = OptOut.objects.order_by("phone").values_list("source", "message")
    assert list(gone) == [("keyword", "Stop!"), ("button", "Stop promotions"), ("whatsapp", "")]


def test_a_refused_delivery_is_repeated(live_team, sandbox, start_webhook):
    from webhooks.models import Webhook

    webhook = Webhook.objects.get(team=live_team)
    start_webhook(secret="a wrong one")
    sandbox.post("inbound", account=live_team.slug, phone="233244123451", text="STOP")
    wait_until(
        lambda: sandbox.get("webhook", account=live_team.slug)["answers"].get("403", 0) >= 2,
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
