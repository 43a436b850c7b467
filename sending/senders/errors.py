"""What an error of ChumiAI means for the campaign: wait for what passes, pause for the rest."""

from django.conf import settings

from campaigns.models import Campaign
from chumi_api.errors import Forbidden, RateLimited, Unauthorized, Unavailable, Unreachable
from sending.services import launches
from teams.retry_policy import wait_after
from teams.services import record_problem
from whatsapp import errors

# Seconds until we try again after something that passes by itself.
TRY_AGAIN = 15
WHATSAPP_DOWN = 60
REASONS = {
    Unauthorized: Campaign.Pause.UNAUTHORIZED,
    Forbidden: Campaign.Pause.FORBIDDEN,
}
LEFT = "The people who are left were not written to."


def is_switched_off(campaign):
    """Say whether nothing may be sent from this server, and say so on the campaign."""
    if not settings.SENDING_ENABLED:
        launches.record_wait(campaign, "Sending is switched off on this server. Nothing was lost.")
    return not settings.SENDING_ENABLED


def passes(error):
    """Say whether the trouble passes by itself, and proves that nothing was sent."""
    return isinstance(error, (RateLimited, Unreachable)) or (
        not error.maybe_sent and errors.explain(error.code).waits_by_itself
    )


def not_now(campaign, error):
    """Wait for what passes by itself; pause for what a person has to mend.

    Return the seconds until the next step.
    """
    if isinstance(error, RateLimited):
        wait = wait_after(error, default=TRY_AGAIN)
        launches.record_wait(
            campaign, f"Too many requests. Waiting {wait:.0f} seconds, then carrying on."
        )
        return wait
    if isinstance(error, (Unreachable, Unavailable)):
        launches.record_wait(
            campaign,
            f"ChumiAI can't be reached at the moment. Nothing was lost; we try again every "
            f"{TRY_AGAIN} seconds.",
        )
        return TRY_AGAIN
    known = errors.explain(error.code) if error.code is not None else None
    if known and passes(error):
        launches.record_wait(
            campaign, f"{known.sentence} Nothing was lost; we try again in a minute."
        )
        return WHATSAPP_DOWN
    if error.concerns_account:
        record_problem(campaign.team, str(error))
    if known is errors.UNKNOWN:
        known = None
    words = f"{known.sentence} {known.advice}" if known else error
    launches.pause(
        campaign,
        reason=REASONS.get(type(error)) or launches.reason_for(known),
        note=f"{words} {LEFT}",
    )
    return 0
