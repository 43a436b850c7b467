"""The gallery of templates, one template, and the sync."""

from typing import Any
from uuid import UUID

from django.http import HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.views.decorators.http import require_POST, require_safe
from django_htmx.http import trigger_client_event

from core.listing import numbered_page, render_list
from message_templates import components, labels, services
from message_templates.forms import TemplateFilterForm
from message_templates.models import MessageTemplate, TemplateSync
from tasks.syncs import sync_status
from teams.requests import TeamRequest
from teams.roles import requires

PAGE_SIZE = 24


@require_safe
def template_list(request: TeamRequest) -> HttpResponse:
    templates = MessageTemplate.objects.for_team(request.team)
    kinds = list(templates.order_by().values_list("category", "language").distinct())
    filters = TemplateFilterForm(request.GET, kinds=kinds)
    page = numbered_page(request, filters.filter(templates), PAGE_SIZE)
    return render_list(
        request,
        "message_templates/template_list.html",
        "gallery",
        {"filters": filters, "page": page, "any_templates": bool(kinds)},
        around=lambda: _sync(request),
    )


def _sync(request: TeamRequest) -> dict[str, Any]:
    return sync_status(TemplateSync.objects.all(), request.team)


@require_safe
def template_sync(request: TeamRequest) -> HttpResponse:
    """Show how the sync is going; once it has finished, the gallery reloads itself."""
    status = _sync(request)
    response = render(request, "message_templates/template_list.html#sync", status)
    if status["sync"] and status["sync"].is_finished:
        trigger_client_event(response, "templates-synced", {"target": "#template-gallery"})
    return response


@require_POST
@requires("sync")
def template_sync_start(request: TeamRequest) -> HttpResponse:
    services.request_sync(request.team, by=request.user)
    return redirect("message_templates:template_list", team=request.team.slug)


@require_safe
def template_detail(request: TeamRequest, uuid: UUID) -> HttpResponse:
    template = get_object_or_404(MessageTemplate.objects.for_team(request.team), uuid=uuid)
    content = template.content
    hints = components.hints(content.body, template.placeholders)
    context = {
        "template": template,
        "placeholders": [
            {
                "placeholder": f"{{{{{name}}}}}",
                "hint": hints.get(name),
                "sample": template.samples.get(name, ""),
            }
            for name in template.placeholders
        ],
        "buttons": [
            {"button": button, "kind": labels.label(labels.BUTTONS, button.kind)}
            for button in content.buttons
        ],
        "others": [labels.label(labels.OTHERS, other) for other in content.others],
        "quality": labels.QUALITIES.get(template.quality, ""),
        "status": labels.label(labels.STATUSES, template.status),
        "rejection": labels.rejection(template.rejected_reason),
        "limits": components.limits(template.components),
    }
    return render(request, "message_templates/template_detail.html", context)
