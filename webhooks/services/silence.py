"""Delivery updates that were to be expected and have not come.

WhatsApp reports every message that it accepts within seconds. If messages were accepted and
nothing at all has arrived since, the way from ChumiAI to us is blocked: by a wrong address, by a
proxy that refuses every request, by a changed secret.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from django.db.models import Count, F, Min, OuterRef, Subquery, Sum
from django.db.models.expressions import Combinable

from core import clocks
from sending.models import Attempt, BulkJob
from teams.models import Team
from webhooks.models import Delivery

# How long updates may take, and how far we look back.
LATE = timedelta(minutes=30)
LOOK_BACK = timedelta(days=7)
# Fewer messages may be an exception: ChumiAI repeats what it could not deliver for some time.
FEWEST = 5


@dataclass(frozen=True, slots=True)
class Silence:
    """`messages` were accepted since a moment, and no update has come since then."""

    since: datetime
    messages: int

    @property
    def lasts(self) -> timedelta:
        return clocks.now() - self.since


def moments() -> dict[str, Combinable]:
    """Return the values of a query of teams that `silence_of` needs, None without an address."""
    unprocessed = Delivery.objects.filter(team=OuterRef("pk"), processed_at=None)
    return {
        "address_made_at": F("webhook__made_at"),
        "last_event_at": F("webhook__last_event_at"),
        "last_delivery_at": Subquery(unprocessed.order_by("-pk").values("received_at")[:1]),
    }


def silence_of(team: Team, known: Mapping[str, Any] | None = None) -> Silence | None:
    """Return the silence of a team, None while updates come, or none are due.

    `known` are the values of `moments`, if they are read already.
    """
    if known is None:
        known = Team.objects.filter(pk=team.pk).values(**moments()).get()
    if known["address_made_at"] is None:
        return None
    now = clocks.now()
    last = max(moment for name in moments() if (moment := known[name]))
    if now - last < LATE:
        return None
    return _accepted_between(team, max(last, now - LOOK_BACK), now - LATE)


def _accepted_between(team: Team, begin: datetime, end: datetime) -> Silence | None:
    """Count the messages that were accepted one by one and in batches."""
    singly = Attempt.objects.filter(
        campaign__team=team,
        recipient__isnull=False,
        outcome=Attempt.Outcome.ACCEPTED,
        finished_at__gt=begin,
        finished_at__lte=end,
    ).aggregate(messages=Count("pk"), since=Min("finished_at"))
    # The time of each message of a job is unknown: none was accepted before the batch was.
    in_batches = BulkJob.objects.filter(
        team=team, batch__settled_at__gt=begin, batch__settled_at__lte=end, accepted__gt=0
    ).aggregate(messages=Sum("accepted", default=0), since=Min("batch__settled_at"))
    messages = singly["messages"] + in_batches["messages"]
    if messages < FEWEST:
        return None
    return Silence(min(filter(None, (singly["since"], in_batches["since"]))), messages)
