"""Where campaigns stand: fetch the rows that `progress` counts, for one or for several."""

from bisect import bisect_left
from collections import Counter, defaultdict
from datetime import timedelta

from django.db.models import Count, Max, Prefetch, Q
from django.utils import timezone

from campaigns.models import Attempt, Batch, ReceiptSource, Recipient
from campaigns.progress import NOTHING_TOLD, Receipts, Singles, progress_of
from campaigns.services import singles
from tasks import services as tasks


def standing_of(campaign):
    """Return the `Progress` of a launched campaign, with its receipts and its parts' tries."""
    return standings([campaign], tries=True, receipts=receipts_of(campaign))[0][1]


def receipts_of(campaign):
    """Count what WhatsApp told of the messages of a launched campaign."""
    reached = Recipient.Reached
    source = ReceiptSource.objects.filter(team=campaign.team_id).first()
    if source is None:
        return NOTHING_TOLD
    traced = campaign.recipients.exclude(remote_id="")
    counted = traced.filter(status=Recipient.Status.ACCEPTED).aggregate(
        told=Count("pk"),
        held=Count("pk", filter=Q(reached=reached.HELD)),
        delivered=Count("pk", filter=Q(reached__gte=reached.DELIVERED)),
        read=Count("pk", filter=Q(reached=reached.READ)),
    )

    def number(name, since):
        """Leave a zero out that only says that nobody told us at that time."""
        if counted[name] or (counted["told"] and since and since <= campaign.launched_at):
            return counted[name]
        return None

    return Receipts(
        told=counted["told"],
        held=counted["held"],
        delivered=number("delivered", source.delivered_since),
        read=number("read", source.read_since),
    )


def standings(campaigns, *, tries=False, receipts=NOTHING_TOLD):
    """Return the campaigns, each with its `Progress`. However many, the queries are as many."""
    now = timezone.now()
    campaigns = list(campaigns)
    batches = _batches(campaigns, tries)
    counted = _singles(campaigns, batches, now)
    worker = tasks.worker_status()
    return [
        (
            campaign,
            progress_of(
                campaign,
                batches[campaign.pk],
                now,
                singles=counted[campaign.pk],
                receipts=receipts,
                sender_is_alive=worker.is_alive,
                sender_seen_at=worker.seen_at,
            ),
        )
        for campaign in campaigns
    ]


def _batches(campaigns, tries):
    found = defaultdict(list)
    rows = Batch.objects.filter(campaign__in=campaigns).order_by("campaign", "number")
    if tries:
        attempts = Attempt.objects.only("batch_id", "started_at", "outcome")
        rows = rows.prefetch_related(Prefetch("attempts", attempts))
    for batch in rows.select_related("job"):
        if tries and batch.status == Batch.Status.UNCONFIRMED:
            people = Recipient.objects.of_batch(batch)
            batch.told_of = people.exclude(remote_id="").count()
        found[batch.campaign_id].append(batch)
    return found


def _singles(campaigns, batches, now):
    """Count the people who are written to one by one, by campaign."""
    people = Recipient.objects.of_singles(campaigns)
    rows = defaultdict(list)
    for row in (
        people.order_by()
        .values("campaign", "status")
        .annotate(
            count=Count("pk"),
            last_at=Max("settled_at"),
            lately=Count("pk", filter=Q(settled_at__gt=now - timedelta(minutes=1))),
            tried_again=Count("pk", filter=Q(retries__gt=0)),
        )
    ):
        rows[row.pop("campaign")].append(row)
    undecided, retried = Counter(), defaultdict(list)
    if any(
        row["status"] == Recipient.Status.UNCONFIRMED for told in rows.values() for row in told
    ):
        undecided.update(singles.undecided(campaigns).values_list("campaign", flat=True))
    if any(batches[pk] for pk in rows):
        # Of a campaign in parts, nobody is here but who was tried again.
        tried = people.filter(retries__gt=0).values_list("campaign", "position")
        for pk, position in tried:
            retried[pk].append(position)
    return {
        campaign.pk: Singles(
            **{row["status"]: row["count"] for row in rows[campaign.pk]},
            last_at=max(filter(None, (r["last_at"] for r in rows[campaign.pk])), default=None),
            lately=sum(row["lately"] for row in rows[campaign.pk]),
            tried_again=sum(row["tried_again"] for row in rows[campaign.pk]),
            undecided=undecided[campaign.pk],
            retried=_by_part(batches[campaign.pk], retried[campaign.pk]),
        )
        for campaign in campaigns
    }


def _by_part(batches, positions):
    """Count positions by the number of the part that they lie in."""
    if not batches:
        return {}
    lasts = [batch.last for batch in batches]
    return dict(Counter(batches[bisect_left(lasts, p)].number for p in positions))
