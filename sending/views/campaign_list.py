"""The list of a team's campaigns."""

from collections.abc import Sequence
from typing import NamedTuple

from django.db.models import Count
from django.http import HttpResponse
from django.views.decorators.http import require_safe

from campaigns import steps
from campaigns.audiences import audience_of
from campaigns.models import Campaign, Recipient
from core.listing import numbered_page, render_list
from sending.forms import TABS, CampaignFilter, in_tab
from sending.message_state import MessageState, state_of
from sending.progress import Progress
from sending.progress_queries import load_progresses
from teams.requests import TeamRequest

PAGE_SIZE = 25


class Row(NamedTuple):
    """A campaign of the list. `url` is '' where the person may not open it.

    `person` and `message_state` are those of a launched message to one number, `progress` is
    None before the launch.
    """

    campaign: Campaign
    url: str
    person: Recipient | None
    message_state: MessageState | None
    progress: Progress | None


@require_safe
def campaign_list(request: TeamRequest) -> HttpResponse:
    """List the campaigns, newest first; a draft leads to its open step."""
    ours = Campaign.objects.for_team(request.team).without_tests()
    form = CampaignFilter(request.GET)
    found = (
        form.filter(ours.with_relations())
        .select_related("created_by", "launched_by")
        .order_by("-created_at", "-id")
    )
    page = numbered_page(request, found, PAGE_SIZE)
    counts = ours.aggregate(
        any=Count("pk"), **{f"in_{name}": Count("pk", filter=in_tab(name)) for name in TABS}
    )
    context = {
        "form": form,
        "page": page,
        "rows": _rows(request, list(page)),
        "tabs": [(name, tab.label, counts[f"in_{name}"]) for name, tab in TABS.items()],
        "none_at_all": not counts["any"],
    }
    return render_list(request, "sending/campaign_list.html", "list", context)


def _rows(request: TeamRequest, campaigns: Sequence[Campaign]) -> list[Row]:
    singles = [c.pk for c in campaigns if audience_of(c).is_single and not c.is_editable]
    people = Recipient.objects.filter(campaign__in=singles).select_related("decided_by")
    person_of = {person.campaign_id: person for person in people}
    to_many = [c for c in campaigns if not c.is_editable and c.pk not in person_of]
    progress_of = {campaign.pk: progress for campaign, progress in load_progresses(to_many)}
    rows = []
    for campaign in campaigns:
        person = person_of.get(campaign.pk)
        state = state_of(campaign, person) if person else None
        url, progress = _url(request, campaign), progress_of.get(campaign.pk)
        rows.append(Row(campaign, url, person, state, progress))
    return rows


def _url(request: TeamRequest, campaign: Campaign) -> str:
    if not campaign.is_editable:
        return str(steps.url_of(campaign, "detail"))
    may = request.may["prepare"]
    return str(steps.url_of(campaign, steps.open_step(campaign))) if may else ""
