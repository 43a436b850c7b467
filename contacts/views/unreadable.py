"""Decide on the opt-outs whose number can't be read."""

from uuid import UUID

from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import get_object_or_404, redirect
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST

from contacts import services
from contacts.forms import UnreadableForm
from contacts.models import UnreadableOptOut
from contacts.views.opt_outs import opt_out_page
from core import phones
from core.actions import refusal_as_message
from teams.requests import TeamRequest
from teams.roles import requires


@require_POST
@requires("opt_out")
def add(request: TeamRequest, uuid: UUID) -> HttpResponse:
    """Put the number that the person typed on the list."""
    row = get_object_or_404(UnreadableOptOut, team=request.team, uuid=uuid)
    form = UnreadableForm(request.POST, uuid=uuid, region=request.team.default_region)
    if not form.is_valid():
        return opt_out_page(request, bound={uuid: form})
    with refusal_as_message(request):
        opt_out = services.add_unreadable(row, form.cleaned_data["phone"], by=request.user)
        text = _("{phone} is on the list. Campaigns skip it from now on.")
        messages.success(request, text.format(phone=phones.display(opt_out.phone)))
    return redirect("contacts:opt_out_list", team=request.team.slug)


@require_POST
@requires("opt_out")
def dismiss(request: TeamRequest, uuid: UUID) -> HttpResponse:
    """Take it off the page: nobody asked for no more messages."""
    row = get_object_or_404(UnreadableOptOut, team=request.team, uuid=uuid)
    with refusal_as_message(request):
        services.dismiss_unreadable(row, by=request.user)
        messages.success(request, _("Dismissed. Nobody was added to the list."))
    return redirect("contacts:opt_out_list", team=request.team.slug)
