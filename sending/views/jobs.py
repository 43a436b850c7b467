"""The jobs that ChumiAI runs under the team's key, started here or elsewhere."""

from collections.abc import Iterable, Iterator
from datetime import timedelta
from typing import Any, NamedTuple
from uuid import UUID

from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST, require_safe

from core import clocks
from core.formats import sentence
from core.listing import keyset_page, render_list, row_named
from sending.forms import JobFilter
from sending.models import BulkJob, JobSync
from sending.pages import get_campaign
from sending.progress import Counts, counts_elsewhere, stalled_for
from sending.progress_queries import load_batches
from sending.services import jobs
from tasks.syncs import sync_status
from teams.requests import TeamRequest
from teams.roles import requires

PAGE_SIZE = 25


class JobRow(NamedTuple):
    """A job of the list.

    `counts` are its messages: for a batch of ours the numbers of its campaign's page. `problem`
    says why it failed, '' if ChumiAI gives no reason. `stalled_for` is how long it has not
    changed, None if that is short or it is over.
    """

    job: BulkJob
    counts: Counts
    problem: str
    stalled_for: timedelta | None


@require_safe
def job_list(request: TeamRequest) -> HttpResponse:
    """List the jobs, newest first."""
    filters = JobFilter(request.GET)
    ours = BulkJob.objects.for_team(request.team).select_related("batch__campaign")
    page = keyset_page(
        filters.filter(ours),
        order=("-first_seen_at", "-pk"),
        after=row_named(ours, request.GET.get("after", "")),
        size=PAGE_SIZE,
    )
    now = clocks.now()
    context = {
        "filters": filters,
        "page": page,
        "rows": [
            JobRow(job, counts, _problem(job), stalled_for([job], now))
            for job, counts in _with_counts(page.rows)
        ],
    }
    return render_list(
        request,
        "sending/job_list.html",
        "results",
        context,
        around=lambda: _sync_context(request),
    )


def _with_counts(jobs: Iterable[BulkJob]) -> Iterator[tuple[BulkJob, Counts]]:
    jobs = list(jobs)
    ours = load_batches([job.batch for job in jobs if job.batch])
    for job in jobs:
        yield job, ours[job.batch.pk] if job.batch else counts_elsewhere(job)


def _problem(job: BulkJob) -> str:
    """Return WhatsApp's reason in plain words, or what ChumiAI says itself."""
    if job.failure is None:
        return job.error
    return f"{sentence(job.failure.sentence)} {sentence(job.failure.advice)}"


@require_safe
def job_sync(request: TeamRequest) -> HttpResponse:
    """Show the state of the update: the live region of the list."""
    context = _sync_context(request)
    response = render(request, "sending/job_list.html#sync", context)
    if context["sync"] and context["sync"].is_finished:
        # The list on the page is older than the update.
        response["HX-Trigger"] = '{"jobs-updated": {"target": "#job-results"}}'
    return response


def _sync_context(request: TeamRequest) -> dict[str, Any]:
    waits = {"waits_for": jobs.waits_for(request.team)}
    return sync_status(JobSync.objects.all(), request.team) | waits


@require_POST
@requires("sync")
def job_refresh(request: TeamRequest) -> HttpResponse:
    """Request the key's whole job history."""
    jobs.request_sync(request.team, by=request.user)
    messages.success(request, _("Updating the jobs"))
    return redirect("campaigns:job_list", team=request.team.slug)


@require_POST
@requires("read")
def campaign_watch(request: TeamRequest, uuid: UUID) -> HttpResponse:
    """Heartbeat of an open campaign page: poll its jobs more often.

    200 without content when nothing moves any more: the page drops the element that sends it.
    """
    campaign = get_campaign(request, uuid)
    if jobs.watch(campaign) or campaign.is_live:
        return HttpResponse(status=204)
    return HttpResponse()
