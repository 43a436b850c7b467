"""A campaign that goes out one by one: each person once, with an answer of their own."""

import time
from datetime import timedelta

import pytest
from django.utils import timezone

from campaigns.models import Campaign, Recipient
from campaigns.services import checks, media
from chumi_api.errors import Unreachable
from chumi_api.types import SendResult
from contacts.services import opt_out
from core.errors import Refused
from sending.labels import pause_sentence, wait_sentence
from sending.message_state import reason_of
from sending.models import Attempt
from sending.services import launches, singles
from sending.services.batches import Decision, claim_lifetime
from teams.services import client_for
from tests import factories
from tests.factories import (
    account_of,
    connect,
    drain,
    finish,
    let_time_pass,
    make_ready_campaign,
    people,
)
from tests.factories import launch as launch_any

SEND = "/api/v1/whatsapp/send-template"
FIRST = "233240000"


@pytest.fixture
def fast(connected):
    connected.messages_per_second = 100
    connected.save()
    return connected


@pytest.fixture
def campaign(fast):
    return make_ready_campaign(fast, count=12)


def launch(campaign):
    return launch_any(campaign, engine="singly")


def made(team, *endings, count=0):
    """Return a campaign to numbers with these endings, after `count` ordinary people."""
    rows = people(count)
    rows += [[f"{FIRST}{ending}", f"Magic {ending}", "C"] for ending in endings]
    return make_ready_campaign(team, rows=rows)


def sent(sandbox, team):
    return sorted((m["to"], m["values"]) for m in sandbox.ledger(account_of(team)))


def intended(count):
    return sorted((phone, [name, code]) for phone, name, code in people(count)[1:])


def states(campaign):
    return list(campaign.recipients.order_by("position").values_list("status", flat=True))


def test_everyone_gets_it_once_with_an_id(campaign, sandbox):
    finish(launch(campaign))
    assert campaign.status == Campaign.Status.COMPLETED
    assert sent(sandbox, campaign.team) == intended(12)
    assert states(campaign) == ["accepted"] * 12
    assert not campaign.batches.exists()
    ids = {m["message_id"] for m in sandbox.ledger(account_of(campaign.team))}
    assert set(campaign.recipients.values_list("remote_id", flat=True)) == ids
    assert Attempt.objects.filter(recipient__campaign=campaign, outcome="accepted").count() == 12


def test_few_people_go_out_singly_unless_a_person_chooses(connected, sandbox):
    connected.singly_up_to = 12
    connected.save()
    campaign = make_ready_campaign(connected, count=12)
    launch_any(campaign, engine="")
    campaign.refresh_from_db()
    assert campaign.engine == "singly"
    more = make_ready_campaign(connected, count=13, name="More")
    launch_any(more, engine="")
    more.refresh_from_db()
    assert more.engine == "batches"


def test_the_picture_above_the_message_goes_along(fast, sandbox, marketer):
    link = factories.media_link(sandbox)
    campaign = factories.make_media_campaign(fast, by=marketer)
    sandbox.post(
        "templates",
        account=account_of(fast),
        name=campaign.template.name,
        language=campaign.template.language,
        category="MARKETING",
        status="APPROVED",
        components=campaign.template.components,
    )
    client_for(fast).sync_templates()
    media.set_media(campaign, link=link, by=marketer)
    drain("check_media")
    checks.request_check(Campaign.objects.get(pk=campaign.pk), by=marketer)
    drain("check_campaign")
    campaign.refresh_from_db()
    finish(launch_any(campaign, engine=""))
    assert campaign.engine == "singly"
    assert campaign.status == Campaign.Status.COMPLETED, pause_sentence(campaign)
    ledger = sandbox.ledger(account_of(fast))
    assert [message["media"] for message in ledger] == [link] * 3


def test_a_refused_person_fails_with_the_reason(fast, sandbox):
    campaign = made(fast, "026", count=3)
    finish(launch(campaign))
    assert campaign.status == Campaign.Status.COMPLETED
    person = campaign.recipients.get(phone__endswith="026")
    assert (person.status, person.failure_code) == ("failed", 131026)
    assert "not on WhatsApp" in reason_of(campaign, person)
    attempt = person.attempts.get()
    assert (attempt.outcome, attempt.code, attempt.response_status) == ("rejected", 131026, 400)
    assert states(campaign).count("accepted") == 3


@pytest.mark.parametrize(
    "kind",
    [
        "500",
        "502html",
        "half_json",
        "redirect",
        "wrong_types",
        "accepted_then_500",
        "reset_after",
        "200_no_id",
    ],
)
def test_an_unclear_answer_is_never_repeated(campaign, sandbox, kind):
    sandbox.fault(kind, path=SEND, location="http://127.0.0.1:9/")
    finish(launch(campaign))
    assert campaign.status == Campaign.Status.COMPLETED
    found = states(campaign)
    unconfirmed = 0 if kind == "200_no_id" else 1
    assert (found.count("accepted"), found.count("unconfirmed")) == (12 - unconfirmed, unconfirmed)
    reached = [to for to, _ in sent(sandbox, campaign.team)]
    assert len(reached) == len(set(reached)) >= 11


