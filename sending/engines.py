"""The sending methods of a campaign: which ones it can take, and their words."""

from collections.abc import Iterator
from dataclasses import dataclass
from math import ceil

from django.utils.functional import Promise
from django.utils.translation import gettext, ngettext
from django.utils.translation import gettext_lazy as _

from campaigns.audiences import audience_of
from campaigns.models import Campaign
from core.formats import number

Engine = Campaign.Engine
# Estimate: ChumiAI documents no speed, so pages say "about".
MESSAGES_A_SECOND = 20


@dataclass(frozen=True, slots=True)
class Words:
    """The name of an engine, and what it can and can't do."""

    name: str | Promise
    sentence: str | Promise


WORDS = {
    Engine.SINGLY: Words(
        _("One by one"),
        _("Slower. You can pause or stop at any moment, and see the result of every person."),
    ),
    Engine.BATCHES: Words(
        _("Fast (batches)"),
        _("Fastest. You can stop only between batches, and may not see who failed."),
    ),
    Engine.GROUP: Words(
        _("To the group by ChumiAI"),
        _("ChumiAI sends to all members at once. You can't stop it, and don't see who failed."),
    ),
}


@dataclass(frozen=True, slots=True)
class Choice:
    """An engine as the review page offers it; `plan` says how long it takes."""

    engine: str
    name: str | Promise
    sentence: str | Promise
    plan: str


def offers(campaign: Campaign) -> list[Choice]:
    """Return the engines to choose from, the recommended one first."""
    return [
        Choice(engine, WORDS[engine].name, WORDS[engine].sentence, _plan(campaign, engine))
        for engine in choices(campaign)
    ]


def _plan(campaign: Campaign, engine: str) -> str:
    people, team = campaign.recipient_count, campaign.team
    if engine == Engine.GROUP:
        return gettext("About {time} in all.").format(time=_duration(people / MESSAGES_A_SECOND))
    if engine == Engine.SINGLY:
        return gettext("{speed} messages a second, about {time} in all.").format(
            speed=f"{team.messages_per_second:g}",
            time=_duration(people / team.messages_per_second),
        )
    batches = sum(1 for _slice in slices(people, team.batch_size))
    text = ngettext(
        "{count} batch, about {time} in all.", "{count} batches, about {time} in all.", batches
    )
    return text.format(count=number(batches), time=_duration(people / MESSAGES_A_SECOND))


def _duration(seconds: float) -> str:
    """Return a length of time in whole minutes, from 90 minutes on in hours."""
    minutes = max(ceil(seconds / 60), 1)
    if minutes < 90:
        text = ngettext("{count} minute", "{count} minutes", minutes)
        return text.format(count=number(minutes))
    hours = round(minutes / 60)
    return ngettext("{count} hour", "{count} hours", hours).format(count=number(hours))


def slices(total: int, size: int) -> Iterator[tuple[int, int]]:
    """Yield (first, last) positions of batches of at most `size`; neighbours differ in size.

    Where ChumiAI echoes no file name, only the size distinguishes the jobs of neighbouring
    batches.
    """
    first, turn = 1, 0
    while first <= total:
        last = min(first + size - turn % 3 - 1, total)
        yield first, last
        first, turn = last + 1, turn + 1


def choices(campaign: Campaign) -> list[Campaign.Engine]:
    """Return the engines that can send the campaign; the first one is recommended.

    ChumiAI's bulk import has no field for the media of a header, so such a template is sent one
    by one. Otherwise few messages are sent one by one, and many in batches.
    """
    if possible := audience_of(campaign).engines:
        return list(possible)
    if campaign.template and campaign.template.needs_media:
        return [Engine.SINGLY]
    if campaign.recipient_count <= campaign.team.singly_up_to:
        return [Engine.SINGLY, Engine.BATCHES]
    return [Engine.BATCHES, Engine.SINGLY]
