"""The step of the image, video or document above the message."""

from django.forms import Form
from django.http import HttpResponseBase
from django.shortcuts import redirect
from django.views.decorators.http import require_http_methods, require_safe

from campaigns import steps
from campaigns.forms import LinkForm, MediaIdForm
from campaigns.models import Campaign
from campaigns.pages import body_html, render_step, step_page
from campaigns.samples import values_of_first
from campaigns.services import media as header_media
from core.actions import refusal_as_error
from tasks import services as tasks
from teams.requests import TeamRequest
from teams.roles import requires
from whatsapp.media import MB


@require_http_methods(["GET", "POST"])
@requires("prepare")
@step_page("media")
def campaign_media(request: TeamRequest, campaign: Campaign) -> HttpResponseBase:
    """Set the image, video or document that stands above the message."""
    form = None
    if request.method == "POST":
        chosen = MediaIdForm if "media_id" in request.POST else LinkForm
        form = chosen(request.POST, campaign=campaign)
        if form.is_valid():
            with refusal_as_error(form):
                header_media.set_media(campaign, **form.cleaned_data, by=request.user)
                return redirect(steps.url_of(campaign, "media"))
    return _render(request, campaign, form)


@require_safe
@requires("prepare")
@step_page("media")
def campaign_media_state(request: TeamRequest, campaign: Campaign) -> HttpResponseBase:
    """Show the result of the check of the link: the live region of its page."""
    return _render(request, campaign, fragment="media_state")


def _render(
    request: TeamRequest, campaign: Campaign, form: Form | None = None, fragment: str = ""
) -> HttpResponseBase:
    media, kind = getattr(campaign, "header_media", None), header_media.kind_of(campaign)
    return render_step(
        request,
        campaign,
        "media",
        fragment=fragment,
        form=form,
        link_form=form if isinstance(form, LinkForm) else LinkForm(campaign=campaign),
        id_form=form if isinstance(form, MediaIdForm) else MediaIdForm(campaign=campaign),
        kind=kind,
        max_mb=kind.max_bytes // MB if kind else None,
        missing=header_media.what_is_missing(campaign),
        is_checked=hasattr(campaign, "check_result"),
        worker_is_off=bool(media and media.is_open and not tasks.worker_is_alive()),
        body_html=body_html(campaign, values_of_first(campaign)),
    )
