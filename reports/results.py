"""The funnel of a campaign: recipients, accepted, delivered, read, replied."""

from dataclasses import dataclass
from enum import StrEnum

from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from campaigns.models import Campaign
from conversations.models import Message
from conversations.template_replies import count_replies
from core import formats
from sending.progress import Progress


class Step(StrEnum):
    """The steps of the funnel. Each value is also a filter of the recipients page."""

    ACCEPTED = "accepted"
    DELIVERED = "delivered"
    READ = "read"
    REPLIED = "replied"


@dataclass(frozen=True, slots=True)
class Stage:
    """One step of the funnel, with its share of an earlier number.

    `people`, `percent` and `share` are None if ChumiAI or WhatsApp reports no number.
    """

    step: Step
    name: str
    hint: str
    people: int | None
    percent: int | None
    # `62 % of accepted`
    share: str | None


def funnel(campaign: Campaign, progress: Progress) -> list[Stage]:
    """Return the stages of a launched campaign."""
    accepted, receipts = progress.accepted, progress.receipts
    # Only messages with an id can get a delivery status.
    traceable = receipts.traceable or accepted
    of_delivered, of_accepted = _("{percent} % of delivered"), _("{percent} % of accepted")
    return [
        _stage(
            Step.ACCEPTED,
            _("Accepted"),
            _("ChumiAI accepted the message"),
            accepted,
            progress.total,
            _("{percent} % of recipients"),
        ),
        _stage(
            Step.DELIVERED,
            _("Delivered"),
            _delivery_hint(accepted, receipts.traceable),
            receipts.delivered,
            traceable,
            of_accepted,
        ),
        _stage(
            Step.READ,
            _("Read"),
            _("People with read receipts off are not counted"),
            receipts.read,
            receipts.delivered,
            of_delivered,
        ),
        _stage(
            Step.REPLIED,
            _("Replied"),
            _("Replies to this message, or the first message within 72 hours after it"),
            _replied(campaign),
            receipts.delivered or accepted,
            of_delivered if receipts.delivered else of_accepted,
        ),
    ]


def _delivery_hint(accepted: int | None, traceable: int) -> str:
    """Return what Delivered means; if some messages have no status yet, how many have."""
    if not traceable or traceable == accepted:
        return _("The message is on the phone")
    return ngettext(
        "Delivery is known for {count} message so far",
        "Delivery is known for {count} messages so far",
        traceable,
    ).format(count=formats.number(traceable))


def _stage(
    step: Step, name: str, hint: str, people: int | None, whole: int | None, share: str
) -> Stage:
    if people is None or not whole:
        return Stage(step, name, hint, people, None, None)
    percent = min(people * 100 // whole, 100)
    shown = "< 1" if people and not percent else str(percent)
    return Stage(step, name, hint, people, percent, share.format(percent=shown))


def _replied(campaign: Campaign) -> int | None:
    """Count the people who replied; None if the team never received a message.

    For group sends ChumiAI reports no recipients, so replies can't be attributed.
    """
    if campaign.engine == Campaign.Engine.GROUP:
        return None
    people = count_replies(campaign)
    if people or Message.objects.inbound().filter(team=campaign.team_id).exists():
        return people
    return None
