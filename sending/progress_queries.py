"""Where campaigns stand: fetch the rows that `progress` counts, for one or for several."""

from bisect import bisect_left
from collections import Counter, defaultdict
from datetime import timedelta

from django.db.models import (
    Case,
    Count,
    F,
    IntegerField,
    Max,
    OuterRef,
    Prefetch,
    Q,
    Subquery,
    Sum,
    When,
)
from django.db.models.functions import Coalesce, Greatest, Least
from django.utils import timezone

from campaigns.models import Campaign, Recipient
from sending.models import FINISHED_JOBS, Attempt, Batch, ReceiptSource
from sending.progress import NOTHING_TOLD, Receipts, Singles, progress_of
from sending.services import singles
from tasks import services as tasks


def load_progress(campaign):
    """Return the `Progress` of a launched campaign, with its receipts and its parts' tries."""
    return load_progresses([campaign], tries=True, receipts=receipts_of(campaign))[0][1]


def receipts_of(campaign):
    """Count what WhatsApp told of the messages of a launched campaign."""
    status = Recipient.DeliveryStatus
    source = ReceiptSource.objects.filter(team=campaign.team_id).first()
    if source is None:
        return NOTHING_TOLD
    traced = campaign.recipients.exclude(remote_id="")
    counted = traced.filter(status=Recipient.Status.ACCEPTED).aggregate(
        told=Count("pk"),
        held=Count("pk", filter=Q(delivery_status=status.HELD)),
        delivered=Count("pk", filter=Q(delivery_status__gte=status.DELIVERED)),
        read=Count("pk", filter=Q(delivery_status=status.READ)),
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


def load_progresses(campaigns, *, tries=False, receipts=NOTHING_TOLD):
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
            batch.reported_messages = people.exclude(remote_id="").count()
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


def with_progress(campaigns):
    """Add `processed`: the people whom ChumiAI has gone through, counted as in progress.py."""
    people = F("last") - F("first") + 1 - F("skipped")
    told = Greatest("job__processed", F("job__accepted") + F("job__failed") + F("job__skipped"))
    through = Case(
        When(Q(job=None) | Q(job__state__in=FINISHED_JOBS), then=people),
        default=Least(people, told, output_field=IntegerField()),
    )
    accepted = Batch.objects.filter(campaign=OuterRef("pk"), status=Batch.Status.ACCEPTED)
    total = accepted.order_by().values("campaign").annotate(total=Sum(through)).values("total")
    settled = (
        Recipient.objects.filter(
            campaign=OuterRef("pk"),
            status__in=(Recipient.Status.ACCEPTED, Recipient.Status.FAILED),
        )
        .order_by()
        .values("campaign")
        .annotate(total=Count("pk"))
        .values("total")
    )
    return campaigns.annotate(
        processed=Case(
            When(engine=Campaign.Engine.SINGLY, then=Coalesce(Subquery(settled), 0)),
            default=Coalesce(Subquery(total), 0),
        )
    )
