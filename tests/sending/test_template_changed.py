"""A template that gets another text: nothing more goes out until a person has seen it."""

import pytest
import requests
from django.urls import reverse
from django.utils import timezone

from campaigns.models import Campaign, Decision, GroupChoice, Recipient
from campaigns.services import checks
from core.errors import Refused
from message_templates import services as templates
from message_templates.models import MessageTemplate
from sending import holds, senders
from sending.labels import pause_sentence
from sending.models import Attempt, Batch
from sending.services import batches, launches, retries, singles, template_guard, test_sends
from teams.models import AuditEvent
from teams.services import client_for
from tests.factories import (
    account_of,
    drain,
    finish,
    launch,
    make_group,
    make_group_campaign,
    make_ready_campaign,
    make_single,
    make_template,
    make_test_number,
    members,
    publish,
    soup,
)
from tests.processes import wait_until

LIST = "/api/v1/whatsapp/templates"
OLD = "Hello {{1}}, your code is {{2}}."
NEW = "Use code {{1}} today, dear {{2}}. Reply STOP to opt out."
ENGINES = Campaign.Engine.values
PEOPLE = 6


def text(body):
    return [{"type": "BODY", "text": body}]


@pytest.fixture
def quick(connected):
    """The team, with two batches for six people and a pace of its own."""
    type(connected).objects.filter(pk=connected.pk).update(
        messages_per_second=100, batch_size=4, open_jobs=9
    )
    connected.refresh_from_db()
    return connected


@pytest.fixture
def template(quick):
    return make_template(quick, "swap_two", body=OLD)


@pytest.fixture
def make(quick, template, sandbox):
    """Return a function that makes a launched campaign of an engine."""

    def make(engine):
        if engine == Campaign.Engine.GROUP:
            group = make_group(quick, sandbox, members(PEOPLE))
            way = GroupChoice.Way.ENDPOINT
            campaign = make_group_campaign(quick, group, way=way, template=template)
        else:
            campaign = make_ready_campaign(quick, count=PEOPLE, template=template)
        return launch(campaign, engine=engine)

    return make


def exchange(template, body=NEW, **changes):
    """Give the template another text at ChumiAI."""
    publish(template, **({"components": text(body)} | changes))


def sync(team):
    templates.request_sync(team)
    drain("sync_templates")


def sent(sandbox, team):
    return sandbox.ledger(account_of(team))


def is_held(campaign):
    campaign.refresh_from_db()
    return (campaign.status, campaign.pause_reason) == ("paused", "template_changed")


def page(login, person, campaign):
    address = reverse("campaigns:campaign_detail", args=[campaign.team.slug, campaign.uuid])
    return soup(login(person).get(address))


def resume_url(campaign):
    return reverse("campaigns:campaign_resume", args=[campaign.team.slug, campaign.uuid])


@pytest.mark.parametrize("engine", ENGINES)
def test_changed_before_the_first_message(make, template, sandbox, engine):
    campaign = make(engine)
    exchange(template)
    finish(campaign)
    assert is_held(campaign)
    assert sent(sandbox, campaign.team) == []
    assert not campaign.attempts.exists()


@pytest.mark.parametrize("engine", ENGINES)
def test_changed_back_goes_on(make, template, sandbox, engine):
    campaign = make(engine)
    exchange(template)
    finish(campaign)
    publish(template)
    sync(campaign.team)
    launches.resume(campaign)
    finish(campaign)
    assert campaign.status == "completed"
    assert len(sent(sandbox, campaign.team)) == PEOPLE


def test_changed_between_two_batches(make, template, sandbox):
    campaign = make("batches")
    senders.work(campaign.team)
    assert len(sent(sandbox, campaign.team)) == 4
    exchange(template)
    finish(campaign)
    assert is_held(campaign)
    assert len(sent(sandbox, campaign.team)) == 4
    assert campaign.recipients.filter(status="pending").count() == 2


@pytest.mark.stack
def test_a_sync_in_the_middle_of_a_step_lets_no_other_message_out(
    make_nursery, make, template, sandbox
):
    type(template.team).objects.update(messages_per_second=2, parallel_sends=1)
    make_nursery().fork("forever", names=["send_batches"], seed=1)
    campaign = make("singly")
    wait_until(lambda: len(sent(sandbox, campaign.team)) >= 2, what="the second message")
    exchange(template)
    sync(campaign.team)
    at_the_sync = len(sent(sandbox, campaign.team))
    wait_until(lambda: is_held(campaign), what="the hold")
    # One may have had its answer just before the sync.
    assert len(sent(sandbox, campaign.team)) <= at_the_sync + 1 < PEOPLE


