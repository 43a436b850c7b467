"""What is told of messages is written once, whatever the order and however often it comes."""

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
from tests.conversations.talk import NOON, PHONE, said, wrote

READ, FAILED, DELIVERED = MessageStatus.READ, MessageStatus.FAILED, MessageStatus.DELIVERED


def status(remote_id, word, phone=PHONE, code=None, minutes=1):
    at = NOON + timedelta(minutes=minutes)
    return StatusUpdate(remote_id=remote_id, status=word, phone=phone, code=code, at=at)


def test_a_message_opens_a_conversation(team):
    record_messages(team, [said("Hello", name="Ama Mensah"), wrote("Hi Ama", minutes=1)])
    talk = Conversation.objects.get()
    assert (talk.team, talk.phone, talk.name) == (team, "+233244123451", "Ama Mensah")
    assert (talk.last_inbound_at, talk.last_message_at) == (NOON, NOON + timedelta(minutes=1))
    assert (talk.preview, talk.preview_inbound, talk.unread_count) == ("Hi Ama", False, 1)


def test_told_twice_is_written_once(team):
    for _ in range(2):
        record_messages(team, [said("Hello"), said("Hello")])
    assert Row.objects.count() == 1
    assert Conversation.objects.get().unread_count == 1


def test_teams_do_not_share_a_message(team, other_team):
    for one in (team, other_team):
        record_messages(one, [said("Hello", remote_id="wamid.1")])
    assert [talk.messages.count() for talk in Conversation.objects.all()] == [1, 1]


def test_a_later_word_fills_in_what_is_missing(team):
    media = Media("image", content_type="image/jpeg", size=2048)
    record_messages(team, [said("", remote_id="1", kind="image")])
    record_messages(team, [said("The shop", remote_id="1", kind="image", media=media)])
    row = Row.objects.get()
    assert (row.text, row.media_type, row.media_size) == ("The shop", "image/jpeg", 2048)


def test_a_message_without_an_id_is_known_by_what_it_is(team):
    record_messages(team, [said("Hello", remote_id="")])
    record_messages(team, [said("Hello", remote_id="")])
    assert Row.objects.get().remote_id.startswith("~")
    record_messages(team, [said("Hello", remote_id="wamid.1")])
    assert Row.objects.get().remote_id == "wamid.1"
    record_messages(team, [said("Hello", remote_id="")])
    record_messages(team, [said("Hello", remote_id="", minutes=1)])
    assert Row.objects.count() == 2


def test_somebody_without_a_number(team):
    record_messages(team, [said("Hello", phone="GH.1234567890")])
    talk = Conversation.objects.get()
    assert talk.phone == "GH.1234567890"
    assert not talk.has_number
    record_messages(team, [said("Nobody's", phone="")])
    assert Row.objects.count() == 1


@pytest.mark.parametrize(
    ("words", "end"),
    [
        ([READ, DELIVERED], "READ"),
        ([FAILED, DELIVERED], "DELIVERED"),
        ([DELIVERED, FAILED], "DELIVERED"),
        ([MessageStatus.SENT, FAILED], "FAILED"),
        ([FAILED, MessageStatus.SENT], "FAILED"),
        ([MessageStatus.UNKNOWN], "ACCEPTED"),
    ],
)
def test_a_status_only_climbs(team, words, end):
    record_messages(team, [wrote("Hi", remote_id="1")])
    for word in words:
        record_statuses(team, [status("1", word, code=131026 if word is FAILED else None)])
    row = Row.objects.get()
    assert row.status == Row.Status[end]
    assert row.code == (131026 if end == "FAILED" else None)


def test_a_status_before_its_message(team):
    assert record_statuses(team, [status("1", READ, minutes=3)]) == set()
    assert Row.objects.get().kind == ""
    record_messages(team, [wrote("Hi", remote_id="1")])
    row = Row.objects.get()
    assert (row.text, row.status, row.at) == ("Hi", Row.Status.READ, NOON)
    assert Conversation.objects.get().last_message_at == NOON


