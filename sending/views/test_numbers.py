"""The test numbers of a team: phones of its own to which tests are sent."""

from uuid import UUID

from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods, require_POST

from core.actions import refusal_as_error
from sending.forms import TestNumberForm
from sending.models import TestNumber
from sending.services import test_sends
from teams.requests import TeamRequest
from teams.roles import requires


@require_http_methods(["GET", "POST"])
@requires("test")
def test_number_list(request: TeamRequest) -> HttpResponse:
    """List the test numbers, and save another one."""
    form = TestNumberForm(request.POST or None, region=request.team.default_region)
    if request.method == "POST" and form.is_valid():
        with refusal_as_error(form, "phone"):
            test_sends.add_number(request.team, by=request.user, **form.cleaned_data)
            return redirect("campaigns:test_number_list", team=request.team.slug)
    numbers = list(TestNumber.objects.filter(team=request.team))
    has_room = len(numbers) < TestNumber.MOST or form.is_bound
    context = {"numbers": numbers, "most": TestNumber.MOST, "form": form if has_room else None}
    return render(request, "sending/test_number_list.html", context)


@require_POST
@requires("test")
def test_number_remove(request: TeamRequest, uuid: UUID) -> HttpResponse:
    """Remove a test number."""
    number = get_object_or_404(TestNumber.objects.filter(team=request.team), uuid=uuid)
    test_sends.remove_number(number, by=request.user)
    messages.success(request, _("{name} removed").format(name=number.label))
    return redirect("campaigns:test_number_list", team=request.team.slug)