@pytest.mark.parametrize("engine", ["batches", "singly"])
def test_the_gate_asks_for_the_template(make, template, engine):
    campaign = make(engine)
    launches.begin(campaign)
    if engine == "singly":
        attempts = singles.claim(campaign, 1)
        assert singles.may_finish(campaign, attempts) == {attempts[0].pk}
        change_here(template)
        assert singles.may_finish(campaign, attempts) == set()
        assert singles.claim(campaign, 1) == []
    else:
        first, second = campaign.batches.all()
        attempt = batches.claim(first, batches.prepare(first), [])
        attempt.batch = first
        assert batches.may_finish(attempt)
        change_here(template)
        assert not batches.may_finish(attempt)
        Batch.objects.filter(pk=first.pk).update(status="accepted")
        assert batches.claim(second, batches.prepare(second), []) is None


def change_here(template, body=NEW):
    """Change our row alone, as a sync does."""
    row = MessageTemplate.objects.get(pk=template.pk)
    row.components = text(body)
    row.save()


@pytest.mark.parametrize("engine", ENGINES)
def test_changed_while_paused(make, template, sandbox, engine, login, marketer):
    campaign = make(engine)
    launches.pause(campaign)
    exchange(template)
    sync(campaign.team)
    answer = login(marketer).post(resume_url(campaign), follow=True)
    assert "The template has changed since this campaign was checked" in answer.content.decode()
    campaign.refresh_from_db()
    assert campaign.status == "paused"
    finish(campaign)
    assert sent(sandbox, campaign.team) == []


@pytest.mark.parametrize("engine", ENGINES)
def test_changed_while_paused_without_a_sync(make, template, sandbox, engine):
    campaign = make(engine)
    launches.pause(campaign)
    exchange(template)
    launches.resume(campaign)
    finish(campaign)
    assert is_held(campaign)
    assert sent(sandbox, campaign.team) == []


def test_the_page_shows_each_word_and_asks(make, template, sandbox, login, marketer, viewer):
    campaign = make("batches")
    senders.work(campaign.team)
    exchange(template)
    finish(campaign)
    shown = page(login, marketer, campaign)
    notices = shown.select_one("#campaign-notices")
    assert "The template has changed since this campaign was checked" in notices.text
    assert [tag.text for tag in notices.select("del")][0].startswith("removed: Hello")
    assert notices.select("ins")[0].text == "added: Use "
    # The message as the next person gets it: the values in the new text.
    assert "Use code Person 5 today, dear C-00005." in notices.select_one(".bubble-body").text
    assert shown.select_one("#resume-form") is None
    form = shown.select_one("#accept-form")
    assert "Send the new text to the remaining 2" in form.text
    seen = page(login, viewer, campaign)
    assert seen.select_one("#accept-form") is None
    assert "Person 5" not in seen.text


def test_the_new_text_goes_to_the_rest_once_a_person_confirms(
    make, template, sandbox, login, marketer
):
    campaign = make("batches")
    senders.work(campaign.team)
    exchange(template)
    finish(campaign)
    checked = campaign.template_hash
    client = login(marketer)
    form = page(login, marketer, campaign).select_one("#accept-form")
    seen = form.select_one("[name=template_hash]")["value"]
    client.post(form["action"], {"template_hash": seen})
    finish(campaign)
    assert campaign.status == "completed"
    assert len(sent(sandbox, campaign.team)) == PEOPLE
    assert campaign.snapshot["components"] == text(NEW)
    event = AuditEvent.objects.get(action="changed template accepted")
    assert (event.user, event.before, event.after) == (
        marketer,
        {"template": checked},
        {"template": seen},
    )


