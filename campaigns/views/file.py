"""The step in which the file is uploaded."""

from django.conf import settings
from django.http import HttpResponse, HttpResponseBase
from django.shortcuts import redirect
from django.urls import reverse
from django.utils.text import slugify
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from campaigns import downloads, steps
from campaigns.forms import HeaderForm, UploadForm
from campaigns.models import Campaign, Upload
from campaigns.pages import attachment, body_html, draft_page, padded, render_step, step_page
from campaigns.services import drafts, groups
from core.actions import refusal_as_error, refusal_as_message
from core.confirms import Confirm
from teams.requests import TeamRequest
from teams.roles import requires

XLSX = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"
ROWS_SHOWN = 10


@require_http_methods(["GET", "POST"])
@requires("prepare")
@step_page("file")
def campaign_file(request: TeamRequest, campaign: Campaign) -> HttpResponseBase:
    """Upload the file, or show its first rows."""
    form = UploadForm()
    if request.method == "POST":
        form = UploadForm(request.POST, request.FILES)
        if form.is_valid():
            file = form.cleaned_data["file"]
            with refusal_as_error(form, "file"):
                drafts.attach_upload(campaign, file, name=file.name, by=request.user)
                return redirect(steps.url_of(campaign, "file"))
    upload = getattr(campaign, "upload", None)
    return render_step(
        request,
        campaign,
        "file",
        form=form,
        upload=upload,
        rows=padded(upload.sample[:ROWS_SHOWN], upload.columns) if upload else [],
        header_form=upload and HeaderForm(initial={"has_header": upload.has_header}),
        max_bytes=settings.MAX_UPLOAD_BYTES,
        max_rows=settings.MAX_ROWS,
        body_html=body_html(campaign),
        group_confirm=group_confirm(campaign, upload) if upload else None,
    )


def group_confirm(campaign: Campaign, upload: Upload) -> Confirm:
    """Return the button that removes the file and asks for a group."""
    return Confirm(
        question=_("Use a group instead of the file?"),
        consequence=_(
            "This removes the file {name} and your choice of columns. Nothing has been sent."
        ).format(name=upload.name),
        button=_("Use a group"),
        action=reverse("campaigns:campaign_audience", args=[campaign.team.slug, campaign.uuid]),
        fields={"audience": Campaign.Audience.GROUP},
        label=_("Use a ChumiAI group instead"),
        icon="users",
        is_danger=False,
    )


@require_POST
@requires("prepare")
@draft_page
def campaign_audience(request: TeamRequest, campaign: Campaign) -> HttpResponseBase:
    """Set whether the people come from a file or from a group."""
    with refusal_as_message(request):
        campaign = groups.choose_audience(
            campaign, request.POST.get("audience", ""), by=request.user
        )
    return redirect(steps.url_of(campaign, steps.open_step(campaign)))


@require_POST
@requires("prepare")
@step_page("values")
def campaign_header(request: TeamRequest, campaign: Campaign) -> HttpResponseBase:
    """Set whether the first row names the columns."""
    form = HeaderForm(request.POST)
    if form.is_valid():
        with refusal_as_message(request):
            drafts.set_header(campaign, form.cleaned_data["has_header"], by=request.user)
    return redirect(steps.url_of(campaign, "file"))


@require_safe
@requires("prepare")
@draft_page
def campaign_sample(request: TeamRequest, campaign: Campaign) -> HttpResponseBase:
    """Download a small file with the columns that the template needs."""
    name = f"{slugify(campaign.template.name) if campaign.template else 'campaign'}-sample.xlsx"
    return attachment(
        HttpResponse(downloads.sample_file(campaign.template), content_type=XLSX), name
    )