def test_a_yes_without_an_id_is_accepted_and_not_traceable(fast, sandbox):
    campaign = made(fast, "777")
    finish(launch(campaign))
    person = campaign.recipients.get()
    assert (person.status, person.remote_id) == ("accepted", "")


def test_unconfirmed_messages_in_a_row_pause(campaign, sandbox):
    sandbox.fault("500", path=SEND, times=None)
    finish(launch(campaign))
    assert (campaign.status, campaign.pause_reason) == ("paused", "unconfirmed")
    found = states(campaign)
    assert 3 <= found.count("unconfirmed") <= 3 + campaign.team.parallel_sends
    assert found.count("pending") == 12 - found.count("unconfirmed")
    assert "Nothing will be sent twice" in pause_sentence(campaign)


def unconfirmed(campaign, sandbox, settings):
    settings.RECONCILE_SECONDS = 0
    settings.CHUMIAI_SEND_SECONDS = 5
    sandbox.fault("500", path=SEND, times=None)
    finish(launch(campaign))
    sandbox.post("reset", account=account_of(campaign.team))
    old = timezone.now() - claim_lifetime() * 2
    Attempt.objects.filter(outcome="unconfirmed").update(started_at=old)
    return states(campaign).count("unconfirmed")


def test_a_person_decides_what_nobody_knows(campaign, sandbox, settings, marketer):
    count = unconfirmed(campaign, sandbox, settings)
    with pytest.raises(Refused):
        # One more is unconfirmed since the person opened the page.
        singles.decide(campaign, Decision.SKIP, people=count - 1, by=marketer)
    assert states(campaign).count("unconfirmed") == count
    assert singles.decide(campaign, Decision.SKIP, people=count, by=marketer) == count
    assert states(campaign).count("skipped") == count
    with pytest.raises(Refused):
        singles.decide(campaign, Decision.SEND_AGAIN, people=count, by=marketer)
    # Nothing is unconfirmed any more, so the campaign continues by itself.
    campaign.refresh_from_db()
    assert campaign.status == Campaign.Status.SENDING


def test_nobody_decides_while_an_answer_may_come(campaign, sandbox, marketer):
    sandbox.fault("500", path=SEND, times=None)
    finish(launch(campaign))
    with pytest.raises(Refused):
        singles.decide(campaign, Decision.SEND_AGAIN, people=3, by=marketer)


def test_who_opts_out_after_the_check_is_left_out(campaign, sandbox):
    phones = [campaign.recipients.get(position=n).phone for n in (1, 2, 3, 4, 9)]
    launch(campaign)
    for phone in phones:
        opt_out(campaign.team, phone)
    finish(campaign)
    assert campaign.status == Campaign.Status.COMPLETED
    assert len(sent(sandbox, campaign.team)) == 7
    assert states(campaign).count("skipped") == 5


def test_who_opts_out_between_claim_and_last_byte_is_not_written_to(campaign):
    launch(campaign)
    launches.begin(campaign)
    attempts = singles.claim(campaign, 4)
    opt_out(campaign.team, attempts[1].recipient.phone)
    wanted = singles.may_finish(campaign, attempts)
    assert wanted == {attempt.pk for attempt in attempts} - {attempts[1].pk}


def test_a_429_waits_slows_down_and_carries_on(campaign, sandbox):
    sandbox.fault("429", path=SEND, retry_after=7)
    launch(campaign)
    drain()
    campaign.refresh_from_db()
    assert wait_sentence(campaign) == "Too many requests. We wait 7 seconds, then continue."
    assert "unconfirmed" not in states(campaign)


def test_after_a_429_everyone_gets_it_once(campaign, sandbox):
    sandbox.fault("429", path=SEND, retry_after=1)
    launch(campaign)
    for _ in range(30):
        drain()
        campaign.refresh_from_db()
        if campaign.is_terminal:
            break
        time.sleep(0.1)
        let_time_pass()
    assert campaign.status == Campaign.Status.COMPLETED
    assert campaign.wait_reason == ""
    assert sent(sandbox, campaign.team) == intended(12)


@pytest.mark.parametrize(
    ("kind", "reason"), [("readonly", "forbidden"), ("revoked", "unauthorized")]
)
def test_a_key_that_may_not_send_pauses(team, sandbox, kind, reason, marketer):
    connect(team, sandbox, kind=kind)
    campaign = make_ready_campaign(team, count=3)
    finish(launch(campaign))
    assert (campaign.status, campaign.pause_reason) == ("paused", reason)
    assert set(states(campaign)) == {"pending"}
    connect(team, sandbox)
    launches.resume(campaign, by=marketer)
    finish(campaign)
    assert sent(sandbox, team) == intended(3)


