"""Any number of conversations and messages, made by the database itself."""

from datetime import UTC, datetime

from django.db import connection

from conversations import text
from conversations.models import Conversation, Message

BEGIN = datetime(2026, 1, 1, tzinfo=UTC)
PEOPLE = 20


def fill(team, count):
    """Insert `count` messages: half of them in one conversation, the rest in `count` / 20.

    A hundred of them contain a word that no other message has.
    """
    conversations = max(count // PEOPLE, 1)
    needle = f"CASE n %% {max(count // 100, 1)} WHEN 0 THEN ' needle' ELSE '' END"
    mark = f"{text.TEAM_MARK}{team.pk}"
    numbers, moment = _dialect(count)
    with connection.cursor() as cursor:
        cursor.execute(
            f"""
            INSERT INTO conversations_conversation (
                uuid, team_id, phone, name, folded, last_message_at, last_inbound_at,
                unread_count, version, history, history_skipped, history_error
            )
            {numbers}
            SELECT {_uuid()}, %s, '+2332' || (10000000 + n), 'Person ' || n,
                %s || ' person ' || n, {moment}, {moment}, n %% 3, 0, '', 0, ''
            FROM numbers WHERE n <= {conversations}
            """,
            [team.pk, mark],
        )
        first = Conversation.objects.filter(team=team).order_by("pk").values_list("pk", flat=True)
        cursor.execute(
            f"""
            INSERT INTO conversations_message (
                team_id, conversation_id, remote_id, inbound, kind, text, payload, reply_to,
                media_kind, media_type, media_name, template_name, status, at, at_is_reported,
                folded
            )
            {numbers}
            SELECT %s, {first[0]} + CASE n %% 2 WHEN 0 THEN 0 ELSE (n / 2) %% {conversations} END,
                'm' || n, {_true()}, 'text', 'Common word and rare' || (n %% 5000) || {needle},
                '', '', '', '', '', '', 0, {moment}, {_true()},
                %s || ' common word and rare' || (n %% 5000) || {needle}
            FROM numbers
            """,
            [team.pk, mark],
        )
        cursor.execute(
            """
            UPDATE conversations_conversation SET last_message_id = (
                SELECT id FROM conversations_message
                WHERE conversation_id = conversations_conversation.id
                ORDER BY at DESC, id DESC LIMIT 1
            ) WHERE team_id = %s
            """,
            [team.pk],
        )
    # SQLite has no statistics without ANALYZE, which the product never runs.
    if connection.vendor == "postgresql":
        with connection.cursor() as cursor:
            cursor.execute("ANALYZE")
    return Conversation.objects.get(pk=first[0]), Message.objects


def _dialect(count):
    """Return SQL for the numbers from 1 on, and for a time that grows with each number."""
    if connection.vendor == "sqlite":
        return (
            "WITH RECURSIVE numbers(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM numbers"
            f" WHERE n < {count})",
            f"datetime('{BEGIN:%Y-%m-%d}', '+' || n || ' seconds')",
        )
    return (
        f"WITH numbers AS (SELECT generate_series(1, {count}) AS n)",
        f"timestamptz '{BEGIN:%Y-%m-%d}+00' + n * interval '1 second'",
    )


def _uuid():
    sqlite = connection.vendor == "sqlite"
    return "lower(hex(randomblob(16)))" if sqlite else "gen_random_uuid()"


def _true():
    return "1" if connection.vendor == "sqlite" else "true"
