"""The step in which the template is chosen."""

from django.contrib import messages
from django.shortcuts import redirect
from django.views.decorators.http import require_http_methods

from campaigns import steps
from campaigns.forms import TemplateSearch
from campaigns.pages import chosen_template, render_step, step_page
from campaigns.services import drafts
from core.errors import Refused
from message_templates import components
from message_templates.models import MessageTemplate
from teams.roles import requires

# The page shows so many templates; the search finds the others.
TEMPLATES_SHOWN = 60


@require_http_methods(["GET", "POST"])
@requires("prepare")
@step_page("template")
def campaign_template(request, campaign):
    """Choose the template."""
    if request.method == "POST":
        chosen = chosen_template(request)
        try:
            if chosen is None:
                raise Refused("Choose a template first.")
            drafts.choose_template(campaign, chosen, by=request.user)
        except Refused as error:
            messages.error(request, str(error))
        else:
            return redirect(steps.url_of(campaign, steps.after(campaign, "template")))
    return render_step(request, campaign, "template", **gallery(request, campaign.template))


def gallery(request, chosen):
    """Return the templates to choose from, the chosen one first, and those that can't be sent."""
    search = TemplateSearch(request.GET)
    ours = search.filter(MessageTemplate.objects.for_team(request.team))
    found = [t for t in ours.sendable()[: TEMPLATES_SHOWN + 1] if t != chosen]
    if chosen and chosen.is_sendable:
        found.insert(0, chosen)
    return {
        "search": search,
        "chosen": chosen,
        "templates": [
            (t, components.format_whatsapp(t.content.body)) for t in found[:TEMPLATES_SHOWN]
        ],
        "has_more": len(found) > TEMPLATES_SHOWN,
        "unsendable": ours.unsendable()[:TEMPLATES_SHOWN],
    }
