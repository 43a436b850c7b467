"""The key's job history: what ChumiAI runs, started here or elsewhere."""

from datetime import UTC, datetime

from django import forms
from django.contrib import messages
from django.db.models import Q
from django.http import HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils import timezone
from django.views.decorators.http import require_POST, require_safe

from campaigns.models import Campaign
from sending.models import TERMINAL_JOBS, BulkJob, JobSync
from sending.progress import STALLED_AFTER
from sending.services import jobs
from tasks.services import worker_is_alive
from teams.roles import requires

PAGE_SIZE = 25


class JobFilter(forms.Form):
    """Which jobs to list; what can't be understood filters nothing."""

    origin = forms.ChoiceField(
        label="Started",
        required=False,
        choices=[("", "Here or elsewhere"), ("here", "In this app"), ("outside", "Elsewhere")],
    )
    state = forms.ChoiceField(
        label="State",
        required=False,
        choices=[("", "Any state"), ("open", "Not finished"), ("over", "Finished")],
    )

    def filter(self, queryset):
        """Return those that match."""
        self.is_valid()
        origin, state = self.cleaned_data.get("origin"), self.cleaned_data.get("state")
        if origin:
            queryset = queryset.filter(batch__isnull=origin == "outside")
        if state == "open":
            queryset = queryset.open()
        if state == "over":
            queryset = queryset.filter(
                Q(state__in=TERMINAL_JOBS) | Q(stopped_polling_at__isnull=False)
            )
        return queryset


@require_safe
def job_list(request):
    """List the jobs, newest first."""
    filters = JobFilter(request.GET)
    queryset = BulkJob.objects.for_team(request.team).select_related("batch__campaign")
    page = list(
        _before(filters.filter(queryset), request.GET.get("before", "")).order_by(
            "-first_seen_at", "-pk"
        )[: PAGE_SIZE + 1]
    )
    more = page[PAGE_SIZE - 1] if len(page) > PAGE_SIZE else None
    context = {
        "filters": filters,
        "jobs": _with_stalls(page[:PAGE_SIZE]),
        "next": f"{more.first_seen_at.isoformat()}_{more.pk}" if more else "",
        "is_first_page": not request.GET.get("before"),
        "is_filtered": any(request.GET.get(name) for name in filters.fields),
    }
    if request.htmx and not request.htmx.boosted:
        return render(request, "sending/job_list.html#results", context)
    return render(request, "sending/job_list.html", context | _sync_context(request))


def _with_stalls(page):
    """Tell each open job for how long nothing has moved, where that is long."""
    now = timezone.now()
    for job in page:
        quiet = now - max(job.changed_at, job.first_seen_at)
        is_stalled = not job.is_over and quiet >= STALLED_AFTER
        job.stalled_for = quiet if is_stalled else None
    return page


def _before(queryset, cursor):
    """Return what comes after the cursor's job; a cursor that is none starts at the top."""
    moment, _, pk = cursor.partition("_")
    try:
        # Close to the ends of time a moment has no place in another zone.
        moment, pk = datetime.fromisoformat(moment).astimezone(UTC), int(pk)
    except (ValueError, OverflowError):
        return queryset
    if not 0 < pk < 2**63:
        return queryset
    return queryset.filter(Q(first_seen_at__lt=moment) | Q(first_seen_at=moment, pk__lt=pk))


@require_safe
def job_sync(request):
    """Show how the reading of the history goes."""
    context = _sync_context(request)
    response = render(request, "sending/job_list.html#sync", context)
    if not context["is_reading"]:
        # The list on the page is older than what was just read.
        response["HX-Trigger"] = '{"jobs-read": {"target": "#job-results"}}'
    return response


def _sync_context(request):
    sync = JobSync.objects.filter(team=request.team).first()
    is_reading = bool(sync and sync.requested_at and not sync.finished_at)
    return {
        "sync": sync,
        "is_reading": is_reading,
        "sender_off": is_reading and not worker_is_alive(),
        "waits_for": jobs.waits_for(request.team),
    }


@require_POST
@requires("sync")
def job_refresh(request):
    """Ask for the key's whole job history."""
    jobs.request_sync(request.team, by=request.user)
    messages.success(request, "Reading the job history of your key.")
    return redirect("campaigns:job_list", team=request.team.slug)


@require_POST
@requires("read")
def campaign_watch(request, uuid):
    """Hear that somebody looks at the campaign; its page stops saying so when all is over."""
    campaign = get_object_or_404(Campaign.objects.for_team(request.team), uuid=uuid)
    if jobs.watch(campaign) or campaign.is_live:
        return HttpResponse(status=204)
    return HttpResponse()
