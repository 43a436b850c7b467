"""Take in what ChumiAI tells, make events of it, and let everyone hear of them, once each."""

import hashlib
import hmac
import logging
import threading
import time
from collections import defaultdict
from contextlib import suppress
from datetime import timedelta

from django.conf import settings
from django.db import IntegrityError, connection, transaction
from django.utils import timezone

from campaigns.services import launches, receipts
from chumi_api import webhooks as payloads
from chumi_api.types import (
    Message,
    MessageStatus,
    Preference,
    StatusUpdate,
    TemplateUpdate,
    UnknownEvent,
)
from contacts import stop_words
from contacts.models import OptOut
from contacts.services import opt_out
from conversations import services as conversations
from core import phones
from core.errors import Refused
from message_templates.services import record_update
from tasks import services as tasks
from teams import crypto
from teams.services import audit
from webhooks.models import Delivery, Webhook, WebhookEvent, hash_of

logger = logging.getLogger(__name__)

# Who hears of messages, and who of statuses. Each takes the team and a list of events, may be told
# the same twice, and runs in one transaction with the rows of the events. Those who hear of
# statuses return the ids of the messages that they know, so that the others are told again.
MESSAGE_HEARERS = (conversations.record_messages,)
STATUS_HEARERS = (receipts.record_statuses, conversations.record_statuses)

# So many bodies, or so many bytes of them, are processed in one transaction. While it holds the
# lock of SQLite, nothing comes in; afterwards whoever waits gets so many seconds to be first.
DELIVERIES, CHARACTERS = 60, 400_000
REST = 0.1
# So many statuses are tried again in one transaction.
TRIED_AGAIN = 300
# So many transactions before others get their turn.
ROUNDS = 40
# While news come in, we look again after so many seconds and let them gather.
GATHER = 1.0
# When a status without its message is tried again, in seconds after the last try: two days in all.
TRIES = (2, 5, 15, 60, 300, 1800, 7200, 21_600, 43_200, 86_400)
LONGEST_BACKOFF = 3600
PURGED_AT_A_TIME = 1000
# What everything waits for under a flood: to write these with the ORM costs more than to run them.
ADDRESS = (
    "SELECT id, team_id, secret_ciphertext, signing_ciphertext, signing_before_ciphertext"
    f" FROM {Webhook._meta.db_table} WHERE secret_hash = %s"
)
INSERT = (
    f"INSERT INTO {Delivery._meta.db_table}"
    " (team_id, digest, ciphertext, received_at, tries, error)"
    " VALUES (%s, %s, %s, %s, 0, '') ON CONFLICT DO NOTHING"
)
# News may come in while a manager changes something: each writes its own fields.
ADDRESS_FIELDS = ["secret_hash", "secret_ciphertext", "made_at"]
SIGNING_FIELDS = ["signing_ciphertext", "signing_before_ciphertext", "signing_changed_at"]


# Taking in


class NoSuchAddress(Exception):
    """The secret is of no address, or of one that is no more."""


class NotSigned(Exception):
    """A signature is needed, and none of those that came is ours."""


def address_of(secret):
    """Return the `Webhook` whose address has this secret. Raise `NoSuchAddress`."""
    for webhook in Webhook.objects.raw(ADDRESS, [hash_of(secret)]):
        return webhook
    raise NoSuchAddress


def is_verify_token(webhook, token):
    return hmac.compare_digest(webhook.verify_token.encode(), token.encode("utf-8", "replace"))


def receive(webhook, body, headers):
    """Store a body, to be processed by a task. Raise `NotSigned` or `payloads.Malformed`.

    Nothing is written for a body that is refused.
    """
    if webhook.is_signed and not payloads.verify(body, headers, webhook.signing_secrets()):
        raise NotSigned
    payloads.read(body)
    now = timezone.now()
    team_id = webhook.team_id
    ciphertext = crypto.encrypt(
        body.decode("utf-8-sig"), bound_to=Delivery(team_id=team_id).bound_to()
    )
    digest = hashlib.sha256(f"{now:%Y-%m-%d} ".encode() + body).hexdigest()
    received_at = connection.ops.adapt_datetimefield_value(now)
    _inserts.add((team_id, digest, ciphertext, received_at))
    tasks.request_soon("process_webhooks", team_id)


