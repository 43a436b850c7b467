"""The template, read from ChumiAI before something is handed over.

It is read between a start (launch, resume, retry) and the first message, before each batch, and
while messages go out one by one once in a while. So no message goes out more than a minute after
we looked; whether the template is still the one that was checked, the holds then say.
"""

import logging

from campaigns.models import Campaign
from chumi_api.client import Client
from chumi_api.errors import ChumiError
from core import clocks
from sending import holds
from sending.holds import Before
from sending.senders.errors import wait_or_pause
from sending.services import template_guard
from teams.services import NotConnected, client_for

logger = logging.getLogger(__name__)

# Sent one by one it is read at this age already, so that it never gets too old within a step.
READ_AGAIN = holds.TEMPLATE_STAYS_READ / 2


def held(campaign: Campaign, before: Before) -> float | None:
    """Ask the holds. Return the seconds to wait, or None to go on.

    If the template is all that is missing, read it.
    """
    hold = holds.first_hold(campaign, before)
    if _is_due(campaign, hold, before):
        wait = read(campaign)
        if wait is not None:
            return wait
        hold = holds.first_hold(campaign, before)
    return holds.apply_hold(campaign, hold) if hold else None


def _is_due(campaign: Campaign, hold: holds.Hold | None, before: Before) -> bool:
    if hold:
        return hold.reason == Campaign.Wait.TEMPLATE_READ
    read_at = campaign.template_read_at
    return before != Before.END and (read_at is None or clocks.now() - read_at > READ_AGAIN)


def read(campaign: Campaign) -> float | None:
    """Read the template from ChumiAI. Return the seconds to wait after an error, or None."""
    asked_at = clocks.now()
    try:
        client = client_for(campaign.team)
        if campaign.template_read_at is None:
            _sync(client)
        listed = client.list_templates()
    except NotConnected:
        return holds.apply_hold(campaign, holds.pause(Campaign.Pause.NOT_CONNECTED))
    except ChumiError as error:
        return wait_or_pause(campaign, error)
    template_guard.record_read(campaign, listed, asked_at=asked_at)
    return None


def _sync(client: Client) -> None:
    """Let ChumiAI ask Meta. Its list counts, so an error here stops nothing."""
    try:
        client.sync_templates()
    except ChumiError as error:
        logger.info(
            "templates not synced", extra={"error": type(error).__name__, "status": error.status}
        )
