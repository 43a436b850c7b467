"""The people who must not be written to."""

from django.contrib import messages
from django.core.paginator import Paginator
from django.http import StreamingHttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils import timezone
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from contacts import services
from contacts.forms import LiftForm, OptOutFilterForm, OptOutForm, OptOutImportForm
from contacts.models import OptOut
from core import phones
from core.errors import Refused
from core.safe_csv import safe_csv
from teams.roles import requires

PAGE_SIZE = 50
# So many of the numbers that could not be read are listed; of the others, how many.
UNREAD_SHOWN = 200
EXPORT_HEADER = ["Phone", "Added", "How", "By", "Reason", "Message"]


@require_safe
def opt_out_list(request):
    return _page(request, OptOutForm(region=request.team.default_region))


def _page(request, form):
    opt_outs = OptOut.objects.for_team(request.team).select_related("created_by", "lifted_by")
    filters = OptOutFilterForm(
        request.GET,
        region=request.team.default_region,
        whole_only=not request.may["opt_out"],
    )
    found = filters.filter(opt_outs).order_by("-created_at", "-id")
    page = Paginator(found, PAGE_SIZE).get_page(request.GET.get("page"))
    context = {"form": form, "filters": filters, "page": page}
    if request.htmx and not request.htmx.boosted:
        return render(request, "contacts/opt_out_list.html#list", context)
    context["any_opt_outs"] = bool(page.object_list) or opt_outs.exists()
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
    number = phones.display(opt_out.phone)
    if created:
        messages.success(request, f"{number} is on the list. No campaign writes to it any more.")
    else:
        messages.info(request, f"{number} is on the list already.")
    return redirect("contacts:opt_out_list", team=request.team.slug)


@require_http_methods(["GET", "HEAD", "POST"])
@requires("opt_out")
def opt_out_import(request):
    """Put a whole list of numbers on the list, and tell what could not be read."""
    region = request.team.default_region
    form, result = OptOutImportForm(region=region), None
    if request.method == "POST":
        form = OptOutImportForm(request.POST, request.FILES, region=region)
    if form.is_valid():
        listed = form.listed
        added = services.opt_out_all(
            request.team,
            listed.numbers,
            source=OptOut.Source.IMPORT,
            reason=form.cleaned_data["reason"],
            by=request.user,
        )
        result = {
            "added": added,
            "known": len(listed.numbers) - added,
            "unread": listed.unread[:UNREAD_SHOWN],
            "unread_count": len(listed.unread),
            "unread_hidden": max(len(listed.unread) - UNREAD_SHOWN, 0),
        }
        # What has to be mended stands in the field again, the rest is done.
        left = "\n".join(unread.text for unread in result["unread"])
        reason = form.cleaned_data["reason"] if left else ""
        form = OptOutImportForm(initial={"text": left, "reason": reason}, region=region)
    return render(request, "contacts/opt_out_import.html", {"form": form, "result": result})


@require_safe
def opt_out_export(request):
    """Stream the list as a CSV, numbers masked for those who see them masked."""
    written = str if request.may["opt_out"] else phones.mask
    opt_outs = (
        OptOut.objects.for_team(request.team)
        .in_force()
        .select_related("created_by")
        .order_by("-created_at", "-id")
    )
    day = timezone.localdate().isoformat()
    return StreamingHttpResponse(
        safe_csv(_csv_rows(opt_outs, written)),
        content_type="text/csv; charset=utf-8",
        headers={"Content-Disposition": f'attachment; filename="opt-outs-{day}.csv"'},
    )


def _csv_rows(opt_outs, written):
    yield EXPORT_HEADER
    for opt_out in opt_outs.iterator(chunk_size=1000):
        yield (
            written(opt_out.phone),
            timezone.localtime(opt_out.created_at).isoformat(" ", "seconds"),
            opt_out.get_source_display(),
            str(opt_out.created_by or ""),
            opt_out.reason,
            opt_out.message,
        )


@require_safe
def opt_out_detail(request, uuid):
    return _detail(request, _get_opt_out(request, uuid), LiftForm())


def _get_opt_out(request, uuid):
    return get_object_or_404(OptOut.objects.for_team(request.team), uuid=uuid)


def _detail(request, opt_out, form):
    """Show all that is known of the number's opt-outs, those that were lifted included."""
    history = list(
        OptOut.objects.for_team(request.team)
        .filter(phone=opt_out.phone)
        .select_related("created_by", "lifted_by")
        .order_by("-created_at", "-id")[:PAGE_SIZE]
    )
    current = next((row for row in history if row.is_in_force), None)
    context = {"opt_out": opt_out, "current": current, "history": history, "form": form}
    return render(request, "contacts/opt_out_detail.html", context)


@require_POST
@requires("lift_opt_out")
def opt_out_lift(request, uuid):
    opt_out = _get_opt_out(request, uuid)
    form = LiftForm(request.POST)
    if not form.is_valid():
        return _detail(request, opt_out, form)
    try:
        services.lift(opt_out, reason=form.cleaned_data["reason"], by=request.user)
    except Refused as refused:
        messages.error(request, str(refused))
    else:
        messages.success(
            request,
            f"{phones.display(opt_out.phone)} is off the list. Campaigns may write to it again.",
        )
    return redirect("contacts:opt_out_detail", team=request.team.slug, uuid=opt_out.uuid)
