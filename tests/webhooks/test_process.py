"""From what came in to what it changes: each event once, whatever its order."""

from datetime import timedelta
from itertools import permutations

import pytest
from django.utils import timezone

from campaigns.models import Campaign, Recipient
from contacts.models import OptOut
from conversations.models import Message
from message_templates.models import MessageTemplate
from tests import factories
from tests.webhooks.conftest import envelope, inbound, status, statuses
from webhooks import services
from webhooks.models import Delivery, Webhook, WebhookEvent

pytestmark = pytest.mark.django_db

FIVE = ("accepted", "sent", "delivered", "read", "failed")


def states(campaign):
    people = campaign.recipients.order_by("position")
    return list(people.values_list("status", "reached", "failure_code", "reason"))


@pytest.mark.parametrize(
    "together",
    [True, pytest.param(False, marks=pytest.mark.long)],
    ids=["together", "one-by-one"],
)
def test_all_orders_of_the_five_with_duplicates_end_alike(sent, tell, together):
    first = sent.people[0]
    ends = set()
    for order in permutations(FIVE):
        for rows in (WebhookEvent, Delivery, Message):
            rows.objects.all().delete()
        Recipient.objects.filter(pk=first.pk).update(status="accepted", reached=0)
        bodies = [statuses(status(first.remote_id, word)) for word in (*order, order[0])]
        for part in [bodies] if together else [[body] for body in bodies]:
            tell(*part)
        messages = Message.objects.values_list("remote_id", "status", "recipient")
        ends.add((tuple(states(sent.campaign)), tuple(messages)))
    assert len(ends) == 1
    people, messages = ends.pop()
    assert people[0] == ("accepted", Recipient.Reached.READ, None, "")
    assert len(messages) == 1


def test_both_families_and_a_batch_of_a_thousand(sent, tell):
    one, two, three, four = (person.remote_id for person in sent.people)
    strangers = [status(f"wamid.{n}", "sent") for n in range(996)]
    tell(
        {"event": "message.read", "data": {"messageId": one}},
        statuses(
            *strangers, status(two, "delivered"), status(three, "sent"), status(four, "failed")
        ),
    )
    assert [row[:3] for row in states(sent.campaign)] == [
        ("accepted", Recipient.Reached.READ, None),
        ("accepted", Recipient.Reached.DELIVERED, None),
        ("accepted", Recipient.Reached.SENT, None),
        ("failed", 0, 131026),
    ]
    assert WebhookEvent.objects.filter(state="applied").count() == 4
    assert WebhookEvent.objects.filter(state="waiting").count() == 996


def test_a_status_that_overtakes_our_own_record_is_not_lost(sent, tell):
    person = sent.people[0]
    Recipient.objects.filter(pk=person.pk).update(remote_id="", status="submitting")
    tell(statuses(status(person.remote_id, "delivered"), status(person.remote_id, "read")))
    assert states(sent.campaign)[0][1] == 0
    assert set(WebhookEvent.objects.values_list("state", flat=True)) == {"waiting"}
    Recipient.objects.filter(pk=person.pk).update(remote_id=person.remote_id, status="accepted")
    # Not yet its time …
    assert services.process(sent.campaign.team) > 0
    assert states(sent.campaign)[0][1] == 0
    WebhookEvent.objects.update(next_try_at=timezone.now())
    factories.let_time_pass()
    factories.drain("process_webhooks")
    assert states(sent.campaign)[0][1] == Recipient.Reached.READ
    assert set(WebhookEvent.objects.values_list("state", flat=True)) == {"applied"}


def test_a_status_of_a_strangers_message_is_given_up_after_two_days(sent, tell):
    tell(statuses(status("wamid.else", "read")))
    waited = 0
    while event := WebhookEvent.objects.filter(state="waiting").first():
        waited += services.TRIES[event.tries]
        WebhookEvent.objects.update(next_try_at=timezone.now())
        services.process(sent.campaign.team)
    assert WebhookEvent.objects.get().state == "unmatched"
    assert timedelta(seconds=waited) > timedelta(hours=40)
    assert services.process(sent.campaign.team) is None


@pytest.mark.parametrize("text", ["STOP", "Stop.", " stop! ", "Désabonner", "GYAE", "Opt-out"])
def test_a_stop_word_is_an_opt_out_with_its_message(tell, team, text):
    tell(inbound(text))
    (gone,) = OptOut.objects.for_team(team)
    assert (gone.phone, gone.source, gone.message) == ("+233244123451", "keyword", text)
    assert gone.created_at.year == 2025


@pytest.mark.parametrize("text", ["Don't stop", "When does the shop stop selling?", "Hello", "👍"])
def test_a_message_that_only_holds_a_stop_word_is_none(tell, team, text):
    tell(inbound(text))
    assert not OptOut.objects.exists()


def test_a_team_has_stop_words_of_its_own(tell, team, webhook, manager):
    services.change_stop_words(webhook, "Genug!\n\n  pas   plus ", by=manager)
    tell(inbound("stop"), inbound("GENUG", remote_id="2"), inbound("Pas plus.", remote_id="3"))
    assert OptOut.objects.get().message == "GENUG"


def test_a_press_of_a_stop_button_is_an_opt_out(tell, team):
    tell(
        inbound("Yes please", button=True), inbound("Stop promotions", button=True, remote_id="2")
    )
    (gone,) = OptOut.objects.for_team(team)
    assert (gone.source, gone.message) == ("button", "Stop promotions")


def preference(value, at=1_750_029_273):
    told = {"wa_id": "233244123451", "value": value, "timestamp": at}
    return envelope("user_preferences", user_preferences=[told])


