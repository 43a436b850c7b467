"""What the calls to ChumiAI say about a team's connection, written where something changes.

Every call of a client that `services.client_for` built is heard here, so that no caller forgets
to clear a problem that is over. A call that costs nothing to remember writes nothing.
"""

import re
import threading
from typing import Any

from django.db import transaction

from chumi_api.errors import ChumiError, Forbidden, Rejected, Unauthorized
from core import clocks
from core.sentences import Sentence
from teams.models import Connection
from whatsapp import errors

# A key that lacks one of these can't send.
TO_SEND = ("templates:read", "whatsapp:send")


class Watch:
    """What is new from the calls of one client, which may be made in several threads.

    They are written in the thread that made the client, as it hears the next call or settles:
    the others do HTTP only.
    """

    def __init__(self, connection: Connection) -> None:
        self.row = {"pk": connection.pk, "key_fingerprint": connection.key_fingerprint}
        self.problem = connection.problem
        self.scopes = dict(connection.scopes)
        self.thread = threading.get_ident()
        self.lock = threading.Lock()
        self.heard: dict[str, Any] = {}

    def hear(self, scope: str, error: ChumiError | None) -> None:
        """Remember the outcome of a call; `scope` is '' where ChumiAI documents none."""
        with self.lock:
            if error is None:
                self._note(scope, "granted", "")
            elif isinstance(error, Forbidden) and (missing := error.required_scope or scope):
                problem = words_of(error) if missing in TO_SEND else None
                self._note(missing, "missing", problem, said_in(error))
            elif stops_every_call(error):
                self._note("", "", words_of(error), said_in(error))
        if threading.get_ident() == self.thread:
            self.settle()

    def _note(self, scope: str, state: str, problem: str | None, said: str = "") -> None:
        if problem is not None and problem != self.problem:
            self.problem = problem
            self.heard |= {"problem": problem, "problem_said": said}
        if scope and self.scopes.get(scope) != state:
            self.scopes[scope] = state
            self.heard.setdefault("scopes", {})[scope] = state

    def settle(self) -> None:
        """Write what is new, if anything is. Not in a thread that does HTTP only."""
        with self.lock:
            heard, self.heard = self.heard, {}
        if not heard:
            return
        with transaction.atomic():
            # A key that was replaced in the meantime says nothing about the one of today.
            row = Connection.objects.select_for_update().filter(**self.row).first()
            if row is not None:
                row.scopes = row.scopes | heard.get("scopes", {})
                row.problem = heard.get("problem", row.problem)
                row.problem_said = heard.get("problem_said", row.problem_said)
                row.checked_at = clocks.now()
                row.save(update_fields=["scopes", "problem", "problem_said", "checked_at"])


def stops_every_call(error: ChumiError) -> bool:
    """Return True if the key or the account can't be used until a person does something.

    What is temporary passes without a person; a missing template, group or address says nothing
    about the key.
    """
    if isinstance(error, Rejected):
        known = errors.explain(error.code)
        return known.about == errors.About.ACCOUNT and known.pauses
    return isinstance(error, (Unauthorized, Forbidden))


def words_of(error: ChumiError) -> str:
    """Return why ChumiAI refused: the meaning of its code, or our words with ChumiAI's own."""
    known = errors.explain(error.code)
    if known is not errors.UNKNOWN:
        return known.sentence
    params = {name: str(value) for name, value in error.params.items()}
    return Sentence(error.reason, params) if params else error.reason


def said_in(error: ChumiError) -> str:
    """Return ChumiAI's own words, shortened and without numbers of people."""
    return re.sub(r"\+?\d[\d\s()-]{5,}\d", "…", error.vendor_message)[:200]
