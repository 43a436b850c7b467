"""Processing deliveries: each event is applied once, whatever the order."""

from datetime import timedelta
from itertools import permutations

import pytest
from django.utils import timezone

from campaigns.models import Campaign, Recipient
from contacts.models import OptOut
from conversations.models import Message
from message_templates.models import MessageTemplate
from sending.services import launches
from tests import factories
from tests.webhooks.conftest import envelope, inbound, status, statuses
from webhooks import services
from webhooks.models import Delivery, Webhook, WebhookEvent
from webhooks.services import events, processing

pytestmark = pytest.mark.django_db

STATUSES = ("accepted", "sent", "delivered", "read", "failed")


def states(campaign):
    people = campaign.recipients.order_by("position")
    return list(people.values_list("status", "delivery_status", "failure_code", "reason"))


@pytest.mark.parametrize(
    "together",
    [True, pytest.param(False, marks=pytest.mark.long)],
    ids=["together", "one-by-one"],
)
def test_all_orders_and_duplicates_give_the_same_result(sent, deliver, together):
    first = sent.people[0]
    ends = set()
    for order in permutations(STATUSES):
        for rows in (WebhookEvent, Delivery, Message):
            rows.objects.all().delete()
        Recipient.objects.filter(pk=first.pk).update(status="accepted", delivery_status=0)
        bodies = [statuses(status(first.remote_id, value)) for value in (*order, order[0])]
        for group in [bodies] if together else [[body] for body in bodies]:
            deliver(*group)
        messages = Message.objects.values_list("remote_id", "status", "recipient")
        ends.add((tuple(states(sent.campaign)), tuple(messages)))
    assert len(ends) == 1
    people, messages = ends.pop()
    assert people[0] == ("accepted", Recipient.DeliveryStatus.READ, None, "")
    assert len(messages) == 1


def test_both_formats_and_a_delivery_of_a_thousand_statuses(sent, deliver):
    one, two, three, four = (person.remote_id for person in sent.people)
    unknown = [status(f"wamid.{n}", "sent") for n in range(996)]
    deliver(
        {"event": "message.read", "data": {"messageId": one}},
        statuses(
            *unknown, status(two, "delivered"), status(three, "sent"), status(four, "failed")
        ),
    )
    assert [row[:3] for row in states(sent.campaign)] == [
        ("accepted", Recipient.DeliveryStatus.READ, None),
        ("accepted", Recipient.DeliveryStatus.DELIVERED, None),
        ("accepted", Recipient.DeliveryStatus.SENT, None),
        ("failed", 0, 131026),
    ]
    assert WebhookEvent.objects.filter(state="applied").count() == 4
    assert WebhookEvent.objects.filter(state="waiting").count() == 996


def test_a_status_that_comes_before_our_own_record_is_not_lost(sent, deliver):
    person = sent.people[0]
    Recipient.objects.filter(pk=person.pk).update(remote_id="", status="submitting")
    deliver(statuses(status(person.remote_id, "delivered"), status(person.remote_id, "read")))
    assert states(sent.campaign)[0][1] == 0
    assert set(WebhookEvent.objects.values_list("state", flat=True)) == {"waiting"}
    Recipient.objects.filter(pk=person.pk).update(remote_id=person.remote_id, status="accepted")
    # It is not due yet.
    assert services.process(sent.campaign.team) > 0
    assert states(sent.campaign)[0][1] == 0
    WebhookEvent.objects.update(next_try_at=timezone.now())
    factories.let_time_pass()
    factories.drain("process_webhooks")
    assert states(sent.campaign)[0][1] == Recipient.DeliveryStatus.READ
    assert set(WebhookEvent.objects.values_list("state", flat=True)) == {"applied"}


def test_a_status_of_an_unknown_message_expires_after_two_days(sent, deliver):
    deliver(statuses(status("wamid.else", "read")))
    waited = 0
    while event := WebhookEvent.objects.filter(state="waiting").first():
        waited += events.RETRY_SECONDS[event.tries]
        WebhookEvent.objects.update(next_try_at=timezone.now())
        services.process(sent.campaign.team)
    assert WebhookEvent.objects.get().state == "unmatched"
    assert timedelta(seconds=waited) > timedelta(hours=40)
    assert services.process(sent.campaign.team) is None


