"""Delivery statuses of accepted messages: any order and any repetition end the same."""

import random
from datetime import timedelta
from itertools import permutations

import pytest
from django.utils import timezone

from campaigns.models import Campaign, Recipient
from chumi_api.types import MessageStatus, StatusUpdate
from contacts.models import OptOut
from sending.labels import pause_sentence
from sending.message_state import reason_of
from sending.models import ReceiptSource
from sending.progress_queries import load_progress
from sending.services import receipts, retries
from tests import factories

FIVE = ("accepted", "sent", "delivered", "read", "failed")


def updates_of(remote_id, *words, code=131026):
    return [
        StatusUpdate(
            remote_id,
            MessageStatus(word),
            code=code if word == "failed" else None,
            at=timezone.now(),
        )
        for word in words
    ]


def state(person):
    return (
        person.status,
        person.delivery_status,
        person.failure_code,
        reason_of(person.campaign, person),
    )


@pytest.fixture
def campaign(connected, marketer):
    """A campaign sent one by one; every message was accepted with an id."""
    campaign = factories.make_ready_campaign(connected, count=6, by=marketer)
    factories.launch(campaign, engine="singly", by=marketer)
    return factories.finish(campaign)


def test_every_order_of_the_five_statuses_ends_the_same(campaign):
    person, other = campaign.recipients.order_by("position")[:2]
    for order in permutations(FIVE):
        Recipient.objects.filter(pk=person.pk).update(status="accepted", delivery_status=0)
        for word in order:
            receipts.record_statuses(campaign.team, updates_of(person.remote_id, word))
        person.refresh_from_db()
        assert state(person) == ("accepted", Recipient.DeliveryStatus.READ, None, ""), order
    other.refresh_from_db()
    assert other.delivery_status == 0


@pytest.mark.parametrize(
    "words", [("accepted", "sent", "failed"), ("sent", "delivered", "failed")]
)
def test_every_order_with_repetitions_ends_the_same(campaign, words):
    chance = random.Random(7)
    person = campaign.recipients.order_by("position").first()
    ends = set()
    for order in permutations(words * 2):
        if chance.random() > 0.1:
            continue
        Recipient.objects.filter(pk=person.pk).update(status="accepted", delivery_status=0)
        cut = chance.randrange(len(order))
        for some in (order[:cut], order[cut:]):
            receipts.record_statuses(campaign.team, updates_of(person.remote_id, *some))
        person.refresh_from_db()
        ends.add(state(person))
    assert len(ends) == 1
    assert ends.pop()[0] == ("accepted" if "delivered" in words else "failed")


def test_only_known_messages_are_returned(campaign, other_team):
    person = campaign.recipients.first()
    updates = updates_of(person.remote_id, "sent") + updates_of("wamid.strange", "sent")
    assert receipts.record_statuses(other_team, updates) == set()
    assert receipts.record_statuses(campaign.team, updates) == {person.remote_id}
    person.refresh_from_db()
    assert person.state_label == "Sent"


def test_the_numbers_are_shown_only_with_delivery_updates(campaign, login, marketer):
    page = f"/t/kente/campaigns/{campaign.uuid}/"

    def shown():
        stats = factories.soup(login(marketer).get(page)).select(".stat")
        return {s.dt.text: s.dd.text.strip() for s in stats if s.dt.text in ("Delivered", "Read")}

    assert shown() == {"Delivered": "—", "Read": "—"}
    people = list(campaign.recipients.order_by("position"))
    # The team gets updates from now on; this campaign was launched before.
    receipts.record_statuses(campaign.team, updates_of("wamid.else", "delivered"))
    assert shown() == {"Delivered": "—", "Read": "—"}
    receipts.record_statuses(campaign.team, updates_of(people[0].remote_id, "delivered"))
    receipts.record_statuses(campaign.team, updates_of(people[1].remote_id, "read"))
    assert shown() == {"Delivered": "2", "Read": "1"}
    # For a campaign with updates from the start, zero is known.
    Recipient.objects.update(delivery_status=0)
    ReceiptSource.objects.update(delivered_since=campaign.launched_at - timedelta(days=1))
    assert shown() == {"Delivered": "0", "Read": "—"}