class _Inserts:
    """Rows that threads bring at the same time, written by the first of them in one transaction.

    Under a flood each would wait for the lock of SQLite, or for the disk, by itself.
    """

    def __init__(self):
        self.waiting = []
        self.turn = threading.Lock()

    def add(self, row):
        """Return when the row is committed."""
        mine = [row]
        self.waiting.append(mine)
        with self.turn:
            if not any(row is mine for row in self.waiting):
                return
            together = list(self.waiting)
            try:
                with transaction.atomic(), connection.cursor() as cursor:
                    cursor.executemany(INSERT, [row for (row,) in together])
            except BaseException:
                # The others are still waiting: each tries by itself, and hears of its own trouble.
                self.waiting.remove(mine)
                raise
            del self.waiting[: len(together)]


_inserts = _Inserts()


# Processing


def process(team):
    """Process what came in. Return the seconds until there is more to do, or None."""
    webhook = Webhook.objects.filter(team=team).first()
    if webhook is None:
        return None
    did_any = False
    for _ in range(ROUNDS):
        rows = _next_deliveries(team)
        if not rows:
            break
        if did_any:
            _let_others_write()
        did_any = True
        _process(webhook, rows)
    for _ in range(ROUNDS):
        if _try_waiting(team) < TRIED_AGAIN:
            break
        _let_others_write()
    return GATHER if did_any else _seconds_until_due(team)


def _let_others_write():
    if connection.vendor == "sqlite":
        time.sleep(REST)


def _next_deliveries(team):
    rows, size = [], 0
    for row in Delivery.objects.due(team, timezone.now())[:DELIVERIES]:
        size += len(row.ciphertext)
        if rows and size > CHARACTERS:
            break
        rows.append(row)
    return rows


def _process(webhook, rows):
    """Process these; one that makes us stumble is set aside, and the others go on."""
    try:
        _apply(webhook, rows)
    except Exception as error:
        # One odd body must not hold up what the others tell.
        if len(rows) > 1:
            for row in rows:
                _process(webhook, [row])
            return
        (row,) = rows
        if isinstance(error, _TakenByAnother):
            return
        logger.exception("webhook not processed", extra={"delivery": row.pk})
        wait = min(2.0**row.tries, LONGEST_BACKOFF)
        Delivery.objects.filter(pk=row.pk, processed_at=None).update(
            tries=min(row.tries + 1, 1000),
            next_try_at=timezone.now() + timedelta(seconds=wait),
            error=type(error).__name__[:100],
        )


def _apply(webhook, rows):
    team = webhook.team
    events = {}
    for row in rows:
        body = crypto.decrypt(row.ciphertext, bound_to=row.bound_to()).encode()
        for event in payloads.parse(body):
            told = payloads.with_time(event, row.received_at)
            events.setdefault(_key(event, row), (told, row.received_at))
    with transaction.atomic():
        # Whoever else took them must not apply them again.
        mine = Delivery.objects.filter(pk__in=[row.pk for row in rows], processed_at=None)
        if mine.update(processed_at=timezone.now(), next_try_at=None, error="") != len(rows):
            raise _TakenByAnother
        known = set()
        keys = list(events)
        for start in range(0, len(keys), 1000):
            chunk = WebhookEvent.objects.filter(team=team, key__in=keys[start : start + 1000])
            known |= set(chunk.values_list("key", flat=True))
        fresh = {key: told for key, told in events.items() if key not in known}
        matched = _tell_everyone(webhook, [event for event, _ in fresh.values()])
        WebhookEvent.objects.bulk_create(
            (_event_row(team, key, *told, matched) for key, told in fresh.items()),
            batch_size=1000,
        )
        _record_arrivals(webhook, [event for event, _ in events.values()], rows)


class _TakenByAnother(Exception):
    """Another worker processed it in the meantime."""


def _key(event, delivery):
    """Name what an event tells; what has no time of its own is told anew on another day."""
    match event:
        case StatusUpdate():
            parts = ["status", event.remote_id, event.status, event.code]
        case Message():
            parts = ["message", event.remote_id]
        case UnknownEvent():
            parts = ["unknown", event.kind, delivery.digest]
        case _:
            moment = event.at or f"{delivery.received_at:%Y-%m-%d}"
            parts = [type(event).__name__, *_facts(event), moment]
    return hashlib.sha256("\0".join(map(str, parts)).encode()).hexdigest()


