"""Which message of ChumiAI's is which send of a campaign."""

from collections import defaultdict
from datetime import timedelta

from django.db.models import Q

from campaigns.models import ReceiptSource, Recipient
from conversations.models import Message

# A send that was handed over in a file has no id here: it is known by its number, its template
# and its time. A job may take hours over a long file, and two clocks are never alike.
BEFORE, AFTER = timedelta(minutes=10), timedelta(hours=24)
ARRIVED = (Recipient.Status.ACCEPTED, Recipient.Status.FAILED, Recipient.Status.UNCONFIRMED)


def link_sends(team, messages):
    """Link messages of ours to the recipients that they went to, each to one."""
    ours = [m for m in messages if not m.inbound and m.recipient_id is None and _may_be_ours(m)]
    if not ours:
        return
    phones = {message.conversation.phone for message in ours}
    sent = Recipient.objects.of_team(team).filter(phone__in=phones)
    by_id = {
        (recipient.phone, recipient.remote_id): recipient.pk
        for recipient in sent.of_messages({message.remote_id for message in ours})
    }
    times = [message.at for message in ours]
    nameless = list(
        sent.filter(
            remote_id="",
            status__in=ARRIVED,
            settled_at__range=(min(times) - AFTER, max(times) + BEFORE),
            message=None,
        ).values_list("phone", "pk", "settled_at", "campaign__snapshot__template")
    )
    taken = set(
        Message.objects.filter(recipient_id__in=by_id.values()).values_list(
            "recipient_id", flat=True
        )
    )
    linked, named = [], {}
    for message in sorted(ours, key=lambda m: (m.at, m.remote_id)):
        phone = message.conversation.phone
        found = by_id.get((phone, message.remote_id))
        # A row that is only news of a status says too little to be known by its time.
        if found is None and message.kind:
            near = [
                (abs(message.at - at), pk)
                for number, pk, at, template in nameless
                if number == phone
                and pk not in taken
                and -BEFORE <= message.at - at <= AFTER
                and message.template_name in ("", template)
            ]
            found = min(near)[1] if near else None
            if len(near) == 1 and not message.remote_id.startswith("~"):
                named[found] = message.remote_id
        if found is not None and found not in taken:
            taken.add(found)
            message.recipient_id = found
            linked.append(message)
    Message.objects.bulk_update(linked, ["recipient"])
    # What WhatsApp tells of these from now on is told of the sends.
    Recipient.objects.name_messages(named)


def name_sends(team, news):
    """Give sends without an id that of their message. Return the ids that were given.

    `news` are the number and the moment of the first news of a message that nobody told of, by
    its id. Only where one send alone fits is it that: with two it would be a guess. The first
    news come soon after the send, so what was first told of before it is another message. Of what
    was sent before the team was told anything at all, the news may be missing: somebody's answer
    to a customer would be the first that fits.
    """
    source = ReceiptSource.objects.filter(team=team).first()
    if not news or source is None or source.told_since is None:
        return set()
    rows = Recipient.objects.of_team(team).filter(
        phone__in={phone for phone, _ in news.values()},
        remote_id="",
        retries=0,
        message=None,
    )
    fitting = defaultdict(list)
    for phone, pk, status, settled_at, launched_at in rows.filter(
        Q(status=Recipient.Status.ACCEPTED, settled_at__gte=source.told_since - BEFORE)
        # Nobody knows whether it was sent. If it was, the message may be that one's.
        | Q(status=Recipient.Status.UNCONFIRMED)
    ).values_list("phone", "pk", "status", "settled_at", "campaign__launched_at"):
        may_be_named = status == Recipient.Status.ACCEPTED
        fitting[phone].append((settled_at or launched_at, pk, may_be_named))
    named = {}
    for remote_id, (phone, at) in sorted(news.items(), key=lambda item: (item[1][1], item[0])):
        near = [send for send in fitting[phone] if -BEFORE <= at - send[0] <= AFTER]
        if len(near) == 1 and near[0][2]:
            named[near[0][1]] = remote_id
            fitting[phone].remove(near[0])
    Recipient.objects.name_messages(named)
    return set(named.values())


def _may_be_ours(message):
    return message.kind in ("", "template") or bool(message.template_name)