@pytest.mark.parametrize("text", ["STOP", "Stop.", " stop! ", "Désabonner", "GYAE", "Opt-out"])
def test_a_stop_word_opts_out_and_keeps_the_message(deliver, team, text):
    deliver(inbound(text))
    (gone,) = OptOut.objects.for_team(team)
    assert (gone.phone, gone.source, gone.message) == ("+233244123451", "keyword", text)
    assert gone.created_at.year == 2025


@pytest.mark.parametrize("text", ["Don't stop", "When does the shop stop selling?", "Hello", "👍"])
def test_a_message_that_only_contains_a_stop_word_does_not_count(deliver, team, text):
    deliver(inbound(text))
    assert not OptOut.objects.exists()


def test_a_team_has_its_own_stop_words(deliver, team, webhook, manager):
    services.change_stop_words(webhook, "Genug!\n\n  pas   plus ", by=manager)
    deliver(inbound("stop"), inbound("GENUG", remote_id="2"), inbound("Pas plus.", remote_id="3"))
    assert OptOut.objects.get().message == "GENUG"


def test_a_stop_button_opts_out(deliver, team):
    deliver(
        inbound("Yes please", button=True), inbound("Stop promotions", button=True, remote_id="2")
    )
    (gone,) = OptOut.objects.for_team(team)
    assert (gone.source, gone.message) == ("button", "Stop promotions")


def preference(value, at=1_750_029_273):
    item = {"wa_id": "233244123451", "value": value, "timestamp": at}
    return envelope("user_preferences", user_preferences=[item])


def test_whatsapps_stop_opts_out_and_its_resume_lifts_nothing(deliver, team):
    deliver(preference("stop"), preference("resume", at=1_750_029_999))
    (gone,) = OptOut.objects.for_team(team)
    assert (gone.source, gone.is_in_force) == ("whatsapp", True)


def test_an_old_stop_does_not_restore_a_lifted_opt_out(deliver, team, manager):
    from contacts.services import lift

    deliver(inbound("STOP"))
    lift(OptOut.objects.get(), reason="They asked", by=manager)
    Delivery.objects.all().delete()
    WebhookEvent.objects.all().delete()
    deliver(inbound("STOP"))
    assert not OptOut.objects.in_force().exists()
    deliver(inbound("STOP", remote_id="wamid.later", at=1_760_000_000))
    assert OptOut.objects.in_force().exists()


def template_update(field="message_template_status_update", **fields):
    fields = {"message_template_name": "welcome_message", **fields}
    return envelope(field, message_template_language="en_US", **fields)


def test_a_paused_template_pauses_its_campaigns(connected, marketer, deliver, login):
    campaign = factories.make_ready_campaign(connected, by=marketer)
    factories.launch(campaign, by=marketer)
    deliver(template_update(event="PAUSED", reason="NONE"))
    template = MessageTemplate.objects.get()
    assert (template.status, template.is_sendable) == ("PAUSED", False)
    campaign.refresh_from_db()
    assert (campaign.status, campaign.pause_reason) == ("paused", "template")
    page = login(marketer).get(f"/t/kente/templates/{template.uuid}/").content.decode()
    assert "WhatsApp reported this" in page
    deliver(template_update(event="REINSTATED"))
    template.refresh_from_db()
    assert (template.status, template.is_sendable) == ("APPROVED", True)
    deliver(template_update("message_template_quality_update", new_quality_score="RED"))
    template.refresh_from_db()
    assert (template.quality, template.status) == ("RED", "APPROVED")


def test_a_late_template_update_changes_nothing(connected, deliver):
    factories.make_template(connected)
    flat = {"event": "template.status", "data": {"name": "welcome_message", "language": "en_US"}}
    late = {**flat, "timestamp": 1_750_000_000}
    late["data"] = {**flat["data"], "status": "PAUSED"}
    early = {**flat, "timestamp": 1_750_000_500}
    early["data"] = {**flat["data"], "status": "APPROVED"}
    deliver(early, late)
    assert MessageTemplate.objects.get().status == "APPROVED"


