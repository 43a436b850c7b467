"""A group of ChumiAI's as the audience: chosen, read for the check, counted before the launch."""

import hashlib
import json
from dataclasses import dataclass

from django.conf import settings
from django.db import transaction
from django.db.models import F

from audience import contact_fields
from audience.check import Outcome, Rules, check_mapping, check_recipients
from audience.mapping import Mapping
from campaigns.models import Campaign, GroupChoice, Upload
from campaigns.services import exclusions
from campaigns.services.drafts import edit, group_mapping
from contacts.models import Contact, ContactGroup
from core import formats, sentences
from core.errors import Refused
from core.sentences import Sentence, ngettext_noop
from spreadsheets.cells import Cell, Row, SpreadsheetError

Way = GroupChoice.Way

# A change of a group's size within so many per cent, or so many people, asks nobody.
PER_CENT, PEOPLE = 5, 2
DOUBLED = ngettext_noop(
    "{count} of the members shares a number with another member. ChumiAI may write to them twice.",
    "{count} of the members share a number with another member. ChumiAI may write to them twice.",
)
VANISHED = (
    "ChumiAI did not show this group when the contacts were last read. Choose another group, or "
    "read the contacts again."
)


# Choosing


def choose_audience(campaign, audience, *, by):
    """Say where the people come from; what belonged to another audience is forgotten."""
    if audience not in (Campaign.Audience.FILE, Campaign.Audience.GROUP):
        raise Refused("Choose a file or a group. Nothing was changed.")
    if campaign.audience == audience:
        return
    with edit(campaign):
        upload = Upload.objects.filter(campaign=campaign).first()
        if upload:
            upload.delete()
            transaction.on_commit(lambda: upload.file.delete(save=False))
        GroupChoice.objects.filter(campaign=campaign).delete()
        Campaign.objects.filter(pk=campaign.pk).update(audience=audience, mapping=None)


def choose_group(campaign, group, *, by):
    """Take the group of the mirror as the audience, the way that fits best first."""
    choose_audience(campaign, Campaign.Audience.GROUP, by=by)
    campaign = _fresh(campaign)
    mapping = campaign.mapping
    if mapping is None and campaign.template:
        mapping = group_mapping(campaign.team, campaign.template)
    way = ways(campaign, group, mapping)[0]
    with edit(campaign):
        GroupChoice.objects.update_or_create(
            campaign=campaign,
            defaults={
                "remote_id": group.remote_id,
                "group_uuid": group.uuid,
                "name": group.name,
                "way": way.way,
                "size": group.size,
                "read_at": group.synced_at,
            },
        )
        _set_mapping(campaign, mapping, way.way)


def choose_way(campaign, way, *, by):
    """Say who resolves the members. Raise `Refused` for a way that is not open."""
    group = current_group(campaign)
    if group is None:
        raise Refused(VANISHED)
    offer = next((o for o in ways(campaign, group, campaign.mapping) if o.way == way), None)
    if offer is None:
        raise Refused("Choose one of the two ways. Nothing was changed.")
    if offer.refused:
        raise Refused(f"{offer.refused} Nothing was changed.")
    if campaign.group.way == way:
        return
    with edit(campaign):
        GroupChoice.objects.filter(campaign=campaign).update(way=way)
        mapping = campaign.mapping
        if way == Way.EXPANDED and campaign.template:
            mapping = _with_suggestions(campaign)
        _set_mapping(campaign, mapping, way)


def _with_suggestions(campaign):
    """Fill the gaps of the mapping with what the contacts' fields offer."""
    found = group_mapping(campaign.team, campaign.template)
    kept = (campaign.mapping or {"values": {}})["values"]
    found["values"] |= {name: source for name, source in kept.items() if source}
    return found


def _set_mapping(campaign, mapping, way):
    if way == Way.ENDPOINT:
        mapping = contact_fields.only_fixed(mapping)
    Campaign.objects.filter(pk=campaign.pk).update(mapping=mapping)


def _fresh(campaign):
    return Campaign.objects.with_relations().get(pk=campaign.pk)


def current_group(campaign):
    """Return the group's row in the reading that the pages show, or None."""
    found = ContactGroup.objects.current(campaign.team).select_related("sync")
    return found.filter(uuid=campaign.group.group_uuid).first()


# The two ways


@dataclass(frozen=True, slots=True)
class Offer:
    """A way to send to a group: `why` it fits best, or why it is `refused`."""

    way: str
    name: str
    sentence: str
    why: str = ""
    refused: str = ""


