"""The list of the conversations: searched, narrowed, paged; and who answered a campaign."""

from datetime import timedelta

import pytest
from django.urls import reverse
from django.utils import timezone
from hypothesis import Phase, given
from hypothesis import settings as hypothesis
from hypothesis import strategies as st
from hypothesis.extra.django import TestCase

from chumi_api.types import MessageStatus, StatusUpdate
from conversations import search, words
from conversations.models import Conversation
from conversations.replies import replied, replies_of
from conversations.services import mark_read, record_messages, record_statuses
from tests import factories
from tests.conversations.talk import NOON, PHONE, said
from tests.conversations.test_thread import keyed, sent

OTHER = "233201234567"


@pytest.fixture
def book(team, other_team):
    record_messages(
        team,
        [
            said("Do you have the Kente in blue?", name="Ama Mensah"),
            said("Élodie's shop, please call", phone=OTHER, minutes=1, name="Élodie Osei"),
            said("Kente in red", phone="2348031234567", minutes=2),
        ],
    )
    record_messages(other_team, [said("Kente of others")])


def listed(client, team, **query):
    path = reverse("conversations:conversation_list", args=(team.slug,))
    page = factories.soup(client.get(path, query))
    return [who.get_text(strip=True) for who in page.select(".talk-list-who")]


@pytest.mark.parametrize(
    ("q", "found"),
    [
        ("", 3),
        ("kente", 2),
        ("KENTE blue", 1),
        ("ken", 2),
        ("kente re", 1),
        ("elodie", 1),
        ("élo", 1),
        ("osei", 1),
        ("mensah ama", 1),
        ("0244123451", 1),
        ("+233 20", 1),
        ("0201234", 1),
        ("others", 0),
        ("' OR 1=1 --", 0),
        ('kente" OR "x', 0),
        ("*", 0),
        ("NEAR(kente blue)", 0),
        ("folded:kente", 0),
    ],
)
def test_search(team, book, marketer, login, q, found):
    assert len(listed(login(marketer), team, q=q)) == found


def test_a_viewer_finds_whole_numbers_only(team, book, viewer, login):
    client = login(viewer)
    assert listed(client, team, q="0201234") == []
    assert len(listed(client, team, q="0201234567")) == 1


def test_unread_and_open(team, book, marketer, login):
    client = login(marketer)
    mark_read(Conversation.objects.get(team=team, phone=f"+{OTHER}"), NOON + timedelta(hours=1))
    assert len(listed(client, team, show="unread")) == 2
    assert listed(client, team, show="open") == []
    record_messages(team, [said("Now", at=timezone.now(), name="Ama")])
    assert listed(client, team, show="open") == ["Ama"]