def test_a_status_that_nobody_can_place_is_not_known(team):
    assert record_statuses(team, [status("1", READ, phone="")]) == set()
    assert not Row.objects.exists()
    record_messages(team, [wrote("Hi", remote_id="1")])
    assert record_statuses(team, [status("1", READ, phone="")]) == {"1"}
    assert Row.objects.get().status == Row.Status.READ


def test_a_campaigns_message_needs_no_row_for_its_status(team):
    campaign = factories.make_checked_campaign(team, [[PHONE, "Ama", "MF-24"]])
    campaign.recipients.update(remote_id="wamid.1", status="accepted", settled_at=NOON)
    assert record_statuses(team, [status("wamid.1", READ)]) == {"wamid.1"}
    assert not Row.objects.exists()


def test_reading_counts_down(team):
    record_messages(team, [said("1"), said("2", minutes=1), said("3", minutes=2)])
    talk = Conversation.objects.get()
    assert mark_read(talk, NOON + timedelta(minutes=1))
    assert not mark_read(talk, NOON)
    talk.refresh_from_db()
    assert talk.unread_count == 1
    record_messages(team, [said("0", minutes=-1), said("4", minutes=3)])
    talk.refresh_from_db()
    assert talk.unread_count == 2


def test_many_at_once_in_few_queries(team, django_assert_max_num_queries):
    told = [said("Hello", phone=f"2332441{n:05}") for n in range(400)]
    with django_assert_max_num_queries(40):
        record_messages(team, told)
    assert Conversation.objects.filter(unread_count=1).count() == 400


# Any order, any repetition, the same end


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


def placed(fact):
    """Give every id one person and one side, as it is in life."""
    number = "abcd".index(fact.remote_id)
    fact = replace(fact, phone=PHONES[number % 2])
    if not isinstance(fact, Message):
        return fact
    # Of two in one moment, the row that was made first counts as the older one.
    return replace(fact, inbound=number >= 2, at=fact.at + timedelta(seconds=number))


def told(team, facts):
    for fact in facts:
        if isinstance(fact, Message):
            record_messages(team, [fact])
        else:
            record_statuses(team, [fact])


def end():
    hidden = ("id", "uuid", "conversation_id", "version", "team_id")
    rows = [
        {k: v for k, v in row.items() if k not in hidden}
        for model, order in ((Row, "remote_id"), (Conversation, "phone"))
        for row in model.objects.order_by(order).values()
    ]
    for row in rows:
        # Where no moment was ever told it is that of the first news.
        if row.get("at_is_told") is False:
            row["at"] = None
    Conversation.objects.all().delete()
    return rows


class Orders(TestCase):
    @hypothesis(max_examples=25, phases=[Phase.generate])
    @given(
        messages=st.lists(MESSAGES.map(placed), min_size=1, max_size=6),
        statuses=st.lists(STATUSES.map(placed), max_size=5),
        seed=st.integers(0, 2**32),
    )
    def test_any_order_and_any_repetition_end_alike(self, messages, statuses, seed):
        from teams.models import Team

        team = Team.objects.create(slug=f"orders-{seed}", name="Orders")
        # A message of theirs has no status.
        statuses = [update for update in statuses if update.remote_id in "ab"]
        # The last word on each has a moment, so that none hangs on when it was first heard of.
        ids = {update.remote_id for update in statuses} - {m.remote_id for m in messages}
        messages += [placed(wrote("Hi", remote_id=remote_id)) for remote_id in sorted(ids)]
        facts = [*messages, *statuses]
        told(team, facts)
        straight = end()
        again = [*facts, *facts]
        random.Random(seed).shuffle(again)
        told(team, again)
        assert end() == straight
        record_statuses(team, statuses)
        record_messages(team, messages)
        assert end() == straight
