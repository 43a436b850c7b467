"""A thread shows stored messages and campaign sends, each once, in order."""

from datetime import timedelta

import pytest
from django.conf import settings
from django.urls import reverse
from django.utils import timezone

from campaigns.models import Campaign
from chumi_api.types import Media, MessageStatus, StatusUpdate
from conversations import threads
from conversations.models import Conversation, Message
from conversations.services import open_conversation, record_messages, record_statuses
from sandbox.shapes import SHAPES
from teams import services as teams
from tests import factories
from tests.conversations.messages import NOON, PHONE, inbound, outbound


def sent(team, *, minutes=0, remote_id="", name="Easter sale", values=("Ama", "MF-24")):
    """Return a campaign that was sent to the person."""
    give_key(team)
    campaign = factories.make_checked_campaign(team, [[PHONE, *values]], name=name)
    factories.launch(campaign, engine="singly")
    at = NOON + timedelta(minutes=minutes)
    campaign.recipients.update(status="accepted", settled_at=at, remote_id=remote_id)
    return Campaign.objects.get(pk=campaign.pk)


def give_key(team):
    """Give the team a key, which a launch requires; no request is made with it."""
    teams.connect(team, base_url=settings.CHUMIAI_BASE_URLS[0], key="chumi_sk_live_tests")


def url(name, team, talk):
    return reverse(f"conversations:conversation_{name}", args=(team.slug, talk.uuid))


def lines(team):
    return [entry.text for entry in threads.page_of(Conversation.objects.get(team=team)).entries]


def test_sends_and_messages_merge_in_order(team):
    sent(team, minutes=10)
    record_messages(team, [inbound("Who is this?"), inbound("Thanks", minutes=20)])
    assert lines(team) == ["Who is this?", "Hi Ama, your code is MF-24.", "Thanks"]


@pytest.mark.parametrize("first", ["message", "send"])
def test_a_send_and_its_message_show_once(team, first):
    reports = [
        outbound("Hi Ama", remote_id="wamid.7", template_name="welcome_message", kind="template")
    ]
    if first == "message":
        record_messages(team, reports)
    sent(team, remote_id="wamid.7")
    record_messages(team, reports)
    assert lines(team) == ["Hi Ama, your code is MF-24."]
    (entry,) = threads.page_of(Conversation.objects.get()).entries
    assert entry.campaign.name == "Easter sale"


def test_a_message_of_a_batch_is_recognised_by_template_and_time(team):
    sent(team, minutes=0)
    sent(team, minutes=600, name="Later", values=("Ama", "MF-25"))
    template = {"kind": "template", "template_name": "welcome_message"}
    record_messages(
        team,
        [
            outbound("reported", remote_id="a", minutes=5, **template),
            outbound("reported", remote_id="b", minutes=602, **template),
            outbound(
                "Another", remote_id="c", minutes=603, kind="template", template_name="other"
            ),
        ],
    )
    assert lines(team) == [
        "Hi Ama, your code is MF-24.",
        "Hi Ama, your code is MF-25.",
        "Another",
    ]
    assert Message.objects.exclude(recipient=None).count() == 2


def test_a_status_without_a_message_shows_on_the_send(team):
    sent(team)
    at = NOON + timedelta(seconds=9)
    update = StatusUpdate("wamid.9", MessageStatus.READ, phone=PHONE, at=at)
    record_statuses(team, [update])
    record_messages(team, [outbound("", remote_id="wamid.9", kind="template")])
    (entry,) = threads.page_of(Conversation.objects.get()).entries
    assert (entry.text, entry.is_read) == ("Hi Ama, your code is MF-24.", True)


