"""What came of a campaign: from those it was for down to those who answered."""

from dataclasses import dataclass

from campaigns.models import Campaign
from conversations.models import Message
from conversations.replies import replied


@dataclass(frozen=True, slots=True)
class Stage:
    """A step of the funnel: how many people, and what share of those `of` the step before.

    `people` and `percent` are None where nobody tells. `show` is what the page of the
    recipients calls them.
    """

    name: str
    people: int | None
    percent: int | None
    of: str
    show: str
    sentence: str


def funnel(campaign, progress):
    """Return the stages of a launched campaign, counted by its `Progress`."""
    accepted, told = progress.accepted, progress.receipts
    # Only messages that have an id can be told of.
    traced = told.told or accepted
    arrived = told.delivered or accepted
    of_arrived = "those delivered" if told.delivered else "those accepted"
    return [
        _stage(
            "Accepted",
            accepted,
            progress.total,
            "all recipients",
            "accepted",
            "WhatsApp took the message.",
        ),
        _stage(
            "Delivered",
            told.delivered,
            traced,
            "those accepted",
            "delivered",
            "It arrived on the phone.",
        ),
        _stage(
            "Read",
            told.read,
            told.delivered,
            "those delivered",
            "read",
            "Who keeps read receipts to themselves is not counted.",
        ),
        _stage(
            "Replied",
            _answered(campaign),
            arrived,
            of_arrived,
            "replied",
            "They replied to this message, or were the first to write within 72 hours after it.",
        ),
    ]


def _stage(name, people, whole, of, show, sentence):
    known = people is not None and whole
    percent = min(people * 100 // whole, 100) if known else None
    return Stage(name, people, percent, of, show, sentence)


def _answered(campaign):
    """Count who answered; None where no message of anybody has ever come in.

    To whom ChumiAI sent when it went through its own group, nobody tells, nor who answered.
    """
    if campaign.engine == Campaign.Engine.GROUP:
        return None
    people = replied(campaign)
    if people or Message.objects.filter(team=campaign.team_id, inbound=True).exists():
        return people
    return None
