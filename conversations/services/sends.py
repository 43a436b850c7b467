"""Which message of ChumiAI's is which send of a campaign."""

from collections import defaultdict
from dataclasses import dataclass
from datetime import datetime, timedelta

from django.db.models import F, Q

from campaigns.models import Attempt, ReceiptSource, Recipient
from campaigns.services import singles
from conversations.models import WINDOW, Message

# A send that was handed over in a file has no id here: it is known by its number, its template
# and its time. A job may take hours over a long file, and two clocks are never alike.
BEFORE, AFTER = timedelta(minutes=10), timedelta(hours=24)
# A try without a clear answer is settled by this: whoever asks ChumiAI for one message soon
# has it sent, or not at all.
DOUBT_BEFORE, SOON = timedelta(seconds=5), timedelta(minutes=10)

Status = Recipient.Status


@dataclass(frozen=True)
class _Send:
    """A send without an id, and from when to when its message may be told of first."""

    pk: int
    at: datetime
    status: str
    is_first_try: bool
    template: str

    @property
    def is_in_doubt(self):
        return self.status == Status.UNCONFIRMED

    def fits(self, at, template=""):
        before, after = (DOUBT_BEFORE, SOON) if self.is_in_doubt else (BEFORE, AFTER)
        return -before <= at - self.at <= after and template in ("", self.template)


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
    nameless = _nameless(team, phones, [message.at for message in ours])
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
                send
                for send in nameless[phone]
                if send.pk not in taken and send.fits(message.at, message.template_name)
            ]
            if len(near) == 1 and not message.remote_id.startswith("~"):
                named[near[0]] = message.remote_id
            elif near := [send for send in near if not send.is_in_doubt]:
                near = [min(near, key=lambda send: (abs(message.at - send.at), send.pk))]
            found = near[0].pk if near else None
        if found is not None and found not in taken:
            taken.add(found)
            message.recipient_id = found
            linked.append(message)
    Message.objects.bulk_update(linked, ["recipient"])
    # What WhatsApp tells of these from now on is told of the sends.
    _name(named)


def name_sends(team, news):
    """Give sends without an id that of their message. Return the ids that were given.

    `news` are the number and the moment of the first news of a message that nobody told of, by
    its id. Only where one send alone fits is it that: with two it would be a guess. The first
    news come soon after the send, so what was first told of before it is another message. Of what
    was sent before the team was told anything at all, the news may be missing.

    What somebody wrote by hand must not be taken for ours. WhatsApp lets a business write freely
    for 24 hours after a person's last message: in that time, only what is told of soon after the
    send is ours, and no doubt is settled.
    """
    if not news:
        return set()
    source = ReceiptSource.objects.filter(team=team).first()
    if source is None or source.told_since is None:
        return set()
    phones, moments = zip(*news.values(), strict=True)
    nameless = _nameless(team, set(phones), moments)
    heard = _heard(team, nameless, news)
    told_since, named = source.told_since - BEFORE, {}
    for remote_id, (phone, at) in sorted(news.items(), key=lambda item: (item[1][1], item[0])):
        near = [
            send
            for send in nameless[phone]
            if send.fits(at)
            and send.is_first_try
            and send.status != Status.FAILED
            and send.at >= told_since
            and send not in named
        ]
        if len(near) == 1 and not _may_be_by_hand(near[0], at, heard[phone]):
            named[near[0]] = remote_id
    _name(named)
    return set(named.values())


def _heard(team, nameless, news):
    """Return when these people wrote to us in the time about which the news are, by number."""
    found = defaultdict(list)
    moments = [at for phone, at in news.values() if nameless.get(phone)]
    if moments:
        written = Message.objects.inbound().filter(
            conversation__team=team,
            conversation__phone__in=[phone for phone in nameless if nameless[phone]],
            at__range=(min(moments) - WINDOW, max(moments)),
        )
        for phone, at in written.values_list("conversation__phone", "at"):
            found[phone].append(at)
    return found


def _may_be_by_hand(send, at, heard):
    """Say whether the news may be of what somebody wrote freely, because the window was open."""
    was_open = any(timedelta(0) <= at - moment <= WINDOW for moment in heard)
    return was_open and (send.is_in_doubt or at - send.at > SOON)


def _nameless(team, phones, moments):
    """Return the `_Send`s of those moments of whose message nothing is known, by number."""
    lately = (min(moments) - AFTER, max(moments) + BEFORE)
    rows = list(
        Recipient.objects.of_team(team)
        .filter(phone__in=phones, remote_id="", message=None)
        .filter(
            Q(status__in=(Status.ACCEPTED, Status.FAILED), settled_at__range=lately)
            | Q(status=Status.UNCONFIRMED)
        )
        .annotate(template=F("campaign__snapshot__template"))
        .only("campaign", "phone", "position", "status", "settled_at", "retries")
    )
    tried_at = _tried_at([row for row in rows if row.status == Status.UNCONFIRMED])
    found = defaultdict(list)
    for row in rows:
        at = tried_at.get(row.pk, row.settled_at)
        if at is not None:
            send = _Send(row.pk, at, row.status, row.retries == 0, row.template)
            found[row.phone].append(send)
    return found


def _tried_at(doubts):
    """Return when each of these people in doubt was tried, alone or in a part."""
    if not doubts:
        return {}
    campaigns = {row.campaign_id for row in doubts}
    tries = Attempt.objects.filter(campaign__in=campaigns, outcome=Attempt.Outcome.UNCONFIRMED)
    found = {}
    for attempt in tries.select_related("batch"):
        for row in doubts:
            part = attempt.batch
            if attempt.recipient_id == row.pk or (
                part
                and part.campaign_id == row.campaign_id
                and part.first <= row.position <= part.last
            ):
                found[row.pk] = attempt.started_at
    return found


def _name(named):
    """Write the ids of messages, {send: id}. What got no clear answer was sent, then."""
    doubts = {s.pk: named[s] for s in named if s.is_in_doubt and s.is_first_try}
    # The try before the person: in that order everyone locks them.
    singles.record_told_of(doubts)
    Recipient.objects.name_messages({send.pk: remote_id for send, remote_id in named.items()})


def _may_be_ours(message):
    return message.kind in ("", "template") or bool(message.template_name)
