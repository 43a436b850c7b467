"""The tasks of sending: send, poll jobs, list jobs."""

from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime
from functools import partial

from django.db.models import Min

from chumi_api.client import Client
from chumi_api.errors import ChumiError, NotFound, RateLimited, Unreachable
from chumi_api.types import BulkJob as RemoteJob
from core import clocks
from sending import senders
from sending.models import BulkJob
from sending.services import batches, jobs
from sending.services.restored import LOOK_AGAIN
from tasks import continuity
from teams.models import Team
from teams.services import NotConnected, client_for, settle

# Jobs per run of the task, and per round of parallel requests; the others come first next time.
JOBS_A_RUN = 48
AT_ONCE = 16
# Seconds between two questions about a job that ChumiAI does not show yet.
UNTIL_SHOWN = 5


def send_batches(team_id: str) -> float | None:
    """Take the team's campaigns one step further."""
    return senders.work(Team.objects.get(pk=team_id))


def sync_jobs(team_id: str) -> float | None:
    """Sync the key's whole job history."""
    team = Team.objects.get(pk=team_id)
    if continuity.doubt():
        return LOOK_AGAIN
    if wait := jobs.waits_for(team):
        return wait.total_seconds()
    jobs.record_sync_started(team)
    try:
        jobs.apply_list(team, client_for(team).list_bulk_jobs())
    except RateLimited as error:
        return jobs.record_wait(team, error)
    except (ChumiError, NotConnected) as error:
        jobs.record_sync_ended(team, str(error))
        return None
    jobs.record_sync_ended(team)
    return None


def poll_jobs(team_id: str) -> float | None:
    """Ask ChumiAI about each open job that is due, once for all open pages."""
    team = Team.objects.get(pk=team_id)
    if continuity.doubt():
        return LOOK_AGAIN
    if wait := jobs.waits_for(team):
        return wait.total_seconds()
    try:
        client = client_for(team)
    except NotConnected:
        return 60
    waiting = BulkJob.objects.for_team(team)
    due = list(waiting.due(clocks.now())[:JOBS_A_RUN])
    with ThreadPoolExecutor(AT_ONCE) as pool:
        for start in range(0, len(due), AT_ONCE):
            asked = due[start : start + AT_ONCE]
            answers = list(pool.map(partial(_ask, client), asked))
            settle(client)
            for job, answer in zip(asked, answers, strict=True):
                _record(job, answer)
            if seconds := _wait_after(team, answers):
                return seconds
    if len(due) == JOBS_A_RUN:
        return 0
    next_poll_at: datetime | None = waiting.aggregate(Min("next_poll_at"))["next_poll_at__min"]
    if next_poll_at is None:
        return None
    return max((next_poll_at - clocks.now()).total_seconds(), 0.5)


def _ask(client: Client, job: BulkJob) -> RemoteJob | ChumiError:
    """Return the job as ChumiAI shows it, or the error. Runs in a thread: HTTP only."""
    try:
        return client.bulk_job(job.remote_id)
    except ChumiError as error:
        return error


def _record(job: BulkJob, answer: RemoteJob | ChumiError) -> None:
    """Write the answer to one question."""
    match answer:
        case NotFound() if jobs.may_be_late(job):
            jobs.record_asked(job, again_in=UNTIL_SHOWN)
        case NotFound():
            _give_up(job, BulkJob.Stop.NOT_LISTED)
        case ChumiError() if answer.concerns_account:
            # The answer says nothing about the job: it stays due.
            pass
        case ChumiError():
            # The other jobs must not wait for one without a clear answer.
            jobs.record_asked(job, again_in=jobs.WAIT)
            _give_up_if_old(job)
        case _:
            jobs.apply_status(job, answer)
            _give_up_if_old(job)


def _give_up_if_old(job: BulkJob) -> None:
    if jobs.is_too_old(job):
        _give_up(job, BulkJob.Stop.TIMED_OUT)


def _give_up(job: BulkJob, because: BulkJob.Stop) -> None:
    """Ask no more about the job. If ChumiAI never showed it, nothing says that it was started."""
    if not batches.record_never_shown(job):
        jobs.stop_polling(job, because)


def _wait_after(team: Team, answers: Iterable[RemoteJob | ChumiError]) -> float | None:
    """Return the seconds to wait after an error that concerns every request, or None."""
    errors = [a for a in answers if isinstance(a, ChumiError) and not isinstance(a, NotFound)]
    for error in errors:
        if isinstance(error, RateLimited):
            return jobs.record_wait(team, error)
    for error in errors:
        if isinstance(error, Unreachable):
            return jobs.WAIT
        if error.concerns_account:
            return 60
    return None
