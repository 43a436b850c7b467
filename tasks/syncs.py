"""What the pages show of a sync."""

from typing import Any

from tasks.services import worker_is_alive
from teams.models import Team
from teams.sync_runs import Run, SyncRunQuerySet


def sync_status(runs: SyncRunQuerySet[Run], team: Team) -> dict[str, Any]:
    """Return the context of `includes/_sync.html`.

    `last_good` is the sync whose copy the page shows while the last one has not succeeded.
    """
    sync = runs.latest_of(team)
    return {
        "sync": sync,
        "last_good": None if sync is None or sync.has_succeeded else runs.current(team),
        "worker_is_off": sync is not None and not sync.is_finished and not worker_is_alive(),
    }
