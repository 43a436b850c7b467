"""What an error of ChumiAI means for the campaign: wait for what is temporary, else pause."""

from datetime import datetime

from campaigns.models import Campaign
from chumi_api.errors import ChumiError, Forbidden, RateLimited, Unauthorized
from core import clocks
from sending import holds
from sending.holds import TRY_AGAIN, Hold
from sending.services import launches
from sending.services.batches import details_of
from teams.retry_policy import wait_after
from whatsapp import errors

Pause, Wait = Campaign.Pause, Campaign.Wait

# Seconds until a message is tried again that WhatsApp can't take at the moment.
WHATSAPP_DOWN = 60
REASONS = {Unauthorized: Pause.UNAUTHORIZED, Forbidden: Pause.FORBIDDEN}


def is_temporary(error: ChumiError) -> bool:
    """Return True if the same call can succeed later, with nothing changed."""
    return error.is_temporary or errors.explain(error.code).waits_by_itself


def hold_for(error: ChumiError, now: datetime) -> Hold:
    """Return the hold of an error after which nothing was sent."""
    if isinstance(error, RateLimited):
        seconds = wait_after(error, default=TRY_AGAIN)
        return holds.wait(Wait.RATE_LIMITED, now, seconds, seconds=round(seconds))
    if error.is_temporary:
        return holds.wait(Wait.UNREACHABLE, now, TRY_AGAIN, seconds=TRY_AGAIN)
    if is_temporary(error):
        return holds.wait(Wait.WHATSAPP, now, WHATSAPP_DOWN, code=error.code)
    known = errors.explain(error.code)
    reason = REASONS.get(type(error)) or launches.reason_for(known)
    return holds.pause(reason, **details_of(error))


def wait_or_pause(campaign: Campaign, error: ChumiError) -> float:
    """Let the campaign wait or pause after an error. Return the seconds until the next step."""
    hold = hold_for(error, clocks.now())
    return holds.apply_hold(campaign, hold)
