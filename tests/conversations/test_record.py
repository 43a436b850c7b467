"""Recording messages and statuses is idempotent and order-independent."""

import random
from dataclasses import replace
from datetime import timedelta

import pytest
from hypothesis import Phase, given
from hypothesis import settings as hypothesis
from hypothesis import strategies as st
from hypothesis.extra.django import TestCase

from chumi_api.types import Media, Message, MessageStatus, StatusUpdate
from conversations.models import Conversation
from conversations.models import Message as Row
from conversations.services import mark_read, record_messages, record_statuses
from tests import factories
from tests.conversations.messages import NOON, PHONE, inbound, outbound

READ, FAILED, DELIVERED = MessageStatus.READ, MessageStatus.FAILED, MessageStatus.DELIVERED


def status(remote_id, value, phone=PHONE, code=None, minutes=1):
    at = NOON + timedelta(minutes=minutes)
    return StatusUpdate(remote_id=remote_id, status=value, phone=phone, code=code, at=at)


def test_a_message_opens_a_conversation(team):
    record_messages(team, [inbound("Hello", name="Ama Mensah"), outbound("Hi Ama", minutes=1)])
    talk = Conversation.objects.get()
    assert (talk.team, talk.phone, talk.name) == (team, "+233244123451", "Ama Mensah")
    assert (talk.last_inbound_at, talk.last_message_at) == (NOON, NOON + timedelta(minutes=1))
    assert (talk.last_message.text, talk.last_message.inbound) == ("Hi Ama", False)
    assert talk.unread_count == 1


def test_a_repeated_message_is_stored_once(team):
    for _ in range(2):
        record_messages(team, [inbound("Hello"), inbound("Hello")])
    assert Row.objects.count() == 1
    assert Conversation.objects.get().unread_count == 1


def test_teams_do_not_share_a_message(team, other_team):
    for one in (team, other_team):
        record_messages(one, [inbound("Hello", remote_id="wamid.1")])
    assert [talk.messages.count() for talk in Conversation.objects.all()] == [1, 1]


def test_a_later_report_fills_in_missing_fields(team):
    media = Media("image", content_type="image/jpeg", size=2048)
    record_messages(team, [inbound("", remote_id="1", kind="image")])
    record_messages(team, [inbound("The shop", remote_id="1", kind="image", media=media)])
    row = Row.objects.get()
    assert (row.text, row.media_type, row.media_size) == ("The shop", "image/jpeg", 2048)


def test_a_message_without_an_id_is_recognised_by_its_content(team):
    record_messages(team, [inbound("Hello", remote_id="")])
    record_messages(team, [inbound("Hello", remote_id="")])
    assert Row.objects.get().remote_id.startswith("~")
    record_messages(team, [inbound("Hello", remote_id="wamid.1")])
    assert Row.objects.get().remote_id == "wamid.1"
    record_messages(team, [inbound("Hello", remote_id="")])
    record_messages(team, [inbound("Hello", remote_id="", minutes=1)])
    assert Row.objects.count() == 2


def test_a_person_who_hides_their_number(team):
    record_messages(team, [inbound("Hello", phone="GH.1234567890")])
    talk = Conversation.objects.get()
    assert talk.phone == "GH.1234567890"
    assert not talk.has_number
    record_messages(team, [inbound("No sender", phone="")])
    assert Row.objects.count() == 1


@pytest.mark.parametrize(
    ("statuses", "end"),
    [
        ([READ, DELIVERED], "READ"),
        ([FAILED, DELIVERED], "DELIVERED"),
        ([DELIVERED, FAILED], "DELIVERED"),
        ([MessageStatus.SENT, FAILED], "FAILED"),
        ([FAILED, MessageStatus.SENT], "FAILED"),
        ([MessageStatus.UNKNOWN], "ACCEPTED"),
    ],
)
def test_a_status_only_climbs(team, statuses, end):
    record_messages(team, [outbound("Hi", remote_id="1")])
    for one in statuses:
        record_statuses(team, [status("1", one, code=131026 if one is FAILED else None)])
    row = Row.objects.get()
    assert row.status == Row.Status[end]
    assert row.code == (131026 if end == "FAILED" else None)


def test_a_status_before_its_message(team):
    assert record_statuses(team, [status("1", READ, minutes=3)]) == set()
    assert Row.objects.get().kind == ""
    record_messages(team, [outbound("Hi", remote_id="1")])
    row = Row.objects.get()
    assert (row.text, row.status, row.at) == ("Hi", Row.Status.READ, NOON)
    assert Conversation.objects.get().last_message_at == NOON


