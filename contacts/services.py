"""Every change of the opt-outs, and of the mirror of ChumiAI's contacts and groups."""

import secrets
import uuid

from django.db import transaction
from django.db.models import F
from django.utils import timezone

from contacts.models import Contact, ContactGroup, ContactSync, GroupMembership, OptOut
from core import phones
from core.errors import Refused
from tasks import services as tasks
from teams.services import audit

# So many numbers are written in one transaction: a long list must not hold up the sending.
CHUNK = 1000
# Custom fields beyond so many are not offered.
MOST_FIELDS = 100


# What is kept of the message by which somebody opted out.
MESSAGE_LENGTH = 1000


@transaction.atomic
def opt_out(team, phone, *, source=OptOut.Source.BY_HAND, reason="", by=None, message="", at=None):
    """Put `phone` (E.164) on the team's list. Return (opt-out, whether it is new).

    `message` is what the person wrote or pressed, `at` when. An event that is told again is no
    second opt-out, also after somebody lifted the first.
    """
    if at is not None:
        told = OptOut.objects.for_team(team).filter(phone=phone, source=source, created_at=at)
        if known := told.first():
            return known, False
    row, created = OptOut.objects.get_or_create(
        team=team,
        phone=phone,
        lifted_at=None,
        defaults={
            "source": source,
            "reason": reason,
            "created_by": by,
            "message": message.replace("\0", "")[:MESSAGE_LENGTH],
            "created_at": at or timezone.now(),
        },
    )
    if created:
        audit(team, "opt-out added", by=by, subject=phones.mask(phone), after={"source": source})
    return row, created


def opt_out_all(team, numbers, *, source, reason="", by=None):
    """Put many numbers (E.164) on the list. Return how many were not on it."""
    # In order, so that two who write the same people at a time do not wait for each other.
    numbers = sorted(set(numbers))
    added = 0
    for start in range(0, len(numbers), CHUNK):
        added += _opt_out_chunk(
            team, numbers[start : start + CHUNK], source=source, reason=reason, by=by
        )
    return added


@transaction.atomic
def _opt_out_chunk(team, numbers, **fields):
    known = opted_out_of(team, numbers)
    fresh = [phone for phone in numbers if phone not in known]
    if not fresh:
        return 0
    source, reason, by = fields["source"], fields["reason"], fields["by"]
    OptOut.objects.bulk_create(
        [
            OptOut(team=team, phone=phone, source=source, reason=reason, created_by=by)
            for phone in fresh
        ],
        ignore_conflicts=True,
    )
    audit(
        team,
        "opt-out added" if len(fresh) == 1 else "opt-outs added",
        by=by,
        subject=phones.mask(fresh[0]) if len(fresh) == 1 else f"{len(fresh):,} numbers",
        after={"source": source},
    )
    return len(fresh)


@transaction.atomic
def lift(opt_out, *, reason, by):
    """Take a number off the list: it may be written to again. Raise `Refused`."""
    reason = reason.strip()
    if not reason:
        raise Refused("Say why this person may be written to again. Nothing was changed.")
    lifted = (
        OptOut.objects.in_force()
        .filter(pk=opt_out.pk)
        .update(lifted_at=timezone.now(), lifted_by=by, lifted_reason=reason[:200])
    )
    if not lifted:
        raise Refused("This opt-out has been lifted already. Nothing was changed.")
    audit(
        opt_out.team,
        "opt-out lifted",
        by=by,
        subject=phones.mask(opt_out.phone),
        before={"source": opt_out.source, "since": opt_out.created_at.isoformat()},
        after={"reason": reason[:200]},
    )


def opted_out_of(team, numbers):
    """Return those of `numbers` (E.164) that must not be written to, as a set."""
    return set(OptOut.objects.for_team(team).filter(phone__in=numbers).phones())


def has_opted_out(team, numbers):
    """Say whether any of `numbers` (a set of E.164, of any size) must not be written to."""
    found = OptOut.objects.for_team(team).phones().iterator()
    return any(phone in numbers for phone in found)


# The mirror of ChumiAI's contacts and groups


