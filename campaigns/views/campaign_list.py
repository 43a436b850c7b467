"""The list of a team's campaigns."""

from django.core.paginator import Paginator
from django.db.models import Count
from django.shortcuts import render
from django.views.decorators.http import require_safe

from campaigns import steps
from campaigns.forms import TABS, CampaignFilter
from campaigns.models import Campaign

PAGE_SIZE = 25


@require_safe
def campaign_list(request):
    """Show the campaigns, the youngest first; drafts lead to the step that is open."""
    ours = Campaign.objects.for_team(request.team)
    form = CampaignFilter(request.GET)
    found = (
        form.filter(ours.with_parts().with_progress())
        .select_related("created_by", "launched_by")
        .order_by("-created_at", "-id")
    )
    page = Paginator(found, PAGE_SIZE).get_page(request.GET.get("page"))
    counts = dict(ours.values_list("status").annotate(Count("pk")))
    context = {
        "form": form,
        "page": page,
        "rows": [(campaign, _url(request, campaign)) for campaign in page],
        "tabs": [
            {
                "name": name,
                "label": label,
                "count": sum(counts.get(status, 0) for status in statuses or counts),
                "is_open": name == form.tab_name,
            }
            for name, (label, statuses) in TABS.items()
        ],
        "none_at_all": not counts,
    }
    template = "campaigns/campaign_list.html"
    if request.htmx and not request.htmx.boosted:
        template += "#list"
    return render(request, template, context)


def _url(request, campaign):
    if not campaign.is_editable:
        return steps.url_of(campaign, "detail")
    return steps.url_of(campaign, steps.open_step(campaign)) if request.may["prepare"] else ""
