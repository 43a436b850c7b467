"""Words in messages and names: FTS5 on SQLite, tsvector on PostgreSQL, with one meaning.

What is indexed are the folded words of `words.folded`, the team's mark among them, so that both
databases see the same words and nobody's search walks through another team's messages. The
newest rows that match are the candidates, at most so many: a search never ranks.

An index gathers all that match before the newest are known, which takes a second where most of ten
million do. So the newest rows are read first, without it: what fills the page from them is common,
and what does not is rare enough for the index.
"""

from django.db import connection

from conversations import words
from conversations.indexes import VECTOR
from conversations.models import Conversation, Message

CANDIDATES = 1_000
# So many rows are read without the index.
NEWEST = 20_000
MOST_TYPED = 10
HAS_WORD = " AND folded || ' ' LIKE %s"


def messages_with(team, typed):
    """Return the ids of the newest messages with all the words, newest first; None without any.

    The last word may be the beginning of one, from its second letter on.
    """
    return _newest("conversations_message", team, typed)


def named(team, typed):
    """Return the ids of the conversations whose name has all the words; None without any."""
    return _newest("conversations_conversation", team, typed)


def _newest(table, team, typed):
    found = words.fold(typed)[:MOST_TYPED]
    if not found:
        return None
    # The last word may go on.
    is_open = len(found[-1]) > 1
    rows = _among_the_newest(table, team, found, is_open)
    return rows if len(rows) == CANDIDATES else _by_index(table, team, found, is_open)


def _among_the_newest(table, team, found, is_open):
    newest = f"SELECT id, team_id, folded FROM {table} ORDER BY id DESC LIMIT {NEWEST}"
    sql = (
        f"SELECT id FROM ({newest}) AS newest WHERE team_id = %s{HAS_WORD * len(found)}"
        f" ORDER BY id DESC LIMIT {CANDIDATES}"
    )
    ends = [" "] * (len(found) - 1) + ["" if is_open else " "]
    likes = [f"% {word}{end}%" for word, end in zip(found, ends, strict=True)]
    return _ids(sql, [team.pk, *likes])


def _by_index(table, team, found, is_open):
    # A folded word has letters and digits only: nothing in it is syntax, and still it is quoted.
    found = [f"{words.TEAM_MARK}{team.pk}", *found]
    if connection.vendor == "sqlite":
        sql = (
            f"SELECT rowid FROM {table}_words WHERE {table}_words MATCH %s"
            f" ORDER BY rowid DESC LIMIT {CANDIDATES}"
        )
        query = " AND ".join(f'"{word}"' for word in found) + " *" * is_open
    else:
        # PostgreSQL takes the beginning of a word for common and would read the whole table.
        sql = (
            f"SELECT id FROM (SELECT id FROM {table} WHERE {VECTOR} @@ %s::tsquery OFFSET 0)"
            f" AS found ORDER BY id DESC LIMIT {CANDIDATES}"
        )
        query = " & ".join(f"'{word}'" for word in found) + ":*" * is_open
    return _ids(sql, [query])


def _ids(sql, values):
    with connection.cursor() as cursor:
        cursor.execute(sql, values)
        return [pk for (pk,) in cursor.fetchall()]


def begin_with(team, digits):
    """Return the ids of conversations whose number begins so, whatever comes first."""
    low, high = f"+{digits}", f"+{digits}" + "9" * 16
    found = Conversation.objects.for_team(team).filter(phone__gte=low, phone__lte=high)
    return list(found.order_by("phone").values_list("pk", flat=True)[:CANDIDATES])


def newest_match(ids):
    """Return {conversation: message} with the newest of these messages of each conversation."""
    found = {}
    messages = Message.objects.filter(pk__in=ids).order_by("at", "pk")
    for message in messages.only("conversation", "kind", "text", "media_name", "template_name"):
        found[message.conversation_id] = message
    return found
