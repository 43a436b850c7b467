"""What the page of a paused campaign shows of a template that has changed since the check."""

from dataclasses import dataclass

from django.utils.safestring import SafeString

from campaigns.audiences import audience_of
from campaigns.models import Campaign, Recipient
from core.confirms import Confirm
from message_templates import components, versions
from message_templates.components import Content
from message_templates.versions import Change
from sending.services import template_guard
from sending.views import controls


@dataclass(frozen=True, slots=True)
class TemplateChange:
    """What changed, and the new message as the next person would get it.

    Without `fits` the values were chosen for other placeholders: the campaign can't go on.
    """

    changes: list[Change]
    fits: bool
    content: Content
    body_html: SafeString
    confirm: Confirm | None


def of(campaign: Campaign, *, may_launch: bool, with_values: bool) -> TemplateChange | None:
    """Return what changed of the template of a paused campaign, None if nothing did."""
    if campaign.status != Campaign.Status.PAUSED:
        return None
    template = template_guard.template_now(campaign)
    changes = template_guard.changes_to(campaign, template)
    if not changes:
        return None
    fits = versions.fits(campaign.snapshot or {}, template.version)
    values = _next_values(campaign) if fits and with_values else []
    waiting = _waiting(campaign)
    return TemplateChange(
        changes=changes,
        fits=fits,
        content=template.content,
        body_html=components.format_whatsapp(
            template.content.body, dict(zip(template.placeholders, values, strict=False))
        ),
        confirm=(
            controls.template_accept_confirm(campaign, template.content_hash, waiting)
            if fits and may_launch and template.is_sendable and waiting
            else None
        ),
    )


def _waiting(campaign: Campaign) -> int:
    """Return how many people nothing was handed over for yet."""
    if audience_of(campaign).same_for_all:
        return campaign.recipient_count
    count: int = campaign.recipients.filter(status=Recipient.Status.PENDING).count()
    return count


def _next_values(campaign: Campaign) -> list[str]:
    """Return the values of the first person who is still to be sent to."""
    if audience_of(campaign).same_for_all:
        values: list[str] = (campaign.snapshot or {})["values"]
        return values
    waiting = campaign.recipients.filter(status=Recipient.Status.PENDING).order_by("position")
    return waiting.values_list("values", flat=True).first() or []
