"""A thread as people know it: what was told of it and what our campaigns sent, each once.

Messages are rows of ours; what a campaign sent stays in its recipients, of which there may be
ten million, and is merged in when somebody looks. A recipient of whom a message tells (the same
id, or linked to it) shows as that message, with the template and the values of the campaign.
"""

import hashlib
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from django.db.models import Exists, F, OuterRef, Q, Subquery
from django.utils import timezone
from django.utils.dateparse import parse_datetime
from django.utils.safestring import SafeString

from campaigns.failures import explain
from campaigns.models import Recipient
from conversations import words
from conversations.models import Conversation, Message
from message_templates.components import Content, format_whatsapp, parse, render

PAGE_SIZE = 40
SENT = (Recipient.Status.ACCEPTED, Recipient.Status.FAILED)
Status = Message.Status
REACHED = {
    Recipient.Reached.HELD: Status.HELD,
    Recipient.Reached.SENT: Status.SENT,
    Recipient.Reached.DELIVERED: Status.DELIVERED,
    Recipient.Reached.READ: Status.READ,
}
# Of two in one moment, what our campaigns sent comes first.
OF_CAMPAIGN, TOLD = 0, 1


@dataclass(frozen=True)
class Cursor:
    """A place in a thread; what comes before it is older."""

    at: datetime
    source: int
    pk: int

    def __str__(self):
        return f"{self.at.isoformat()}_{self.source}_{self.pk}"

    @classmethod
    def read(cls, text):
        """Return the place that a query string names, None for one that names none."""
        try:
            at, source, pk = text.split("_")
            moment = parse_datetime(at)
            if moment is None or moment.tzinfo is None or not (pk.isascii() and pk.isdigit()):
                return None
            return cls(moment, int(source), min(int(pk), 2**62))
        except (ValueError, OverflowError):
            return None


@dataclass
class Entry:
    """One bubble. Whatever people wrote is text, but for `body`, which is escaped already."""

    at: datetime
    source: int
    pk: int
    inbound: bool
    kind: str
    text: str
    body: SafeString
    status: int = Status.UNKNOWN
    code: int | None = None
    remote_id: str = ""
    reply_to: str = ""
    media: dict[str, Any] = field(default_factory=dict)
    parts: Content | None = None
    template: str = ""
    campaign: Any = None
    # ChumiAI gave no clear answer: it may have been sent.
    is_in_doubt: bool = False
    quote: str = ""
    quote_is_missing: bool = False
    reactions: list[str] = field(default_factory=list)

    @property
    def cursor(self):
        return Cursor(self.at, self.source, self.pk)

    @property
    def key(self):
        return f"m{self.source}-{self.pk}"

    @property
    def day(self):
        return timezone.localtime(self.at).date()

    @property
    def status_name(self):
        return "No clear answer" if self.is_in_doubt else Status(self.status).label

    @property
    def ticks(self):
        """Name the icon of how far it got."""
        if self.status in (Status.DELIVERED, Status.READ):
            return "checks"
        return "clock" if self.is_in_doubt or self.status == Status.HELD else "check"

    @property
    def is_read(self):
        return self.status == Status.READ

    @property
    def failure(self):
        """Return why it failed, in words for people, None where it did not."""
        return explain(self.code) if self.status == Status.FAILED else None

    @property
    def kind_name(self):
        """Name what it is where its text does not say so."""
        if self.kind == "":
            return "" if self.campaign else "A message of ours, whose text is not known here."
        return "" if self.kind in ("template", "reaction") else words.kind_name(self.kind)

    @property
    def is_press(self):
        """Say whether it is the press of a button, not something typed."""
        return self.kind in ("button", "interactive", "button_reply", "list_reply")

    @property
    def line(self):
        """Say it in a line, for lists and for who listens."""
        text = self.text or (self.parts.body if self.parts else "")
        return words.summary(
            kind=self.kind,
            text=text,
            media_name=self.media.get("name", ""),
            template=self.template,
        )


