"""The pages of the opt-outs."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any
from uuid import UUID

from django.contrib import messages
from django.http import HttpResponse, StreamingHttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from contacts import services
from contacts.forms import (
    LiftForm,
    OptOutFilterForm,
    OptOutForm,
    OptOutImportForm,
    UnreadableForm,
)
from contacts.models import OptOut, OptOutQuerySet, UnreadableOptOut
from contacts.number_lists import Unreadable
from core import phones
from core.actions import refusal_as_message
from core.formats import sentence
from core.listing import numbered_page, render_list
from spreadsheets.csv_writer import safe_csv
from teams.models import Team
from teams.requests import TeamRequest
from teams.roles import requires

PAGE_SIZE = 50
# Unreadable texts that the page lists; of the others it gives the count.
UNREADABLE_SHOWN = 200
# Opt-outs that need a person; further ones show up as these are decided.
UNREADABLE_OPT_OUTS = 20


@require_safe
def opt_out_list(request: TeamRequest) -> HttpResponse:
    return opt_out_page(request)


def opt_out_page(
    request: TeamRequest,
    form: OptOutForm | None = None,
    *,
    bound: dict[UUID, UnreadableForm] | None = None,
) -> HttpResponse:
    """Show the page, also with a form whose number was not valid: `bound` has it by its row."""
    opt_outs = OptOut.objects.for_team(request.team).select_related("created_by", "lifted_by")
    filters = OptOutFilterForm(
        request.GET,
        region=request.team.default_region,
        whole_only=not request.may["opt_out"],
    )
    found = filters.filter(opt_outs).order_by("-created_at", "-id")
    page = numbered_page(request, found, PAGE_SIZE)
    return render_list(
        request,
        "contacts/opt_out_list.html",
        "list",
        {"filters": filters, "page": page},
        around=lambda: {
            "form": form or OptOutForm(region=request.team.default_region),
            "any_opt_outs": bool(page.object_list) or opt_outs.exists(),
            "unreadable": _unreadable(request.team, bound or {}),
        },
    )


def _unreadable(team: Team, bound: dict[UUID, UnreadableForm]) -> dict[str, Any]:
    """Return the opt-outs that need a person, the oldest first, each with its form."""
    waiting = UnreadableOptOut.objects.waiting(team).order_by("created_at", "pk")
    rows = list(waiting[: UNREADABLE_OPT_OUTS + 1])
    shown = rows[:UNREADABLE_OPT_OUTS]
    count = waiting.count() if len(rows) > len(shown) else len(rows)
    return {
        "rows": [
            (row, bound.get(row.uuid) or UnreadableForm(uuid=row.uuid, region=team.default_region))
            for row in shown
        ],
        "count": count,
        "hidden": count - len(shown),
    }


@require_POST
@requires("opt_out")
def opt_out_add(request: TeamRequest) -> HttpResponse:
    form = OptOutForm(request.POST, region=request.team.default_region)
    if not form.is_valid():
        return opt_out_page(request, form)
    opt_out, created = services.opt_out(
        request.team,
        form.cleaned_data["phone"],
        reason=form.cleaned_data["reason"],
        by=request.user,
    )
    number = phones.display(opt_out.phone)
    if created:
        text = _("{phone} is on the list. Campaigns skip it from now on.")
        messages.success(request, text.format(phone=number))
    else:
        messages.info(request, _("{phone} is already on the list.").format(phone=number))
    return redirect("contacts:opt_out_list", team=request.team.slug)


@require_http_methods(["GET", "HEAD", "POST"])
@requires("opt_out")
def opt_out_import(request: TeamRequest) -> HttpResponse:
    """Put a list of numbers on the list, and show what could not be read."""
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
        shown = listed.unreadable[:UNREADABLE_SHOWN]
        result = {
            "added": added,
            "known": len(listed.numbers) - added,
            "unreadable": [(item, sentence(item.problem)) for item in shown],
            "unreadable_count": len(listed.unreadable),
            "unreadable_hidden": len(listed.unreadable) - len(shown),
        }
        form = OptOutImportForm(initial=_to_fix(shown, form), region=region)
    return render(request, "contacts/opt_out_import.html", {"form": form, "result": result})


def _to_fix(shown: Iterable[Unreadable], form: OptOutImportForm) -> dict[str, str]:
    """Return what the form shows again: the texts to fix, and the reason for them."""
    text = "\n".join(item.text for item in shown)
    return {"text": text, "reason": form.cleaned_data["reason"] if text else ""}


@require_safe
def opt_out_export(request: TeamRequest) -> StreamingHttpResponse:
    """Stream the list as a CSV, with masked numbers for users who see masked numbers."""
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


def _csv_rows(opt_outs: OptOutQuerySet, written: Callable[[str], str]) -> Iterator[Sequence[str]]:
    yield [_("Phone"), _("Added"), _("How"), _("By"), _("Reason"), _("Message")]
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
def opt_out_detail(request: TeamRequest, uuid: UUID) -> HttpResponse:
    return _detail(request, _get_opt_out(request, uuid), LiftForm())


def _get_opt_out(request: TeamRequest, uuid: UUID) -> OptOut:
    return get_object_or_404(OptOut.objects.for_team(request.team), uuid=uuid)


def _detail(request: TeamRequest, opt_out: OptOut, form: LiftForm) -> HttpResponse:
    history = history_of(request.team, opt_out.phone)
    current = next((row for row in history if row.is_in_force), None)
    context = {"opt_out": opt_out, "current": current, "history": history, "form": form}
    return render(request, "contacts/opt_out_detail.html", context)


def history_of(team: Team, phone: str) -> list[OptOut]:
    """Return the opt-outs of a number, with the lifted ones, newest first."""
    opt_outs = OptOut.objects.for_team(team).filter(phone=phone)
    found = opt_outs.select_related("created_by", "lifted_by").order_by("-created_at", "-id")
    return list(found[:PAGE_SIZE])


@require_POST
@requires("lift_opt_out")
def opt_out_lift(request: TeamRequest, uuid: UUID) -> HttpResponse:
    opt_out = _get_opt_out(request, uuid)
    form = LiftForm(request.POST)
    if not form.is_valid():
        return _detail(request, opt_out, form)
    with refusal_as_message(request):
        services.lift(opt_out, reason=form.cleaned_data["reason"], by=request.user)
        text = _("{phone} was removed from the list. Campaigns may send to it again.")
        messages.success(request, text.format(phone=phones.display(opt_out.phone)))
    return redirect("contacts:opt_out_detail", team=request.team.slug, uuid=opt_out.uuid)
