"""The step that shows the message as a phone will, and sends tests of it."""

import uuid
from typing import Any

from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST, require_safe

from campaigns import steps
from campaigns.audiences import audience_of
from campaigns.models import Campaign, Recipient
from campaigns.pages import render_step, step_page
from core.actions import refusal_as_message
from message_templates import components
from sending import message_state
from sending.forms import TestSendForm
from sending.services import launches, test_sends
from tasks import services as tasks
from teams.requests import TeamRequest
from teams.roles import requires


@require_safe
@requires("prepare")
@step_page("preview")
def campaign_preview(request: TeamRequest, campaign: Campaign) -> HttpResponse:
    """Show the message as one recipient's phone will."""
    position = _position(request, campaign)
    recipient = recipient_at(campaign, position)
    return render_step(
        request,
        campaign,
        "preview",
        app="sending",
        recipient=recipient,
        previous=position - 1,
        next=position + 1 if position < campaign.recipient_count else None,
        values=[(f"{{{{{name}}}}}", v) for name, v in _values(campaign, recipient).items()],
        body_html=message_html(campaign, recipient),
        length=len(_text(campaign, recipient)),
        test_form=TestSendForm(
            team=campaign.team,
            initial={"intent": uuid.uuid4(), "digest": campaign.digest, "position": position},
        ),
        **_tests_context(campaign),
    )


def _position(request: TeamRequest, campaign: Campaign) -> int:
    """Return the position that is asked for, within the bounds."""
    if request.GET.get("show") == "longest":
        longest = campaign.check_result.details.get("longest") or {}
        found = campaign.recipients.filter(row_number=longest.get("row", 0))
        return found.values_list("position", flat=True).first() or 1
    try:
        asked = int(request.GET.get("position", "")[:9])
    except ValueError:
        asked = 1
    return min(max(asked, 1), campaign.recipient_count)


def recipient_at(campaign: Campaign, position: int) -> Recipient:
    """Return the recipient at the position. Raise `Http404`.

    For a campaign through ChumiAI's group it is an unsaved one with the values of all.
    """
    if audience_of(campaign).same_for_all:
        values = campaign.check_result.details.get("values", [])
        return Recipient(campaign=campaign, position=position, values=values)
    return get_object_or_404(Recipient, campaign=campaign, position=position)


def message_html(campaign: Campaign, recipient: Recipient) -> str:
    return components.format_whatsapp(campaign.template.content.body, _values(campaign, recipient))


def _text(campaign: Campaign, recipient: Recipient) -> str:
    return components.render(campaign.template.content.body, _values(campaign, recipient))


def _values(campaign: Campaign, recipient: Recipient) -> dict[str, str]:
    return dict(zip(campaign.template.placeholders, recipient.values, strict=False))


@require_safe
@requires("prepare")
@step_page("preview")
def campaign_tests(request: TeamRequest, campaign: Campaign) -> HttpResponse:
    """Show the tests: the live region of the page."""
    context = {"campaign": campaign, **_tests_context(campaign)}
    return render(request, "sending/campaign_preview.html#tests", context)


def _tests_context(campaign: Campaign) -> dict[str, Any]:
    tests = message_state.tests_of(campaign)
    is_open = any(test.is_open for test in tests)
    return {
        "tests": tests,
        "tests_are_open": is_open,
        "worker_is_off": is_open and not tasks.worker_is_alive(),
    }


@require_POST
@requires("test")
@step_page("preview")
def campaign_test(request: TeamRequest, campaign: Campaign) -> HttpResponse:
    """Send the message that is shown to test numbers."""
    form = TestSendForm(request.POST, team=campaign.team)
    back = steps.url_of(campaign, "preview")
    if not form.is_valid():
        problem = form.errors.get("numbers") or [_("This page was out of date.")]
        messages.error(request, f"{problem[0]} {_('Nothing was sent.')}")
        return redirect(back)
    asked = form.cleaned_data
    position = asked.pop("position")
    person = recipient_at(campaign, position)
    with refusal_as_message(request):
        try:
            test_sends.send_tests(campaign, person, by=request.user, **asked)
        except launches.AlreadyLaunched as error:
            messages.info(request, str(error))
    return redirect(f"{back}?position={position}#campaign-tests")
