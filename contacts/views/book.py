"""The copy of ChumiAI's contacts and groups: read-only pages."""

from typing import Any
from uuid import UUID

from django.http import HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.views.decorators.http import require_POST, require_safe
from django_htmx.http import trigger_client_event

from contacts import services
from contacts.forms import ContactFilterForm
from contacts.models import Contact, ContactGroup, ContactSync
from contacts.views.opt_outs import history_of
from core.listing import keyset_page, numbered_page, render_list, row_named
from tasks.syncs import sync_status
from teams.requests import TeamRequest
from teams.roles import requires

PAGE_SIZE = 50
# Groups in the filter; the page of the groups has them all.
GROUPS_OFFERED = 200


@require_safe
def contact_list(request: TeamRequest) -> HttpResponse:
    """List the contacts of the last sync that succeeded, by name."""
    current = ContactSync.objects.current(request.team)
    groups = ContactGroup.objects.filter(sync=current).order_by("name", "id")[:GROUPS_OFFERED]
    filters = ContactFilterForm(
        request.GET,
        groups=list(groups),
        region=request.team.default_region,
        whole_only=not request.may["opt_out"],
    )
    contacts = Contact.objects.filter(sync=current)
    page = keyset_page(
        filters.filter(contacts),
        order=("sort_key", "id"),
        after=row_named(contacts, request.GET.get("after", "")),
        size=PAGE_SIZE,
    )
    numbers = [contact.phone for contact in page.rows if contact.phone]
    context = {
        "filters": filters,
        "current": current,
        "page": page,
        "opted_out": services.opted_out_of(request.team, numbers),
    }
    return render_list(
        request,
        "contacts/contact_list.html",
        "results",
        context,
        around=lambda: _sync(request),
    )


def _sync(request: TeamRequest) -> dict[str, Any]:
    return sync_status(ContactSync.objects.all(), request.team)


@require_safe
def contact_sync(request: TeamRequest) -> HttpResponse:
    """Show how the sync is going; once it has finished, the list reloads itself."""
    status = _sync(request)
    response = render(request, "contacts/contact_list.html#sync", status)
    if status["sync"] and status["sync"].is_finished:
        trigger_client_event(response, "contacts-synced", {"target": "#contact-results"})
    return response


@require_POST
@requires("sync")
def contact_sync_start(request: TeamRequest) -> HttpResponse:
    services.request_contact_sync(request.team, by=request.user)
    return redirect("contacts:contact_list", team=request.team.slug)


@require_safe
def contact_detail(request: TeamRequest, uuid: UUID) -> HttpResponse:
    """Show what ChumiAI has of a contact, and the opt-outs of the number."""
    contact = get_object_or_404(
        Contact.objects.current(request.team).select_related("sync"), uuid=uuid
    )
    history = history_of(request.team, contact.phone) if contact.phone else []
    context = {
        "contact": contact,
        "fields": sorted(contact.custom.items()),
        "groups": ContactGroup.objects.filter(memberships__contact=contact).order_by("name"),
        "history": history,
        "in_force": next((row for row in history if row.is_in_force), None),
    }
    return render(request, "contacts/contact_detail.html", context)


@require_safe
def group_list(request: TeamRequest) -> HttpResponse:
    current = ContactSync.objects.current(request.team)
    groups = ContactGroup.objects.filter(sync=current).order_by("name", "id")
    context = {"page": numbered_page(request, groups, PAGE_SIZE), "current": current}
    return render(request, "contacts/group_list.html", context)
