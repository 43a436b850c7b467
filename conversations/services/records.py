"""Write what webhooks and ChumiAI's history tell, in any order and any number of times.

Of each field the same value wins whatever came first, so that the end is the same. A
conversation's row is locked while its messages are merged: two who tell of one message at a
time would otherwise each write over what the other one knew.
"""

import hashlib
from dataclasses import dataclass
from datetime import UTC, timedelta

from django.db import transaction
from django.db.models import Count, F, OuterRef, Q, Subquery
from django.db.models.functions import Coalesce
from django.utils import timezone

from campaigns.models import Recipient
from campaigns.services import receipts
from chumi_api.types import Message as ToldMessage
from chumi_api.types import MessageStatus
from conversations import words
from conversations.models import Conversation, Message
from conversations.services.answers import attribute
from conversations.services.sends import link_sends, name_sends

# So many are written in one transaction: a long history must not hold up the sending.
CHUNK = 500
RANKS = {
    MessageStatus.UNKNOWN: Message.Status.UNKNOWN,
    MessageStatus.ACCEPTED: Message.Status.ACCEPTED,
    MessageStatus.HELD: Message.Status.HELD,
    MessageStatus.SENT: Message.Status.SENT,
    MessageStatus.FAILED: Message.Status.FAILED,
    MessageStatus.DELIVERED: Message.Status.DELIVERED,
    MessageStatus.READ: Message.Status.READ,
}
LONGEST_ID = Recipient._meta.get_field("remote_id").max_length
_SECOND = timedelta(seconds=1)
# What a later word on a message may fill in.
MERGED = (
    "remote_id",
    "inbound",
    "kind",
    "text",
    "payload",
    "reply_to",
    "media_kind",
    "media_type",
    "media_name",
    "media_size",
    "template_name",
    "status",
    "code",
    "at",
    "at_is_told",
    "folded",
)
VAGUE_KINDS = ("", "unknown", "unsupported", "text")


def record_messages(team, messages):
    """Write messages (`chumi_api.types.Message`); whom they are with is opened where it is new."""
    told = [message for message in messages if _identity(message.phone)]
    now = timezone.now()
    for start in range(0, len(told), CHUNK):
        _record_chunk(team, [_fact(team, message, now) for message in told[start : start + CHUNK]])


def record_statuses(team, updates):
    """Write how far messages of ours got (`chumi_api.types.StatusUpdate`).

    A message that nobody told of yet gets a row of its own, to be filled in later, unless it is
    a campaign's: its recipient knows. Return the ids of the messages that were known.
    """
    updates = [update for update in updates if update.remote_id and RANKS[update.status]]
    now, matched = timezone.now(), set()
    for start in range(0, len(updates), CHUNK):
        chunk = updates[start : start + CHUNK]
        ids = {update.remote_id for update in chunk}
        rows = Message.objects.filter(team=team, remote_id__in=ids)
        rows = rows.select_related("conversation")
        rows = rows.only("remote_id", "kind", "at", "conversation__phone")
        known = {row.remote_id: row for row in rows}
        # A row without a kind is only the news itself: whose message it is, nobody knows yet.
        told_of = {remote_id for remote_id, row in known.items() if row.kind}
        unclear = [update for update in chunk if update.remote_id not in told_of]
        ours = _of_campaigns(team, unclear)
        ours |= _name_sends(team, [u for u in unclear if u.remote_id not in ours], known)
        _say_news(team, ours.values())
        told = [
            update
            for update in chunk
            if update.remote_id in known or (update.remote_id not in ours and update.phone)
        ]
        _record_chunk(team, [_fact(team, _as_message(u), u.at or now) for u in told])
        matched |= ours.keys() | told_of
    return matched


def _name_sends(team, updates, known):
    """Let campaigns hear of messages that are known to be theirs by now.

    Return their numbers by their ids.
    """
    news = {}
    for update in updates:
        row = known.get(update.remote_id)
        # What is told again of waiting news has no number: it stands where the news are kept.
        phone = _identity(update.phone) if update.phone else row and row.conversation.phone
        moments = [update.at or timezone.now()]
        moments += [row.at] if row else []
        moments += [news[update.remote_id][1]] if update.remote_id in news else []
        if phone and len(update.remote_id) <= LONGEST_ID:
            news[update.remote_id] = (phone, min(moments))
    named = name_sends(team, news)
    if named:
        receipts.record_statuses(team, [u for u in updates if u.remote_id in named])
    return {remote_id: news[remote_id][0] for remote_id in named}


def _of_campaigns(team, updates):
    """Return the numbers of those messages that campaigns sent, by their ids."""
    ids = {update.remote_id for update in updates}
    if not ids:
        return {}
    found = Recipient.objects.of_team(team).of_messages(ids)
    numbers = {_identity(update.phone) for update in updates if update.phone}
    if numbers and all(update.phone for update in updates):
        found = found.filter(phone__in=numbers)
    return dict(found.values_list("remote_id", "phone"))


