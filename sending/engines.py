"""The ways in which a campaign goes out, in words, and which one it takes."""

from dataclasses import dataclass
from math import ceil

from campaigns.models import Campaign

Engine = Campaign.Engine
# What ChumiAI is believed to send from a part; it documents no figure, so pages say "roughly".
MESSAGES_A_SECOND = 20


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
    Engine.GROUP: Words(
        "To the group by ChumiAI",
        "ChumiAI finds the members when it sends and writes to all of them in one go: once it has "
        "begun, nothing can be called back, and it tells how many failed, not who.",
    ),
}


@dataclass(frozen=True, slots=True)
class Choice:
    """An engine as the review page offers it."""

    engine: str
    name: str
    sentence: str
    plan: str


def offers(campaign):
    """Return the engines to choose from, the one that fits best first, in words for a person."""
    return [
        Choice(engine, WORDS[engine].name, WORDS[engine].sentence, _plan(campaign, engine))
        for engine in choices(campaign)
    ]


def _plan(campaign, engine):
    people, team = campaign.recipient_count, campaign.team
    if engine == Engine.GROUP:
        return f"Roughly {_duration(people / MESSAGES_A_SECOND)} in all."
    if engine == Engine.SINGLY:
        pace = f"{team.messages_per_second:g}"
        return f"{pace} a second, roughly {_duration(people / team.messages_per_second)} in all."
    parts = sum(1 for _ in slices(people, team.batch_size))
    how_many = "1 part" if parts == 1 else f"{parts:,} parts"
    return f"{how_many}, roughly {_duration(people / MESSAGES_A_SECOND)} in all."


def _duration(seconds):
    minutes = ceil(seconds / 60)
    if minutes <= 1:
        return "a minute"
    if minutes < 90:
        return f"{minutes} minutes"
    return f"{round(minutes / 60)} hours"


def slices(total, size):
    """Yield (first, last) positions of parts of at most `size`; neighbours differ in size.

    Where ChumiAI echoes no file name, the size is what tells the jobs of two neighbouring
    parts from each other.
    """
    first, turn = 1, 0
    while first <= total:
        last = min(first + size - turn % 3 - 1, total)
        yield first, last
        first, turn = last + 1, turn + 1


def choices(campaign):
    """Return the engines that can carry the campaign; the first is the one that fits best.

    ChumiAI's bulk import has no field for the media of a header, so such a template goes out
    one by one. Otherwise few people go out one by one, and many in parts.
    """
    if campaign.goes_through_group:
        return [Engine.GROUP]
    if campaign.template.needs_media or campaign.is_to_one:
        return [Engine.SINGLY]
    if campaign.recipient_count <= campaign.team.singly_up_to:
        return [Engine.SINGLY, Engine.BATCHES]
    return [Engine.BATCHES, Engine.SINGLY]
