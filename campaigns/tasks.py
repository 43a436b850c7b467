"""The tasks of campaigns: check, look, send, poll, list."""

from datetime import timedelta

from django.utils import timezone

from campaigns import senders
from campaigns.models import BulkJob, Check, HeaderMedia
from campaigns.services import checks, jobs, media
from chumi_api.errors import ChumiError, NotFound, RateLimited
from teams.models import Team
from teams.services import NotConnected, client_for, record_problem


def check_campaign(campaign_id):
    """Check the file of a draft."""
    check = (
        Check.objects.select_related("campaign__team", "campaign__template", "campaign__upload")
        .filter(campaign_id=campaign_id, state=Check.State.REQUESTED)
        .first()
    )
    if check:
        checks.run_check(check)


def check_media(campaign_id):
    """Look at the link of a draft's header."""
    asked = (
        HeaderMedia.objects.select_related("campaign__template")
        .filter(campaign_id=campaign_id, state=HeaderMedia.State.REQUESTED)
        .first()
    )
    if asked:
        media.look(asked)


def send_batches(team_id):
    """Take the team's campaigns one step further."""
    return senders.work(Team.objects.get(pk=team_id))


def sync_jobs(team_id):
    """Read the key's whole job history."""
    team = Team.objects.get(pk=team_id)
    try:
        jobs.apply_list(team, client_for(team).list_bulk_jobs())
    except RateLimited as error:
        return error.retry_after or 10
    except (ChumiError, NotConnected) as error:
        jobs.record_sync_ended(team, str(error))
        return
    jobs.record_sync_ended(team)


def poll_jobs(team_id):
    """Ask ChumiAI about each open job whose turn it is, once for everyone who watches."""
    team = Team.objects.get(pk=team_id)
    waiting = BulkJob.objects.for_team(team).exclude(next_poll_at=None).order_by("next_poll_at")
    try:
        client = client_for(team)
        for job in waiting.filter(next_poll_at__lte=timezone.now()):
            _poll(client, job)
    except RateLimited as error:
        return error.retry_after or 10
    except NotConnected:
        return 60
    except ChumiError as error:
        if error.concerns_account:
            record_problem(team, str(error))
            return 60
        return 10
    next_poll_at = waiting.values_list("next_poll_at", flat=True).first()
    if next_poll_at is None:
        return None
    return max((next_poll_at - timezone.now()).total_seconds(), 0.5)


def _poll(client, job):
    if timezone.now() - job.first_seen_at > timedelta(days=1):
        jobs.record_lost(job, jobs.GIVEN_UP)
        return
    try:
        jobs.apply_status(job, client.bulk_job(job.remote_id))
    except NotFound:
        # It may only be young: a job that was never shown yet is looked for again.
        if job.asked_at is None and timezone.now() - job.first_seen_at < timedelta(minutes=2):
            jobs.record_asked(job, again_in=5)
        else:
            jobs.record_lost(job)