def _say_news(team, phones):
    """Let open threads look again: how far these messages got stands with their recipients."""
    Conversation.objects.for_team(team).filter(phone__in=set(phones)).update(
        version=F("version") + 1
    )


def _as_message(update):
    return ToldMessage(
        remote_id=update.remote_id,
        phone=update.phone,
        inbound=False,
        kind="",
        status=update.status,
        code=update.code,
        # When it arrived is not when it was written: it only stands in for that.
        at=None,
        name="",
    )


def _identity(phone):
    """Return E.164 for digits; WhatsApp's own id of somebody without a number as it is."""
    phone = phone.replace("\0", "").strip()
    digits = phone.lstrip("+")
    return (f"+{digits}" if digits.isascii() and digits.isdigit() else phone)[:64]


@dataclass(frozen=True)
class _Fact:
    """A message as it was told, ready to be merged with what is known of it."""

    phone: str
    name: str
    fields: dict

    @property
    def fingerprint(self):
        """Name the message by what it is: the same second, the same side, the same words."""
        at = self.fields["at"].astimezone(UTC).replace(microsecond=0)
        when = at.isoformat() if self.fields["at_is_told"] else ""
        return _fingerprint(self.phone, self.fields["inbound"], self.fields["text"], when)


def _fingerprint(phone, inbound, text, when):
    what = "\n".join((phone, str(inbound), when, text))
    return "~" + hashlib.sha256(what.encode(errors="surrogatepass")).hexdigest()[:40]


def _fact(team, message, heard_at):
    media = message.media
    status = Message.Status.UNKNOWN if message.inbound else RANKS[message.status]
    text = _plain(message.text, 32_768)
    fact = _Fact(
        phone=_identity(message.phone),
        name=" ".join(_plain(message.name, 300).split()) if message.inbound else "",
        fields={
            "remote_id": _plain(message.remote_id, 200),
            "inbound": message.inbound,
            "kind": _plain(message.kind, 40),
            "text": text,
            "payload": _plain(message.payload, 512),
            "reply_to": _plain(message.reply_to, 200),
            "media_kind": _plain(media.kind, 20) if media else "",
            "media_type": _plain(media.content_type, 100) if media else "",
            "media_name": _plain(media.file_name, 512) if media else "",
            "media_size": media.size if media else None,
            "template_name": _plain(message.template_name, 512),
            "status": int(status),
            "code": message.code if status == Message.Status.FAILED else None,
            "at": message.at or heard_at,
            "at_is_told": message.at is not None,
            "folded": words.folded(team.pk, text),
        },
    )
    if not fact.fields["remote_id"]:
        fact.fields["remote_id"] = fact.fingerprint
    return fact


def _plain(text, limit):
    return text.replace("\0", "").encode("utf-8", "replace").decode()[:limit]


def _merge(known, told):
    """Return the fields that both together make; whichever is `known`, the result is the same."""
    merged = {name: max(known[name], told[name], key=WEIGHTS[name]) for name in WEIGHTS}
    both = (known, told)
    # A moment of its own beats that of the first news; of two alike the earlier one counts.
    own = [fields["at"] for fields in both if fields["at_is_told"]]
    merged["at"] = min(own or [fields["at"] for fields in both])
    merged["folded"] = next(f["folded"] for f in both if f["text"] == merged["text"])
    has_failed = merged["status"] == Message.Status.FAILED
    codes = [fields["code"] for fields in both if has_failed and fields["code"]]
    merged["code"] = max(codes, default=None)
    return merged


def _longest(text):
    return len(text), text


# Of two values for a field, the heavier one stays.
WEIGHTS = {
    # An id of WhatsApp's beats one that we made up.
    "remote_id": lambda value: (not value.startswith("~"), value),
    "kind": lambda kind: (VAGUE_KINDS.index(kind) if kind in VAGUE_KINDS else 9, kind),
    "media_size": lambda size: size or 0,
    **dict.fromkeys(("inbound", "status", "at_is_told"), int),
    **dict.fromkeys(
        (
            "text",
            "payload",
            "reply_to",
            "media_kind",
            "media_type",
            "media_name",
            "template_name",
        ),
        _longest,
    ),
}


@transaction.atomic
def _record_chunk(team, facts):
    if not facts:
        return
    known = _known(team, facts)
    homes = _locked(team, facts, known)
    # Read once more: what was written while we waited for the lock counts.
    known = _known(team, facts)
    fresh, changed = {}, {}
    for fact in facts:
        fields = fact.fields
        row = _find(fact, known, fresh, homes)
        if row is None:
            home = homes.get(fact.phone)
            if home is None:
                continue
            row = Message(team=team, conversation=home, **fields)
            fresh[row.remote_id] = row
            continue
        before = {name: getattr(row, name) for name in MERGED}
        after = _merge(before, fields)
        if after == before:
            continue
        if after["remote_id"] != before["remote_id"]:
            index = fresh if row.pk is None else known
            index[after["remote_id"]] = index.pop(before["remote_id"])
        for name, value in after.items():
            setattr(row, name, value)
        if row.pk is not None:
            changed[row.pk] = row
    Message.objects.bulk_create(fresh.values(), batch_size=200)
    Message.objects.bulk_update(changed.values(), MERGED, batch_size=100)
    touched = [*fresh.values(), *changed.values()]
    if touched:
        homes_touched = sorted({row.conversation_id for row in touched})
        link_sends(team, touched)
        attribute(team, touched)
        _name(team, facts, homes)
        refresh(homes_touched)
    else:
        _name(team, facts, homes)