class Superseded(Exception):
    """Another worker reads in our place, or the reading has ended: write nothing more."""


@transaction.atomic
def request_contact_sync(team, *, by=None):
    """Ask for a reading of all contacts and groups; while one is open, return that one."""
    sync, is_new = ContactSync.objects.request(team, by=by)
    if is_new:
        audit(team, "contact sync requested", by=by)
        tasks.request("sync_contacts", team.pk)
    return sync


def begin_contact_sync(sync):
    """Take the reading over, from its start: a half that somebody left behind is dropped."""
    token = secrets.token_hex(16)
    begun = (
        ContactSync.objects.open()
        .filter(pk=sync.pk)
        .update(
            state=ContactSync.State.RUNNING,
            token=token,
            contacts_read=0,
            groups_total=0,
            groups_read=0,
            skipped=0,
            custom_fields=[],
            error="",
        )
    )
    if not begun:
        raise Superseded
    sync.token, sync.custom_fields = token, []
    _drop(Contact.objects.filter(sync=sync))
    _drop(ContactGroup.objects.filter(sync=sync))


def _advance(sync, **fields):
    """Write how far the reading is, if it is still ours. First in its transaction: it locks."""
    mine = ContactSync.objects.filter(
        pk=sync.pk, token=sync.token, state=ContactSync.State.RUNNING
    )
    if not mine.update(error="", **fields):
        raise Superseded


@transaction.atomic
def apply_contact_page(sync, page):
    """Write one page of contacts, a `Listing` of `chumi_api.types.Contact`."""
    _advance(
        sync,
        contacts_read=F("contacts_read") + len(page),
        skipped=F("skipped") + page.skipped,
    )
    _write_contacts(sync, page)


def _write_contacts(sync, remotes):
    # An entry may come twice when the list moves on while it is read.
    rows = {row.uuid: row for row in (_contact_row(sync, remote) for remote in remotes)}
    Contact.objects.bulk_create(rows.values(), ignore_conflicts=True)
    _note_custom_fields(sync, rows.values())


def _note_custom_fields(sync, rows):
    """Keep the names of the custom fields that somebody has."""
    fresh = {name for row in rows for name, text in row.custom.items() if text}
    known = set(sync.custom_fields)
    if not fresh <= known:
        sync.custom_fields = sorted(known | fresh)[:MOST_FIELDS]
        _advance(sync, custom_fields=sync.custom_fields)


def _contact_row(sync, remote):
    found = phones.parse(remote.phone, region=sync.team.default_region)
    phone = found.e164 if isinstance(found, phones.Phone) else ""
    name = " ".join(remote.name.replace("\0", "").split())[:300]
    folded = name.casefold()[:300]
    return Contact(
        sync=sync,
        uuid=_identity(sync.team, "contact", remote.remote_id or remote.phone),
        remote_id=_plain(remote.remote_id)[:200],
        name=name,
        search_name=folded,
        sort_key=f"a{folded[:50]}" if name else f"z{phone}",
        phone=phone,
        raw_phone="" if phone else remote.phone.replace("\0", "")[:60],
        email=remote.email.replace("\0", "")[:200],
        tags=[_plain(tag) for tag in remote.tags],
        custom={_plain(key): _plain(value) for key, value in remote.custom.items()},
        opted_out=remote.opted_out,
        added_at=remote.created_at,
    )


def _plain(text):
    return text.replace("\0", "")[:500]


def _identity(team, kind, remote_id):
    return uuid.uuid5(uuid.NAMESPACE_URL, f"chumi-admin:{team.pk}:{kind}:{remote_id}")


@transaction.atomic
def apply_groups(sync, remotes):
    """Write the list of the groups. Return the rows, whose members are still to be read."""
    groups = {}
    for remote in remotes:
        groups[remote.remote_id] = ContactGroup(
            sync=sync,
            uuid=_identity(sync.team, "group", remote.remote_id),
            remote_id=_plain(remote.remote_id)[:200],
            name=_plain(remote.name)[:300] or "A group without a name",
            description=_plain(remote.description),
            told_size=remote.size,
        )
    _advance(sync, groups_total=len(groups), skipped=F("skipped") + remotes.skipped)
    return ContactGroup.objects.bulk_create(groups.values())