@dataclass(frozen=True)
class ThreadPage:
    """One page of a thread, oldest first; `older` is where the one before it begins."""

    entries: list[Entry]
    older: Cursor | None

    @property
    def newest_inbound(self):
        return next((entry for entry in reversed(self.entries) if entry.inbound), None)


def with_news(conversations):
    """Add `sent_at`, the moment of the newest send of a campaign, for the stamp."""
    sent = Recipient.objects.of_team(OuterRef("team")).filter(
        phone=OuterRef("phone"), settled_at__isnull=False
    )
    return conversations.annotate(
        sent_at=Subquery(sent.order_by("-settled_at").values("settled_at")[:1])
    )


def stamp_of(conversation):
    """Return what changes whenever the thread does, its countdown too."""
    told = f"{conversation.version}|{conversation.sent_at}|{window_label(conversation)}"
    return hashlib.sha256(told.encode()).hexdigest()[:16]


def window_label(conversation):
    """Say how long the window is open still, in the words of the pages."""
    ends = conversation.window_ends_at
    return words.time_left(ends - timezone.now()) if ends else "closed"


def page_of(conversation, before=None, size=PAGE_SIZE):
    """Return the newest page, or the one before a place."""
    messages = _place(
        Message.objects.filter(conversation=conversation).exclude(kind="reaction"),
        "at",
        before,
        TOLD,
    )
    told = list(messages.order_by("-at", "-pk")[: size + 1])
    sent = _place(_sends(conversation), "settled_at", before, OF_CAMPAIGN)
    sends = list(sent.select_related("campaign").order_by("-settled_at", "-pk")[: size + 1])
    doubts = _place(_in_doubt(conversation), "campaign__launched_at", before, OF_CAMPAIGN)
    sends += doubts.order_by("-campaign__launched_at", "-pk")[: size + 1]
    entries = [_of_message(message) for message in told] + [_of_send(send) for send in sends]
    entries.sort(key=lambda entry: (entry.at, entry.source, entry.pk), reverse=True)
    shown = entries[:size]
    linked = {message.pk: message.recipient_id for message in told if message.recipient_id}
    _add_sends(conversation, shown, linked)
    _add_quotes(conversation, shown)
    more = len(entries) > size
    return ThreadPage(shown[::-1], shown[-1].cursor if more else None)


def all_of(conversation):
    """Yield every entry, newest first, page by page."""
    before = None
    while True:
        page = page_of(conversation, before, size=500)
        yield from reversed(page.entries)
        before = page.older
        if before is None:
            return


def _sends(conversation):
    """Return the sends of our campaigns of which no message tells."""
    told = Message.objects.filter(
        team=conversation.team_id, remote_id=OuterRef("remote_id"), conversation=conversation.pk
    )
    return (
        Recipient.objects.of_team(conversation.team_id)
        .filter(
            phone=conversation.phone,
            status__in=SENT,
            settled_at__isnull=False,
            message=None,
        )
        .exclude(~Q(remote_id="") & Exists(told))
        .defer("notes")
    )


def _in_doubt(conversation):
    """Return the sends without a clear answer. They have no moment but the launch."""
    return (
        Recipient.objects.of_team(conversation.team_id)
        .filter(
            phone=conversation.phone,
            status=Recipient.Status.UNCONFIRMED,
            settled_at=None,
            message=None,
        )
        .select_related("campaign")
    )


def _place(rows, moment, before, source):
    """Return what is older than the place, in the form by which the index is entered there."""
    if before is None:
        return rows
    beyond = Q(**{f"{moment}__lt": before.at})
    if source < before.source:
        return rows.filter(**{f"{moment}__lte": before.at})
    if source == before.source:
        beyond |= Q(pk__lt=before.pk)
        return rows.filter(**{f"{moment}__lte": before.at}).filter(beyond)
    return rows.filter(beyond)


