"""The step of the image, video or document above the message."""

from django.shortcuts import redirect, render
from django.views.decorators.http import require_http_methods, require_safe

from campaigns import steps
from campaigns.forms import LinkForm, MediaIdForm
from campaigns.pages import step_page
from campaigns.samples import values_of_first
from campaigns.services import media as header_media
from core.errors import Refused
from message_templates import components
from tasks import services as tasks
from teams.roles import requires
from whatsapp.media import MB


@require_http_methods(["GET", "POST"])
@requires("prepare")
@step_page("media")
def campaign_media(request, campaign):
    """Give the picture, video or document that stands above the message."""
    form = None
    if request.method == "POST":
        sent = MediaIdForm if "media_id" in request.POST else LinkForm
        form = sent(request.POST, campaign=campaign)
        if form.is_valid():
            try:
                header_media.set_media(campaign, **form.cleaned_data, by=request.user)
            except Refused as error:
                form.add_error(None, str(error))
            else:
                return redirect(steps.url_of(campaign, "media"))
    return render(request, "campaigns/campaign_media.html", _media_context(campaign, form))


@require_safe
@requires("prepare")
@step_page("media")
def campaign_media_state(request, campaign):
    """Show how the look at the link went: the live region of its page."""
    context = _media_context(campaign)
    return render(request, "campaigns/campaign_media.html#media_state", context)


def _media_context(campaign, form=None):
    media, kind = getattr(campaign, "header_media", None), header_media.kind_of(campaign)
    return {
        "campaign": campaign,
        "steps": steps.bar(campaign, "media"),
        "form": form,
        "link_form": form if isinstance(form, LinkForm) else LinkForm(campaign=campaign),
        "id_form": form if isinstance(form, MediaIdForm) else MediaIdForm(campaign=campaign),
        "kind": kind,
        "max_mb": kind.max_bytes // MB,
        "media": media,
        "missing": header_media.what_is_missing(campaign),
        "is_checked": hasattr(campaign, "check_result"),
        "worker_is_off": bool(media and media.is_open and not tasks.worker_is_alive()),
        "body_html": components.format_whatsapp(
            campaign.template.content.body, values_of_first(campaign)
        ),
    }
