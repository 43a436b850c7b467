"""The step in which a group of contacts is chosen."""

from django.contrib import messages
from django.shortcuts import redirect
from django.views.decorators.http import require_http_methods

from campaigns import steps
from campaigns.forms import GroupSearch
from campaigns.pages import chosen_group, render_step, step_page
from campaigns.services import groups
from contacts.models import ContactGroup, ContactSync
from core.errors import Refused
from message_templates import components
from teams.roles import requires

# The page shows so many groups; the search finds the others.
GROUPS_SHOWN = 60


@require_http_methods(["GET", "POST"])
@requires("prepare")
@step_page("group")
def campaign_group(request, campaign):
    """Choose the group, and who finds its members: we or ChumiAI."""
    if request.method == "POST":
        try:
            if way := request.POST.get("way"):
                groups.choose_way(campaign, way, by=request.user)
                return redirect(steps.url_of(campaign, "values"))
            group = chosen_group(request)
            if group is None:
                raise Refused("Choose a group first.")
            groups.choose_group(campaign, group, by=request.user)
        except Refused as error:
            messages.error(request, str(error))
        return redirect(steps.url_of(campaign, "group"))
    search = GroupSearch(request.GET)
    current = ContactSync.objects.current(request.team)
    found = ContactGroup.objects.filter(sync=current).order_by("name", "id")
    listed = list(search.filter(found)[: GROUPS_SHOWN + 1])
    choice = getattr(campaign, "group", None)
    now = groups.current_group(campaign) if choice else None
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
        body_html=components.format_whatsapp(campaign.template.content.body),
    )
