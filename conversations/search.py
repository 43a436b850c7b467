"""Full-text search of messages and names: FTS5 on SQLite, tsvector on PostgreSQL.

The index holds the folded words of `text.folded` with the team's mark among them, so that both
databases see the same words and no search walks through another team's messages. The newest
matching rows are the candidates, at most `CANDIDATES`; nothing is ranked.

The index returns all matches before the newest are known, which takes a second if millions
match. So the newest rows are scanned first, without it: words that fill the page from there are
common, and all others are rare enough for the index.
"""

from collections.abc import Iterable, Sequence
from typing import Any

from django.db import connection

from conversations import text
from conversations.indexes import VECTOR
from conversations.models import Conversation, Message
from teams.models import Team

CANDIDATES = 1_000
# Rows to scan before the index is used.
NEWEST = 20_000
MAX_TYPED_WORDS = 10
HAS_WORD = " AND folded || ' ' LIKE %s"


def find_messages(team: Team, typed: str) -> list[int] | None:
    """Return the ids of the newest messages with all words, newest first; None without words.

    The last word also matches as a prefix, from two letters on.
    """
    return _find("conversations_message", team, typed)


def find_names(team: Team, typed: str) -> list[int] | None:
    """Return the ids of the conversations with all words in their name; None without words."""
    return _find("conversations_conversation", team, typed)


def _find(table: str, team: Team, typed: str) -> list[int] | None:
    words = text.fold(typed)[:MAX_TYPED_WORDS]
    if not words:
        return None
    is_prefix = len(words[-1]) > 1
    ids = _scan_newest(table, team, words, is_prefix)
    return ids if len(ids) == CANDIDATES else _search_index(table, team, words, is_prefix)


def _scan_newest(table: str, team: Team, words: list[str], is_prefix: bool) -> list[int]:
    newest = f"SELECT id, team_id, folded FROM {table} ORDER BY id DESC LIMIT {NEWEST}"
    sql = (
        f"SELECT id FROM ({newest}) AS newest WHERE team_id = %s{HAS_WORD * len(words)}"
        f" ORDER BY id DESC LIMIT {CANDIDATES}"
    )
    ends = [" "] * (len(words) - 1) + ["" if is_prefix else " "]
    likes = [f"% {word}{end}%" for word, end in zip(words, ends, strict=True)]
    return _ids(sql, [team.pk, *likes])


def _search_index(table: str, team: Team, words: list[str], is_prefix: bool) -> list[int]:
    # A folded word has letters and digits only, so nothing in it is syntax; quoted all the same.
    words = [f"{text.TEAM_MARK}{team.pk}", *words]
    if connection.vendor == "sqlite":
        sql = (
            f"SELECT rowid FROM {table}_words WHERE {table}_words MATCH %s"
            f" ORDER BY rowid DESC LIMIT {CANDIDATES}"
        )
        query = " AND ".join(f'"{word}"' for word in words) + " *" * is_prefix
    else:
        # OFFSET 0: PostgreSQL expects a prefix to match often and would scan the whole table.
        sql = (
            f"SELECT id FROM (SELECT id FROM {table} WHERE {VECTOR} @@ %s::tsquery OFFSET 0)"
            f" AS found ORDER BY id DESC LIMIT {CANDIDATES}"
        )
        query = " & ".join(f"'{word}'" for word in words) + ":*" * is_prefix
    return _ids(sql, [query])


def _ids(sql: str, values: Sequence[Any]) -> list[int]:
    with connection.cursor() as cursor:
        cursor.execute(sql, values)
        return [pk for (pk,) in cursor.fetchall()]


def find_phones(team: Team, digits: str) -> list[int]:
    """Return the ids of conversations whose number starts with these digits."""
    low, high = f"+{digits}", f"+{digits}" + "9" * 16
    found = Conversation.objects.for_team(team).filter(phone__gte=low, phone__lte=high)
    return list(found.order_by("phone").values_list("pk", flat=True)[:CANDIDATES])


def newest_match(ids: Iterable[int]) -> dict[int, Message]:
    """Return the newest of these messages in each conversation, by conversation id."""
    found = {}
    messages = Message.objects.filter(pk__in=ids).order_by("at", "pk")
    columns = ("conversation", "inbound", "kind", "text", "media_name", "template_name")
    for message in messages.only(*columns):
        found[message.conversation_id] = message
    return found
