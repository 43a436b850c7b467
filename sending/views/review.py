"""The last step: what will happen, and the launch."""

import uuid

from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import redirect
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST, require_safe

from campaigns import steps
from campaigns.models import Campaign
from campaigns.pages import get_draft, render_step, step_page
from campaigns.services import checks
from core.errors import Refused
from core.formats import number
from sending import engines, review
from sending.forms import LaunchForm
from sending.services import launches
from sending.views.preview import message_html, recipient_at
from teams.requests import TeamRequest
from teams.roles import requires


@require_safe
@requires("prepare")
@step_page("review")
def campaign_review(request: TeamRequest, campaign: Campaign) -> HttpResponse:
    """Show exactly what will happen."""
    return _review(request, campaign)


@require_POST
@requires("launch")
def campaign_launch(request: TeamRequest, uuid: uuid.UUID) -> HttpResponse:
    """Launch once, however often the button is pressed."""
    campaign = get_draft(request, uuid)
    form = LaunchForm(request.POST)
    if not form.is_valid():
        messages.error(request, _("This page was out of date. Nothing was sent. Check again."))
        return redirect(steps.url_of(campaign, "review"))
    try:
        launches.launch(campaign, by=request.user, **form.cleaned_data)
    except launches.AlreadyLaunched as error:
        messages.info(request, str(error))
    except Refused as error:
        return _refused(request, uuid, error)
    return redirect(steps.url_of(campaign, "detail"))


def _refused(request: TeamRequest, uuid: uuid.UUID, error: Refused) -> HttpResponse:
    """Show the current review with the reason of the refusal."""
    campaign = get_draft(request, uuid)
    if steps.open_step(campaign) != "review":
        messages.error(request, str(error))
        return redirect(steps.url_of(campaign, steps.open_step(campaign)))
    return _review(request, campaign, error=error)


def _review(
    request: TeamRequest, campaign: Campaign, error: Refused | None = None
) -> HttpResponse:
    points = review.points(campaign)
    first = recipient_at(campaign, 1)
    offers = engines.offers(campaign)
    return render_step(
        request,
        campaign,
        "review",
        app="sending",
        form=_launch_form(request, campaign, error),
        refused=str(error or ""),
        template_changes=checks.template_changes(campaign),
        points=[(p, steps.url_of(campaign, p.step) if p.step else "") for p in points],
        is_blocked=any(point.tone == "bad" for point in points),
        offers=offers,
        chosen=request.POST.get("engine") or offers[0].engine,
        looks_repeated=review.looks_repeated(campaign),
        consent=launches.consent_sentence(campaign),
        asks_number=launches.needs_number(campaign),
        person=first,
        body_html=message_html(campaign, first),
    )


def _launch_form(request: TeamRequest, campaign: Campaign, error: Refused | None) -> LaunchForm:
    """Return the form of what is shown now; what is missing is an error of its field."""
    now = {"intent": uuid.uuid4(), "digest": campaign.digest}
    if not isinstance(error, (launches.WrongNumber, launches.NoConsent)):
        return LaunchForm(initial=now)
    given = {name: request.POST.get(name, "") for name in ("typed", "consent")}
    form = LaunchForm(now | given)
    if isinstance(error, launches.WrongNumber):
        form.add_error("typed", _("Type {count}.").format(count=number(campaign.recipient_count)))
    else:
        form.add_error("consent", _("Tick the box to confirm."))
    return form