SENTENCES = {
    Way.EXPANDED: "We read the members, check each of them and write to them as to the rows of a "
    "file: with values of their own, without duplicates and without those who opted out.",
    Way.ENDPOINT: "ChumiAI finds the members itself when it sends. Everybody gets the same text, "
    "and it tells how many failed, not who.",
}


def ways(campaign, group, mapping):
    """Return both ways to send to the group of the mirror, the one that fits best first."""
    refused = why_not_through_group(campaign, group)
    too_many = why_not_expanded(group)
    template = campaign.template
    if refused:
        best, why = Way.EXPANDED, "ChumiAI may not send to this group by itself."
    elif too_many:
        best, why = Way.ENDPOINT, "The group is too large to be checked member by member."
    elif template is None or not contact_fields.is_fixed(mapping, template.placeholders):
        best, why = Way.EXPANDED, "The message has values that differ from person to person."
    elif group.size <= campaign.team.singly_up_to:
        best = Way.EXPANDED
        why = "The group is small, and you will see what became of every person."
    else:
        best = Way.ENDPOINT
        why = "Everybody gets the same, nobody opted out, and ChumiAI sends to a large group fast."
    return sorted(
        (
            Offer(
                way,
                way.label,
                SENTENCES[way],
                why=why if way == best else "",
                refused=refused if way == Way.ENDPOINT else too_many,
            )
            for way in Way
        ),
        key=lambda offer: offer.way != best,
    )


def why_not_expanded(group):
    """Return why the members can't be checked one by one, or ''."""
    if group.size > settings.MAX_ROWS:
        return (
            f"{group.size:,} people are more than we check at once ({settings.MAX_ROWS:,}). "
            "Split the group in ChumiAI."
        )
    return ""


def why_not_through_group(campaign, group):
    """Return why ChumiAI must not send to the group of the mirror by itself, or ''."""
    if campaign.exclude_campaign_id:
        return (
            f"People who got {campaign.exclude_campaign.name} are to be skipped, and ChumiAI "
            "would write to everyone in the group."
        )
    members = Contact.objects.of_group(group)
    over_frequency_cap = 0
    if campaign.template and exclusions.has_frequency_cap(campaign, campaign.template.category):
        enough = exclusions.over_frequency_cap(campaign)
        over_frequency_cap = members.filter(phone__in=enough.values("phone")).count()
    return refusal(
        opted_out=members.opted_out(campaign.team).count(),
        over_frequency_cap=over_frequency_cap,
        unreadable=members.filter(phone="").count(),
        whole=group.is_complete,
        size=group.size,
    )


def refusal(*, opted_out, over_frequency_cap, unreadable, whole, size):
    """Return the sentence that refuses a group so made up, or ''."""
    if not size:
        return "This group has no members."
    if opted_out:
        who = "1 member" if opted_out == 1 else f"{opted_out:,} members"
        return (
            f"{who} of this group opted out, and ChumiAI would write to "
            f"{'that person' if opted_out == 1 else 'them'} all the same."
        )
    if over_frequency_cap:
        who = "1 member" if over_frequency_cap == 1 else f"{over_frequency_cap:,} members"
        return (
            f"{who} of this group had enough marketing messages for now, and ChumiAI would write "
            f"to {'that person' if over_frequency_cap == 1 else 'them'} all the same."
        )
    if not whole:
        return "ChumiAI did not show all members of this group, so nobody knows who opted out."
    if unreadable:
        has = "1 member has" if unreadable == 1 else f"{unreadable:,} members have"
        return f"{has} a number that we can't read, so nobody knows whether they opted out."
    return ""


# The check


def columns(campaign):
    """Return {field: label} of what the check shows of each member, the phone first."""
    group = current_group(campaign)
    custom = group.sync.custom_fields[:16] if group else []
    used = contact_fields.labels_of_used(campaign.mapping)
    fields = {"name": "Name", "email": "E-mail"} | used | contact_fields.offered(custom)
    if "first_name" not in used:
        del fields["first_name"]
    return {"phone": "Phone"} | fields


def members_request(campaign, folder):
    """Write the members for the check's child process. Return its part of the request."""
    group = _group_to_check(campaign)
    if problem := why_not_expanded(group):
        raise SpreadsheetError(problem)
    fields = columns(campaign)
    path, written = folder / "members.jsonl", 0
    with path.open("w", encoding="utf-8") as file:
        for contact in Contact.objects.of_group(group).iterator():
            texts = [
                (contact.phone or contact.raw_phone)
                if field == "phone"
                else contact_fields.text_of(contact, field)
                for field in fields
            ]
            file.write(json.dumps(texts, ensure_ascii=False) + "\n")
            written += 1
    _refuse_torn(group, written)
    return {
        "members_path": str(path),
        "fields": list(fields),
        "columns": list(fields.values()),
    }


