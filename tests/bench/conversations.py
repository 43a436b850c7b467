"""The list, a thread and the search with very many messages, compared with Django's own means.

Half of the messages belong to one conversation. Pages are requested by the test client, with
login, permissions and template; the rest are queries alone. Each number is the median of several
runs; the two sides of a ratio run in turns.
"""

import statistics
import time
from datetime import timedelta

from django.contrib import admin
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from conversations import search, threads
from conversations.models import Conversation, Message
from core.listing import keyset_page
from teams.models import User
from tests import factories
from tests.conversations.bulk_data import BEGIN, PEOPLE, fill

RUNS = 7
# Without an index a search scans everything: few runs are enough.
SLOW_RUNS = 2


class StockConversations(admin.ModelAdmin):
    list_display = ("phone", "name", "unread_count", "last_message_at")
    list_per_page = 50


class StockMessages(admin.ModelAdmin):
    list_display = ("conversation", "inbound", "kind", "text", "status", "at")
    list_per_page = threads.PAGE_SIZE


def measure(count):
    # Before the URLs are loaded, or the admin's lists would have none.
    admin.site.register(Conversation, StockConversations)
    admin.site.register(Message, StockMessages)
    team = factories.make_team("many")
    begun = time.monotonic()
    talk, _ = fill(team, count)
    conversations = Conversation.objects.count()
    took = time.monotonic() - begun
    print(f"{count:,} messages, {conversations:,} conversations, in {took:.0f} s")
    client = Client(raise_request_exception=True)
    client.force_login(factories.make_user("Ama Mensah", team, "manager"))
    listing = reverse("conversations:conversation_list", args=(team.slug,))
    thread = reverse("conversations:conversation_detail", args=(team.slug, talk.uuid))
    measure_pages(client, listing, thread, count)
    measure_peer(client, "list", listing, Conversation)
    measure_peer(client, "thread", thread, Message)
    measure_depth(talk, count)
    measure_words(team)
    measure_numbers(team)


def measure_pages(client, listing, thread, count):
    """Print the time and the queries of every page."""
    deep = BEGIN + timedelta(seconds=max(count - 2 * 1_000 * threads.PAGE_SIZE, count // 10))
    place = str(threads.Cursor(deep, threads.FROM_MESSAGE, 1))
    for label, path, query in (
        ("list", listing, {}),
        ("list, unread", listing, {"show": "unread"}),
        ("list, open window", listing, {"show": "open"}),
        ("search, a word in every message", listing, {"q": "common"}),
        ("search, two words", listing, {"q": "common rare77"}),
        ("search, a rare word", listing, {"q": "rare77"}),
        ("search, a prefix", listing, {"q": "rare7"}),
        ("search, no match", listing, {"q": "nobody said this"}),
        ("search, a name", listing, {"q": "person 777"}),
        ("search, a number", listing, {"q": "0210000077"}),
        ("thread", thread, {}),
        ("thread, page 1,000", thread, {"before": place}),
    ):
        with CaptureQueriesContext(connection) as queries:
            assert client.get(path, query).status_code == 200
        asked = len(queries)
        took = median(lambda path=path, query=query: client.get(path, query))
        print(f"{label}: {took * 1000:.0f} ms, {asked} queries", flush=True)


def measure_peer(client, label, path, model):
    """Compare a page with the stock list of Django's admin, with as many rows on a page."""
    boss = Client()
    boss.force_login(User.objects.create_superuser(f"boss@{label}.example", "a password"))
    changelist = reverse(f"admin:{model._meta.app_label}_{model._meta.model_name}_changelist")
    assert boss.get(changelist).status_code == 200
    ours, peer = in_turns(lambda: client.get(path), lambda: boss.get(changelist))
    print(f"{label}: {ours * 1000:.0f} ms; stock admin list {peer * 1000:.0f} ms", end="; ")
    print(f"{peer / ours:.1f} times as fast", flush=True)


def measure_depth(talk, count):
    """Compare pages far down with the first one: of the thread, and of the list."""
    for deep in (count // 10, count // 2 - count // 100):
        at = BEGIN + timedelta(seconds=count - 2 * deep)
        place = threads.Cursor(at, threads.FROM_MESSAGE, 1)
        first, far = in_turns(
            lambda: threads.page_of(talk), lambda place=place: threads.page_of(talk, place)
        )
        print(f"thread, {deep:,} deep: {far / first:.2f} times page 1", flush=True)
    conversations = count // PEOPLE
    listed = Conversation.objects.for_team(talk.team).with_messages()
    order = ("-last_message_at", "-pk")
    newest = listed.order_by(*order)
    for deep in (conversations // 5, conversations * 9 // 10):
        last = newest[deep]
        first, far = in_turns(
            lambda: list(newest[:51]),
            lambda last=last: keyset_page(listed, order=order, after=last, size=50),
        )
        print(f"list, {deep:,} deep: {far / first:.2f} times page 1", flush=True)


def measure_words(team):
    """Compare the search with `icontains`, which scans the texts one by one."""
    mine = Message.objects.filter(team=team).order_by("-pk").values_list("pk", flat=True)
    for words in ("needle", "common needle", "nobodysaidthis", "rare4321", "comm", "common"):

        def peer(words=words):
            found = mine
            for word in words.split():
                found = found.filter(text__icontains=word)
            return list(found[: search.CANDIDATES])

        ours = median(lambda words=words: search.find_messages(team, words))
        theirs = median(peer, SLOW_RUNS)
        print(f"words {words!r}: {ours * 1000:.1f} ms; icontains {theirs * 1000:.0f} ms", end="; ")
        print(f"{theirs / ours:.0f} times as fast", flush=True)


def measure_numbers(team):
    """Compare the search for a prefix of a number with `contains`."""
    phones = Conversation.objects.for_team(team).order_by("phone").values_list("pk", flat=True)

    def peer():
        return list(phones.filter(phone__contains="23321000077")[: search.CANDIDATES])

    ours, theirs = in_turns(lambda: search.find_phones(team, "23321000077"), peer)
    print(f"prefix of a number: {ours * 1000:.1f} ms; contains {theirs * 1000:.0f} ms", end="; ")
    print(f"{theirs / ours:.0f} times as fast", flush=True)


def median(do, runs=RUNS):
    return statistics.median(seconds(do) for _ in range(runs))


def in_turns(one, other):
    """Return the median seconds of two things, each measured after the other."""
    pairs = [(seconds(one), seconds(other)) for _ in range(RUNS)]
    return tuple(map(statistics.median, zip(*pairs, strict=True)))


def seconds(do):
    begun = time.monotonic()
    do()
    return time.monotonic() - begun
