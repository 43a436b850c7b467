"""The step of a message to one number: the number and its values."""

from django.http import HttpResponseBase
from django.shortcuts import redirect
from django.views.decorators.http import require_http_methods, require_POST

from campaigns import steps
from campaigns.forms import NumberForm
from campaigns.models import Campaign
from campaigns.pages import body_html, render_step, step_page
from campaigns.samples import values_of_first
from campaigns.services import checks, drafts
from campaigns.services import media as header_media
from core.actions import refusal_as_error, refusal_as_message
from teams.requests import TeamRequest
from teams.roles import requires


@require_http_methods(["GET", "POST"])
@requires("prepare")
@step_page("number")
def campaign_number(request: TeamRequest, campaign: Campaign) -> HttpResponseBase:
    """Type the number and its values. The page saves itself at every change."""
    then = request.POST.get("then", "")
    form = NumberForm(request.POST or None, campaign=campaign, complete=then == "check")
    if request.method == "POST" and form.is_valid():
        with refusal_as_error(form):
            campaign = _save(request, campaign, form, checks_it=then == "check")
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
        body_html=body_html(campaign, values_of_first(campaign)),
    )


def _save(
    request: TeamRequest, campaign: Campaign, form: NumberForm, *, checks_it: bool
) -> Campaign:
    """Store what was typed and, if nothing is missing or wrong, check it."""
    campaign = drafts.set_mapping(campaign, form.mapping(), by=request.user)
    if checks_it:
        form.check(checks.verdict_on_number(campaign))
    if checks_it and form.is_valid() and not header_media.what_is_missing(campaign):
        campaign = checks.check_number(campaign, by=request.user)
    return campaign


@require_POST
@requires("prepare")
@step_page("number")
def campaign_number_check(request: TeamRequest, campaign: Campaign) -> HttpResponseBase:
    """Check what was typed before; if it is refused, the page of the number says why."""
    with refusal_as_message(request):
        checks.check_number(campaign, by=request.user)
        return redirect(steps.url_of(campaign, "review"))
    return redirect(steps.url_of(campaign, "number"))
