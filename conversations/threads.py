"""A thread: stored messages merged with the sends of our campaigns, each once, by time.

What a campaign sent stays in its recipients, of which there may be ten million, and is merged
in when a page is shown. A recipient with a message (the same id, or linked to it) shows as that
message, with the template and the values of the campaign.
"""

import hashlib
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import date, datetime
from typing import Any, Self

from django.db.models import Exists, F, OuterRef, Q, QuerySet, Subquery
from django.template.defaultfilters import filesizeformat
from django.utils import timezone
from django.utils.dateparse import parse_datetime
from django.utils.safestring import SafeString
from django.utils.translation import gettext as _

from campaigns.models import Campaign, Recipient
from conversations import text
from conversations.models import Conversation, ConversationQuerySet, Message
from core import clocks
from message_templates.components import Content, format_whatsapp, parse, render
from teams.models import Team
from whatsapp.errors import Failure, explain

PAGE_SIZE = 40
SENT = (Recipient.Status.ACCEPTED, Recipient.Status.FAILED)
BUTTON_KINDS = ("button", "interactive", "button_reply", "list_reply")
Status = Message.Status
STATUSES = {
    Recipient.DeliveryStatus.HELD: Status.HELD,
    Recipient.DeliveryStatus.SENT: Status.SENT,
    Recipient.DeliveryStatus.DELIVERED: Status.DELIVERED,
    Recipient.DeliveryStatus.READ: Status.READ,
}
# The sources of entries, sorted: at the same time, a campaign's send comes first.
FROM_CAMPAIGN, FROM_MESSAGE = 0, 1


@dataclass(frozen=True, slots=True)
class Cursor:
    """A place in a thread; the pages before it are older."""

    at: datetime
    source: int
    pk: int

    def __str__(self) -> str:
        return f"{self.at.isoformat()}_{self.source}_{self.pk}"

    @classmethod
    def parse(cls, value: str) -> Self | None:
        """Return the place that a query string names, None if it is not valid."""
        try:
            at, source, pk = value.split("_")
            moment = parse_datetime(at)
            if moment is None or moment.tzinfo is None or not (pk.isascii() and pk.isdigit()):
                return None
            return cls(moment, int(source), min(int(pk), 2**62))
        except (ValueError, OverflowError):
            return None


@dataclass(frozen=True, slots=True)
class AttachedFile:
    """The file that a message carries: ChumiAI reports its data, not its content."""

    kind: str
    content_type: str
    name: str
    size: int | None

    @property
    def details(self) -> str:
        """Return type and size, as far as they are known."""
        known = [self.content_type, filesizeformat(self.size) if self.size else ""]
        return ", ".join(filter(None, known)) or _("Type and size unknown")


@dataclass
class Entry:
    """One bubble. Everything is plain text but `body`, which is escaped HTML."""

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
    file: AttachedFile | None = None
    content: Content | None = None
    template: str = ""
    campaign: Campaign | None = None
    is_unconfirmed: bool = False
    quote: str = ""
    quote_is_missing: bool = False
    reactions: list[str] = field(default_factory=list)

    @property
    def cursor(self) -> Cursor:
        return Cursor(self.at, self.source, self.pk)

    @property
    def key(self) -> str:
        return f"m{self.source}-{self.pk}"

    @property
    def day(self) -> date:
        return timezone.localtime(self.at).date()

    @property
    def status_name(self) -> str:
        return _("Unconfirmed") if self.is_unconfirmed else str(Status(self.status).label)

    @property
    def ticks(self) -> str:
        """Return the name of the icon of the delivery status."""
        if self.status in (Status.DELIVERED, Status.READ):
            return "checks"
        return "clock" if self.is_unconfirmed or self.status == Status.HELD else "check"

    @property
    def is_read(self) -> bool:
        return self.status == Status.READ

    @property
    def failure(self) -> Failure | None:
        """Return why the message failed, None if it did not."""
        return explain(self.code) if self.status == Status.FAILED else None

    @property
    def kind_name(self) -> str:
        """Return the label of the kind, '' if the text says enough."""
        if self.kind == "":
            return "" if self.campaign else _("Sent message, text unknown")
        return "" if self.kind in ("template", "reaction") else text.kind_name(self.kind)

    @property
    def is_button_press(self) -> bool:
        return self.kind in BUTTON_KINDS

    @property
    def line(self) -> str:
        """Describe the entry in one line, for quotes and screen readers."""
        return text.summary(
            kind=self.kind,
            text=self.text or (self.content.body if self.content else ""),
            media_name=self.file.name if self.file else "",
            template=self.template,
        )