def _of_message(message):
    return Entry(
        at=message.at,
        source=TOLD,
        pk=message.pk,
        inbound=message.inbound,
        kind=message.kind,
        text=message.text,
        body=format_whatsapp(message.text),
        status=message.status,
        code=message.code,
        remote_id=message.remote_id,
        reply_to=message.reply_to,
        media={
            "kind": message.media_kind,
            "type": message.media_type,
            "name": message.media_name,
            "size": message.media_size,
        }
        if message.media_kind
        else {},
        template=message.template_name,
    )


def _of_send(send):
    entry = Entry(
        at=send.settled_at or send.campaign.launched_at,
        source=OF_CAMPAIGN,
        pk=send.pk,
        inbound=False,
        kind="template",
        text="",
        body=SafeString(""),
        remote_id=send.remote_id,
    )
    _fill(entry, send)
    return entry


def _fill(entry, send):
    """Show the template of the campaign with the values of this person."""
    snapshot = send.campaign.snapshot or {}
    components = snapshot.get("components", [])
    values = dict(zip(snapshot.get("placeholders", []), send.values, strict=False))
    entry.parts = parse(components)
    entry.text = render(entry.parts.body, values)
    entry.body = format_whatsapp(entry.parts.body, values)
    entry.template = snapshot.get("template", "")
    entry.campaign = send.campaign
    entry.is_in_doubt = send.status == Recipient.Status.UNCONFIRMED
    failed = send.status == Recipient.Status.FAILED
    told = Status.FAILED if failed else REACHED.get(send.reached, Status.ACCEPTED)
    if told > entry.status:
        entry.status, entry.code = told, send.failure_code


def _add_sends(conversation, entries, linked):
    """Give the messages that our campaigns sent their template and values."""
    ours = [entry for entry in entries if entry.source == TOLD and not entry.inbound]
    ids = {entry.remote_id for entry in ours}
    if not ours:
        return
    mine = Recipient.objects.of_team(conversation.team_id).filter(phone=conversation.phone)
    found = list(
        mine.filter(Q(pk__in=linked.values()) | Q(remote_id__in=ids)).select_related("campaign")
    )
    by_pk = {send.pk: send for send in found}
    by_id = {send.remote_id: send for send in found if send.remote_id}
    for entry in ours:
        send = by_pk.get(linked.get(entry.pk)) or by_id.get(entry.remote_id)
        if send is None or not send.campaign.snapshot:
            continue
        _fill(entry, send)


def _add_quotes(conversation, entries):
    """Say what a message replies to, and put reactions where they belong."""
    asked = {entry.reply_to for entry in entries if entry.reply_to}
    here = {entry.remote_id: entry for entry in entries if entry.remote_id}
    missing = asked - here.keys()
    if not here and not missing:
        return
    # Not by the conversation: there a database may prefer to walk through the whole thread.
    reactions = Q(team=conversation.team_id, kind="reaction", reply_to__in=here.keys())
    quoted = Q(team=conversation.team_id, remote_id__in=missing)
    found = Message.objects.filter(reactions | quoted if missing else reactions)
    lines = {}
    for message in found.order_by("at", "pk"):
        if message.conversation_id != conversation.pk:
            continue
        if message.kind == "reaction" and message.reply_to in here:
            entry = here[message.reply_to]
            # A person has one reaction to a message; an empty one takes it back.
            entry.reactions = [message.text] if message.text else []
        if message.remote_id in missing:
            lines[message.remote_id] = message.summary
    for entry in entries:
        if entry.reply_to:
            original = here.get(entry.reply_to)
            entry.quote = original.line if original else lines.get(entry.reply_to, "")
            entry.quote_is_missing = not entry.quote


def campaigns_received(conversation, limit=10):
    """Return the newest sends of our campaigns to this person, with their campaigns."""
    return (
        Recipient.objects.of_team(conversation.team_id)
        .filter(Q(settled_at__isnull=False) | Q(status=Recipient.Status.UNCONFIRMED))
        .filter(phone=conversation.phone)
        .select_related("campaign")
        .order_by(F("settled_at").desc(nulls_first=True), "-pk")[:limit]
    )


def conversations_of(team):
    return with_news(Conversation.objects.for_team(team))