@transaction.atomic
def apply_member_page(sync, group, page):
    """Write one page of a group's members; whom the list of contacts lacked is added."""
    _advance(sync, skipped=F("skipped") + page.skipped)
    found = _known(sync, page)
    strangers = [r for r, pk in zip(page, found, strict=True) if pk is None and r.phone]
    if strangers:
        _write_contacts(sync, strangers)
        found = _known(sync, page)
    members = set(found) - {None}
    GroupMembership.objects.bulk_create(
        [GroupMembership(group=group, contact_id=pk) for pk in sorted(members)],
        ignore_conflicts=True,
    )


def _known(sync, remotes):
    """Return the contacts that these may be, by their ids and by their numbers.

    ChumiAI may give a person with an id in one list and without in another.
    """
    rows = [_contact_row(sync, remote) for remote in remotes]
    contacts = Contact.objects.filter(sync=sync)
    numbers = [row.phone for row in rows if row.phone]
    by_phone = contacts.filter(phone__in=numbers).order_by("-pk").values_list("phone", "pk")
    by_id = contacts.filter(uuid__in=[row.uuid for row in rows]).values_list("uuid", "pk")
    known = dict(by_phone) | dict(by_id)
    return [known.get(row.uuid) or known.get(row.phone) for row in rows]


@transaction.atomic
def record_group_read(sync, group):
    """Say that all pages of the group have come, and how many people they brought."""
    _advance(sync, groups_read=F("groups_read") + 1)
    ContactGroup.objects.filter(pk=group.pk).update(
        read_at=timezone.now(), size=group.memberships.count()
    )


def record_contact_sync_waits(sync, seconds):
    """Say on the open reading why nothing moves."""
    ContactSync.objects.filter(pk=sync.pk, token=sync.token).note(
        f"ChumiAI had too many requests or gave no clear answer. Waiting {seconds:.0f} "
        "seconds, then carrying on."
    )


def record_contact_sync_succeeded(sync):
    """Show what was read: from now on the pages are of this reading.

    Whom ChumiAI marks as opted out is on our list before anybody sees the reading.
    """
    opt_out_all(sync.team, _newly_marked(sync), source=OptOut.Source.CHUMIAI)
    _end(sync, ContactSync.State.SUCCEEDED)


def _newly_marked(sync):
    """Return the numbers that ChumiAI marks as opted out.

    Where a manager lifted what such a mark had brought, a mark that just stays says nothing new.
    """
    marked = Contact.objects.filter(opted_out=True).exclude(phone="")
    numbers = set(marked.filter(sync=sync).values_list("phone", flat=True))
    former = ContactSync.objects.current(sync.team)
    if former:
        lifted = OptOut.objects.for_team(sync.team).lifted().filter(source=OptOut.Source.CHUMIAI)
        stayed = marked.filter(sync=former, phone__in=lifted.values("phone"))
        numbers -= set(stayed.values_list("phone", flat=True))
    return numbers


def record_contact_sync_failed(sync, problem):
    """End the reading with a sentence for people; the pages stay as they were."""
    _end(sync, ContactSync.State.FAILED, problem)


def _end(sync, state, error=""):
    ContactSync.objects.filter(pk=sync.pk, token=sync.token).finish(state, error)


def drop_old_readings(team):
    """Delete what no page shows any more, in small pieces."""
    current = ContactSync.objects.current(team)
    old = ContactSync.objects.for_team(team).exclude(state__in=ContactSync.OPEN)
    if current:
        old = old.exclude(pk=current.pk)
    _drop(Contact.objects.filter(sync__in=old))
    _drop(ContactGroup.objects.filter(sync__in=old))


def _drop(rows):
    """Delete rows with what hangs on them, so many at a time."""
    while pks := list(rows.order_by("pk").values_list("pk", flat=True)[:CHUNK]):
        rows.model.objects.filter(pk__in=pks).delete()
