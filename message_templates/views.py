"""The gallery of templates, one template, and the sync."""

from django.core.paginator import Paginator
from django.shortcuts import get_object_or_404, redirect, render
from django.views.decorators.http import require_POST, require_safe
from django_htmx.http import trigger_client_event

from message_templates import components, labels, services
from message_templates.forms import TemplateFilterForm
from message_templates.models import MessageTemplate, TemplateSync
from tasks.services import worker_is_alive
from teams.roles import requires

PAGE_SIZE = 24


@require_safe
def template_list(request):
    templates = MessageTemplate.objects.for_team(request.team)
    kinds = list(templates.order_by().values_list("category", "language").distinct())
    form = TemplateFilterForm(request.GET, kinds=kinds)
    page = Paginator(form.filter(templates), PAGE_SIZE).get_page(request.GET.get("page"))
    context = {"form": form, "page": page, "any_templates": bool(kinds)}
    if request.htmx and not request.htmx.boosted:
        return render(request, "message_templates/template_list.html#gallery", context)
    return render(request, "message_templates/template_list.html", context | _sync(request.team))


def _sync(team):
    """Return what the region of the sync shows."""
    sync = TemplateSync.objects.latest_of(team)
    return {
        "sync": sync,
        "last_good": TemplateSync.objects.current(team) if sync and sync.has_failed else None,
        "no_worker": bool(sync and sync.is_open and not worker_is_alive()),
    }


@require_safe
def template_sync(request):
    """Show how the sync is going; when it has ended, the gallery is told."""
    context = _sync(request.team)
    response = render(request, "message_templates/template_list.html#sync", context)
    if context["sync"] and not context["sync"].is_open:
        trigger_client_event(response, "templates-synced", {"target": "#template-gallery"})
    return response


@require_POST
@requires("sync")
def template_sync_start(request):
    services.request_sync(request.team, by=request.user)
    return redirect("message_templates:template_list", team=request.team.slug)


@require_safe
def template_detail(request, uuid):
    template = get_object_or_404(MessageTemplate.objects.for_team(request.team), uuid=uuid)
    hints = components.hints(template.content.body, template.placeholders)
    return render(
        request,
        "message_templates/template_detail.html",
        {
            "template": template,
            "placeholders": [
                {"name": name, "hint": hints.get(name), "sample": template.samples.get(name, "")}
                for name in template.placeholders
            ],
            "buttons": [
                {
                    "button": button,
                    "kind": labels.named(labels.BUTTONS, button.kind),
                }
                for button in template.content.buttons
            ],
            "others": [labels.named(labels.OTHERS, part) for part in template.content.others],
            "quality": labels.QUALITIES.get(template.quality, ""),
            "status": labels.named(labels.STATUSES, template.status),
            "rejection": labels.rejection(template.rejected_reason),
            "limits": components.limits(template.components),
        },
    )
