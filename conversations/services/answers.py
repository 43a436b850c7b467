"""To which campaign a person answered."""

from collections import defaultdict
from datetime import timedelta

from campaigns.models import Recipient
from conversations.models import Message

# The first message of theirs in this time after a campaign's is the answer to it.
ANSWERED_WITHIN = timedelta(hours=72)
# WhatsApp tells whole seconds, and ours are written down a moment later.
SLACK = timedelta(seconds=5)


def attribute(team, messages):
    """Say of what these people wrote which campaign it answers.

    By the message that is replied to, else by being the first within 72 hours. What was written
    later is looked at again: it may have passed for the first until now.
    """
    theirs = [message for message in messages if message.inbound and message.kind != "reaction"]
    if not theirs:
        return
    start, end = min(m.at for m in theirs), max(m.at for m in theirs) + ANSWERED_WITHIN
    homes = {message.conversation_id: message.conversation.phone for message in theirs}
    spoken = (
        Message.objects.inbound()
        .filter(conversation__in=homes, at__gte=start - ANSWERED_WITHIN - SLACK, at__lte=end)
        .exclude(kind="reaction")
        .order_by("at", "pk")
    )
    phones = set(homes.values())
    sent = Recipient.objects.of_team(team).filter(phone__in=phones)
    campaigns = defaultdict(list)
    for phone, at, campaign in (
        sent.filter(
            status=Recipient.Status.ACCEPTED,
            settled_at__range=(start - ANSWERED_WITHIN - SLACK, end),
        )
        .order_by("settled_at", "pk")
        .values_list("phone", "settled_at", "campaign")
    ):
        campaigns[phone].append((at - SLACK, campaign))
    spoken = list(spoken)
    quoted = _quoted(team, sent, {m.reply_to for m in spoken if m.reply_to})
    before, changed = {}, []
    for message in spoken:
        previous = before.get(message.conversation_id)
        before[message.conversation_id] = message.at
        if message.at < start:
            continue
        answers = quoted.get(message.reply_to) if message.reply_to else None
        if answers is None:
            answers = _first_after(campaigns[homes[message.conversation_id]], message, previous)
        if answers != message.answers_id:
            message.answers_id = answers
            changed.append(message)
    Message.objects.bulk_update(changed, ["answers"])


def _quoted(team, sent, ids):
    """Return the campaigns of the messages that are replied to, by their ids."""
    if not ids:
        return {}
    found = dict(sent.of_messages(ids).values_list("remote_id", "campaign"))
    linked = Message.objects.filter(team=team, remote_id__in=ids, recipient__isnull=False)
    return dict(linked.values_list("remote_id", "recipient__campaign")) | found


def _first_after(campaigns, message, previous):
    """Return the newest campaign before the message, if nothing was written in between."""
    earlier = [(at, campaign) for at, campaign in campaigns if at <= message.at]
    if not earlier:
        return None
    at, campaign = earlier[-1]
    if message.at - at > ANSWERED_WITHIN + SLACK or (previous and previous >= at):
        return None
    return campaign
