"""Send a team's campaigns: three engines with the same signature.

An engine is a module with one function, `step(campaign)`: take the campaign one step further,
and return the seconds until the next step, 0 to continue at once, or None if the engine has
nothing left to do for it. Everything that sends a message is in `ENGINES`.
"""

from datetime import datetime
from types import ModuleType

from django.db.models import QuerySet

from campaigns.models import Campaign
from core import clocks
from sending import holds
from sending.models import Attempt, Batch
from sending.senders import in_batches, singly, to_group
from sending.services import batches, launches, singles
from sending.services.restored import LOOK_AGAIN
from tasks import continuity
from teams.models import Team

# Seconds after the end of a campaign until we check once more that no one is pending.
LAST_LOOK = 60
# People who are retried after a failure are sent to one by one, whatever the campaign's engine.
ENGINES: dict[str, tuple[ModuleType, ...]] = {
    Campaign.Engine.BATCHES: (in_batches, singly),
    Campaign.Engine.SINGLY: (singly,),
    Campaign.Engine.GROUP: (to_group,),
}


def work(team: Team) -> float | None:
    """Take each campaign of the team one step further. Return the seconds until the next step.

    None means that nothing is left to do. One worker at a time does this for a team; the claims
    make sure that two at the same time do no harm.
    """
    if _is_restored_copy(team):
        return LOOK_AGAIN
    batches.expire_claims(team)
    singles.expire_claims(team)
    launches.finish_stopped(team)
    launches.reopen_unfinished(team)
    launches.complete_paused(team)
    waits = [in_batches.search_jobs(team), _until_claims_expire(team)]
    waits += [_next_of(campaign) for campaign in _sending(team)]
    return min((wait for wait in waits if wait is not None), default=None)


def _is_restored_copy(team: Team) -> bool:
    """Pause all that the team sends if this may be a restored copy. Return True if it may.

    Nothing of its past is settled either: that belongs to `manage.py adopt`.
    """
    if not continuity.doubt():
        return False
    for campaign in _sending(team):
        holds.pause_campaign(campaign, holds.pause(Campaign.Pause.RESTORED_COPY))
    return True


def _sending(team: Team) -> QuerySet[Campaign]:
    live = (Campaign.Status.QUEUED, Campaign.Status.SENDING)
    sending: QuerySet[Campaign] = Campaign.objects.for_team(team).filter(status__in=live)
    return sending.select_related("team", "template", "group").order_by("launched_at", "pk")


def _next_of(campaign: Campaign) -> float | None:
    """Take one campaign one step further. Return 0 to continue at once, seconds, or None."""
    if campaign.status == Campaign.Status.QUEUED:
        launches.begin(campaign)
    wait = to_group.count_first(campaign)
    if wait is not None:
        return wait
    waits = [engine.step(campaign) for engine in ENGINES[campaign.engine]]
    wait = min((wait for wait in waits if wait is not None), default=None)
    if wait is None and launches.complete(campaign):
        return LAST_LOOK
    return wait


def _until_claims_expire(team: Team) -> float | None:
    """Return the seconds until the oldest claim expires, None without a claim."""
    claimed = [
        Batch.objects.filter(campaign__team=team, status=Batch.Status.SUBMITTING)
        .order_by("claimed_at")
        .values_list("claimed_at", flat=True)
        .first(),
        Attempt.objects.filter(
            campaign__team=team, recipient__isnull=False, outcome=Attempt.Outcome.OPEN
        )
        .order_by("started_at")
        .values_list("started_at", flat=True)
        .first(),
    ]
    first: datetime | None = min(filter(None, claimed), default=None)
    if first is None:
        return None
    return max((first + batches.claim_lifetime() - clocks.now()).total_seconds(), 1)
