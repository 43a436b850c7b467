"""The people who must not be written to."""

from django.contrib import messages
from django.core.paginator import Paginator
from django.shortcuts import redirect, render
from django.views.decorators.http import require_POST, require_safe

from contacts import services
from contacts.forms import OptOutFilterForm, OptOutForm
from contacts.models import OptOut
from core.phones import display
from teams.roles import requires

PAGE_SIZE = 50


@require_safe
def opt_out_list(request):
    return _page(request, OptOutForm(region=request.team.default_region))


def _page(request, form):
    opt_outs = OptOut.objects.for_team(request.team).select_related("created_by")
    filters = OptOutFilterForm(request.GET, region=request.team.default_region)
    found = filters.filter(opt_outs).order_by("-created_at", "-id")
    page = Paginator(found, PAGE_SIZE).get_page(request.GET.get("page"))
    context = {"form": form, "filters": filters, "page": page}
    if request.htmx and not request.htmx.boosted:
        return render(request, "contacts/opt_out_list.html#list", context)
    return render(request, "contacts/opt_out_list.html", context)


@require_POST
@requires("opt_out")
def opt_out_add(request):
    form = OptOutForm(request.POST, region=request.team.default_region)
    if not form.is_valid():
        return _page(request, form)
    opt_out, created = services.opt_out(
        request.team,
        form.cleaned_data["phone"],
        reason=form.cleaned_data["reason"],
        by=request.user,
    )
    if created:
        messages.success(
            request, f"{display(opt_out.phone)} is on the list. No campaign writes to it any more."
        )
    else:
        messages.info(request, f"{display(opt_out.phone)} is on the list already.")
    return redirect("contacts:opt_out_list", team=request.team.slug)
