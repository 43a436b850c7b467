"""Hand a team's campaigns to ChumiAI: three engines, one signature.

An engine is a module with one function, `step(campaign)`: take the campaign one step further,
and return the seconds until the next step, 0 to go on at once, or None when the engine has
nothing left to do for it. Whatever sends anything to anybody stands in `ENGINES`.
"""

from django.utils import timezone

from campaigns.models import Campaign
from sending.models import Attempt, Batch
from sending.senders import in_batches, singly, to_group
from sending.services import batches, launches, singles

# Seconds after the end of a campaign until we look once more whether really nobody waits.
LAST_LOOK = 60
# Who was tried again after a failure goes out singly, whatever carried the campaign.
ENGINES = {
    Campaign.Engine.BATCHES: (in_batches, singly),
    Campaign.Engine.SINGLY: (singly,),
    Campaign.Engine.GROUP: (to_group,),
}


def work(team):
    """Do the next step of each of the team's campaigns.

    Return the seconds until the next, or None. One worker at a time does this for a team; that
    two of them do no harm is what the claims are for.
    """
    batches.expire_claims(team)
    singles.expire_claims(team)
    launches.finish_stopped(team)
    launches.reopen_unfinished(team)
    waits = [in_batches.look_for_lost(team), _until_claims_expire(team)]
    waits += [
        _next_of(campaign)
        for campaign in Campaign.objects.for_team(team)
        .filter(status__in=(Campaign.Status.QUEUED, Campaign.Status.SENDING))
        .select_related("team", "group")
        .order_by("launched_at", "pk")
    ]
    return min((wait for wait in waits if wait is not None), default=None)


def _next_of(campaign):
    """Take one campaign one step further. Return 0 to go on at once, seconds, or None."""
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


def _until_claims_expire(team):
    """Return the seconds until a claim may be called unanswered, None without a claim."""
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
    first = min(filter(None, claimed), default=None)
    if first is None:
        return None
    return max((first + batches.claim_lifetime() - timezone.now()).total_seconds(), 1)
