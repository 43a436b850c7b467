"""What the pages of launched campaigns share: access."""

from uuid import UUID

from django.http import HttpResponse
from django.shortcuts import get_object_or_404, redirect

from campaigns import steps
from campaigns.models import Campaign
from sending.models import Batch
from teams.requests import TeamRequest


def get_campaign(request: TeamRequest, uuid: UUID) -> Campaign:
    """Return the team's campaign with what its pages show. Raise `Http404`."""
    campaigns = Campaign.objects.for_team(request.team).select_related(
        "team", "launched_by", "test_of", "exclude_campaign"
    )
    campaign: Campaign = get_object_or_404(campaigns, uuid=uuid)
    return campaign


def get_batch(request: TeamRequest, uuid: UUID) -> Batch:
    """Return a batch of the team with its campaign. Raise `Http404`."""
    batches = Batch.objects.filter(campaign__team=request.team).select_related("campaign__team")
    batch: Batch = get_object_or_404(batches, uuid=uuid)
    return batch


def redirect_to_step(campaign: Campaign) -> HttpResponse:
    """Redirect to the open step of a draft."""
    return redirect(steps.url_of(campaign, steps.open_step(campaign)))


def redirect_to_campaign(campaign: Campaign) -> HttpResponse:
    """Redirect to the page of a launched campaign."""
    return redirect(steps.url_of(campaign, "detail"))
