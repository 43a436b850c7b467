"""Contacts, and the groups that they are in."""

from __future__ import annotations

from dataclasses import replace

from chumi_api.parsing.envelopes import Entries, find_list, levels
from chumi_api.parsing.json_values import (
    JSON,
    MAX_NAME,
    Object,
    aliases,
    as_bool,
    as_count,
    as_id,
    as_name,
    as_text,
    as_time,
    filled,
    fold,
    pick,
)
from chumi_api.parsing.pagination import PAGE_BLOCK_KEYS
from chumi_api.types import Contact, ContactGroup

# --- Assumed ----------------------------------------------------------------------------------

CONTACT_NAMES = ("contacts", "contact", "customers")
CONTACT_ID = aliases("id _id contactId uuid customerId key")
CONTACT_PHONE = aliases(
    "phone phoneNumber mobile mobileNumber msisdn waId whatsapp whatsappNumber whatsappId number"
    " customerPhone platformUserId"
)
CONTACT_NAME = aliases("name fullName displayName profileName customerName pushName")
FIRST_NAME = aliases("firstName")
LAST_NAME = aliases("lastName")
EMAIL = aliases("email emailAddress")
TAGS = aliases("tags labels")
CUSTOM = aliases("customFields attributes metadata extra variables")
OPTED_OUT = aliases(
    "optedOut isOptedOut unsubscribed isBlocked blocked doNotContact marketingOptOut"
)
OPTED_IN = aliases("optIn optedIn subscribed marketingConsent isActive")
CHANNEL = aliases("platform channel source")
CREATED_AT = aliases("createdAt created createdDate dateCreated timestamp")
GROUP_NAMES = ("groups", "group", "contactGroups")
GROUP_ID = aliases("id _id groupId uuid key")
GROUP_NAME = aliases("name groupName title")
GROUP_SIZE = aliases(
    "contactCount contactsCount memberCount membersCount totalContacts totalMembers size count"
    " _count.contacts _count.members contacts.length members.length contactIds.length"
)
MEMBERS = aliases("contacts members contactIds")


def parse_contact(item: JSON) -> Contact | None:
    """Read one contact: an object, {"contact": …} or only an id; None without id and phone."""
    if isinstance(item, str):
        remote_id = as_id(item)
        return Contact(remote_id=remote_id) if remote_id else None
    item = pick(item, aliases("contact"), filled) or item
    remote_id = pick(item, CONTACT_ID, as_id)
    phone = pick(item, CONTACT_PHONE, as_name)
    if remote_id is None and phone is None:
        return None
    names = (pick(item, FIRST_NAME, as_text), pick(item, LAST_NAME, as_text))
    opted_in = pick(item, OPTED_IN, as_bool)
    opted_out = pick(item, OPTED_OUT, as_bool)
    if opted_out is None and opted_in is not None:
        opted_out = not opted_in
    return Contact(
        remote_id=remote_id or "",
        phone=phone or "",
        name=(pick(item, CONTACT_NAME, as_text) or " ".join(filter(None, names)))[:MAX_NAME],
        email=pick(item, EMAIL, as_name) or "",
        tags=pick(item, TAGS, _tags) or (),
        custom=pick(item, CUSTOM, _custom) or {},
        opted_out=opted_out,
        channel=pick(item, CHANNEL, as_name) or "",
        created_at=pick(item, CREATED_AT, as_time),
    )


def _tags(value: JSON) -> tuple[str, ...] | None:
    if not isinstance(value, list):
        return None
    names = (pick(tag, aliases("name"), as_name) or as_name(tag) for tag in value)
    return tuple(name for name in names if name)


def _custom(value: JSON) -> dict[str, str] | None:
    if not isinstance(value, dict):
        return None
    texts = ((key, as_text(item)) for key, item in value.items())
    return {key: text for key, text in texts if text is not None}


def parse_group(item: JSON) -> ContactGroup | None:
    """Read one group; None without an id."""
    remote_id = pick(item, GROUP_ID, as_id)
    if remote_id is None:
        return None
    return ContactGroup(
        remote_id=remote_id,
        name=pick(item, GROUP_NAME, as_name) or "",
        description=(pick(item, aliases("description"), as_text) or "")[:2_000],
        size=pick(item, GROUP_SIZE, as_count),
        created_at=pick(item, CREATED_AT, as_time),
    )


def find_members(body: JSON, group_id: str) -> Entries | None:
    """Find one page of a group's members, and the group; None if the answer holds neither."""
    merged: Object = {}
    for level in levels(body, GROUP_NAMES):
        merged.update(level)
    group = parse_group({**merged, "id": group_id})
    members = pick(merged, MEMBERS, lambda value: find_list(value, CONTACT_NAMES))
    if members is None and group is not None and group.size == 0:
        members = Entries([], (), "none")
    if members is None:
        return None
    # A group's own counters are not those of a page, so only blocks named for paging count.
    blocks = tuple({key: merged[key]} for key in merged if fold(key) in PAGE_BLOCK_KEYS)
    return replace(members, around=(*blocks, *members.around), group=group)