def test_a_failure_after_acceptance_counts_and_can_be_retried(campaign, marketer):
    person = campaign.recipients.order_by("position").first()
    old = person.remote_id
    receipts.record_statuses(campaign.team, updates_of(old, "sent", "failed", code=131000))
    progress = load_progress(campaign)
    assert (progress.accepted, progress.failed) == (5, 1)
    Recipient.objects.filter(pk=person.pk).update(settled_at=timezone.now() - timedelta(hours=1))
    assert retries.retry(campaign, 131000, by=marketer) == 1
    # The failure of the old message is reported again and does not touch the retry.
    assert receipts.record_statuses(campaign.team, updates_of(old, "failed", code=131000)) == set()
    factories.finish(campaign)
    person.refresh_from_db()
    assert person.status == "accepted"
    assert person.remote_id not in ("", old)
    assert receipts.record_statuses(campaign.team, updates_of(old, "failed", code=131000)) == set()


def test_a_stop_of_marketing_is_one_opt_out(campaign, manager):
    from contacts.services import lift

    person = campaign.recipients.first()
    updates = updates_of(person.remote_id, "failed", code=131050)
    receipts.record_statuses(campaign.team, updates)
    (gone,) = OptOut.objects.for_team(campaign.team)
    assert (gone.phone, gone.source) == (person.phone, "whatsapp")
    lift(gone, reason="They asked", by=manager)
    receipts.record_statuses(campaign.team, updates)
    assert not OptOut.objects.in_force().exists()


@pytest.mark.parametrize(
    "code, share, reason", [(131026, 1, "failures"), (131042, 0.1, "account"), (131026, 0.1, None)]
)
def test_a_running_campaign_pauses_when_accepted_messages_fail(
    connected, marketer, code, share, reason
):
    campaign = factories.make_ready_campaign(connected, count=31, by=marketer)
    factories.launch(campaign, engine="singly", by=marketer)
    factories.finish(campaign)
    Campaign.objects.filter(pk=campaign.pk).update(status="sending", finished_at=None)
    campaign.recipients.filter(position=31).update(status="pending")
    people = list(campaign.recipients.all())[: int(30 * share)]
    updates = [u for person in people for u in updates_of(person.remote_id, "failed", code=code)]
    receipts.record_statuses(connected, updates)
    campaign.refresh_from_db()
    assert (campaign.pause_reason or None) == reason
    if code == 131042:
        assert "ayment" in pause_sentence(campaign)


def test_the_numbers_of_a_batch_add_up_when_its_messages_fail_later(connected, marketer):
    campaign = factories.make_ready_campaign(connected, count=4, by=marketer)
    factories.launch(campaign, by=marketer)
    factories.finish(campaign)
    people = list(campaign.recipients.order_by("position"))
    for person in people:
        Recipient.objects.filter(pk=person.pk).update(remote_id=f"wamid.{person.position}")
    receipts.record_statuses(
        connected, updates_of("wamid.1", "failed") + updates_of("wamid.2", "read")
    )
    progress = load_progress(campaign)
    assert (progress.total, progress.accepted, progress.failed) == (4, 3, 1)
    assert (progress.receipts.delivered, progress.receipts.read) == (1, 1)


def test_a_job_that_names_its_messages_gets_their_statuses(connected, marketer, sandbox):
    sandbox.post("options", message_ids=True)
    rows = factories.people(6)
    rows[2][0] = rows[2][0][:-3] + "026"
    campaign = factories.make_ready_campaign(connected, rows=rows, by=marketer)
    factories.launch(campaign, by=marketer)
    factories.finish(campaign)
    ledger = {f"+{m['to']}": m["message_id"] for m in sandbox.ledger(connected.slug)}
    people = list(campaign.recipients.order_by("position"))
    assert [p.status for p in people].count("failed") == 1
    for person in people:
        assert person.remote_id == ("" if person.status == "failed" else ledger[person.phone])
    receipts.record_statuses(connected, updates_of(people[0].remote_id, "read"))
    assert load_progress(campaign).receipts.read == 1
