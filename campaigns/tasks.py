"""The tasks of drafts: check an audience, check a link."""

from campaigns.models import Campaign, Check, HeaderMedia
from campaigns.services import checks, media


def check_campaign(campaign_id: int) -> None:
    """Check the audience of a draft."""
    check = (
        Check.objects.select_related(
            "campaign__team",
            "campaign__template",
            "campaign__upload",
            "campaign__group",
            "campaign__exclude_campaign",
        )
        .filter(campaign_id=campaign_id, state=Check.State.REQUESTED)
        .first()
    )
    if check:
        checks.run_check(check)


def check_media(campaign_id: int) -> None:
    """Check the link of a draft's header."""
    requested = (
        HeaderMedia.objects.select_related("campaign__template")
        .filter(campaign_id=campaign_id, state=HeaderMedia.State.REQUESTED)
        .first()
    )
    if requested:
        media.look(requested)


def team_of(campaign_id: str) -> int | None:
    """Return the id of the team for which these tasks work."""
    return Campaign.objects.filter(pk=campaign_id).values_list("team", flat=True).first()
