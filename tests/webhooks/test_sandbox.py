"""The sandbox tells as the real thing does: signed, repeated, out of order, in batches."""

from collections import Counter, defaultdict

import pytest
from django.utils import timezone

from campaigns.models import Recipient
from campaigns.reasons import failures_of
from campaigns.standing import standing_of
from contacts.models import OptOut
from conversations import threads
from conversations.models import Conversation
from conversations.replies import replies_of
from conversations.services import request_history
from message_templates.models import MessageTemplate
from reports.results import funnel
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
    """Say whether everything was told, and processed; what is of no message of ours, twice."""
    return not (
        sandbox.get("webhook", account=team.slug)["pending"]
        or Delivery.objects.filter(processed_at=None).exists()
        or WebhookEvent.objects.filter(state="waiting", tries__lt=2).exists()
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
    # Of one the answer had no id: it is known by its number.
    wait_until(
        lambda: all(p.reached == expected(p.phone) for p in campaign.recipients.all()),
        what="the receipts",
        seconds=60,
    )
    progress = standing_of(campaign)
    assert (progress.accepted, progress.receipts.delivered) == (30, 30)
    answers = sandbox.get("webhook", account=told.slug)["answers"]
    assert set(answers) == {"200"}


@pytest.mark.parametrize(
    ("engine", "names_messages"),
    [("singly", False), ("batches", True), ("batches", False)],
    ids=["singly", "parts", "parts-without-ids"],
)
def test_a_whole_campaign_agrees_with_the_ledger_to_the_last_one(
    told, sandbox, engine, names_messages
):
    """The funnel, the reasons, the replies and the opt-outs, by what the sandbox says it did."""
    shares = {"later_failures": 0.15, "replies": 0.4, "stops": 0.3}
    tell(sandbox, told, batch=9, duplicates=0.3, disorder=0.3, **shares)
    rows = factories.people(60)
    for row, ending in zip(rows[1:], ("026", "026", "999"), strict=False):
        row[0] = row[0][:-3] + ending
    campaign = factories.make_ready_campaign(told, rows=rows)
    # In parts, the ids come with the reports of the jobs, or with the first news of each.
    sandbox.post("options", message_ids=names_messages)
    factories.launch(campaign, engine=engine)
    wait_until(lambda: refreshed(campaign).is_terminal, what="the campaign", seconds=60)
    wait_until(lambda: is_quiet(sandbox, told), what="the news", seconds=90)

    # Two were refused: one by one at once, in parts by the report of the job.
    failed = {row[0]: 131026 for row in rows[1:3]}
    ledger = sandbox.ledger(told.slug)
    accepted = {entry["to"] for entry in ledger if entry["outcome"] in ("accepted", "held")}
    assert len(accepted) == 58
    assert not accepted & failed.keys()
    ids = {entry["to"]: entry["message_id"] for entry in ledger}
    traced = {p.phone[1:]: p.remote_id for p in campaign.recipients.exclude(remote_id="")}
    assert traced.items() <= ids.items()
    assert accepted <= traced.keys()
    words, answered, stopped, said = defaultdict(set), set(), set(), defaultdict(list)
    for event in sandbox.get("webhook/events", account=told.slug)["events"]:
        if event["kind"] == "message":
            answered.add(event["from"])
            said[event["from"]].append(event["text"])
            if event["text"] == "STOP":
                stopped.add(event["from"])
        elif event["to"] in traced:
            words[event["to"]].add(event["status"])
            if event["status"] == "failed":
                failed[event["to"]] = event["code"]
    delivered = {phone for phone, told_of in words.items() if told_of & {"delivered", "read"}}
    read = {phone for phone, told_of in words.items() if "read" in told_of}
    assert min(map(len, (failed, answered, stopped, delivered, read))) > 2

    progress = standing_of(campaign)
    stages = {stage.name: stage.people for stage in funnel(campaign, progress)}
    assert stages == {
        "Accepted": 60 - len(failed),
        "Delivered": len(delivered),
        "Read": len(read),
        "Replied": len(answered),
    }
    reasons = {group["code"]: group["count"] for group in failures_of(campaign, progress)}
    assert reasons == Counter(failed.values())
    people = campaign.recipients.filter(status=Recipient.Status.FAILED)
    assert {person.phone[1:]: person.failure_code for person in people} == failed
    assert {talk.phone[1:] for talk in replies_of(campaign)} == answered
    assert set(OptOut.objects.values_list("phone", "source", "message")) == {
        (f"+{phone}", "keyword", "STOP") for phone in stopped
    }

    # A thread has each message once, though three tell of them: we, the webhooks, the history.
    for phone in sorted(answered)[:5]:
        talk = Conversation.objects.get(phone=f"+{phone}")
        assert request_history(talk)
        factories.drain("sync_conversation")
        assert refreshed(talk).history == "read"
        entries = threads.page_of(talk).entries
        assert [entry.campaign for entry in entries if not entry.inbound] == [campaign]
        assert [entry.text for entry in entries if entry.inbound] == said[phone]


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