@dataclass(frozen=True, slots=True)
class ThreadPage:
    """One page of a thread, oldest first; `older` is where the page before it ends."""

    entries: list[Entry]
    older: Cursor | None

    @property
    def newest_inbound(self) -> Entry | None:
        return next((entry for entry in reversed(self.entries) if entry.inbound), None)


def conversations_of(team: Team) -> ConversationQuerySet:
    """Return the team's conversations with `last_sent_at`, which `stamp_of` needs."""
    sent = Recipient.objects.of_team(OuterRef("team")).filter(
        phone=OuterRef("phone"), settled_at__isnull=False
    )
    return Conversation.objects.for_team(team).annotate(
        last_sent_at=Subquery(sent.order_by("-settled_at").values("settled_at")[:1])
    )


def stamp_of(conversation: Any) -> str:
    """Return a value that changes whenever the thread does, or its countdown."""
    state = (conversation.version, conversation.last_sent_at, window_left(conversation))
    return hashlib.sha256(repr(state).encode()).hexdigest()[:16]


def window_left(conversation: Conversation) -> tuple[int, int] | None:
    """Return how long the service window is open, as the pages round it; None if closed."""
    ends = conversation.window_ends_at
    return text.rounded_time(ends - clocks.now()) if ends else None


def page_of(
    conversation: Conversation, before: Cursor | None = None, size: int = PAGE_SIZE
) -> ThreadPage:
    """Return the newest page, or the one before a place."""
    stored = _before(
        Message.objects.filter(conversation=conversation).exclude(kind="reaction"),
        "at",
        before,
        FROM_MESSAGE,
    )
    messages = list(stored.order_by("-at", "-pk")[: size + 1])
    sent = _before(_sends(conversation), "settled_at", before, FROM_CAMPAIGN)
    sends = list(sent.select_related("campaign").order_by("-settled_at", "-pk")[: size + 1])
    open_sends = _before(
        _unconfirmed_sends(conversation), "campaign__launched_at", before, FROM_CAMPAIGN
    )
    sends += open_sends.order_by("-campaign__launched_at", "-pk")[: size + 1]
    entries = [_from_message(message) for message in messages]
    entries += [_from_send(send) for send in sends]
    entries.sort(key=lambda entry: (entry.at, entry.source, entry.pk), reverse=True)
    shown = entries[:size]
    linked = {message.pk: message.recipient_id for message in messages if message.recipient_id}
    _add_sends(conversation, shown, linked)
    _add_quotes(conversation, shown)
    has_older = len(entries) > size
    return ThreadPage(shown[::-1], shown[-1].cursor if has_older else None)


def iter_entries(conversation: Conversation) -> Iterator[Entry]:
    """Yield all entries, newest first."""
    before = None
    while True:
        page = page_of(conversation, before, size=500)
        yield from reversed(page.entries)
        before = page.older
        if before is None:
            return


def campaigns_received(conversation: Conversation, limit: int = 10) -> QuerySet[Recipient]:
    """Return the newest sends of campaigns to this person, with their campaigns."""
    sends = (
        _all_sends(conversation)
        .filter(Q(settled_at__isnull=False) | Q(status=Recipient.Status.UNCONFIRMED))
        .select_related("campaign")
    )
    return sends.order_by(F("settled_at").desc(nulls_first=True), "-pk")[:limit]


def _all_sends(conversation: Conversation) -> QuerySet[Recipient]:
    """Return all recipients with this person's phone."""
    recipients: QuerySet[Recipient] = Recipient.objects.of_team(conversation.team_id)
    return recipients.filter(phone=conversation.phone)


def _sends(conversation: Conversation) -> QuerySet[Recipient]:
    """Return the sends of campaigns that have no stored message."""
    stored = Message.objects.filter(
        team=conversation.team_id, remote_id=OuterRef("remote_id"), conversation=conversation.pk
    )
    return (
        _all_sends(conversation)
        .filter(
            status__in=SENT,
            settled_at__isnull=False,
            message=None,
        )
        .exclude(~Q(remote_id="") & Exists(stored))
        .defer("notes")
    )


def _unconfirmed_sends(conversation: Conversation) -> QuerySet[Recipient]:
    """Return the unconfirmed sends. Their only time is the launch of the campaign."""
    return (
        _all_sends(conversation)
        .filter(
            status=Recipient.Status.UNCONFIRMED,
            settled_at=None,
            message=None,
        )
        .select_related("campaign")
    )


