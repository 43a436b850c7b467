"""Load the progress of campaigns: the queries behind progress.py, for one or for several."""

from bisect import bisect_left
from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta

from django.db.models import (
    Case,
    Count,
    F,
    IntegerField,
    Max,
    OuterRef,
    Prefetch,
    Q,
    QuerySet,
    Subquery,
    Sum,
    When,
)
from django.db.models.functions import Coalesce, Greatest, Least
from django.utils import timezone

from campaigns.models import Campaign, Recipient
from sending.models import FINISHED_JOBS, Attempt, Batch, ReceiptSource
from sending.progress import NO_RECEIPTS, Progress, Receipts, Singles, progress_of
from sending.services import singles
from tasks import services as tasks


def load_progress(campaign: Campaign) -> Progress:
    """Return the `Progress` of a launched campaign, with its receipts and its batches' tries."""
    return load_progresses([campaign], tries=True, receipts=receipts_of(campaign))[0][1]


def receipts_of(campaign: Campaign) -> Receipts:
    """Count the delivery updates of a launched campaign."""
    status = Recipient.DeliveryStatus
    source = ReceiptSource.objects.filter(team=campaign.team_id).first()
    if source is None:
        return NO_RECEIPTS
    traced = Recipient.objects.filter(campaign=campaign).exclude(remote_id="")
    counted = traced.filter(status=Recipient.Status.ACCEPTED).aggregate(
        traceable=Count("pk"),
        held=Count("pk", filter=Q(delivery_status=status.HELD)),
        delivered=Count("pk", filter=Q(delivery_status__gte=status.DELIVERED)),
        read=Count("pk", filter=Q(delivery_status=status.READ)),
    )

    def known(name: str, since: datetime | None) -> int | None:
        """Return the number, or None for a zero from before the team got such updates."""
        had_updates = since and campaign.launched_at and since <= campaign.launched_at
        if counted[name] or (counted["traceable"] and had_updates):
            return int(counted[name])
        return None

    return Receipts(
        traceable=counted["traceable"],
        held=counted["held"],
        delivered=known("delivered", source.delivered_since),
        read=known("read", source.read_since),
    )


def load_progresses(
    campaigns: Iterable[Campaign], *, tries: bool = False, receipts: Receipts = NO_RECEIPTS
) -> list[tuple[Campaign, Progress]]:
    """Return each campaign with its `Progress`. The number of queries does not grow with them.

    `tries` loads the attempts of each batch, too, and counts the reported messages of those that
    are unconfirmed.
    """
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
                reported=_reported(batches[campaign.pk]) if tries else None,
                sender_is_alive=worker.is_alive,
                sender_seen_at=worker.seen_at,
            ),
        )
        for campaign in campaigns
    ]


def _batches(campaigns: Sequence[Campaign], tries: bool) -> dict[int, list[Batch]]:
    found = defaultdict(list)
    rows = Batch.objects.filter(campaign__in=campaigns).order_by("campaign", "number")
    if tries:
        attempts = Attempt.objects.only("batch_id", "started_at", "outcome")
        rows = rows.prefetch_related(Prefetch("attempts", attempts))
    for batch in rows.select_related("job"):
        found[batch.campaign_id].append(batch)
    return found


def _reported(batches: Iterable[Batch]) -> dict[int, int]:
    """Count the messages of unconfirmed batches that WhatsApp reported, by batch number."""
    return {
        batch.number: Recipient.objects.of_batch(batch).exclude(remote_id="").count()
        for batch in batches
        if batch.status == Batch.Status.UNCONFIRMED
    }


def _singles(
    campaigns: Sequence[Campaign], batches: dict[int, list[Batch]], now: datetime
) -> dict[int, Singles]:
    """Count the recipients who are sent to one by one, by campaign."""
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
    undecided: Counter[int] = Counter()
    retried = defaultdict(list)
    statuses = {row["status"] for found in rows.values() for row in found}
    if Recipient.Status.UNCONFIRMED in statuses:
        undecided.update(singles.undecided(campaigns).values_list("campaign", flat=True))
    if any(batches[pk] for pk in rows):
        # In a campaign that has batches, only retried recipients are sent to one by one.
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
            retried=_by_batch(batches[campaign.pk], retried[campaign.pk]),
        )
        for campaign in campaigns
    }


def _by_batch(batches: list[Batch], positions: list[int]) -> dict[int, int]:
    """Count positions by the number of the batch that they are in."""
    if not batches:
        return {}
    lasts = [batch.last for batch in batches]
    return dict(Counter(batches[bisect_left(lasts, p)].number for p in positions))


def with_processed(campaigns: QuerySet[Campaign]) -> QuerySet[Campaign]:
    """Add `processed` to each campaign: the same number as `Progress.processed`."""
    people = F("last") - F("first") + 1 - F("skipped")
    reported = Greatest(
        "job__processed", F("job__accepted") + F("job__failed") + F("job__skipped")
    )
    processed = Case(
        When(Q(job=None) | Q(job__state__in=FINISHED_JOBS), then=people),
        default=Least(people, reported, output_field=IntegerField()),
    )
    accepted = Batch.objects.filter(campaign=OuterRef("pk"), status=Batch.Status.ACCEPTED)
    total = accepted.order_by().values("campaign").annotate(total=Sum(processed)).values("total")
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
