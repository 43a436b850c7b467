"""What the pages of a draft share: access, the step that is open, the frame of a step."""

import uuid
from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import wraps
from typing import Any, TypeVar

from django.contrib import messages
from django.db.models import Model, QuerySet
from django.http import HttpResponse, HttpResponseBase
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.utils.safestring import SafeString
from django.utils.translation import gettext as _
from django_htmx.http import HttpResponseClientRedirect

from campaigns import steps
from campaigns.audiences import audience_of
from campaigns.models import Campaign
from campaigns.services import drafts
from contacts.models import ContactGroup
from core.confirms import Confirm
from message_templates import components
from message_templates.models import MessageTemplate
from teams.requests import TeamRequest

# (request, …) of a URL, and (request, campaign, …) of a page of a draft.
View = Callable[..., HttpResponseBase]
Row = TypeVar("Row", bound=Model)


def draft_page(view: View) -> View:
    """Give the view the campaign; redirect to the page of the campaign once it was launched."""

    @wraps(view)
    def with_campaign(request: TeamRequest, uuid: uuid.UUID, **kwargs: Any) -> HttpResponseBase:
        campaign = get_draft(request, uuid)
        if campaign.is_editable:
            return view(request, campaign, **kwargs)
        if request.method == "POST":
            messages.error(request, str(drafts.TOO_LATE))
        return redirect_page(request, steps.url_of(campaign, "detail"))

    return with_campaign


def step_page(step: str) -> Callable[[View], View]:
    """Give the view the campaign; redirect to the step that is still open."""

    def decorate(view: View) -> View:
        @draft_page
        @wraps(view)
        def opened(request: TeamRequest, campaign: Campaign, **kwargs: Any) -> HttpResponseBase:
            if steps.can_open(campaign, step):
                return view(request, campaign, **kwargs)
            return redirect_page(request, steps.url_of(campaign, steps.open_step(campaign)))

        return opened

    return decorate


def chosen_template(request: TeamRequest) -> MessageTemplate | None:
    """Return the team's template that the request names, or None."""
    return named_object(request, "template", MessageTemplate.objects.for_team(request.team))


def chosen_group(request: TeamRequest) -> ContactGroup | None:
    """Return the team's group that the request names, or None."""
    current = ContactGroup.objects.current(request.team).select_related("sync")
    return named_object(request, "group", current)


def named_object(request: TeamRequest, name: str, queryset: QuerySet[Row]) -> Row | None:
    """Return the object whose uuid the request has under `name`, None without a uuid."""
    text = request.POST.get(name, request.GET.get(name, ""))
    try:
        wanted = uuid.UUID(text)
    except ValueError:
        return None
    return get_object_or_404(queryset, uuid=wanted)


def padded(rows: Iterable[Sequence[Any]], columns: Sequence[str]) -> list[list[Any]]:
    """Give every row [number, …, cells] as many cells as there are columns."""
    return [
        [*others, cells[: len(columns)] + [""] * (len(columns) - len(cells))]
        for *others, cells in rows
    ]


def get_draft(request: TeamRequest, uuid: uuid.UUID) -> Campaign:
    found: QuerySet[Campaign] = Campaign.objects.for_team(request.team).with_relations()
    return get_object_or_404(found, uuid=uuid)


def body_html(campaign: Campaign, values: Mapping[str, str] | None = None) -> SafeString:
    """Return the body of the message as the phone shows it, for a step that has a template."""
    assert campaign.template is not None
    return components.format_whatsapp(campaign.template.content.body, values)


def delete_confirm(campaign: Campaign) -> Confirm:
    """Return the button that deletes the draft, in the frame of every step."""
    if audience_of(campaign).is_single:
        consequence = _("This deletes the draft. Nothing has been sent.")
    else:
        consequence = _("This deletes the draft and its file. Nothing has been sent.")
    return Confirm(
        question=_("Delete this draft?"),
        consequence=consequence,
        button=_("Delete draft"),
        action=reverse("campaigns:campaign_delete", args=[campaign.team.slug, campaign.uuid]),
        icon="trash",
    )


def step_context(campaign: Campaign, step: str) -> dict[str, Any]:
    """Return what the frame of a step shows."""
    is_first = step == next(iter(steps.steps_of(campaign)))
    audience = audience_of(campaign)
    return {
        "campaign": campaign,
        "audience": audience,
        "source_url": steps.url_of(campaign, audience.source_step),
        "steps": steps.bar(campaign, step),
        "back_url": "" if is_first else steps.url_of(campaign, steps.before(campaign, step)),
        "media": getattr(campaign, "header_media", None),
        "delete_confirm": delete_confirm(campaign),
    }


def render_step(
    request: TeamRequest,
    campaign: Campaign,
    step: str,
    *,
    app: str = "campaigns",
    fragment: str = "",
    **context: Any,
) -> HttpResponse:
    """Render the page of a step, or a fragment of it; `app` is the folder of its template."""
    template = f"{app}/campaign_{step}.html"
    if fragment:
        template += f"#{fragment}"
    return render(request, template, step_context(campaign, step) | context)


def redirect_page(request: TeamRequest, url: str) -> HttpResponse:
    """Redirect the whole page, also from inside a fragment."""
    return HttpResponseClientRedirect(url) if request.htmx else redirect(url)


def attachment(response: HttpResponseBase, name: str) -> HttpResponseBase:
    """Make the response a download with this file name."""
    response["Content-Disposition"] = f'attachment; filename="{name}"'
    return response