def test_what_stops_the_account_pauses_and_fails_nobody(fast, sandbox):
    campaign = made(fast, "368")
    finish(launch(campaign))
    assert (campaign.status, campaign.pause_reason) == ("paused", "account")
    assert states(campaign) == ["pending"]
    assert "restricted" in pause_sentence(campaign) or "blocked" in pause_sentence(campaign)


def test_too_many_failures_pause(fast, sandbox, marketer):
    endings = [f"{n:03d}026" for n in range(20)]
    rows = [["Phone", "Name", "Code"]]
    rows += [[f"233240{ending}", "Magic", "C"] for ending in endings]
    campaign = make_ready_campaign(fast, rows=rows)
    finish(launch(campaign))
    assert (campaign.status, campaign.pause_reason) == ("paused", "failures")
    failed = states(campaign).count("failed")
    assert 13 <= failed < 20
    launches.resume(campaign, by=marketer)
    finish(campaign)
    assert campaign.status == Campaign.Status.COMPLETED
    assert states(campaign).count("failed") == 20


def test_the_kill_switch(campaign, sandbox, settings):
    settings.SENDING_ENABLED = False
    launch(campaign)
    drain()
    campaign.refresh_from_db()
    assert sent(sandbox, campaign.team) == []
    assert "turned off" in wait_sentence(campaign)


def test_pause_and_resume_at_any_message(fast, sandbox, marketer):
    campaign = make_ready_campaign(fast, count=10)
    launch(campaign)
    launches.begin(campaign)
    attempts = singles.claim(campaign, 4)
    launches.pause(campaign, by=marketer)
    assert singles.may_finish(campaign, attempts) == set()
    assert singles.claim(campaign, 4) == []
    singles.give_back(campaign, attempts)
    assert set(states(campaign)) == {"pending"}
    launches.resume(campaign, by=marketer)
    finish(campaign)
    assert sent(sandbox, fast) == intended(10)


def test_a_claim_undone_after_the_stop_is_left_out(fast, sandbox, marketer):
    campaign = make_ready_campaign(fast, count=10)
    launch(campaign)
    launches.begin(campaign)
    attempts = singles.claim(campaign, 4)
    launches.stop(campaign, by=marketer)
    singles.give_back(campaign, attempts)
    assert set(states(campaign)) == {"skipped"}
    finish(campaign)
    assert sent(sandbox, fast) == []


def test_a_claim_without_an_answer_becomes_maybe_sent(campaign, sandbox):
    launch(campaign)
    launches.begin(campaign)
    attempts = singles.claim(campaign, 2)
    # The database refuses a second claim of the same people, whatever worker asks.
    assert not {a.recipient_id for a in singles.claim(campaign, 2)} & {
        a.recipient_id for a in attempts
    }
    Attempt.objects.update(started_at=timezone.now() - claim_lifetime() * 2)
    singles.expire_claims(campaign.team)
    assert states(campaign)[:4] == ["unconfirmed"] * 4
    finish(campaign)
    assert sent(sandbox, campaign.team) == []


def test_a_late_answer_settles_an_unconfirmed_message(campaign, sandbox):
    launch(campaign)
    launches.begin(campaign)
    (attempt,) = singles.claim(campaign, 1)
    Attempt.objects.update(started_at=timezone.now() - claim_lifetime() * 2)
    singles.expire_claims(campaign.team)
    singles.record(campaign, [(attempt, SendResult(message_id="wamid.late"))])
    person = Recipient.objects.get(pk=attempt.recipient_id)
    assert (person.status, person.remote_id) == ("accepted", "wamid.late")


def test_who_comes_back_to_waiting_just_as_it_ends_is_not_forgotten(campaign, sandbox):
    launch(campaign)
    launches.begin(campaign)
    (attempt,) = singles.claim(campaign, 1)
    Attempt.objects.update(started_at=timezone.now() - claim_lifetime() * 2)
    finish(campaign)
    assert campaign.status == Campaign.Status.COMPLETED
    assert states(campaign).count("unconfirmed") == 1
    # A worker that was frozen wakes up: the gate refused it, so nothing was sent.
    singles.record(campaign, [(attempt, Unreachable("Its turn was over."))])
    drain()
    assert sent(sandbox, campaign.team) == intended(12)
    assert states(campaign) == ["accepted"] * 12


def test_an_old_claim_may_not_finish(campaign, settings):
    launch(campaign)
    launches.begin(campaign)
    attempts = singles.claim(campaign, 2)
    assert singles.may_finish(campaign, attempts) == {a.pk for a in attempts}
    late = timezone.now() - timedelta(seconds=settings.CHUMIAI_SEND_SECONDS + 1)
    Attempt.objects.filter(pk=attempts[0].pk).update(started_at=late)
    assert singles.may_finish(campaign, attempts) == {attempts[1].pk}