def _known(team, facts):
    """Return the messages by their ids, those that the facts may be about."""
    ids = {fact.fields["remote_id"] for fact in facts} | {fact.fingerprint for fact in facts}
    found = Message.objects.filter(team=team, remote_id__in=ids).select_related("conversation")
    return {row.remote_id: row for row in found}


def _locked(team, facts, known):
    """Return the conversations of the facts by number, each made where it is new, and locked."""
    phones = {fact.phone: fact for fact in facts if fact.phone}
    there = Conversation.objects.for_team(team).filter(phone__in=phones)
    missing = sorted(phones.keys() - set(there.values_list("phone", flat=True)))
    Conversation.objects.bulk_create(
        [
            Conversation(team=team, phone=phone, last_message_at=phones[phone].fields["at"])
            for phone in missing
        ],
        ignore_conflicts=True,
    )
    mine = Q(team=team, phone__in=phones) | Q(pk__in={m.conversation_id for m in known.values()})
    # In one order, so that two who write to the same people do not wait for each other.
    rows = Conversation.objects.filter(mine).order_by("pk").select_for_update()
    return {row.phone: row for row in rows}


def _find(fact, known, fresh, homes):
    """Return the row that the fact is about, by its id or by what it is."""
    remote_id = fact.fields["remote_id"]
    row = fresh.get(remote_id) or known.get(remote_id)
    if row is not None:
        return row
    if not fact.fields["at_is_told"]:
        return None
    if not remote_id.startswith("~"):
        return fresh.get(fact.fingerprint) or known.get(fact.fingerprint)
    # It came without an id: it may stand here with one.
    same = [
        row
        for row in fresh.values()
        if row.conversation.phone == fact.phone and _is_same(row, fact)
    ]
    home = homes.get(fact.phone)
    if same or home is None:
        return same[0] if same else None
    second = fact.fields["at"].replace(microsecond=0)
    for row in Message.objects.filter(
        conversation=home, at__gte=second, at__lt=second + _SECOND
    ).select_related("conversation"):
        row = known.setdefault(row.remote_id, row)
        if _is_same(row, fact):
            return row
    return None


def _is_same(row, fact):
    fields = fact.fields
    return (
        row.at_is_told
        and row.inbound == fields["inbound"]
        and row.text == fields["text"]
        and row.at.replace(microsecond=0) == fields["at"].replace(microsecond=0)
    )


def _name(team, facts, homes):
    """Write what people were called last."""
    newest = {}
    for fact in facts:
        if fact.name and fact.fields["at_is_told"]:
            told = (fact.fields["at"], fact.name)
            newest[fact.phone] = max(newest.get(fact.phone, told), told)
    for phone, (at, name) in newest.items():
        home = homes[phone]
        if home.named_at is None or (home.named_at, home.name) < (at, name):
            Conversation.objects.filter(pk=home.pk).update(
                name=name,
                named_at=at,
                folded=words.folded(team.pk, name),
                version=F("version") + 1,
            )


def refresh(conversations):
    """Write anew what the list shows of these conversations, from their messages."""
    messages = Message.objects.filter(conversation=OuterRef("pk"))
    newest = messages.order_by("-at", "-pk").values("pk")
    # A row that is only news of a status says nothing that the list could show.
    said = newest.exclude(kind="")
    theirs = messages.filter(inbound=True)
    unread = (
        theirs.filter(Q(at__gt=OuterRef("read_until")) | Q(conversation__read_until=None))
        .order_by()
        .values("conversation")
        .annotate(number=Count("pk"))
        .values("number")
    )
    found = Conversation.objects.filter(pk__in=conversations).annotate(
        newest=Coalesce(Subquery(said[:1]), Subquery(newest[:1])),
        heard_at=Subquery(theirs.order_by("-at").values("at")[:1]),
        unread=Coalesce(Subquery(unread), 0),
    )
    rows = list(found)
    last = Message.objects.in_bulk([row.newest for row in rows if row.newest])
    for row in rows:
        message = last.get(row.newest)
        if message is None:
            continue
        row.last_message_at = message.at
        row.preview, row.preview_inbound = message.summary, message.inbound
        row.last_inbound_at = row.heard_at
        row.unread_count = row.unread
        row.version += 1
    Conversation.objects.bulk_update(
        rows,
        [
            "last_message_at",
            "preview",
            "preview_inbound",
            "last_inbound_at",
            "unread_count",
            "version",
        ],
    )