def opted_out_at_chumiai(campaign):
    """Return the numbers of members of whom ChumiAI says that they opted out."""
    group = current_group(campaign)
    flagged = Contact.objects.of_group(group).filter(opted_out=True).exclude(phone="")
    return flagged.order_by().values_list("phone", flat=True)


def write_contacts(campaign, path):
    """Write, for a file whose values come from contacts, what each contact has to give."""
    fields = contact_fields.used_in(campaign.mapping)
    seen = set()
    with path.open("w", encoding="utf-8") as file:
        known = Contact.objects.current(campaign.team).exclude(phone="").order_by("id")
        for contact in known.iterator():
            if contact.phone not in seen:
                seen.add(contact.phone)
                texts = {field: contact_fields.text_of(contact, field) for field in fields}
                file.write(json.dumps([contact.phone, texts], ensure_ascii=False) + "\n")


def _refuse_torn(group, members):
    """Refuse what was read while another reading took its place."""
    if members != group.size:
        raise SpreadsheetError("The contacts were being read anew. Check the group again.")


def _group_to_check(campaign):
    group = current_group(campaign)
    if group is None:
        raise SpreadsheetError(VANISHED)
    if not group.size:
        raise SpreadsheetError(
            "This group has no members. Add them in ChumiAI, or choose another."
        )
    campaign.group.size, campaign.group.read_at = group.size, group.synced_at
    return group


def check_endpoint(campaign, rules):
    """Check a send through ChumiAI's group: the one text for all, and who is in the group.

    Return (what the child process tells of a file, a name for what was checked). Raise
    `SpreadsheetError` with what is in the way.
    """
    group = _group_to_check(campaign)
    if refused := why_not_through_group(campaign, group):
        raise SpreadsheetError(f"{refused} Choose “{Way.EXPANDED.label}” instead.")
    rules = Rules(**{**rules, "placeholders": tuple(rules["placeholders"])})
    mapping = Mapping.from_json(campaign.mapping)
    if errors := check_mapping(mapping, rules=rules, width=1):
        raise SpreadsheetError(" ".join(map(formats.sentence, errors)))
    numbers = Contact.objects.of_group(group).values_list("phone", flat=True)
    numbers = list(numbers)
    _refuse_torn(group, len(numbers))
    phone = numbers[0]
    digest = hashlib.sha256("\n".join(sorted(numbers)).encode())
    row = Row(1, (Cell(phone, phone, "text"),))
    [checked] = check_recipients([row], mapping, rules=rules, header=False)
    if not checked.outcome.is_sendable:
        raise SpreadsheetError(checked.problem)
    digest.update(json.dumps(checked.values).encode())
    notes = [[sentences.to_json(note), 1] for note in checked.notes]
    doubled = group.size - len(set(numbers))
    if doubled:
        notes.append([sentences.to_json(Sentence(DOUBLED, {"count": doubled})), doubled])
    summary = {
        "total": group.size,
        "sendable": group.size,
        "counts": dict.fromkeys(Outcome, 0) | {"ready": group.size},
        "header": [],
        "hidden": 0,
        "longest": None,
        "notes": notes,
        "problems": [],
        "samples": {},
        "values": list(checked.values),
    }
    return summary, digest.hexdigest()


def record_size(campaign):
    """Keep which reading the check has seen."""
    group = campaign.group
    GroupChoice.objects.filter(campaign=campaign).update(size=group.size, read_at=group.read_at)


# The launch


def what_stands_against(campaign):
    """Return why a campaign through ChumiAI's group may not be launched now, or ''."""
    if not campaign.goes_through_group:
        return ""
    group = current_group(campaign)
    return why_not_through_group(campaign, group) if group else VANISHED


def snapshot_of(campaign):
    """Return the group as it is frozen at the launch."""
    group = campaign.group
    frozen = {
        "name": group.name,
        "remote_id": group.remote_id,
        "size": group.size,
        "read_at": group.read_at.isoformat(),
        "way": group.way,
    }
    if not campaign.goes_through_group:
        return {"group": frozen}
    return {"group": frozen, "values": campaign.check_result.details["values"]}


def is_other_group(old, new):
    """Say whether a person should look at a change of the size before anything is sent."""
    change = abs(new - old)
    return change > PEOPLE and change * 100 > PER_CENT * old


def accept_count(campaign):
    """A person goes on with the group as it is now: the new size is what they saw."""
    GroupChoice.objects.filter(campaign=campaign, counted_size__isnull=False).update(
        size=F("counted_size"), read_at=F("counted_at")
    )
