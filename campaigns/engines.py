"""The two ways in which a campaign goes out, in words, and which one it takes."""

from dataclasses import dataclass

from campaigns.models import Campaign

Engine = Campaign.Engine


@dataclass(frozen=True, slots=True)
class Words:
    """What an engine is called, and in one sentence what it can and can't do."""

    name: str
    sentence: str


WORDS = {
    Engine.SINGLY: Words(
        "One by one",
        "We send each message ourselves: you can pause or stop at any moment and see what became "
        "of every person, but it takes longer.",
    ),
    Engine.BATCHES: Words(
        "In parts",
        "ChumiAI gets the list in parts and sends each by itself: fast for many people, but a "
        "part can't be called back, and it may tell only how many failed, not who.",
    ),
}


def choices(campaign):
    """Return the engines that can carry the campaign; the first is the one that fits best.

    ChumiAI's bulk import has no field for the media of a header, so such a template goes out
    one by one. Otherwise few people go out one by one, and many in parts.
    """
    if campaign.template.needs_media:
        return [Engine.SINGLY]
    if campaign.recipient_count <= campaign.team.singly_up_to:
        return [Engine.SINGLY, Engine.BATCHES]
    return [Engine.BATCHES, Engine.SINGLY]
