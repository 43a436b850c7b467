"""The first row of a file or the first member of a group, for the pages before the check."""

from typing import Any

from audience import contact_fields
from campaigns.audiences import Audience, audience_of
from campaigns.models import Campaign
from contacts.models import Contact


def phone_of_first(campaign: Campaign) -> str:
    """Return the phone number of the first row or member as it is written, or ''."""
    return audience_of(campaign).phone_of_first()


def values_of_first(campaign: Campaign) -> dict[str, str]:
    """Return the values of the first row or member by placeholder, as far as they are known."""
    assert campaign.template is not None
    audience = audience_of(campaign)
    sources = (campaign.mapping or {"values": {}})["values"]
    uses_contact = bool(contact_fields.used_in(campaign.mapping))
    contact = audience.contact_of_first() if uses_contact else None
    found = {
        name: source.get("text") or _text(audience, source, contact) or source.get("fallback", "")
        for name in campaign.template.placeholders
        if (source := sources.get(name))
    }
    return {name: value for name, value in found.items() if value}


def _text(audience: Audience, source: dict[str, Any], contact: Contact | None) -> str:
    if "field" in source:
        return contact_fields.text_of(contact, source["field"]) if contact else ""
    return audience.cell_of_first(source.get("column"))
