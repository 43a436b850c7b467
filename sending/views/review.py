"""The last step: what will happen, and the launch."""

import uuid

from django.contrib import messages
from django.shortcuts import redirect
from django.views.decorators.http import require_POST, require_safe

from campaigns import steps
from campaigns.pages import get_draft, render_step, step_page
from core.errors import Refused
from sending import engines, review
from sending.forms import LaunchForm
from sending.services import launches
from sending.views.preview import message_html, recipient_at
from teams.roles import requires


@require_safe
@requires("prepare")
@step_page("review")
def campaign_review(request, campaign):
    """Say exactly what will happen."""
    return _review(request, campaign)


@require_POST
@requires("launch")
def campaign_launch(request, uuid):
    """Launch, once, however often it is pressed."""
    campaign = get_draft(request, uuid)
    form = LaunchForm(request.POST)
    if not form.is_valid():
        messages.error(request, "This page was out of date. Nothing was sent. Look again.")
        return redirect(steps.url_of(campaign, "review"))
    try:
        launches.launch(campaign, by=request.user, **form.cleaned_data)
    except launches.AlreadyLaunched as error:
        messages.info(request, str(error))
    except Refused as error:
        return _refused(request, uuid, error)
    return redirect(steps.url_of(campaign, "detail"))


def _refused(request, uuid, error):
    """Show the review with the sentence, and with what is true by now."""
    campaign = get_draft(request, uuid)
    if steps.open_step(campaign) != "review":
        messages.error(request, str(error))
        return redirect(steps.url_of(campaign, steps.open_step(campaign)))
    return _review(request, campaign, error=error)


def _review(request, campaign, error=None):
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
        points=[(p, steps.url_of(campaign, p.step) if p.step else "") for p in points],
        in_the_way=[point for point in points if point.tone == "bad"],
        offers=offers,
        chosen=request.POST.get("engine") or offers[0].engine,
        looks_repeated=review.looks_repeated(campaign),
        consent=launches.consent_sentence(campaign),
        asks_number=launches.needs_number(campaign),
        person=first,
        body_html=message_html(campaign, first),
    )


def _launch_form(request, campaign, error):
    """Return the form for what is shown now; what is missing is said beside its field."""
    now = {"intent": uuid.uuid4(), "digest": campaign.digest}
    if not isinstance(error, (launches.WrongNumber, launches.NoConsent)):
        return LaunchForm(initial=now)
    given = {name: request.POST.get(name, "") for name in ("typed", "consent")}
    form = LaunchForm(now | given)
    if isinstance(error, launches.WrongNumber):
        form.add_error("typed", f"Type {campaign.recipient_count}.")
    else:
        form.add_error("consent", "Tick the box, if it is so.")
    return form