def _before(rows: QuerySet[Any], column: str, before: Cursor | None, source: int) -> QuerySet[Any]:
    """Return the rows older than the place, in a form that starts in the index there."""
    if before is None:
        return rows
    if source > before.source:
        return rows.filter(**{f"{column}__lt": before.at})
    rows = rows.filter(**{f"{column}__lte": before.at})
    if source < before.source:
        return rows
    return rows.filter(Q(**{f"{column}__lt": before.at}) | Q(pk__lt=before.pk))


def _from_message(message: Message) -> Entry:
    return Entry(
        at=message.at,
        source=FROM_MESSAGE,
        pk=message.pk,
        inbound=message.inbound,
        kind=message.kind,
        text=message.text,
        body=format_whatsapp(message.text),
        status=message.status,
        code=message.code,
        remote_id=message.remote_id,
        reply_to=message.reply_to,
        file=AttachedFile(
            message.media_kind, message.media_type, message.media_name, message.media_size
        )
        if message.media_kind
        else None,
        template=message.template_name,
    )


def _from_send(send: Any) -> Entry:
    entry = Entry(
        at=send.settled_at or send.campaign.launched_at,
        source=FROM_CAMPAIGN,
        pk=send.pk,
        inbound=False,
        kind="template",
        text="",
        body=SafeString(""),
        remote_id=send.remote_id,
    )
    _fill(entry, send)
    return entry


def _fill(entry: Entry, send: Any) -> None:
    """Show the campaign's template with this recipient's values."""
    snapshot = send.campaign.snapshot or {}
    components = snapshot.get("components", [])
    values = dict(zip(snapshot.get("placeholders", []), send.values, strict=False))
    entry.content = parse(components)
    entry.text = render(entry.content.body, values)
    entry.body = format_whatsapp(entry.content.body, values)
    entry.template = snapshot.get("template", "")
    entry.campaign = send.campaign
    entry.is_unconfirmed = send.status == Recipient.Status.UNCONFIRMED
    failed = send.status == Recipient.Status.FAILED
    status = Status.FAILED if failed else STATUSES.get(send.delivery_status, Status.ACCEPTED)
    if status > entry.status:
        entry.status, entry.code = status, send.failure_code


def _add_sends(
    conversation: Conversation, entries: Iterable[Entry], linked: Mapping[int, int]
) -> None:
    """Fill the messages that campaigns sent with their templates and values."""
    ours = [entry for entry in entries if entry.source == FROM_MESSAGE and not entry.inbound]
    if not ours:
        return
    ids = {entry.remote_id for entry in ours}
    matching = Q(pk__in=linked.values()) | Q(remote_id__in=ids)
    found = list(_all_sends(conversation).filter(matching).select_related("campaign"))
    by_pk = {send.pk: send for send in found}
    by_id = {send.remote_id: send for send in found if send.remote_id}
    for entry in ours:
        send = by_pk.get(linked.get(entry.pk, 0)) or by_id.get(entry.remote_id)
        if send is not None and send.campaign.snapshot:
            _fill(entry, send)


def _add_quotes(conversation: Conversation, entries: Iterable[Entry]) -> None:
    """Add the quoted messages and the reactions."""
    quoted_ids = {entry.reply_to for entry in entries if entry.reply_to}
    here = {entry.remote_id: entry for entry in entries if entry.remote_id}
    missing = quoted_ids - here.keys()
    if not here and not missing:
        return
    # Not by conversation: a database may then prefer to walk through the whole thread.
    reactions = Q(team=conversation.team_id, kind="reaction", reply_to__in=here.keys())
    quoted = Q(team=conversation.team_id, remote_id__in=missing)
    found = Message.objects.filter(reactions | quoted if missing else reactions)
    lines: dict[str, str] = {}
    for message in found.order_by("at", "pk"):
        if message.conversation_id != conversation.pk:
            continue
        if message.kind == "reaction" and message.reply_to in here:
            entry = here[message.reply_to]
            # WhatsApp allows one reaction per person and message; an empty one removes it.
            entry.reactions = [message.text] if message.text else []
        if message.remote_id in missing:
            lines[message.remote_id] = message.summary
    for entry in entries:
        if entry.reply_to:
            original = here.get(entry.reply_to)
            entry.quote = original.line if original else lines.get(entry.reply_to, "")
            entry.quote_is_missing = not entry.quote