def test_a_status_without_message_and_phone_is_unknown(team):
    assert record_statuses(team, [status("1", READ, phone="")]) == set()
    assert not Row.objects.exists()
    record_messages(team, [outbound("Hi", remote_id="1")])
    assert record_statuses(team, [status("1", READ, phone="")]) == {"1"}
    assert Row.objects.get().status == Row.Status.READ


def test_a_status_of_a_campaigns_message_needs_no_row(team):
    campaign = factories.make_checked_campaign(team, [[PHONE, "Ama", "MF-24"]])
    campaign.recipients.update(remote_id="wamid.1", status="accepted", settled_at=NOON)
    assert record_statuses(team, [status("wamid.1", READ)]) == {"wamid.1"}
    assert not Row.objects.exists()


def test_marking_as_read_counts_down(team):
    record_messages(team, [inbound("1"), inbound("2", minutes=1), inbound("3", minutes=2)])
    talk = Conversation.objects.get()
    assert mark_read(talk, NOON + timedelta(minutes=1))
    assert not mark_read(talk, NOON)
    talk.refresh_from_db()
    assert talk.unread_count == 1
    record_messages(team, [inbound("0", minutes=-1), inbound("4", minutes=3)])
    talk.refresh_from_db()
    assert talk.unread_count == 2


def test_many_messages_need_few_queries(team, django_assert_max_num_queries):
    many = [inbound("Hello", phone=f"2332441{n:05}") for n in range(400)]
    with django_assert_max_num_queries(40):
        record_messages(team, many)
    assert Conversation.objects.filter(unread_count=1).count() == 400


# Merging message updates is order-independent


PHONES = ("233244123451", "233244123452")
MESSAGES = st.builds(
    Message,
    remote_id=st.sampled_from(["a", "b", "c", "d"]),
    phone=st.just(""),
    inbound=st.just(False),
    kind=st.sampled_from(["text", "image", "template", "", "unsupported"]),
    text=st.sampled_from(["", "Hi", "Hello", "Éh"]),
    reply_to=st.sampled_from(["", "x"]),
    media=st.sampled_from([None, Media("image", size=3), Media("image", "id", file_name="a")]),
    name=st.sampled_from(["", "Ama", "Ama M."]),
    status=st.sampled_from(list(MessageStatus)),
    code=st.sampled_from([None, 131026, 131049]),
    at=st.sampled_from([NOON + timedelta(seconds=n) for n in range(0, 90, 30)]),
)
STATUSES = st.builds(
    status, st.sampled_from(["a", "b", "c", "d"]), st.sampled_from(list(MessageStatus))
)


def placed(report):
    """Give every id one person and one side, as in reality."""
    number = "abcd".index(report.remote_id)
    report = replace(report, phone=PHONES[number % 2])
    if not isinstance(report, Message):
        return report
    # At the same time, the row that was created first counts as the older one.
    return replace(report, inbound=number >= 2, at=report.at + timedelta(seconds=number))


def record(team, reports):
    for report in reports:
        if isinstance(report, Message):
            record_messages(team, [report])
        else:
            record_statuses(team, [report])


def stored():
    """Return and delete all rows, without what may differ."""
    hidden = {"id", "uuid", "conversation", "conversation_id", "version", "team", "team_id"}
    rows = []
    for model, order, extra in (
        (Row, "remote_id", []),
        (Conversation, "phone", ["last_message__remote_id"]),
    ):
        names = {field.attname for field in model._meta.concrete_fields}
        names -= hidden | {"last_message_id"}
        rows += model.objects.order_by(order).values(*names, *extra)
    for row in rows:
        # Without a reported time it is that of the first report.
        if row.get("at_is_reported") is False:
            row["at"] = None
    Conversation.objects.all().delete()
    return rows


class Orders(TestCase):
    @hypothesis(max_examples=25, phases=[Phase.generate], deadline=None)
    @given(
        messages=st.lists(MESSAGES.map(placed), min_size=1, max_size=6),
        statuses=st.lists(STATUSES.map(placed), max_size=5),
        seed=st.integers(0, 2**32),
    )
    def test_any_order_and_any_repetition_give_the_same_rows(self, messages, statuses, seed):
        from teams.models import Team

        team = Team.objects.create(slug=f"orders-{seed}", name="Orders")
        # Inbound messages have no status.
        statuses = [update for update in statuses if update.remote_id in "ab"]
        # Each message has a reported time, so that none depends on when it came in first.
        ids = {update.remote_id for update in statuses} - {m.remote_id for m in messages}
        messages += [placed(outbound("Hi", remote_id=remote_id)) for remote_id in sorted(ids)]
        reports = [*messages, *statuses]
        record(team, reports)
        straight = stored()
        again = [*reports, *reports]
        random.Random(seed).shuffle(again)
        record(team, again)
        assert stored() == straight
        record_statuses(team, statuses)
        record_messages(team, messages)
        assert stored() == straight