def _facts(event):
    if isinstance(event, Preference):
        return [event.phone, event.wants]
    return [
        event.name, event.language, event.remote_id, event.status, event.quality, event.category
    ]  # fmt: skip


def _event_row(team, key, event, received_at, matched):
    row = WebhookEvent(team=team, key=key, kind=_kind(event), received_at=received_at)
    if isinstance(event, UnknownEvent):
        row.state = WebhookEvent.State.UNKNOWN
    elif isinstance(event, StatusUpdate):
        row.data = {"message": event.remote_id[:500]}
        if event.remote_id not in matched:
            row.state = WebhookEvent.State.WAITING
            row.data |= {
                "status": event.status.value,
                "code": event.code,
                "at": event.at.isoformat(),
            }
            row.next_try_at = timezone.now() + timedelta(seconds=TRIES[0])
    return row


def _kind(event):
    match event:
        case StatusUpdate():
            return event.status.value
        case Message():
            return "message" if event.inbound else "echo"
        case TemplateUpdate():
            return "template"
        case Preference():
            return "preference"
    return event.kind


def _tell_everyone(webhook, events):
    """Let everyone hear of events that are new. Return the ids of the messages that we know."""
    team = webhook.team
    by_type = defaultdict(list)
    for event in events:
        by_type[type(event)].append(event)
    if messages := by_type[Message]:
        _record_stops(webhook, messages)
        for hear in MESSAGE_HEARERS:
            hear(team, messages)
    for preference in by_type[Preference]:
        # Only a manager lets somebody be written to again: WhatsApp's word is no consent.
        if not preference.wants:
            _opt_out(team, preference, OptOut.Source.WHATSAPP)
    for update in sorted(by_type[TemplateUpdate], key=lambda update: update.at):
        for template in record_update(team, update):
            if not template.is_sendable:
                launches.pause_for_template(template)
    return _tell_statuses(team, by_type[StatusUpdate])


def _tell_statuses(team, updates):
    matched = set()
    if updates:
        for hear in STATUS_HEARERS:
            matched |= set(hear(team, updates) or ())
    return matched


def _record_stops(webhook, messages):
    """Take a stop word, or a press of a stop button, for what it is."""
    words = stop_words.read_words(webhook.stop_words)
    for message in messages:
        if not message.inbound:
            continue
        is_button = message.kind in ("button", "interactive")
        if is_button and stop_words.is_stop_button(message.text):
            _opt_out(webhook.team, message, OptOut.Source.BUTTON, message.text)
        elif message.kind in ("text", "button", "interactive") and stop_words.is_stop_word(
            message.text, words
        ):
            source = OptOut.Source.BUTTON if is_button else OptOut.Source.KEYWORD
            _opt_out(webhook.team, message, source, message.text)


def _opt_out(team, event, source, text=""):
    found = phones.parse(f"+{event.phone}", region=team.default_region)
    phone = found.e164 if isinstance(found, phones.Phone) else f"+{event.phone}"
    opt_out(team, phone, source=source, message=text, at=event.at)


def _record_arrivals(webhook, events, rows):
    """Remember when each kind of news last came."""
    last = max(row.received_at for row in rows)
    arrived = dict(Webhook.objects.values_list("arrived", flat=True).get(pk=webhook.pk))
    fields = {"last_event_at": last}
    for event in events:
        kind = "unknown" if isinstance(event, UnknownEvent) else _kind(event)
        arrived[kind] = max(arrived.get(kind, ""), last.isoformat())
        if kind == "unknown":
            fields["last_unknown"] = event.kind[:60]
    Webhook.objects.filter(pk=webhook.pk).update(arrived=arrived, **fields)


