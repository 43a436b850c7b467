"""Choosing a group of ChumiAI's as the audience, and the way to send to it."""

from dataclasses import dataclass

from django.db import transaction
from django.db.models import F
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from audience import contact_fields
from campaigns import group_rules
from campaigns.audiences import KINDS, Label
from campaigns.models import Campaign, GroupChoice, Upload
from campaigns.services.drafts import edit
from campaigns.suggestions import Stored, contact_mapping
from contacts.models import ContactGroup
from core import formats
from core.errors import Refused
from teams.models import User

Way = GroupChoice.Way


def choose_audience(campaign: Campaign, audience: str, *, by: User | None) -> Campaign:
    """Set the kind of audience; what belonged to another kind is deleted. Return the campaign."""
    kind = KINDS.get((audience, ""))
    if kind is None or not kind.can_be_chosen:
        raise Refused(_("Choose a file or a group. Nothing was changed."))
    if campaign.audience != audience:
        with edit(campaign, by=by, field="audience", before=campaign.audience, after=audience):
            _switch(campaign, audience)
        campaign.refresh_from_db()
    return campaign


def _switch(campaign: Campaign, audience: str) -> None:
    upload = Upload.objects.filter(campaign=campaign).first()
    if upload:
        upload.delete()
        transaction.on_commit(lambda: upload.file.delete(save=False))
    GroupChoice.objects.filter(campaign=campaign).delete()
    Campaign.objects.filter(pk=campaign.pk).update(audience=audience, mapping=None)


def choose_group(campaign: Campaign, group: ContactGroup, *, by: User | None) -> Campaign:
    """Make the group the audience, with the way that fits best. Return the campaign."""
    if group.synced_at is None:
        raise Refused(_("The members of this group are not known yet. Refresh the contacts."))
    campaign.refresh_from_db()
    is_switch = campaign.audience != Campaign.Audience.GROUP
    mapping = None if is_switch else campaign.mapping
    if mapping is None and campaign.template:
        mapping = contact_mapping(campaign.team, campaign.template)
    way = ways(campaign, group, mapping)[0].way
    with edit(
        campaign,
        by=by,
        field="group",
        before=_named(getattr(campaign, "group", None)),
        after={"uuid": str(group.uuid), "size": group.size, "way": way},
    ):
        if is_switch:
            _switch(campaign, Campaign.Audience.GROUP)
        GroupChoice.objects.update_or_create(
            campaign=campaign,
            defaults={
                "remote_id": group.remote_id,
                "group_uuid": group.uuid,
                "name": group.name,
                "way": way,
                "size": group.size,
                "read_at": group.synced_at,
            },
        )
        _set_mapping(campaign, mapping, way)
    campaign.refresh_from_db()
    return campaign


def _named(choice: GroupChoice | None) -> dict[str, str | int]:
    if choice is None:
        return {}
    return {"uuid": str(choice.group_uuid), "size": choice.size, "way": choice.way}


def choose_way(campaign: Campaign, way: str, *, by: User | None) -> Campaign:
    """Set how to send to the group. Return the campaign. Raise `Refused`."""
    group = group_rules.current_group(campaign)
    if group is None:
        raise Refused(formats.sentence(group_rules.VANISHED))
    offer = next((o for o in ways(campaign, group, campaign.mapping) if o.way == way), None)
    if offer is None:
        raise Refused(_("Choose one of the two ways. Nothing was changed."))
    if offer.refused:
        raise Refused(_("{reason} Nothing was changed.").format(reason=offer.refused))
    if campaign.group.way == way:
        return campaign
    with edit(campaign, by=by, field="way", before=campaign.group.way, after=way):
        GroupChoice.objects.filter(campaign=campaign).update(way=way)
        mapping = campaign.mapping
        if way == Way.EXPANDED and campaign.template:
            mapping = contact_mapping(campaign.team, campaign.template)
            # A source that a person chose stays; the suggestions fill the gaps.
            kept = (campaign.mapping or {"values": {}})["values"]
            mapping["values"] |= {name: source for name, source in kept.items() if source}
        _set_mapping(campaign, mapping, way)
    campaign.refresh_from_db()
    return campaign


def _set_mapping(campaign: Campaign, mapping: Stored, way: str) -> None:
    if way == Way.ENDPOINT:
        mapping = contact_fields.only_fixed(mapping)
    Campaign.objects.filter(pk=campaign.pk).update(mapping=mapping)


@dataclass(frozen=True, slots=True)
class Offer:
    """A way to send to a group: `why` it fits best, or why it is `refused`."""

    way: Way
    name: Label
    sentence: Label
    why: str = ""
    refused: str = ""


SENTENCES: dict[Way, Label] = {
    Way.EXPANDED: gettext_lazy(
        "We read the members, check each of them and write to them as to the rows of a file: "
        "with values of their own, without duplicates and without those who opted out."
    ),
    Way.ENDPOINT: gettext_lazy(
        "ChumiAI finds the members itself when it sends. Everyone gets the same text, and "
        "ChumiAI reports how many failed, not who."
    ),
}


def ways(campaign: Campaign, group: ContactGroup, mapping: Stored) -> list[Offer]:
    """Return both ways to send to the group, the one that fits best first."""
    refused = {
        Way.EXPANDED: group_rules.why_not_expanded(group),
        Way.ENDPOINT: group_rules.why_not_through_group(campaign, group),
    }
    best, why = _best_way(campaign, group, mapping, refused)
    return sorted(
        (
            Offer(
                way,
                way.label,
                SENTENCES[way],
                why=why if way == best else "",
                refused=formats.sentence(refused[way]),
            )
            for way in Way
        ),
        key=lambda offer: offer.way != best,
    )


def _best_way(
    campaign: Campaign, group: ContactGroup, mapping: Stored, refused: dict[Way, str]
) -> tuple[Way, str]:
    template = campaign.template
    if refused[Way.ENDPOINT]:
        return Way.EXPANDED, _("ChumiAI may not send to this group by itself.")
    if refused[Way.EXPANDED]:
        return Way.ENDPOINT, _("The group is too large to be checked member by member.")
    if template is None or not contact_fields.is_fixed(mapping, template.placeholders):
        return Way.EXPANDED, _("The message has values that differ from person to person.")
    if group.size <= campaign.team.singly_up_to:
        return Way.EXPANDED, _("The group is small, and you will see the result for each person.")
    return Way.ENDPOINT, _(
        "Everyone gets the same, no one opted out, and ChumiAI sends to a large group fast."
    )


def accept_count(campaign: Campaign) -> None:
    """Take the size that was counted after the launch as the one that a person saw."""
    GroupChoice.objects.filter(campaign=campaign, counted_size__isnull=False).update(
        size=F("counted_size"), read_at=F("counted_at")
    )
