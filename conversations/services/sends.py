"""Which message of ChumiAI's is which send of a campaign."""

from datetime import timedelta

from campaigns.models import Recipient
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
    sent = Recipient.objects.filter(campaign__team=team, phone__in=phones)
    by_id = {
        (recipient.phone, recipient.remote_id): recipient.pk
        for recipient in sent.filter(remote_id__in={message.remote_id for message in ours})
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
    linked = []
    for message in sorted(ours, key=lambda m: (m.at, m.remote_id)):
        phone = message.conversation.phone
        found = by_id.get((phone, message.remote_id))
        if found is None:
            near = [
                (abs(message.at - at), pk)
                for number, pk, at, template in nameless
                if number == phone
                and pk not in taken
                and -BEFORE <= message.at - at <= AFTER
                and message.template_name in ("", template)
            ]
            found = min(near)[1] if near else None
        if found is not None and found not in taken:
            taken.add(found)
            message.recipient_id = found
            linked.append(message)
    Message.objects.bulk_update(linked, ["recipient"])


def _may_be_ours(message):
    return message.kind in ("", "template") or bool(message.template_name)
