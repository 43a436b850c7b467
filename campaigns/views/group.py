"""The step in which a group of contacts is chosen."""

from django.http import HttpResponseBase
from django.shortcuts import redirect
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods

from campaigns import group_rules, steps
from campaigns.forms import GroupSearch
from campaigns.models import Campaign
from campaigns.pages import body_html, chosen_group, render_step, step_page
from campaigns.services import groups
from contacts.models import ContactGroup, ContactSync
from core.actions import refusal_as_message
from core.errors import Refused
from teams.requests import TeamRequest
from teams.roles import requires

# Groups on the page; the search finds the others.
GROUPS_SHOWN = 60


@require_http_methods(["GET", "POST"])
@requires("prepare")
@step_page("group")
def campaign_group(request: TeamRequest, campaign: Campaign) -> HttpResponseBase:
    """Choose the group, and who finds its members: we or ChumiAI."""
    if request.method == "POST":
        following = "group"
        with refusal_as_message(request):
            if way := request.POST.get("way"):
                groups.choose_way(campaign, way, by=request.user)
                following = "values"
            else:
                groups.choose_group(campaign, _wanted(request), by=request.user)
        return redirect(steps.url_of(campaign, following))
    search = GroupSearch(request.GET)
    current = ContactSync.objects.current(request.team)
    found = ContactGroup.objects.filter(sync=current).order_by("name", "id")
    listed = list(search.filter(found)[: GROUPS_SHOWN + 1])
    choice = getattr(campaign, "group", None)
    now = group_rules.current_group(campaign) if choice else None
    return render_step(
        request,
        campaign,
        "group",
        choice=choice,
        now=now,
        offers=groups.ways(campaign, now, campaign.mapping) if now else [],
        search=search,
        groups=listed[:GROUPS_SHOWN],
        has_more=len(listed) > GROUPS_SHOWN,
        was_read=current is not None,
        body_html=body_html(campaign),
    )


def _wanted(request: TeamRequest) -> ContactGroup:
    group = chosen_group(request)
    if group is None:
        raise Refused(_("Choose a group first."))
    return group
