"""The counters of a bulk job: which of ChumiAI's are possible, and how they climb.

ChumiAI's counters are claims. An answer whose counters can't be is not repaired: the job's
counters don't count then, and pages show a dash.
"""

from __future__ import annotations

from dataclasses import dataclass

from chumi_api.types import BulkJob as RemoteJob

# More rows than we wrote may only be a header that ChumiAI counts, or its rounding.
SLACK_SHARE = 100


@dataclass(frozen=True, slots=True)
class Counters:
    """The people of a job by outcome, as ChumiAI counts them; `processed` are all of these."""

    processed: int = 0
    accepted: int = 0
    failed: int = 0
    skipped: int = 0

    @property
    def with_result(self) -> int:
        return self.accepted + self.failed + self.skipped

    def fit(self, people: int | None) -> bool:
        """Return True if a job of that many people can have these counters.

        Where everyone was accepted, failures on top are later ones of the same people.
        """
        if people is None:
            return True
        most = people + max(people // SLACK_SHARE, 1)
        if max(self.processed, self.accepted, self.failed, self.skipped) > most:
            return False
        failed_later = self.accepted >= people > self.failed
        return self.accepted + self.failed <= most or failed_later

    def climb(self, now: Counters) -> Counters:
        """Return the higher of each counter."""
        return Counters(
            max(self.processed, now.processed),
            max(self.accepted, now.accepted),
            max(self.failed, now.failed),
            max(self.skipped, now.skipped),
        )


def merge(
    known: Counters, remote: RemoteJob, *, named: int, people: int | None
) -> Counters | None:
    """Return the counters after an answer, None if what ChumiAI says can't be.

    `named` people failed by name: at least these have failed, and they are not skipped.
    `people` is the size of the job as far as it is known.
    """
    if people is not None:
        named = min(named, people)
    failed = remote.failed or 0
    said = Counters(remote.processed or 0, remote.accepted or 0, failed, remote.skipped or 0)
    if not (remote.is_believable and said.fit(people)):
        return None
    skipped = max(said.skipped - max(named - failed, 0), 0)
    said = Counters(said.processed, said.accepted, max(failed, named), skipped)
    # A counter never falls, unless what was accepted has failed since.
    climbed = known.climb(said)
    return climbed if climbed.fit(people) else said