def test_pages_meet_without_gap_or_overlap(team):
    for number in range(5):
        sent(team, minutes=number * 7, name=f"Sale {number}", values=("Ama", f"C{number}"))
    # Several messages at the same time, too.
    record_messages(team, [inbound(f"Message {n}", minutes=n // 3) for n in range(40)])
    talk = Conversation.objects.get()
    whole = [entry.key for entry in threads.page_of(talk, size=100).entries]
    assert len(whole) == 45
    found, before = [], None
    while True:
        page = threads.page_of(talk, before, size=4)
        found = [entry.key for entry in page.entries] + found
        if page.older is None:
            break
        before = threads.Cursor.parse(str(page.older))
    assert found == whole
    assert [entry.key for entry in threads.iter_entries(talk)] == whole[::-1]


@pytest.mark.parametrize("text", ["", "x", "1_2_3", "2026-11-20T12:00:00_1_2", "é_1_1", "_" * 90])
def test_an_invalid_cursor_is_none(text):
    assert threads.Cursor.parse(text) is None


def test_quotes_reactions_and_button_presses(team, viewer, login):
    media = Media("document", content_type="application/pdf", file_name="order.pdf", size=2048)
    record_messages(
        team,
        [
            outbound("Do you like it?", remote_id="q"),
            inbound("Stop", minutes=1, kind="button", reply_to="q"),
            inbound("😀", minutes=2, kind="reaction", reply_to="q"),
            inbound("❤️", minutes=3, kind="reaction", reply_to="q"),
            inbound("My order", minutes=4, kind="document", media=media, reply_to="unknown"),
            outbound("No", minutes=5, status=MessageStatus.FAILED, code=131026),
        ],
    )
    talk = Conversation.objects.get()
    page = factories.soup(login(viewer).get(url("detail", team, talk)))
    bubbles = [bubble.get_text(" ", strip=True) for bubble in page.select(".talk")]
    assert len(bubbles) == 4
    assert bubbles[0].endswith("Reaction: ❤️")
    assert "In reply to: Do you like it? Pressed the button: Stop" in bubbles[1]
    assert "In reply to an unknown message" in bubbles[2]
    for part in ("Document", "order.pdf", "application/pdf", "2.0"):
        assert part in bubbles[2]
    assert "Failed: This number is not on WhatsApp" in bubbles[3]


def test_a_poll_brings_changes_or_204(team, marketer, login):
    talk = factories.make_conversation(team)
    client = login(marketer)
    page = factories.soup(client.get(url("detail", team, talk)))
    poll = page.find(id="conversation-thread")["hx-get"]
    assert client.get(poll).status_code == 204
    factories.make_conversation(team, "One", "Two")
    answer = client.get(poll)
    assert answer.status_code == 200
    assert "Two" in factories.soup(answer).find(id="thread-latest").get_text()


def test_marking_as_read_is_a_post(team, marketer, viewer, login):
    talk = factories.make_conversation(team, "One", "Two")
    client = login(marketer)
    page = factories.soup(client.get(url("detail", team, talk)))
    until = page.select_one(".thread-read input[name=until]")["value"]
    talk.refresh_from_db()
    assert talk.unread_count == 2
    client.post(url("read", team, talk), {"until": "nonsense"})
    client.post(url("read", team, talk), {"until": until})
    talk.refresh_from_db()
    assert talk.unread_count == 0
    assert login(viewer).post(url("read", team, talk), {"until": until}).status_code == 403


@pytest.mark.parametrize("shape", SHAPES)
def test_history_sends_and_webhooks_merge_in_every_shape(
    connected, marketer, login, drain, sandbox, shape
):
    sandbox.post("shape", shape=shape, account=factories.account_of(connected))
    campaign = factories.make_ready_campaign(
        connected, rows=[["Phone", "Name", "Code"], [PHONE, "Ama", "MF-24"]], by=marketer
    )
    factories.finish(factories.launch(campaign, by=marketer, engine="singly"))
    sandbox.post(
        "inbound", account=factories.account_of(connected), phone=PHONE, text="From the history"
    )
    record_messages(connected, [inbound("From a webhook", at=timezone.now() - timedelta(days=3))])
    talk = Conversation.objects.get()
    client = login(marketer)
    for _ in range(2):
        client.post(url("history", connected, talk))
        drain("sync_conversation")
        Conversation.objects.update(history_requested_at=None)
    talk.refresh_from_db()
    if shape != "chaos":
        assert talk.history == "synced", talk.history_error
        assert sorted(lines(connected)) == [
            "From a webhook",
            "From the history",
            "Hi Ama, your code is MF-24.",
        ]


def test_the_page_says_if_chumiai_offers_no_history(connected, marketer, login, drain, sandbox):
    sandbox.post("options", conversations=False)
    talk = factories.make_conversation(connected)
    client = login(marketer)
    client.post(url("history", connected, talk))
    drain("sync_conversation")
    page = factories.soup(client.get(url("detail", connected, talk)))
    assert "ChumiAI offers no history" in page.select_one(".thread-history").get_text()
    assert "blue" in page.select_one(".talk").get_text()


def test_the_history_is_requested_once_a_minute(connected, marketer, login, drain, sandbox):
    talk = factories.make_conversation(connected)
    client = login(marketer)
    before = len(sandbox.get("requests"))
    for _ in range(5):
        client.post(url("history", connected, talk))
        drain("sync_conversation")
    requests = [r for r in sandbox.get("requests") if "conversations" in r["path"]]
    assert len(requests) == 1, before


def test_the_window(team, viewer, login):
    talk = factories.make_conversation(team)
    client = login(viewer)
    head = factories.soup(client.get(url("detail", team, talk))).select_one(".thread-head")
    assert "Open: 23 h left" in head.get_text()
    Conversation.objects.update(last_inbound_at=timezone.now() - timedelta(hours=25))
    head = factories.soup(client.get(url("detail", team, talk))).select_one(".thread-head")
    assert "Closed: template only" in head.get_text()


def test_csv_and_print(team, viewer, login):
    talk = factories.make_conversation(team, "=1+1", "Two")
    client = login(viewer)
    text = b"".join(client.get(url("export", team, talk)).streaming_content).decode("utf-8-sig")
    assert "'=1+1" in text
    assert text.splitlines()[0] == "Time,From,Kind,Text,Status,File,Campaign"
    page = factories.soup(client.get(url("print", team, talk)))
    assert len(page.select(".talk")) == 2


def test_a_number_has_one_conversation(team, marketer, login):
    client = login(marketer)
    for _ in range(2):
        answer = client.post(
            reverse("conversations:conversation_open", args=(team.slug,)), {"phone": "0244123451"}
        )
    talk = Conversation.objects.get()
    assert answer.url == url("detail", team, talk)
    assert open_conversation(team, talk.phone) == talk


def test_a_reply_starts_with_the_number_and_without_a_template(team, marketer, viewer, login):
    talk = open_conversation(team, f"+{PHONE}")
    assert (
        url("reply", team, talk) in login(marketer).get(url("detail", team, talk)).content.decode()
    )
    assert login(viewer).post(url("reply", team, talk)).status_code == 403
    answer = login(marketer).post(url("reply", team, talk))
    draft = Campaign.objects.get()
    assert (draft.audience, draft.mapping["phone"]) == ("number", f"+{PHONE}")
    assert answer.url == reverse("campaigns:campaign_template", args=(team.slug, draft.uuid))
    assert PHONE not in answer.url


def test_an_unconfirmed_send_is_shown_as_one(team, viewer, login):
    campaign = sent(team)
    Campaign.objects.filter(pk=campaign.pk).update(launched_at=NOON)
    campaign.recipients.update(status="unconfirmed", settled_at=None)
    record_messages(team, [inbound("Before", minutes=-5), inbound("After", minutes=5)])
    talk = Conversation.objects.get()
    assert lines(team) == ["Before", "Hi Ama, your code is MF-24.", "After"]
    page = factories.soup(login(viewer).get(url("detail", team, talk)))
    (bubble,) = page.select(".talk-out")
    assert "It may have been sent." in bubble.get_text(" ", strip=True)
    assert bubble.select_one(".talk-ticks")["title"] == "Unconfirmed"
    assert "Unconfirmed" in page.select_one(".talk-panel").get_text(" ", strip=True)
    record_messages(team, [inbound(f"{n}", minutes=10 + n) for n in range(threads.PAGE_SIZE)])
    found = [entry.text for entry in threads.iter_entries(talk)]
    assert found.count("Hi Ama, your code is MF-24.") == 1
    older = threads.page_of(talk, threads.page_of(talk).older)
    assert [entry.is_unconfirmed for entry in older.entries] == [False, True, False]


def test_a_status_without_a_phone_refreshes_the_thread(team):
    sent(team, remote_id="wamid.9")
    open_conversation(team, f"+{PHONE}")
    before = Conversation.objects.get().version
    record_statuses(team, [StatusUpdate("wamid.9", MessageStatus.READ, at=NOON)])
    assert Conversation.objects.get().version > before
