"""What the pages of a draft share: access, the step that is open, the frame of a step."""

import uuid
from functools import wraps

from django.contrib import messages
from django.shortcuts import get_object_or_404, redirect, render
from django_htmx.http import HttpResponseClientRedirect

from campaigns import steps
from campaigns.models import Campaign
from campaigns.services import drafts
from contacts.models import ContactGroup
from message_templates.models import MessageTemplate


def draft_page(view):
    """Give the view the campaign; send everyone to its own page once it was launched."""

    @wraps(view)
    def with_campaign(request, uuid, **kwargs):
        campaign = get_draft(request, uuid)
        if campaign.is_editable:
            return view(request, campaign, **kwargs)
        if request.method == "POST":
            messages.error(request, drafts.TOO_LATE)
        return redirect_page(request, steps.url_of(campaign, "detail"))

    return with_campaign


def step_page(step):
    """Give the view the campaign; send a person back to the step that is still open."""

    def decorate(view):
        @draft_page
        @wraps(view)
        def opened(request, campaign, **kwargs):
            if steps.can_open(campaign, step):
                return view(request, campaign, **kwargs)
            return redirect_page(request, steps.url_of(campaign, steps.open_step(campaign)))

        return opened

    return decorate


def chosen_template(request):
    """Return the team's template that the request names, or None."""
    return named_object(request, "template", MessageTemplate.objects.for_team(request.team))


def chosen_group(request):
    """Return the team's group that the request names, or None."""
    groups_now = ContactGroup.objects.current(request.team).select_related("sync")
    return named_object(request, "group", groups_now)


def named_object(request, word, queryset):
    text = request.POST.get(word, request.GET.get(word, ""))
    try:
        wanted = uuid.UUID(text)
    except ValueError:
        return None
    return get_object_or_404(queryset, uuid=wanted)


def padded(rows, columns):
    """Give every row [number, …, cells] as many cells as there are columns."""
    return [
        [*others, cells[: len(columns)] + [""] * (len(columns) - len(cells))]
        for *others, cells in rows
    ]


def get_draft(request, uuid):
    found = Campaign.objects.for_team(request.team).with_relations()
    return get_object_or_404(found, uuid=uuid)


def render_step(request, campaign, step, *, app="campaigns", **context):
    """Render the page of a step inside its frame; `app` names the folder of its template."""
    context |= {
        "campaign": campaign,
        "steps": steps.bar(campaign, step),
        "media": getattr(campaign, "header_media", None),
    }
    return render(request, f"{app}/campaign_{step}.html", context)


def redirect_page(request, url):
    """Redirect the whole page, from inside a fragment, too."""
    return HttpResponseClientRedirect(url) if request.htmx else redirect(url)


def attachment(response, name):
    response["Content-Disposition"] = f'attachment; filename="{name}"'
    return response
