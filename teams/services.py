"""Every change of a team's connection, and the one place where a Client is built."""

from django.conf import settings
from django.db import transaction
from django.utils import timezone

from chumi_api.client import Client
from chumi_api.errors import Forbidden
from core.errors import Refused
from teams import crypto
from teams.models import AuditEvent, Connection, Team

# What the product needs of a key, and what for.
SCOPES = {
    "templates:read": "Show your WhatsApp templates here",
    "whatsapp:send": "Send campaigns",
    "whatsapp:read": "Read conversations and message history",
    "contacts:read": "Read your contacts and groups",
}


class NotConnected(Exception):
    """The team has no usable key; the message is a sentence for people."""


def audit(team, action, *, by=None, subject="", before=None, after=None):
    """Append to the audit log; call it inside the transaction of the change."""
    AuditEvent.objects.create(
        team=team, user=by, action=action, subject=subject, before=before or {}, after=after or {}
    )


def key_fingerprint_of(team: Team) -> str:
    """Return what is equal for teams with the same key, and only for these."""
    found = Connection.objects.filter(team=team).values_list("key_fingerprint", flat=True)
    return found.first() or f"team {team.pk}"


def client_for(team):
    """Build the Client of the team. Raise `NotConnected`."""
    connection = Connection.objects.filter(team=team).first()
    if connection is None or not connection.has_key:
        raise NotConnected(
            "This team has no ChumiAI key yet. A manager can add it on the Connection page."
        )
    if connection.base_url not in settings.CHUMIAI_BASE_URLS:
        raise NotConnected(
            "The ChumiAI address of this team is not allowed on this server any more. "
            "A manager can choose another on the Connection page."
        )
    try:
        key = connection.key()
    except crypto.CannotDecrypt:
        raise NotConnected(
            "The stored ChumiAI key can't be read on this server. "
            "A manager can paste it again on the Connection page."
        ) from None
    return Client(
        connection.base_url,
        key,
        deadline=settings.CHUMIAI_READ_SECONDS,
        send_deadline=settings.CHUMIAI_SEND_SECONDS,
    )


def read_key(text):
    """Return what was pasted as a key. Raise `Refused`."""
    key = text.strip()
    if not (key.isascii() and key.isprintable() and " " not in key and 8 <= len(key) <= 200):
        raise Refused("That does not look like a ChumiAI key. It begins with chumi_sk_.")
    return key


@transaction.atomic
def connect(team, *, base_url, key="", by=None):
    """Store the team's base URL and, where given, its key. Raise `Refused`.

    Another base URL forgets the key: a key must never travel to an address that it was
    not pasted for.
    """
    base_url = base_url.rstrip("/")
    if base_url not in settings.CHUMIAI_BASE_URLS:
        raise Refused(
            "This server may not call that address. "
            "An administrator can add it to CHUMIAI_BASE_URLS."
        )
    key = read_key(key) if key else ""
    connection, _ = Connection.objects.get_or_create(team=team, defaults={"base_url": base_url})
    before = {"base_url": connection.base_url, "key": connection.key_last4}
    if connection.base_url != base_url:
        connection.base_url = base_url
        connection.key_ciphertext = connection.key_last4 = connection.key_fingerprint = ""
    if key:
        connection.set_key(key)
    connection.scopes, connection.problem, connection.checked_at = {}, "", None
    connection.save()
    audit(
        team,
        "connection changed",
        by=by,
        subject=connection.base_url,
        before=before,
        after={"base_url": connection.base_url, "key": connection.key_last4},
    )
    return connection


def test_connection(team):
    """Ask ChumiAI, read-only, what the key may do; return the updated Connection.

    A permission that is missing is told by `scopes`; `problem` is what stops every call.
    Raise `NotConnected`.
    """
    report = client_for(team).check_access()
    problems = [c.problem for c in report.checks if not isinstance(c.problem, Forbidden)]
    problem = next(filter(None, problems), "")
    Connection.objects.filter(team=team).update(
        scopes=report.scopes, problem=str(problem)[:300], checked_at=timezone.now()
    )
    return Connection.objects.get(team=team)


def record_problem(team, problem):
    """Remember why ChumiAI could not be used, or '' that it could."""
    Connection.objects.filter(team=team).update(problem=problem[:300], checked_at=timezone.now())


def create_team(slug, *, name, by=None):
    """Return the team with `slug`, made where it is missing."""
    team, _ = Team.objects.get_or_create(slug=slug, defaults={"name": name or slug})
    return team
