"""The mirror of ChumiAI's contacts and groups: to look at, never to change."""

from uuid import UUID

from django.core.paginator import Paginator
from django.db.models import Q
from django.shortcuts import get_object_or_404, redirect, render
from django.views.decorators.http import require_POST, require_safe
from django_htmx.http import trigger_client_event

from contacts import services
from contacts.forms import ContactFilterForm
from contacts.models import Contact, ContactGroup, ContactSync, OptOut
from tasks.services import worker_is_alive
from teams.roles import requires

PAGE_SIZE = 50
# So many groups are offered as a filter; the page of the groups has them all.
GROUPS_OFFERED = 200


@require_safe
def contact_list(request):
    """List the contacts of the last complete reading by name."""
    current = ContactSync.objects.current(request.team)
    groups = ContactGroup.objects.filter(sync=current).order_by("name", "id")[:GROUPS_OFFERED]
    filters = ContactFilterForm(
        request.GET,
        groups=list(groups),
        region=request.team.default_region,
        whole_only=not request.may["opt_out"],
    )
    contacts = Contact.objects.filter(sync=current)
    after = request.GET.get("after", "")
    found = _after(filters.filter(contacts), contacts, after).order_by("sort_key", "id")
    page = list(found[: PAGE_SIZE + 1])
    context = {
        "filters": filters,
        "current": current,
        "contacts": _with_opt_outs(request.team, page[:PAGE_SIZE]),
        "next": page[PAGE_SIZE - 1].uuid if len(page) > PAGE_SIZE else None,
        "is_first_page": not after,
    }
    if request.htmx and not request.htmx.boosted:
        return render(request, "contacts/contact_list.html#results", context)
    return render(request, "contacts/contact_list.html", context | _sync(request.team))


def _after(found, contacts, cursor):
    """Return what comes after the cursor's contact; a cursor that is none starts at the top."""
    try:
        last = contacts.filter(uuid=UUID(cursor)).first()
    except ValueError:
        last = None
    if last is None:
        return found
    return found.filter(Q(sort_key__gt=last.sort_key) | Q(sort_key=last.sort_key, pk__gt=last.pk))


def _with_opt_outs(team, contacts):
    """Tell of each contact whether our list has its number."""
    gone = services.opted_out_of(team, [contact.phone for contact in contacts if contact.phone])
    for contact in contacts:
        contact.is_on_list = contact.phone in gone
    return contacts


def _sync(team):
    """Return what the region of the reading shows."""
    sync = ContactSync.objects.latest_of(team)
    is_good = sync is None or sync.has_succeeded
    return {
        "sync": sync,
        "last_good": None if is_good else ContactSync.objects.current(team),
        "no_worker": bool(sync and sync.is_open and not worker_is_alive()),
    }


@require_safe
def contact_sync(request):
    """Show how the reading is going; when it has ended, the list is told."""
    context = _sync(request.team)
    response = render(request, "contacts/contact_list.html#sync", context)
    if context["sync"] and not context["sync"].is_open:
        trigger_client_event(response, "contacts-synced", {"target": "#contact-results"})
    return response


@require_POST
@requires("sync")
def contact_sync_start(request):
    services.request_contact_sync(request.team, by=request.user)
    return redirect("contacts:contact_list", team=request.team.slug)


@require_safe
def contact_detail(request, uuid):
    """Show what ChumiAI knows of a contact, and what our list does."""
    current = ContactSync.objects.current(request.team)
    contact = get_object_or_404(Contact, sync=current, uuid=uuid)
    history = []
    if contact.phone:
        history = list(
            OptOut.objects.for_team(request.team)
            .filter(phone=contact.phone)
            .select_related("created_by", "lifted_by")
            .order_by("-created_at", "-id")[:PAGE_SIZE]
        )
    context = {
        "contact": contact,
        "read_at": current.finished_at,
        "fields": sorted(contact.custom.items()),
        "groups": ContactGroup.objects.filter(memberships__contact=contact).order_by("name"),
        "history": history,
        "in_force": next((row for row in history if row.is_in_force), None),
    }
    return render(request, "contacts/contact_detail.html", context)


@require_safe
def group_list(request):
    """List the groups with their sizes and when they were read."""
    current = ContactSync.objects.current(request.team)
    groups = ContactGroup.objects.filter(sync=current).order_by("name", "id")
    page = Paginator(groups, PAGE_SIZE).get_page(request.GET.get("page"))
    return render(request, "contacts/group_list.html", {"page": page, "current": current})
