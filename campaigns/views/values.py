"""The step that sets where the phone and the values come from."""

from django.http import HttpResponseBase
from django.shortcuts import redirect
from django.views.decorators.http import require_http_methods

from campaigns import steps
from campaigns.forms import MappingForm
from campaigns.models import Campaign
from campaigns.pages import body_html, render_step, step_page
from campaigns.samples import phone_of_first, values_of_first
from campaigns.services import checks, drafts
from core.actions import refusal_as_error
from teams.requests import TeamRequest
from teams.roles import requires


@require_http_methods(["GET", "POST"])
@requires("prepare")
@step_page("values")
def campaign_values(request: TeamRequest, campaign: Campaign) -> HttpResponseBase:
    """Set where the phone and the values come from. The page saves itself at every change."""
    then = request.POST.get("then", "")
    form = MappingForm(request.POST or None, campaign=campaign, complete=then == "check")
    if request.method == "POST" and form.is_valid():
        with refusal_as_error(form):
            following = steps.after(campaign, "values") if then == "check" else "values"
            campaign = drafts.set_mapping(campaign, form.mapping(), by=request.user)
            if following == "check":
                checks.request_check(campaign, by=request.user)
            if then == "leave":
                return redirect("campaigns:campaign_list", team=request.team.slug)
            if not request.htmx:
                return redirect(steps.url_of(campaign, following))
            form = MappingForm(campaign=campaign)
    samples = values_of_first(campaign)
    upload = getattr(campaign, "upload", None)
    return render_step(
        request,
        campaign,
        "values",
        form=form,
        rows=[(row, samples.get(row["name"], "")) for row in form.rows()],
        phone_sample=phone_of_first(campaign),
        sample_row=upload.sample[0][0] if upload and upload.sample else None,
        body_html=body_html(campaign, samples),
    )
