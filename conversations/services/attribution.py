"""Attribute inbound messages to the campaign that they reply to."""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta
from typing import NamedTuple

from django.db.models import QuerySet

from campaigns.models import Recipient
from conversations.models import Message
from teams.models import Team

# The first message within this time after a campaign's message counts as a reply to it.
REPLY_WINDOW = timedelta(hours=72)
# WhatsApp reports whole seconds, and our own times are stored a moment later.
TOLERANCE = timedelta(seconds=5)


class _Sent(NamedTuple):
    at: datetime
    campaign_id: int


def attribute(team: Team, messages: Iterable[Message]) -> None:
    """Attribute inbound messages, and the later ones in their conversations again.

    A message belongs to the campaign of the message that it quotes; without a quote, to the
    newest campaign of the last 72 hours if nothing was written in between. A message that comes
    in late may therefore take the place of one that was sent after it.
    """
    inbound = [message for message in messages if message.inbound and message.kind != "reaction"]
    if not inbound:
        return
    start, end = min(m.at for m in inbound), max(m.at for m in inbound) + REPLY_WINDOW
    around = (start - REPLY_WINDOW - TOLERANCE, end)
    phones = {message.conversation_id: message.conversation.phone for message in inbound}
    thread = list(
        Message.objects.inbound()
        .filter(conversation__in=phones, at__range=around)
        .exclude(kind="reaction")
        .order_by("at", "pk")
    )
    recipients = Recipient.objects.of_team(team).filter(phone__in=set(phones.values()))
    sent = _sent_by_phone(recipients, around)
    quoted = _campaigns_of_quotes(team, recipients, {m.reply_to for m in thread if m.reply_to})
    previous_at: dict[int, datetime] = {}
    changed = []
    for message in thread:
        previous = previous_at.get(message.conversation_id)
        previous_at[message.conversation_id] = message.at
        if message.at < start:
            continue
        campaign_id = quoted.get(message.reply_to) if message.reply_to else None
        if campaign_id is None:
            campaign_id = _newest_before(sent[phones[message.conversation_id]], message, previous)
        if campaign_id != message.attributed_to_id:
            message.attributed_to_id = campaign_id
            changed.append(message)
    Message.objects.bulk_update(changed, ["attributed_to"])


def _sent_by_phone(
    recipients: QuerySet[Recipient], around: tuple[datetime, datetime]
) -> defaultdict[str, list[_Sent]]:
    """Return the accepted sends of campaigns by phone, the oldest first."""
    found: defaultdict[str, list[_Sent]] = defaultdict(list)
    rows = recipients.filter(status=Recipient.Status.ACCEPTED, settled_at__range=around)
    rows = rows.order_by("settled_at", "pk")
    for phone, at, campaign_id in rows.values_list("phone", "settled_at", "campaign"):
        if at is not None:
            found[phone].append(_Sent(at - TOLERANCE, campaign_id))
    return found


def _campaigns_of_quotes(
    team: Team, recipients: QuerySet[Recipient], ids: set[str]
) -> dict[str, int]:
    """Return the campaigns of quoted messages by their ids."""
    if not ids:
        return {}
    of_sends = recipients.of_messages(ids).values_list("remote_id", "campaign")  # type: ignore[attr-defined]
    linked = Message.objects.filter(team=team, remote_id__in=ids, recipient__isnull=False)
    of_messages = linked.values_list("remote_id", "recipient__campaign")
    return dict(of_messages) | dict(of_sends)


def _newest_before(
    sent: Sequence[_Sent], message: Message, previous: datetime | None
) -> int | None:
    """Return the newest campaign before the message, None if something was written since."""
    earlier = [send for send in sent if send.at <= message.at]
    if not earlier:
        return None
    newest = earlier[-1]
    if message.at - newest.at > REPLY_WINDOW + TOLERANCE:
        return None
    return None if previous and previous >= newest.at else newest.campaign_id