def test_what_was_confirmed_must_still_be_there(make, template, sandbox):
    campaign = make("singly")
    exchange(template)
    finish(campaign)
    seen = template_guard.template_now(campaign).content_hash
    change_here(template, "Third text, {{1}} and {{2}}.")
    with pytest.raises(Refused, match="changed again"):
        launches.resume(campaign, template_hash=seen)
    assert is_held(campaign)
    # Not even if it is again the one that was checked: the person confirmed another.
    change_here(template, OLD)
    with pytest.raises(Refused, match="changed again"):
        launches.resume(campaign, template_hash=seen)
    assert sent(sandbox, campaign.team) == []


@pytest.mark.parametrize(
    "changes",
    [
        {"components": text("Code {{1}} only.")},
        {"components": text("{{1}}, {{2}} and {{3}}.")},
        {"components": text("{{name}}, your code is {{code}}."), "parameter_format": "NAMED"},
        {"components": [{"type": "HEADER", "format": "IMAGE"}, *text(OLD)]},
    ],
)
def test_other_placeholders_can_not_be_confirmed(
    make, template, sandbox, login, marketer, changes
):
    campaign = make("singly")
    exchange(template, **changes)
    finish(campaign)
    assert is_held(campaign)
    shown = page(login, marketer, campaign)
    assert shown.select_one("#accept-form") is None and shown.select_one("#resume-form") is None
    assert "Skip people from an earlier campaign" in shown.text
    seen = template_guard.template_now(campaign).content_hash
    with pytest.raises(Refused, match="don't fit"):
        launches.resume(campaign, template_hash=seen)
    finish(campaign)
    assert sent(sandbox, campaign.team) == []


@pytest.mark.parametrize(
    ("changes", "part"),
    [
        ({"category": "UTILITY"}, "Category"),
        ({"components": [*text(OLD), {"type": "FOOTER", "text": "Bye"}]}, "Footer"),
        ({"components": [{"type": "HEADER", "format": "TEXT", "text": "Hi"}, *text(OLD)]}, "Head"),
        (
            {
                "components": [
                    *text(OLD),
                    {
                        "type": "BUTTONS",
                        "buttons": [{"type": "URL", "text": "Shop", "url": "https://b.example"}],
                    },
                ]
            },
            "Buttons",
        ),
    ],
)
def test_whatever_a_recipient_sees_counts(make, template, sandbox, changes, part):
    campaign = make("singly")
    publish(template, **changes)
    finish(campaign)
    assert is_held(campaign)
    assert pause_sentence(campaign).startswith(part)
    assert sent(sandbox, campaign.team) == []


def test_what_nobody_sees_does_not_count(make, template, sandbox):
    campaign = make("singly")
    [body] = text(OLD)
    example = {"body_text": [["Ama", "C-1"]]}
    exchange(template, components=[{"example": example, "text": body["text"], "type": "BODY"}])
    finish(campaign)
    assert campaign.status == "completed"
    assert len(sent(sandbox, campaign.team)) == PEOPLE


def test_a_retry_is_held(make, template, sandbox, marketer):
    campaign = make("singly")
    finish(campaign)
    person = campaign.recipients.first()
    Recipient.objects.filter(pk=person.pk).update(
        status="failed", failure_code=131000, settled_at=timezone.now().replace(year=2020)
    )
    exchange(template)
    retries.retry(campaign, 131000, by=marketer)
    finish(campaign)
    assert is_held(campaign)
    assert len(sent(sandbox, campaign.team)) == PEOPLE


def test_a_retried_batch_is_held_at_once(make, template, sandbox, marketer):
    campaign = make("batches")
    sandbox.fault("400", path="/api/v1/whatsapp/bulk-import-messages")
    finish(campaign)
    assert campaign.pause_reason == "rejected"
    launches.resume(campaign)
    finish(campaign)
    exchange(template)
    sync(campaign.team)
    retries.retry_batch(campaign.batches.get(status="rejected"), by=marketer)
    assert is_held(campaign)
    finish(campaign)
    assert len(sent(sandbox, campaign.team)) == 2


def test_send_again_is_held(make, template, sandbox, marketer, settings):
    settings.RECONCILE_SECONDS = 0
    campaign = make("singly")
    finish(campaign)
    person = campaign.recipients.first()
    long_ago = timezone.now().replace(year=2020)
    Recipient.objects.filter(pk=person.pk).update(status="unconfirmed", remote_id="")
    person.attempts.update(outcome=Attempt.Outcome.UNCONFIRMED, started_at=long_ago)
    exchange(template)
    singles.decide(campaign, Decision.SEND_AGAIN, people=1, by=marketer)
    finish(campaign)
    assert is_held(campaign)
    assert len(sent(sandbox, campaign.team)) == PEOPLE


