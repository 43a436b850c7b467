"""Process stored deliveries: split them into events and dispatch each event once."""

import logging
import time
from collections.abc import Iterable, Sequence
from datetime import timedelta
from typing import Any

from django.db import connection, transaction

from chumi_api import webhooks as payloads
from chumi_api.types import Event
from core import clocks
from teams import crypto
from teams.models import Team
from webhooks.models import Delivery, Webhook, WebhookEvent
from webhooks.services.events import (
    RETRY_CHUNK,
    dispatch,
    is_lost,
    key_of,
    kind_of,
    retry_waiting,
    row_of,
)

logger = logging.getLogger(__name__)

# Deliveries per transaction, by number and by size. While the transaction holds SQLite's lock,
# nothing can be received; after it, other writers get `PAUSE` seconds to go first.
DELIVERIES, CHARACTERS = 60, 400_000
PAUSE = 0.1
# Transactions per run of the task; then other tasks get their turn.
ROUNDS = 40
# While deliveries come in, the next run starts after this time, in seconds, so that more gather.
GATHER = 1.0
# The longest wait before a failed delivery is processed again, in seconds.
LONGEST_BACKOFF = 3600
KEYS_PER_QUERY = 1000


class _TakenByAnotherWorker(Exception):
    """Another worker processed the delivery in the meantime."""


def process(team: Team) -> float | None:
    """Process deliveries. Return the seconds until there is more to do, None if nothing is."""
    webhook = Webhook.objects.filter(team=team).first()
    if webhook is None:
        return None
    has_processed = False
    for _round in range(ROUNDS):
        rows = _next_deliveries(team)
        if not rows:
            break
        if has_processed:
            _let_others_write()
        has_processed = True
        _process(webhook, rows)
    for _round in range(ROUNDS):
        if retry_waiting(team) < RETRY_CHUNK:
            break
        _let_others_write()
    return GATHER if has_processed else _seconds_until_due(team)


def _let_others_write() -> None:
    if connection.vendor == "sqlite":
        time.sleep(PAUSE)


def _next_deliveries(team: Team) -> list[Delivery]:
    rows: list[Delivery] = []
    size = 0
    for row in Delivery.objects.due(team, clocks.now())[:DELIVERIES]:
        size += len(row.ciphertext)
        if rows and size > CHARACTERS:
            break
        rows.append(row)
    return rows


def _process(webhook: Webhook, rows: Sequence[Delivery]) -> None:
    """Process deliveries together; if that fails, one by one, and postpone those that fail."""
    try:
        _apply(webhook, rows)
    except Exception as error:
        # One broken body must not block the others.
        if len(rows) > 1:
            for row in rows:
                _process(webhook, [row])
            return
        (row,) = rows
        if isinstance(error, _TakenByAnotherWorker):
            return
        logger.exception("webhook not processed", extra={"delivery": row.pk})
        wait = min(2.0**row.tries, LONGEST_BACKOFF)
        Delivery.objects.filter(pk=row.pk, processed_at=None).update(
            tries=min(row.tries + 1, 1000),
            next_try_at=clocks.now() + timedelta(seconds=wait),
            error=type(error).__name__[:100],
        )


def _apply(webhook: Webhook, rows: Sequence[Delivery]) -> None:
    team = webhook.team
    events: dict[str, tuple[Event, Any]] = {}
    for row in rows:
        body = crypto.decrypt(row.ciphertext, bound_to=row.bound_to()).encode()
        for event in payloads.parse(body):
            timed = payloads.with_time(event, row.received_at)
            events.setdefault(key_of(event, row), (timed, row.received_at))
    with transaction.atomic():
        # The claim: if another worker took one of them, none is applied here.
        own = Delivery.objects.filter(pk__in=[row.pk for row in rows], processed_at=None)
        if own.update(processed_at=clocks.now(), next_try_at=None, error="") != len(rows):
            raise _TakenByAnotherWorker
        stored = _stored_keys(team, list(events))
        fresh = {key: event for key, event in events.items() if key not in stored}
        known_ids = dispatch(webhook, [event for event, _received_at in fresh.values()])
        WebhookEvent.objects.bulk_create(
            (
                row_of(team, key, event, received_at, known_ids)
                for key, (event, received_at) in fresh.items()
            ),
            batch_size=KEYS_PER_QUERY,
        )
        _record_arrivals(webhook, [event for event, _received_at in events.values()], rows)


def _stored_keys(team: Team, keys: Sequence[str]) -> set[str]:
    stored: set[str] = set()
    for start in range(0, len(keys), KEYS_PER_QUERY):
        chunk = keys[start : start + KEYS_PER_QUERY]
        rows = WebhookEvent.objects.filter(team=team, key__in=chunk)
        stored |= set(rows.values_list("key", flat=True))
    return stored


def _record_arrivals(webhook: Webhook, events: Iterable[Event], rows: Sequence[Delivery]) -> None:
    """Record when each kind of event last arrived."""
    last = max(row.received_at for row in rows)
    arrived = dict(Webhook.objects.values_list("arrived", flat=True).get(pk=webhook.pk))
    fields: dict[str, Any] = {"last_event_at": last}
    for event in events:
        kind = "unknown" if is_lost(event) else kind_of(event)
        arrived[kind] = max(arrived.get(kind, ""), last.isoformat())
        if is_lost(event):
            fields["last_unknown"] = kind_of(event)[:60]
    Webhook.objects.filter(pk=webhook.pk).update(arrived=arrived, **fields)


def _seconds_until_due(team: Team) -> float | None:
    waiting = WebhookEvent.objects.waiting(team).order_by("next_try_at")
    unprocessed = Delivery.objects.filter(team=team, processed_at=None).order_by("next_try_at")
    moments = [
        *waiting.values_list("next_try_at", flat=True)[:1],
        *unprocessed.values_list("next_try_at", flat=True)[:1],
    ]
    if not moments:
        return None
    now = clocks.now()
    return max(min((moment or now) - now for moment in moments).total_seconds(), GATHER)
