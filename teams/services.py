"""Every change of the connection of a team, and the one place that builds a Client."""

from typing import Any

from django.conf import settings
from django.db import transaction
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from chumi_api.client import Client
from core import clocks
from core.errors import Refused
from teams import access, crypto, watch
from teams.models import AuditEvent, Connection, Team, User

# The permissions of a key that the product uses, and what for.
SCOPES = {
    "templates:read": gettext_lazy("Show your WhatsApp templates here"),
    "whatsapp:send": gettext_lazy("Send campaigns"),
    "whatsapp:read": gettext_lazy("Show conversations and message history"),
    "contacts:read": gettext_lazy("Show your contacts and groups"),
}


class NotConnected(Exception):
    """The team has no usable key; the message is a sentence for people."""


def audit(
    team: Team | None,
    action: str,
    *,
    by: User | None = None,
    subject: str = "",
    before: dict[str, Any] | None = None,
    after: dict[str, Any] | None = None,
) -> None:
    """Append to the audit log; call it inside the transaction of the change."""
    AuditEvent.objects.create(
        team=team,
        user=by,
        user_email=by.email if by else "",
        action=action,
        subject=subject,
        before=before or {},
        after=after or {},
    )


def key_fingerprint_of(team: Team) -> str:
    """Return a text that teams with the same key share, and no others."""
    found = Connection.objects.filter(team=team).values_list("key_fingerprint", flat=True)
    return found.first() or f"team {team.pk}"


def client_for(team: Team) -> Client:
    """Build the Client of the team. Raise `NotConnected`."""
    connection = Connection.objects.filter(team=team).first()
    if connection is None or not connection.has_key:
        raise NotConnected(
            _("This team has no ChumiAI key yet. A manager can add it on the Connection page.")
        )
    if connection.base_url not in settings.CHUMIAI_BASE_URLS:
        raise NotConnected(
            _(
                "This server may no longer call the ChumiAI address of this team. "
                "A manager can choose another on the Connection page."
            )
        )
    try:
        key = connection.key()
    except crypto.CannotDecrypt:
        raise NotConnected(
            _(
                "This server can't decrypt the stored ChumiAI key. "
                "A manager can paste it again on the Connection page."
            )
        ) from None
    return Client(
        connection.base_url,
        key,
        deadline=settings.CHUMIAI_READ_SECONDS,
        send_deadline=settings.CHUMIAI_SEND_SECONDS,
        listener=watch.Watch(connection),
        list_seconds=settings.CHUMIAI_LIST_SECONDS,
        list_bytes=settings.CHUMIAI_LIST_BYTES,
    )


def read_key(text: str) -> str:
    """Return the pasted key without spaces around it. Raise `Refused`."""
    key = text.strip()
    if not (key.isascii() and key.isprintable() and " " not in key and 8 <= len(key) <= 200):
        raise Refused(_("This does not look like a ChumiAI key. Keys start with chumi_sk_."))
    return key


@transaction.atomic
def connect(team: Team, *, base_url: str, key: str = "", by: User | None = None) -> Connection:
    """Store the base URL of the team and, where given, its key. Raise `Refused`.

    A change of the base URL deletes the key: a key must only be sent to the address that it was
    pasted for.
    """
    base_url = base_url.rstrip("/")
    if base_url not in settings.CHUMIAI_BASE_URLS:
        raise Refused(
            _(
                "This server may not call that address. "
                "An administrator can add it to CHUMIAI_BASE_URLS."
            )
        )
    key = read_key(key) if key else ""
    connection, _created = Connection.objects.get_or_create(
        team=team, defaults={"base_url": base_url}
    )
    before = {"base_url": connection.base_url, "key": connection.key_last4}
    if connection.base_url != base_url:
        connection.base_url = base_url
        connection.key_ciphertext = connection.key_last4 = connection.key_fingerprint = ""
    if key:
        connection.set_key(key)
    connection.scopes, connection.checks, connection.tested_at = {}, [], None
    connection.problem, connection.problem_said, connection.checked_at = "", "", None
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


def test_connection(team: Team) -> Connection:
    """Ask ChumiAI what the key allows, without sending; return the updated Connection.

    What was answered is heard like every other call (see `watch`). The answers are kept for the
    page; a problem is only what no later call can answer by itself. Raise `NotConnected`.
    """
    report = client_for(team).check_access()
    problem = access.key_problem(report)
    lasting = problem is not None and not problem.is_temporary
    known = Connection.objects.get(team=team).scopes
    Connection.objects.filter(team=team).update(
        scopes={scope: known.get(scope, state) for scope, state in report.scopes.items()},
        checks=access.stored(report),
        tested_at=clocks.now(),
    )
    record_problem(
        team,
        watch.words_of(problem) if problem and lasting else "",
        said=watch.said_in(problem) if problem and lasting else "",
    )
    return Connection.objects.get(team=team)


def record_problem(team: Team, problem: str, *, said: str = "") -> None:
    """Store why ChumiAI can't be used, a sentence, or '' if it can; `said` are its own words."""
    Connection.objects.filter(team=team).update(
        problem=problem, problem_said=said, checked_at=clocks.now()
    )


def settle(client: Client) -> None:
    """Write what the threads that called ChumiAI with this client have heard."""
    if isinstance(client.listener, watch.Watch):
        client.listener.settle()


def create_team(slug: str, *, name: str, by: User | None = None) -> Team:
    """Return the team with `slug`, and create it where it is missing."""
    team, _created = Team.objects.get_or_create(slug=slug, defaults={"name": name or slug})
    return team
