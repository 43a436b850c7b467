"""The step that says where the phone and the values come from."""

from django.shortcuts import redirect
from django.views.decorators.http import require_http_methods

from campaigns import steps
from campaigns.forms import MappingForm
from campaigns.pages import render_step, step_page
from campaigns.samples import phone_of_first, values_of_first
from campaigns.services import checks, drafts
from core.errors import Refused
from message_templates import components
from teams.roles import requires


@require_http_methods(["GET", "POST"])
@requires("prepare")
@step_page("values")
def campaign_values(request, campaign):
    """Say where the phone and the values come from. The page saves itself at every change."""
    then = request.POST.get("then", "")
    form = MappingForm(request.POST or None, campaign=campaign, complete=then == "check")
    if request.method == "POST" and form.is_valid():
        try:
            drafts.set_mapping(campaign, form.mapping(), by=request.user)
            if then == "check" and steps.after(campaign, "values") == "check":
                checks.request_check(campaign, by=request.user)
        except Refused as error:
            form.add_error(None, str(error))
        else:
            if then == "leave":
                return redirect("campaigns:campaign_list", team=request.team.slug)
            if not request.htmx:
                following = steps.after(campaign, "values") if then == "check" else "values"
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
        body_html=components.format_whatsapp(campaign.template.content.body, samples),
    )
