"""The task that syncs a team's templates."""

from chumi_api.errors import ChumiError, RateLimited
from core.formats import sentence
from message_templates import services
from message_templates.models import TemplateSync
from teams.retry_policy import wait_after
from teams.services import NotConnected, client_for

# ChumiAI may answer before its own sync with Meta has ended: an unchanged list is fetched again.
# The seconds until then, by how often it was fetched.
FETCH_AGAIN_AFTER = {1: 2, 2: 8, 3: 20}
# A longer Retry-After ends the sync; both in seconds.
WAIT, LONGEST_WAIT = 10, 300


def sync_templates(team_id: str) -> float | None:
    """Let ChumiAI sync with Meta, then copy its whole list."""
    sync = TemplateSync.objects.unfinished().select_related("team").filter(team_id=team_id).first()
    if sync is None:
        return None
    try:
        client = client_for(sync.team)
        queued = False
        if sync.state == TemplateSync.State.REQUESTED:
            queued = client.sync_templates().queued
            services.record_sync_started(sync)
        differed = services.apply_sync(sync, client.list_templates())
    except NotConnected as error:
        services.record_sync_failed(sync, str(error))
        return None
    except RateLimited as error:
        wait = wait_after(error, default=WAIT)
        if wait > LONGEST_WAIT:
            services.record_sync_failed(sync, sentence(error.message, error.params))
            return None
        services.record_sync_waits(sync, wait)
        return wait
    except ChumiError as error:
        problem = sentence(error.message, error.params)
        services.record_sync_failed(sync, problem)
        return None
    sync.refresh_from_db()
    if (queued or sync.fetches > 1) and not differed and sync.fetches in FETCH_AGAIN_AFTER:
        return FETCH_AGAIN_AFTER[sync.fetches]
    services.record_sync_succeeded(sync)
    return None