def test_whatsapps_own_stop_counts_and_its_resume_lifts_nothing(tell, team):
    tell(preference("stop"), preference("resume", at=1_750_029_999))
    (gone,) = OptOut.objects.for_team(team)
    assert (gone.source, gone.is_in_force) == ("whatsapp", True)


def test_an_opt_out_that_was_lifted_is_not_put_back_by_old_news(tell, team, manager):
    from contacts.services import lift

    tell(inbound("STOP"))
    lift(OptOut.objects.get(), reason="They asked", by=manager)
    Delivery.objects.all().delete()
    WebhookEvent.objects.all().delete()
    tell(inbound("STOP"))
    assert not OptOut.objects.in_force().exists()
    tell(inbound("STOP", remote_id="wamid.later", at=1_760_000_000))
    assert OptOut.objects.in_force().exists()


def template_news(field="message_template_status_update", **told):
    told = {"message_template_name": "welcome_message", **told}
    return envelope(field, message_template_language="en_US", **told)


def test_a_paused_template_can_not_be_sent_and_holds_its_campaigns(
    connected, marketer, tell, login
):
    campaign = factories.make_ready_campaign(connected, by=marketer)
    factories.launch(campaign, by=marketer)
    tell(template_news(event="PAUSED", reason="NONE"))
    template = MessageTemplate.objects.get()
    assert (template.status, template.is_sendable) == ("PAUSED", False)
    campaign.refresh_from_db()
    assert (campaign.status, campaign.pause_reason) == ("paused", "template")
    page = login(marketer).get(f"/t/kente/templates/{template.uuid}/").content.decode()
    assert "WhatsApp told so" in page
    tell(template_news(event="REINSTATED"))
    template.refresh_from_db()
    assert (template.status, template.is_sendable) == ("APPROVED", True)
    tell(template_news("message_template_quality_update", new_quality_score="RED"))
    template.refresh_from_db()
    assert (template.quality, template.status) == ("RED", "APPROVED")


def test_late_news_of_a_template_change_nothing(connected, tell):
    factories.make_template(connected)
    flat = {"event": "template.status", "data": {"name": "welcome_message", "language": "en_US"}}
    late = {**flat, "timestamp": 1_750_000_000}
    late["data"] = {**flat["data"], "status": "PAUSED"}
    early = {**flat, "timestamp": 1_750_000_500}
    early["data"] = {**flat["data"], "status": "APPROVED"}
    tell(early, late)
    assert MessageTemplate.objects.get().status == "APPROVED"


def test_unknown_kinds_are_kept_and_answered(tell, team, post):
    tell({"event": "invoice.paid", "data": {"id": 1}})
    event = WebhookEvent.objects.get()
    assert (event.kind, event.state) == ("invoice.paid", "unknown")
    assert Webhook.objects.get().last_unknown == "invoice.paid"


def test_one_odd_body_does_not_hold_up_the_others(sent, post, monkeypatch):
    person, bad = sent.people[0], statuses(status("wamid.bad", "read"))
    post(bad)
    post(statuses(status(person.remote_id, "read")))
    real = services.payloads.parse

    def parse(body):
        if b"wamid.bad" in body:
            raise RuntimeError("a bug of ours")
        return real(body)

    monkeypatch.setattr(services.payloads, "parse", parse)
    factories.drain("process_webhooks")
    assert states(sent.campaign)[0][1] == Recipient.Reached.READ
    stuck = Delivery.objects.get(processed_at=None)
    assert (stuck.error, stuck.tries) == ("RuntimeError", 1)
    monkeypatch.undo()
    Delivery.objects.update(next_try_at=None)
    services.process(sent.campaign.team)
    assert not Delivery.objects.filter(processed_at=None).exists()


def test_another_teams_news_are_its_own(sent, tell, other_team, outsider, post):
    other = services.renew_address(other_team, by=outsider)
    body = statuses(status(sent.people[0].remote_id, "read"))
    assert post(body, path=f"/webhooks/{other.secret()}/").status_code == 200
    factories.drain("process_webhooks")
    assert states(sent.campaign)[0][1] == 0
    assert WebhookEvent.objects.get().team == other_team
    tell(body)
    assert states(sent.campaign)[0][1] == Recipient.Reached.READ


def test_what_is_old_is_deleted_but_nothing_that_waits(team, tell, post, settings):
    tell(inbound("Hi"), statuses(status("wamid.else", "read")))
    post(inbound("Still to come", remote_id="9"))
    long_ago = timezone.now() - timedelta(days=settings.WEBHOOK_KEEP_DAYS + 1)
    Delivery.objects.update(received_at=long_ago)
    WebhookEvent.objects.update(received_at=long_ago)
    services.purge(team)
    assert Delivery.objects.get().processed_at is None
    assert WebhookEvent.objects.get().state == "waiting"


def test_no_row_of_an_event_holds_a_number_or_a_text(tell):
    tell(inbound("My secret text"), statuses(status("wamid.else", "read")), preference("stop"))
    told = str(list(WebhookEvent.objects.values()))
    assert "233244123451" not in told
    assert "secret text" not in told


def test_the_campaigns_people_still_add_up(sent, tell):
    from campaigns.standing import standing_of

    tell(statuses(*(status(p.remote_id, w) for p, w in zip(sent.people, FIVE[1:], strict=True))))
    progress = standing_of(Campaign.objects.get(pk=sent.campaign.pk))
    parts = ("accepted", "failed", "skipped", "unconfirmed", "untold", "remaining")
    assert sum(getattr(progress, name) for name in parts) == progress.total == 4
    assert (progress.receipts.delivered, progress.receipts.read) == (2, 1)
