"""The template of a campaign against the one that was checked, so that no other is sent."""

from collections.abc import Iterable
from datetime import datetime

from django.db import transaction
from django.db.models import F, Q
from django.utils.translation import gettext as _

from campaigns.models import Campaign
from chumi_api.types import Template
from core.errors import Refused
from message_templates import services as templates
from message_templates import versions
from message_templates.models import MessageTemplate
from message_templates.versions import Change
from teams.models import User
from teams.services import audit


def may_send(prefix: str = "") -> Q:
    """Return the condition on a campaign for anything to go out at this very moment.

    `prefix` leads to the campaign from the row that is asked, as in a lookup.
    """
    return Q(
        **{
            f"{prefix}status": Campaign.Status.SENDING,
            f"{prefix}template__content_hash": F(f"{prefix}template_hash"),
            f"{prefix}template__unsendable_code": "",
        }
    )


def template_now(campaign: Campaign) -> MessageTemplate:
    """Return the template as its row is now; the campaign may carry an older one."""
    assert campaign.template_id is not None
    return MessageTemplate.objects.get(pk=campaign.template_id)


def has_changed(campaign: Campaign) -> bool:
    """Return True if the template of a launched campaign is not the one that was checked."""
    return template_now(campaign).content_hash != campaign.template_hash


def changes_to(campaign: Campaign, template: MessageTemplate) -> list[Change]:
    """Return what is new in the template of a launched campaign since it was checked."""
    if template.content_hash == campaign.template_hash:
        return []
    return versions.changes(campaign.snapshot or {}, template.version)


def in_words(changes: Iterable[Change]) -> str:
    """Return that the template has changed, and each part as it was and as it is."""
    return _("The template has changed since this campaign was checked. {changes}.").format(
        changes=". ".join(map(str, changes))
    )


def accept(campaign: Campaign, *, seen: str, by: User | None) -> None:
    """Let the remaining people get the changed template, if it has changed. Raise `Refused`.

    `seen` is the `content_hash` of what the person saw and confirmed, '' for nothing. The values
    of the people must fit: they were chosen for the placeholders of the old text.
    """
    campaign.refresh_from_db()
    template = template_now(campaign)
    old, new = campaign.template_hash, template.content_hash
    if seen not in ("", new):
        raise Refused(
            _("The template has changed again since you opened this page. Nothing was sent.")
        )
    if old == new:
        return
    if not seen:
        raise Refused(
            _(
                "The template has changed since this campaign was checked. Nothing was sent. "
                "See below what changed, then continue or stop."
            )
        )
    snapshot = campaign.snapshot or {}
    if not versions.fits(snapshot, template.version):
        raise Refused(
            _("The values of this campaign don't fit the new text, so nothing was sent. Stop it.")
        )
    accepted = Campaign.objects.filter(
        pk=campaign.pk, status=Campaign.Status.PAUSED, template_hash=old
    ).update(template_hash=new, snapshot=snapshot | template.version)
    if accepted:
        audit(
            campaign.team,
            "changed template accepted",
            by=by,
            subject=str(campaign.uuid),
            before={"template": old},
            after={"template": new},
        )


@transaction.atomic
def record_read(campaign: Campaign, listed: Iterable[Template], *, asked_at: datetime) -> None:
    """Write what ChumiAI says of the campaign's template, and when it was asked."""
    templates.record_read(template_now(campaign), listed)
    Campaign.objects.filter(pk=campaign.pk).update(template_read_at=asked_at)
    campaign.template_read_at = asked_at
