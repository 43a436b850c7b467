"""Store what ChumiAI posts, as it comes; a task processes it."""

import hashlib
import hmac
import threading
from collections.abc import Mapping
from typing import Any

from django.db import connection, transaction

from chumi_api import webhooks as payloads
from core import clocks
from tasks import services as tasks
from teams import crypto
from webhooks.models import Delivery, Webhook, hash_of

# Hot path: building these with the ORM takes longer than running them.
SELECT = (
    "SELECT id, team_id, secret_ciphertext, signing_ciphertext, signing_before_ciphertext"
    f" FROM {Webhook._meta.db_table} WHERE secret_hash = %s"
)
INSERT = (
    f"INSERT INTO {Delivery._meta.db_table}"
    " (team_id, digest, ciphertext, received_at, tries, error)"
    " VALUES (%s, %s, %s, %s, 0, '') ON CONFLICT DO NOTHING"
)

Row = tuple[Any, ...]


class UnknownAddress(Exception):
    """No webhook has this secret, or its address was replaced."""


class BadSignature(Exception):
    """A signature is required, and none was valid."""


def find_webhook(secret: str) -> Webhook:
    """Return the webhook whose address has this secret. Raise `UnknownAddress`."""
    for webhook in Webhook.objects.raw(SELECT, [hash_of(secret)]):
        return webhook
    raise UnknownAddress


def is_verify_token(webhook: Webhook, token: str) -> bool:
    """Compare in constant time."""
    return hmac.compare_digest(webhook.verify_token.encode(), token.encode("utf-8", "replace"))


def receive(webhook: Webhook, body: bytes, headers: Mapping[str, str]) -> None:
    """Store a body and request its processing. Raise `BadSignature` or `payloads.Malformed`.

    A refused body writes nothing.
    """
    if webhook.is_signed and not payloads.verify(body, headers, webhook.signing_secrets()):
        raise BadSignature
    payloads.read(body)
    now = clocks.now()
    team_id = webhook.team_id
    ciphertext = crypto.encrypt(
        body.decode("utf-8-sig"), bound_to=Delivery(team_id=team_id).bound_to()
    )
    digest = hashlib.sha256(f"{now:%Y-%m-%d} ".encode() + body).hexdigest()
    received_at = connection.ops.adapt_datetimefield_value(now)
    _inserts.add((team_id, digest, ciphertext, received_at))
    tasks.request_soon("process_webhooks", team_id)


class InsertQueue:
    """Rows from concurrent threads, inserted by the first of them in one transaction.

    In a flood, each thread would otherwise wait for SQLite's lock, or for the disk, by itself.
    """

    def __init__(self) -> None:
        self.waiting: list[list[Row]] = []
        self.lock = threading.Lock()

    def add(self, row: Row) -> None:
        """Return when the row is committed."""
        own = [row]
        self.waiting.append(own)
        with self.lock:
            if not any(entry is own for entry in self.waiting):
                return
            together = list(self.waiting)
            try:
                with transaction.atomic(), connection.cursor() as cursor:
                    cursor.executemany(INSERT, [row for (row,) in together])
            except BaseException:
                # The other threads still wait: each tries by itself and sees its own error.
                self.waiting.remove(own)
                raise
            del self.waiting[: len(together)]


_inserts = InsertQueue()
