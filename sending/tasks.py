"""The tasks of sending: send, poll jobs, list jobs."""

from concurrent.futures import ThreadPoolExecutor
from functools import partial

from django.db.models import Min
from django.utils import timezone

from chumi_api.errors import ChumiError, NotFound, RateLimited, Unreachable
from sending import senders
from sending.models import BulkJob
from sending.services import jobs
from teams.models import Team
from teams.services import NotConnected, client_for, record_problem

# One turn asks about no more jobs than this, so many of them at the same time; the others are
# first in the next turn.
QUESTIONS_A_TURN = 48
AT_ONCE = 16


def send_batches(team_id):
    """Take the team's campaigns one step further."""
    return senders.work(Team.objects.get(pk=team_id))


def sync_jobs(team_id):
    """Read the key's whole job history."""
    team = Team.objects.get(pk=team_id)
    if wait := jobs.waits_for(team):
        return wait.total_seconds()
    try:
        jobs.apply_list(team, client_for(team).list_bulk_jobs())
    except RateLimited as error:
        return jobs.record_wait(team, error)
    except (ChumiError, NotConnected) as error:
        jobs.record_sync_ended(team, str(error))
        return
    jobs.record_sync_ended(team)


def poll_jobs(team_id):
    """Ask ChumiAI about each open job whose turn it is, once for everyone who watches."""
    team = Team.objects.get(pk=team_id)
    if wait := jobs.waits_for(team):
        return wait.total_seconds()
    try:
        client = client_for(team)
    except NotConnected:
        return 60
    waiting = BulkJob.objects.for_team(team)
    due = list(waiting.due(timezone.now())[:QUESTIONS_A_TURN])
    with ThreadPoolExecutor(AT_ONCE) as pool:
        for start in range(0, len(due), AT_ONCE):
            asked = due[start : start + AT_ONCE]
            answers = list(pool.map(partial(_ask, client), asked))
            for job, answer in zip(asked, answers, strict=True):
                _record(job, answer)
            if wait := _wait_after(team, answers):
                return wait
    if len(due) == QUESTIONS_A_TURN:
        return 0
    next_poll_at = waiting.aggregate(Min("next_poll_at"))["next_poll_at__min"]
    if next_poll_at is None:
        return None
    return max((next_poll_at - timezone.now()).total_seconds(), 0.5)


def _ask(client, job):
    """Return what ChumiAI says of the job, or its error.

    This runs in a thread beside others: it may speak HTTP, and leaves the database alone.
    """
    try:
        return client.bulk_job(job.remote_id)
    except ChumiError as error:
        return error


def _record(job, answer):
    """Write what came of one question."""
    match answer:
        case NotFound():
            jobs.record_missing(job)
        case ChumiError() if answer.concerns_account:
            # Nothing was told about the job: its turn is still to come.
            pass
        case ChumiError():
            # The other jobs must not wait for one about which ChumiAI gives no clear answer.
            jobs.record_asked(job, again_in=jobs.WAIT)
            jobs.give_up_if_old(job)
        case _:
            jobs.apply_status(job, answer)
            jobs.give_up_if_old(job)


def _wait_after(team, answers):
    """Return the seconds to wait after an answer that concerns every question, or None."""
    told = [a for a in answers if isinstance(a, ChumiError) and not isinstance(a, NotFound)]
    for error in told:
        if isinstance(error, RateLimited):
            return jobs.record_wait(team, error)
    for error in told:
        if isinstance(error, Unreachable):
            return jobs.WAIT
        if error.concerns_account:
            record_problem(team, str(error))
            return 60
    return None