def test_unknown_kinds_are_stored_and_accepted(deliver, team, post):
    deliver({"event": "invoice.paid", "data": {"id": 1}})
    event = WebhookEvent.objects.get()
    assert (event.kind, event.state) == ("invoice.paid", "unknown")
    assert Webhook.objects.get().last_unknown == "invoice.paid"


def test_a_broken_body_does_not_block_the_others(sent, post, monkeypatch):
    person, bad = sent.people[0], statuses(status("wamid.bad", "read"))
    post(bad)
    post(statuses(status(person.remote_id, "read")))
    real = processing.payloads.parse

    def parse(body):
        if b"wamid.bad" in body:
            raise RuntimeError("a bug of ours")
        return real(body)

    monkeypatch.setattr(processing.payloads, "parse", parse)
    factories.drain("process_webhooks")
    assert states(sent.campaign)[0][1] == Recipient.DeliveryStatus.READ
    stuck = Delivery.objects.get(processed_at=None)
    assert (stuck.error, stuck.tries) == ("RuntimeError", 1)
    monkeypatch.undo()
    Delivery.objects.update(next_try_at=None)
    services.process(sent.campaign.team)
    assert not Delivery.objects.filter(processed_at=None).exists()


def test_a_delivery_changes_nothing_of_another_team(sent, deliver, other_team, outsider, post):
    other = services.renew_address(other_team, by=outsider)
    body = statuses(status(sent.people[0].remote_id, "read"))
    assert post(body, path=f"/webhooks/{other.secret()}/").status_code == 200
    factories.drain("process_webhooks")
    assert states(sent.campaign)[0][1] == 0
    assert WebhookEvent.objects.get().team == other_team
    deliver(body)
    assert states(sent.campaign)[0][1] == Recipient.DeliveryStatus.READ


def test_old_rows_are_deleted_but_not_waiting_ones(team, deliver, post, settings):
    deliver(inbound("Hi"), statuses(status("wamid.else", "read")))
    post(inbound("Still to come", remote_id="9"))
    long_ago = timezone.now() - timedelta(days=settings.WEBHOOK_KEEP_DAYS + 1)
    Delivery.objects.update(received_at=long_ago)
    WebhookEvent.objects.update(received_at=long_ago)
    services.purge(team)
    assert Delivery.objects.get().processed_at is None
    assert WebhookEvent.objects.get().state == "waiting"


def test_event_rows_contain_no_number_and_no_text(deliver):
    deliver(inbound("My secret text"), statuses(status("wamid.else", "read")), preference("stop"))
    stored = str(list(WebhookEvent.objects.values()))
    assert "233244123451" not in stored
    assert "secret text" not in stored


def test_the_campaigns_counts_still_add_up(sent, deliver):
    from sending.progress_queries import load_progress

    deliver(
        statuses(*(status(p.remote_id, w) for p, w in zip(sent.people, STATUSES[1:], strict=True)))
    )
    progress = load_progress(Campaign.objects.get(pk=sent.campaign.pk))
    counts = ("accepted", "failed", "skipped", "unconfirmed", "unreported", "remaining")
    assert sum(getattr(progress, name) for name in counts) == progress.total == 4
    assert (progress.receipts.delivered, progress.receipts.read) == (2, 1)


def test_an_update_of_an_older_template_of_the_same_name_pauses_nothing(connected, deliver):
    template = factories.make_template(connected, remote_id="594425479261596")
    campaign = factories.launch(factories.make_ready_campaign(connected, template=template))
    launches.begin(campaign)
    deliver(template_update(event="DELETED", message_template_id=111222333, reason="NONE"))
    template.refresh_from_db()
    campaign.refresh_from_db()
    assert (template.status, template.is_sendable) == ("APPROVED", True)
    assert campaign.status == "sending"
