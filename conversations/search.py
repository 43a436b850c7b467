"""Words in messages and names: FTS5 on SQLite, tsvector on PostgreSQL, with one meaning.

What is indexed are the folded words of `words.folded`, the team's mark among them, so that both
databases see the same words and nobody's search walks through another team's messages. The
newest rows that match are the candidates, at most so many: a search never ranks.
"""

from django.db import connection

from conversations import words
from conversations.indexes import VECTOR
from conversations.models import Conversation, Message

CANDIDATES = 1_000
MOST_TYPED = 10


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
    mark = f"{words.TEAM_MARK}{team.pk}"
    open_end = len(found[-1]) > 1
    # A folded word has letters and digits only: nothing in it is syntax, and still it is quoted.
    if connection.vendor == "sqlite":
        sql = (
            f"SELECT rowid FROM {table}_words WHERE {table}_words MATCH %s"
            f" ORDER BY rowid DESC LIMIT {CANDIDATES}"
        )
        query = " AND ".join(f'"{word}"' for word in (mark, *found)) + " *" * open_end
    else:
        sql = (
            f"SELECT id FROM {table} WHERE {VECTOR} @@ %s::tsquery"
            f" ORDER BY id DESC LIMIT {CANDIDATES}"
        )
        query = " & ".join(f"'{word}'" for word in (mark, *found)) + ":*" * open_end
    with connection.cursor() as cursor:
        cursor.execute(sql, [query])
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
