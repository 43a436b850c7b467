"""The step of a message to one number: the number and its values."""

from django.contrib import messages
from django.shortcuts import redirect
from django.views.decorators.http import require_http_methods, require_POST

from campaigns import steps
from campaigns.forms import NumberForm
from campaigns.pages import render_step, step_page
from campaigns.samples import values_of_first
from campaigns.services import checks, drafts
from campaigns.services import media as header_media
from core.errors import Refused
from message_templates import components
from teams.roles import requires


@require_http_methods(["GET", "POST"])
@requires("prepare")
@step_page("number")
def campaign_number(request, campaign):
    """Type the number and its values. The page saves itself at every change."""
    then = request.POST.get("then", "")
    form = NumberForm(request.POST or None, campaign=campaign, complete=then == "check")
    if request.method == "POST" and form.is_valid():
        try:
            drafts.set_mapping(campaign, form.mapping(), by=request.user)
            if then == "check":
                form.check(checks.verdict_on_number(campaign))
            if then == "check" and form.is_valid() and not header_media.what_is_missing(campaign):
                checks.check_number(campaign, by=request.user)
        except Refused as error:
            form.add_error(None, str(error))
        if form.is_valid() and then == "leave":
            return redirect("campaigns:campaign_list", team=request.team.slug)
        if form.is_valid() and not request.htmx:
            following = steps.after(campaign, "number") if then == "check" else "number"
            return redirect(steps.url_of(campaign, following))
    return render_step(
        request,
        campaign,
        "number",
        form=form,
        rows=form.rows(),
        body_html=components.format_whatsapp(
            campaign.template.content.body, values_of_first(campaign)
        ),
    )


@require_POST
@requires("prepare")
@step_page("number")
def campaign_number_check(request, campaign):
    """Check what was typed before; where it is refused, the page of the number says why."""
    try:
        checks.check_number(campaign, by=request.user)
    except Refused as error:
        messages.error(request, str(error))
        return redirect(steps.url_of(campaign, "number"))
    return redirect(steps.url_of(campaign, "review"))
