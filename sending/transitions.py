"""The states of a campaign from READY on, as one table, and the only function that changes them.

What makes a draft READY, and a READY campaign a draft again, belongs to `campaigns`.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from campaigns.models import Campaign

Status = Campaign.Status

NO_PAUSE: Mapping[str, Any] = {"pause_reason": "", "pause_details": {}}
NO_WAIT: Mapping[str, Any] = {"wait_reason": "", "wait_until": None, "wait_details": {}}
# The template is read again before the next message.
NOT_READ: Mapping[str, Any] = {"template_read_at": None}


@dataclass(frozen=True, slots=True)
class Transition:
    """An arrow: from which states, to which, and the columns that change with the state.

    `given` are columns whose values the caller names, `fixed` those that always get the same.
    """

    sources: tuple[Status, ...]
    target: Status
    given: frozenset[str] = frozenset()
    fixed: Mapping[str, Any] = field(default_factory=dict)


LAUNCHED = (
    "intent",
    "engine",
    "snapshot",
    "template_hash",
    "launched_by",
    "launched_at",
    "consent",
)

TRANSITIONS: Mapping[str, Transition] = {
    "launch": Transition(
        (Status.READY,), Status.QUEUED, given=frozenset((*LAUNCHED, "failures_since"))
    ),
    "begin": Transition((Status.QUEUED,), Status.SENDING),
    "pause": Transition(
        (Status.QUEUED, Status.SENDING),
        Status.PAUSED,
        given=frozenset(("pause_reason", "pause_details")),
        fixed=NO_WAIT,
    ),
    # A batch is unconfirmed: a person may have to decide about it, also if all else has ended.
    "pause_unconfirmed": Transition(
        (Status.QUEUED, Status.SENDING, Status.COMPLETED),
        Status.PAUSED,
        given=frozenset(("pause_reason", "pause_details")),
        fixed={**NO_WAIT, "finished_at": None},
    ),
    # By a person, who has seen what failed until then.
    "resume": Transition(
        (Status.PAUSED,),
        Status.SENDING,
        given=frozenset(("failures_since",)),
        fixed={**NO_PAUSE, **NOT_READ},
    ),
    # By itself, once nothing is unconfirmed any more.
    "resume_settled": Transition((Status.PAUSED,), Status.SENDING, fixed={**NO_PAUSE, **NOT_READ}),
    "stop": Transition(
        Campaign.LIVE,
        Status.STOPPED,
        given=frozenset(("finished_at",)),
        fixed={**NO_PAUSE, **NO_WAIT},
    ),
    "complete": Transition(
        (Status.SENDING,), Status.COMPLETED, given=frozenset(("finished_at",)), fixed=NO_WAIT
    ),
    # By itself: what was in flight when it was paused went out, and nothing is left.
    "complete_paused": Transition(
        (Status.PAUSED,), Status.COMPLETED, given=frozenset(("finished_at",)), fixed=NO_PAUSE
    ),
    # By a person, who tries failed messages again.
    "reopen": Transition(
        (Status.COMPLETED,),
        Status.SENDING,
        given=frozenset(("failures_since",)),
        fixed={"finished_at": None, **NOT_READ},
    ),
    # By itself: a message that provably was not sent is waiting again.
    "reopen_unfinished": Transition(
        (Status.COMPLETED,), Status.SENDING, fixed={"finished_at": None, **NOT_READ}
    ),
}


def move(
    campaign: Campaign, name: str, *, only_if: Mapping[str, Any] | None = None, **given: Any
) -> bool:
    """Take the transition `name` in one conditional UPDATE and refresh the campaign.

    `only_if` are further conditions on the row, as lookups. Return False if the campaign is in
    none of the transition's source states, or if a condition does not hold.
    """
    transition = TRANSITIONS[name]
    if given.keys() != transition.given:
        raise TypeError(f"{name} takes {sorted(transition.given)}, not {sorted(given)}")
    moved = Campaign.objects.filter(
        pk=campaign.pk, status__in=transition.sources, **(only_if or {})
    ).update(status=transition.target, **transition.fixed, **given)
    campaign.refresh_from_db()
    return bool(moved)