def _try_waiting(team):
    """Tell of statuses once more whose messages we did not know. Return how many."""
    now = timezone.now()
    due = WebhookEvent.objects.waiting(team).filter(next_try_at__lte=now).order_by("next_try_at")
    rows = list(due[:TRIED_AGAIN])
    if not rows:
        return 0
    updates = [
        StatusUpdate(
            row.data["message"],
            MessageStatus(row.data["status"]),
            code=row.data["code"],
            at=payloads.as_time(row.data["at"]),
        )
        for row in rows
    ]
    with transaction.atomic():
        matched = _tell_statuses(team, updates)
        by_try = defaultdict(list)
        for row in rows:
            by_try[row.data["message"] in matched, row.tries].append(row.pk)
        for (is_known, tries), pks in by_try.items():
            fields = {"tries": tries + 1, "next_try_at": None}
            if is_known:
                fields["state"] = WebhookEvent.State.APPLIED
            elif tries + 1 < len(TRIES):
                fields["next_try_at"] = now + timedelta(seconds=TRIES[tries + 1])
            else:
                fields["state"] = WebhookEvent.State.UNMATCHED
            waiting = WebhookEvent.objects.waiting(team)
            waiting.filter(pk__in=pks, tries=tries).update(**fields)
    return len(rows)


def _seconds_until_due(team):
    waiting = WebhookEvent.objects.waiting(team).order_by("next_try_at")
    failed = Delivery.objects.filter(team=team, processed_at=None).order_by("next_try_at")
    moments = [
        *waiting.values_list("next_try_at", flat=True)[:1],
        *failed.values_list("next_try_at", flat=True)[:1],
    ]
    if not moments:
        return None
    now = timezone.now()
    return max(min((moment or now) - now for moment in moments).total_seconds(), GATHER)


def purge(team):
    """Delete what is older than it is kept; what was never processed stays."""
    before = timezone.now() - timedelta(days=settings.WEBHOOK_KEEP_DAYS)
    old = Delivery.objects.filter(team=team, received_at__lt=before)
    _delete(old.exclude(processed_at=None))
    events = WebhookEvent.objects.filter(team=team, received_at__lt=before)
    _delete(events.exclude(state=WebhookEvent.State.WAITING))
    # A worker or a server that was killed between the row and its wake-up leaves it to us.
    if Delivery.objects.due(team, timezone.now()).exists():
        tasks.request("process_webhooks", team.pk)


def _delete(rows):
    while pks := list(rows.order_by("pk").values_list("pk", flat=True)[:PURGED_AT_A_TIME]):
        rows.model.objects.filter(pk__in=pks).delete()


# Setting up


def renew_address(team, *, by):
    """Give the team an address, or another one: the one before stops at once."""
    with suppress(IntegrityError), transaction.atomic():
        webhook = Webhook.objects.filter(team=team).first()
        had_one = webhook is not None
        webhook = webhook or Webhook(team=team)
        webhook.new_secret()
        webhook.save(update_fields=ADDRESS_FIELDS if had_one else None)
        audit(team, "webhook address changed" if had_one else "webhook address made", by=by)
        if not had_one:
            tasks.request("purge_webhooks", team.pk)
    return Webhook.objects.get(team=team)


@transaction.atomic
def change_signing(webhook, secret, *, by):
    """Take a signing secret; the one before counts until it is dropped. Raise `Refused`."""
    secret = secret.strip()
    if not (secret.isprintable() and 8 <= len(secret) <= 200):
        raise Refused("A signing secret has 8 to 200 characters. Nothing was changed.")
    webhook.sign_with(secret)
    webhook.save(update_fields=SIGNING_FIELDS)
    audit(webhook.team, "webhook signing secret changed", by=by)


@transaction.atomic
def drop_old_signing(webhook, *, by):
    """Believe no signature of the secret before any more."""
    webhook.signing_before_ciphertext = ""
    webhook.save(update_fields=SIGNING_FIELDS)
    audit(webhook.team, "webhook signing secret dropped", by=by)


@transaction.atomic
def stop_signing(webhook, *, by):
    """Take news without a signature, too."""
    webhook.signing_ciphertext = webhook.signing_before_ciphertext = ""
    webhook.signing_changed_at = None
    webhook.save(update_fields=SIGNING_FIELDS)
    audit(webhook.team, "webhook signing switched off", by=by)


@transaction.atomic
def change_stop_words(webhook, text, *, by):
    """Change the words that mean "stop", one a line."""
    words = [" ".join(line.split()) for line in text.replace("\0", "").splitlines()]
    Webhook.objects.filter(pk=webhook.pk).update(stop_words="\n".join(filter(None, words)))
    audit(webhook.team, "stop words changed", by=by)
