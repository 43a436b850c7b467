"""The step in which the template is chosen."""

from typing import Any

from django.http import HttpResponseBase
from django.shortcuts import redirect
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods

from campaigns import steps
from campaigns.forms import TemplateSearch
from campaigns.models import Campaign
from campaigns.pages import chosen_template, render_step, step_page
from campaigns.services import drafts
from core.actions import refusal_as_message
from core.errors import Refused
from message_templates import components
from message_templates.models import MessageTemplate
from teams.requests import TeamRequest
from teams.roles import requires

# Templates on the page; the search finds the others.
TEMPLATES_SHOWN = 60


@require_http_methods(["GET", "POST"])
@requires("prepare")
@step_page("template")
def campaign_template(request: TeamRequest, campaign: Campaign) -> HttpResponseBase:
    """Choose the template."""
    if request.method == "POST":
        with refusal_as_message(request):
            campaign = drafts.choose_template(campaign, _wanted(request), by=request.user)
            return redirect(steps.url_of(campaign, steps.after(campaign, "template")))
    return render_step(request, campaign, "template", **gallery(request, campaign.template))


def _wanted(request: TeamRequest) -> MessageTemplate:
    template = chosen_template(request)
    if template is None:
        raise Refused(_("Choose a template first."))
    return template


def gallery(request: TeamRequest, chosen: MessageTemplate | None) -> dict[str, Any]:
    """Return the templates to choose from, the chosen one first, and those that can't be sent."""
    search = TemplateSearch(request.GET)
    matching = search.filter(MessageTemplate.objects.for_team(request.team))
    found = [t for t in matching.sendable()[: TEMPLATES_SHOWN + 1] if t != chosen]
    if chosen and chosen.is_sendable:
        found.insert(0, chosen)
    return {
        "search": search,
        "chosen": chosen,
        "templates": [
            (t, components.format_whatsapp(t.content.body)) for t in found[:TEMPLATES_SHOWN]
        ],
        "has_more": len(found) > TEMPLATES_SHOWN,
        "unsendable": matching.unsendable()[:TEMPLATES_SHOWN],
    }
