"""What prevents sending to a group of ChumiAI's, member by member or through ChumiAI itself.

The check stores these sentences: `core.formats.sentence` translates them where they are shown.
"""

from django.conf import settings

from campaigns.models import Campaign
from campaigns.services import exclusions
from contacts.models import Contact, ContactGroup
from core.sentences import Sentence, gettext_noop, ngettext_noop

# A size that changed by at most this many per cent, or this many people, needs no confirmation.
PER_CENT, PEOPLE = 5, 2

VANISHED = gettext_noop(
    "ChumiAI did not list this group at the last refresh of the contacts. Choose another group, "
    "or refresh the contacts."
)
TOO_MANY = ngettext_noop(
    "{count} person is more than we check at once ({limit}). Split the group in ChumiAI.",
    "{count} people are more than we check at once ({limit}). Split the group in ChumiAI.",
)
EXCLUDES = gettext_noop(
    "People who got {campaign} are to be skipped, and ChumiAI would write to everyone in the "
    "group."
)
NO_MEMBERS = gettext_noop("This group has no members.")
OPTED_OUT = ngettext_noop(
    "{count} member of this group opted out, and ChumiAI would still write to them.",
    "{count} members of this group opted out, and ChumiAI would still write to them.",
)
OVER_FREQUENCY_CAP = ngettext_noop(
    "{count} member of this group reached the frequency limit, and ChumiAI would still write to "
    "them.",
    "{count} members of this group reached the frequency limit, and ChumiAI would still write to "
    "them.",
)
NOT_WHOLE = gettext_noop(
    "ChumiAI did not list all members of this group, so we don't know who opted out."
)
UNREADABLE = ngettext_noop(
    "{count} member has a number that we can't read, so we don't know if they opted out.",
    "{count} members have a number that we can't read, so we don't know if they opted out.",
)


def current_group(campaign: Campaign) -> ContactGroup | None:
    """Return the campaign's group as of the sync that the pages show."""
    found = ContactGroup.objects.current(campaign.team).select_related("sync")
    return found.filter(uuid=campaign.group.group_uuid).first()


def why_not_expanded(group: ContactGroup) -> str:
    """Return why the members can't be checked one by one, or ''."""
    if group.size <= settings.MAX_ROWS:
        return ""
    return Sentence(TOO_MANY, {"count": group.size, "limit": settings.MAX_ROWS})


def why_not_through_group(campaign: Campaign, group: ContactGroup) -> str:
    """Return why ChumiAI must not send to the group by itself, or ''."""
    if campaign.exclude_campaign:
        return Sentence(EXCLUDES, {"campaign": campaign.exclude_campaign.name})
    members = Contact.objects.of_group(group)
    over_frequency_cap = 0
    if campaign.template and exclusions.has_frequency_cap(campaign, campaign.template.category):
        capped = exclusions.over_frequency_cap(campaign)
        over_frequency_cap = members.filter(phone__in=capped.values("phone")).count()
    return refusal(
        opted_out=members.opted_out(campaign.team).count(),
        over_frequency_cap=over_frequency_cap,
        unreadable=members.filter(phone="").count(),
        whole=group.is_complete,
        size=group.size,
    )


def refusal(
    *, opted_out: int, over_frequency_cap: int, unreadable: int, whole: bool, size: int
) -> str:
    """Return why ChumiAI must not send to a group with these numbers of members, or ''."""
    if not size:
        return NO_MEMBERS
    if opted_out:
        return Sentence(OPTED_OUT, {"count": opted_out})
    if over_frequency_cap:
        return Sentence(OVER_FREQUENCY_CAP, {"count": over_frequency_cap})
    if not whole:
        return NOT_WHOLE
    if unreadable:
        return Sentence(UNREADABLE, {"count": unreadable})
    return ""


def is_other_group(old: int, new: int) -> bool:
    """Return True if a person should confirm a change of the group's size before the send."""
    change = abs(new - old)
    return change > PEOPLE and change * 100 > PER_CENT * old
