"""The list of a team's campaigns."""

from django.core.paginator import Paginator
from django.db.models import Count
from django.shortcuts import render
from django.views.decorators.http import require_safe

from campaigns import steps
from campaigns.models import Campaign, Recipient
from sending.forms import TABS, CampaignFilter, in_tab
from sending.message_state import state_of
from sending.progress_queries import with_progress

PAGE_SIZE = 25


@require_safe
def campaign_list(request):
    """Show the campaigns, the youngest first; drafts lead to the step that is open."""
    ours = Campaign.objects.for_team(request.team).without_tests()
    form = CampaignFilter(request.GET)
    found = (
        with_progress(form.filter(ours.with_relations()))
        .select_related("created_by", "launched_by")
        .order_by("-created_at", "-id")
    )
    page = Paginator(found, PAGE_SIZE).get_page(request.GET.get("page"))
    counts = ours.aggregate(
        any=Count("pk"), **{f"in_{tab}": Count("pk", filter=in_tab(tab)) for tab in TABS}
    )
    context = {
        "form": form,
        "page": page,
        "rows": [(campaign, _url(request, campaign)) for campaign in _with_people(page)],
        "tabs": [
            {
                "name": name,
                "label": label,
                "count": counts[f"in_{name}"],
                "is_open": name == form.tab_name,
            }
            for name, (label, _) in TABS.items()
        ],
        "none_at_all": not counts["any"],
    }
    template = "sending/campaign_list.html"
    if request.htmx and not request.htmx.boosted:
        template += "#list"
    return render(request, template, context)


def _with_people(campaigns):
    """Tell of each launched message to one number who gets it and what became of it."""
    campaigns = list(campaigns)
    singles = {c.pk: c for c in campaigns if c.is_to_one and not c.is_editable}
    people = Recipient.objects.filter(campaign__in=singles).select_related("decided_by")
    for person in people:
        campaign = singles[person.campaign_id]
        campaign.person, campaign.message_state = person, state_of(campaign, person)
    return campaigns


def _url(request, campaign):
    if not campaign.is_editable:
        return steps.url_of(campaign, "detail")
    return steps.url_of(campaign, steps.open_step(campaign)) if request.may["prepare"] else ""
