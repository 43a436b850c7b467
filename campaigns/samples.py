"""The first row of a file or the first member of a group, for the pages before the check."""

from audience import contact_fields
from campaigns.models import Campaign
from campaigns.services import groups
from contacts.models import Contact
from core import phones


def phone_of_first(campaign):
    """Return the phone number of the first row or member as it stands there, or ''."""
    if campaign.audience == Campaign.Audience.GROUP:
        member = _first_member(campaign)
        return (member.phone or member.raw_phone) if member else ""
    return _cell(campaign, (campaign.mapping or {}).get("phone_column"))


def values_of_first(campaign):
    """Return the values of the first row or member by placeholder, as far as they are known."""
    sources = (campaign.mapping or {"values": {}})["values"]
    contact = _first_contact(campaign) if contact_fields.used_in(campaign.mapping) else None
    found = {
        name: source.get("text") or _text(campaign, source, contact) or source.get("fallback")
        for name in campaign.template.placeholders
        if (source := sources.get(name))
    }
    return {name: value for name, value in found.items() if value}


def _text(campaign, source, contact):
    if "field" in source:
        return contact_fields.text_of(contact, source["field"]) if contact else ""
    return _cell(campaign, source.get("column"))


def _first_contact(campaign):
    if campaign.audience == Campaign.Audience.GROUP:
        return _first_member(campaign)
    parsed = phones.parse(phone_of_first(campaign), region=campaign.team.default_region)
    if not isinstance(parsed, phones.Phone):
        return None
    known = Contact.objects.current(campaign.team).filter(phone=parsed.e164)
    return known.order_by("id").first()


def _first_member(campaign):
    group = groups.current_group(campaign)
    return Contact.objects.of_group(group).first() if group else None


def _cell(campaign, column):
    if not hasattr(campaign, "upload"):
        return ""
    sample = campaign.upload.sample
    cells = sample[0][1] if sample else []
    return cells[column].strip() if column is not None and column < len(cells) else ""
