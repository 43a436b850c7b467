"""Load the progress of campaigns: the queries behind progress.py, for one or for several."""

from bisect import bisect_left
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

from django.db.models import Count, Max, OuterRef, Prefetch, Q, QuerySet, Subquery
from django.db.models.functions import Coalesce

from campaigns.models import Campaign, Recipient
from core import clocks
from sending.models import Attempt, Batch, ReceiptSource
from sending.progress import (
    NO_RECEIPTS,
    BatchProgress,
    Progress,
    Receipts,
    Singles,
    batch_progress,
    progress_of,
)
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

    `tries` loads the attempts of each batch, too.
    """
    now = clocks.now()
    campaigns = list(campaigns)
    batches = _batches(campaigns, tries)
    counted = _singles(campaigns, batches, now)
    _count_traced(campaigns, batches, counted)
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


def load_batches(batches: Iterable[Batch]) -> dict[int, BatchProgress]:
    """Return the numbers of some batches, each with its `job` and `campaign`, by primary key."""
    rows = list(
        _with_people(Batch.objects.filter(pk__in=[batch.pk for batch in batches]))
        .annotate(count_retried=_people_of_batch(retries__gt=0))
        .select_related("job", "campaign")
    )
    for row in rows:
        _set_people(row, row.campaign)
    vague = [row for row in rows if _is_vague(row.campaign, row, row.count_retried)]
    _set_traced(vague)
    return {
        row.pk: batch_progress(row.campaign, row, of=0, retried=row.count_retried) for row in rows
    }


def _people_of_batch(*conditions: Q, **lookups: Any) -> Coalesce:
    """Return the number of the people of an outer batch that meet the conditions."""
    people = Recipient.objects.filter(
        *conditions,
        campaign=OuterRef("campaign"),
        position__range=(OuterRef("first"), OuterRef("last")),
        **lookups,
    )
    counts = people.order_by().values("campaign").annotate(count=Count("pk")).values("count")
    return Coalesce(Subquery(counts), 0)


def _with_people(batches: QuerySet[Batch]) -> QuerySet[Batch]:
    status = Recipient.Status
    return batches.annotate(
        count_failed=_people_of_batch(status=status.FAILED, retries=0),
        count_skipped=_people_of_batch(status=status.SKIPPED, retries=0),
    )


def _set_people(batch: Any, campaign: Campaign) -> None:
    """Set what `_with_people` counted; the members of ChumiAI's own groups are no Recipients."""
    batch.failed_people = batch.count_failed
    if campaign.engine != Campaign.Engine.GROUP:
        batch.skipped_people = batch.count_skipped


def _batches(campaigns: Sequence[Campaign], tries: bool) -> dict[int, list[Batch]]:
    found = defaultdict(list)
    by_pk = {campaign.pk: campaign for campaign in campaigns}
    rows = _with_people(Batch.objects.filter(campaign__in=campaigns))
    if tries:
        attempts = Attempt.objects.only("batch_id", "started_at", "outcome")
        rows = rows.prefetch_related(Prefetch("attempts", attempts))
    for batch in rows.select_related("job").order_by("campaign", "number"):
        _set_people(batch, by_pk[batch.campaign_id])
        found[batch.campaign_id].append(batch)
    return found


def _count_traced(
    campaigns: Iterable[Campaign],
    batches: Mapping[int, list[Batch]],
    counted: Mapping[int, Singles],
) -> None:
    """Count the messages that WhatsApp reported where ChumiAI alone does not say enough."""
    _set_traced(
        [
            batch
            for campaign in campaigns
            for batch in batches[campaign.pk]
            if _is_vague(campaign, batch, counted[campaign.pk].retried.get(batch.number, 0))
        ]
    )


def _is_vague(campaign: Campaign, batch: Batch, retried: int) -> bool:
    counts = batch_progress(campaign, batch, of=0, retried=retried)
    return bool(counts.unconfirmed or counts.is_open_question)


def _set_traced(batches: Sequence[Batch]) -> None:
    if not batches:
        return
    status = Recipient.Status
    reported = Q(status__in=(status.ACCEPTED, status.UNCONFIRMED), retries=0) & ~Q(remote_id="")
    rows = Batch.objects.filter(pk__in=[batch.pk for batch in batches]).annotate(
        traced=_people_of_batch(reported)
    )
    traced = dict(rows.values_list("pk", "traced"))
    for batch in batches:
        batch.traced_people = traced.get(batch.pk, 0)


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