def test_newest_first_page_by_page(team, marketer, login):
    record_messages(
        team,
        [said("x", phone=f"2332441{n:05}", minutes=n // 4, name=f"P{n}") for n in range(120)],
    )
    client, found, after = login(marketer), [], ""
    path = reverse("conversations:conversation_list", args=(team.slug,))
    while True:
        page = factories.soup(client.get(path, {"after": after}))
        found += [who.get_text(strip=True) for who in page.select(".talk-list-who")]
        link = page.select_one("a[rel=next]")
        if link is None:
            break
        after = link["href"].partition("after=")[2]
    assert len(found) == len(set(found)) == 120
    assert [int(name[1:]) // 4 for name in found] == sorted(n // 4 for n in range(120))[::-1]


def test_a_poll_of_the_list_brings_news_or_nothing(team, book, marketer, login):
    client = login(marketer)
    path = reverse("conversations:conversation_list", args=(team.slug,))
    results = factories.soup(client.get(path)).select_one("#conversation-results")
    assert results["hx-trigger"] == "every 5s"
    poll = results["hx-get"]
    assert client.get(poll, headers={"HX-Request": "true"}).status_code == 204
    record_messages(team, [said("News", phone=OTHER, minutes=9)])
    answer = client.get(poll, headers={"HX-Request": "true"})
    assert answer.status_code == 200
    page = factories.soup(answer)
    assert "Élodie Osei" in page.select_one("#list-news").get_text()
    assert "v=" in page.select_one("#conversation-results")["hx-get"]
    # Opened as a page, the address of a poll is the list; and no link of it keeps the stamp.
    stamp = page.select_one("#conversation-results")["hx-get"]
    whole = factories.soup(client.get(stamp))
    assert whole.select_one(".talk-list")
    assert not [a["href"] for a in whole.select("main a") if "v=" in a["href"]]
    # A search and a page further down stand still.
    searched = factories.soup(client.get(path, {"q": "kente"}))
    assert "hx-get" not in searched.select_one("#conversation-results").attrs


# Who answered a campaign


def test_the_first_within_72_hours_answers(team):
    campaign = sent(team)
    record_messages(
        team,
        [
            said("Before", minutes=-60),
            said("The answer", minutes=60),
            said("More", minutes=61),
        ],
    )
    assert replied(campaign) == 1
    (row,) = replies_of(campaign)
    assert row.messages.get(pk=row.answer_id).text == "The answer"


def test_after_72_hours_nobody_answers(team):
    campaign = sent(team)
    record_messages(team, [said("Late", minutes=73 * 60)])
    assert replied(campaign) == 0
    record_messages(team, [said("Late, but to it", minutes=90 * 60, reply_to="wamid.none")])
    assert replied(campaign) == 0


def test_the_message_replied_to_decides(team):
    first = sent(team, remote_id="wamid.1")
    second = sent(team, minutes=60, remote_id="wamid.2", name="Second")
    record_messages(team, [said("To the first", minutes=90, reply_to="wamid.1")])
    assert (replied(first), replied(second)) == (1, 0)


def test_an_earlier_message_that_comes_late_takes_the_place(team):
    campaign = sent(team)
    record_messages(team, [said("Second", minutes=30)])
    record_messages(team, [said("First", minutes=10)])
    (row,) = replies_of(campaign)
    assert row.messages.get(pk=row.answer_id).text == "First"
    assert Conversation.objects.get().messages.exclude(answers=None).count() == 1


def test_a_reaction_is_no_answer(team):
    campaign = sent(team, remote_id="wamid.1")
    record_messages(team, [said("❤️", minutes=5, kind="reaction", reply_to="wamid.1")])
    assert replied(campaign) == 0


def test_whose_window_closes_soonest_comes_first(team, viewer, login):
    now = timezone.now()
    phones = {"233244123451": 2, "233244123452": 20, "233244123453": 30, "233244123454": 40}
    keyed(team)
    campaign = factories.make_checked_campaign(team, [[phone, "A", "B"] for phone in phones])
    factories.launch(campaign, engine="singly")
    campaign.recipients.update(status="accepted", settled_at=now - timedelta(hours=50))
    for phone, hours in phones.items():
        record_messages(team, [said("Yes", phone=phone, at=now - timedelta(hours=hours))])
    order = [row.phone[-1] for row in replies_of(campaign)]
    assert order == ["2", "1", "3", "4"]
    path = reverse("conversations:campaign_replies", args=(team.slug, campaign.uuid))
    page = factories.soup(login(viewer).get(path))
    assert "4 people answered" in page.get_text()
    found = listed(login(viewer), team, campaign=str(campaign.uuid))
    assert len(found) == 4


# The words of the search


class Words(TestCase):
    @hypothesis(max_examples=60, phases=[Phase.generate])
    @given(text=st.text(max_size=60), typed=st.text(max_size=20))
    def test_whatever_is_typed_finds_what_has_its_words(self, text, typed):
        from teams.models import Team

        team, _ = Team.objects.get_or_create(slug="words", defaults={"name": "Words"})
        Conversation.objects.all().delete()
        record_messages(team, [said(text + " sentinel")])
        has, asked = words.fold(text + " sentinel"), words.fold(typed)
        found = search.messages_with(team, typed)
        if not asked:
            assert found is None
            return
        *whole, last = asked
        opens = len(last) > 1
        expected = set(whole) <= set(has) and any(
            word.startswith(last) if opens else word == last for word in has
        )
        # SQLite's table of letters is older than Python's: what it does not know is no word.
        if text.isascii() and typed.isascii():
            assert bool(found) == expected
        assert search.messages_with(team, text + " sentinel")


def test_news_of_a_message_that_nobody_knows_is_no_conversation_yet(team, viewer, login):
    failed = StatusUpdate("wamid.lost", MessageStatus.FAILED, phone=PHONE, code=131026)
    record_statuses(team, [failed])
    address = reverse("conversations:conversation_list", args=(team.slug,))
    assert not login(viewer).get(address).context["conversations"]
    record_messages(team, [said("Hello")])
    record_statuses(
        team, [StatusUpdate("wamid.2", MessageStatus.FAILED, phone=PHONE, code=131026)]
    )
    (row,) = login(viewer).get(address).context["conversations"]
    assert row.line == "Hello"