def test_a_message_to_one_number_and_a_test_are_held(quick, template, sandbox, login, marketer):
    ready = make_ready_campaign(quick, count=2, template=template)
    make_test_number(quick)
    single = make_single(quick, template=template)
    single = checks.check_number(single, by=marketer)
    launch(single, engine="singly")
    press = {"intent": ready.uuid, "digest": ready.digest, "by": marketer}
    [test] = test_sends.send_tests(
        ready, ready.recipients.first(), list(quick.test_numbers.all()), **press
    )
    exchange(template)
    finish(single)
    finish(test)
    assert is_held(single) and is_held(test)
    assert sent(sandbox, quick) == []
    # Once the change is known, a test is refused: it would be of a text that was not checked.
    with pytest.raises(Refused, match="changed since"):
        test_sends.send_tests(
            ready,
            ready.recipients.first(),
            list(quick.test_numbers.all()),
            **(press | {"intent": single.uuid}),
        )


def test_a_launch_says_what_changed(quick, template, sandbox, login, marketer):
    campaign = make_ready_campaign(quick, count=2, template=template)
    change_here(template)
    address = reverse("campaigns:campaign_review", args=[quick.slug, campaign.uuid])
    shown = soup(login(marketer).get(address))
    assert "removed: Hello" in shown.select_one("del").text
    assert shown.select_one("[name=consent]") is None
    with pytest.raises(Refused) as refused:
        launch(campaign)
    assert "“Hello {{1}}, your code is {{2}}.” → “Use code" in str(refused.value)
    row = MessageTemplate.objects.get(pk=template.pk)
    row.components, row.category = text(OLD), "UTILITY"
    row.save()
    with pytest.raises(Refused, match="Category: “Marketing” → “Utility”"):
        launch(Campaign.objects.get(pk=campaign.pk))
    assert sent(sandbox, quick) == []


@pytest.mark.parametrize("engine", ENGINES)
def test_without_an_answer_about_the_template_nothing_is_sent(make, sandbox, engine):
    campaign = make(engine)
    sandbox.fault("503", path=LIST + "$", method="GET", times=3)
    for _ in range(2):
        senders.work(campaign.team)
        campaign.refresh_from_db()
        assert (campaign.status, campaign.wait_reason) == ("sending", "unreachable")
        assert sent(sandbox, campaign.team) == []
    finish(campaign)
    assert campaign.status == "completed"
    assert len(sent(sandbox, campaign.team)) == PEOPLE


@pytest.mark.parametrize(("kind", "reason"), [("401", "unauthorized"), ("403", "forbidden")])
def test_a_refused_key_pauses(make, sandbox, kind, reason):
    campaign = make("batches")
    sandbox.fault(kind, path=LIST + "$", method="GET")
    finish(campaign)
    assert (campaign.status, campaign.pause_reason) == ("paused", reason)
    assert sent(sandbox, campaign.team) == []


def test_a_template_that_is_gone_is_not_sent(make, template, sandbox, quick):
    campaign = make("batches")
    client_for(quick).list_templates()
    address = f"/__sandbox__/templates/{template.name}/{template.language}"
    requests.delete(
        f"{sandbox.url}{address}", json={"account": account_of(quick)}, timeout=10
    ).raise_for_status()
    others = MessageTemplate.objects.exclude(pk=template.pk)
    make_template(quick, "another")
    finish(campaign)
    assert (campaign.status, campaign.pause_reason) == ("paused", "template")
    assert sent(sandbox, quick) == []
    assert not others.exclude(vanished_at=None).exists()


def test_it_is_read_again_after_a_minute(make, sandbox, monkeypatch):
    campaign = make("singly")
    launches.begin(campaign)
    assert holds.first_hold(campaign, holds.Before.PERSON).reason == "template_read"
    campaign.template_read_at = timezone.now()
    assert holds.first_hold(campaign, holds.Before.PERSON) is None
    campaign.template_read_at -= holds.TEMPLATE_STAYS_READ * 1.1
    assert holds.first_hold(campaign, holds.Before.PERSON).reason == "template_read"
