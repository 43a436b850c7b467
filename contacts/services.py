"""Every change of the opt-outs, and of the copy of ChumiAI's contacts and groups."""

import hashlib
import secrets
import uuid
from collections.abc import Collection, Iterable, Sequence
from datetime import datetime
from typing import Any, NamedTuple, TypeVar

from django.db import transaction
from django.db.models import F, Model, QuerySet
from django.utils.translation import gettext as _

from chumi_api.types import Contact as RemoteContact
from chumi_api.types import ContactGroup as RemoteGroup
from chumi_api.types import Listing
from contacts.models import (
    Contact,
    ContactGroup,
    ContactSync,
    GroupMembership,
    OptOut,
    UnreadableOptOut,
)
from core import clocks, phones
from core.columns import fit
from core.errors import Refused
from tasks import services as tasks
from teams.models import Team, User
from teams.services import audit
from teams.sync_runs import SyncRun, SyncRunQuerySet

Row = TypeVar("Row", bound=Model)

# Rows per transaction: a long list must not block the sending.
CHUNK = 1000
# Custom fields that a sync keeps.
MOST_FIELDS = 100
# Characters of the message by which a person opted out.
MESSAGE_LENGTH = 1000
# Characters of a tag or of a field's name.
LONGEST_TAG = 500
# Characters of a field's value: a cut one is too long for any message, so it is never sent.
LONGEST_VALUE = 33_000


@transaction.atomic
def opt_out(
    team: Team,
    phone: str,
    *,
    source: str = OptOut.Source.BY_HAND,
    reason: str = "",
    by: User | None = None,
    message: str = "",
    at: datetime | None = None,
) -> tuple[OptOut, bool]:
    """Put `phone` (E.164) on the team's list. Return (opt-out, True if it is new).

    `message` is what the person sent or pressed, `at` when. The same event twice is one opt-out,
    also when the first was lifted in between.
    """
    if at is not None:
        same = OptOut.objects.for_team(team).filter(phone=phone, source=source, created_at=at)
        if known := same.first():
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
            "created_at": at or clocks.now(),
        },
    )
    if created:
        audit(team, "opt-out added", by=by, subject=phones.mask(phone), after={"source": source})
    return row, created


def opt_out_all(
    team: Team,
    numbers: Iterable[str],
    *,
    source: str,
    reason: str = "",
    by: User | None = None,
) -> int:
    """Put many numbers (E.164) on the list. Return how many are new on it."""
    # Sorted, so that concurrent writers lock in the same order.
    ordered = sorted(set(numbers))
    return sum(
        _opt_out_chunk(team, ordered[start : start + CHUNK], source=source, reason=reason, by=by)
        for start in range(0, len(ordered), CHUNK)
    )


@transaction.atomic
def _opt_out_chunk(
    team: Team, numbers: list[str], *, source: str, reason: str, by: User | None
) -> int:
    known = opted_out_of(team, numbers)
    fresh = [phone for phone in numbers if phone not in known]
    if not fresh:
        return 0
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
def lift(opt_out: OptOut, *, reason: str, by: User) -> None:
    """Take a number off the list, so that it gets campaigns again. Raise `Refused`."""
    reason = reason.strip()
    if not reason:
        raise Refused(_("Say why this person may get messages again. Nothing was changed."))
    lifted = (
        OptOut.objects.in_force()
        .filter(pk=opt_out.pk)
        .update(lifted_at=clocks.now(), lifted_by=by, lifted_reason=reason[:200])
    )
    if not lifted:
        raise Refused(_("This number was already removed from the list. Nothing was changed."))
    audit(
        opt_out.team,
        "opt-out lifted",
        by=by,
        subject=phones.mask(opt_out.phone),
        before={"source": opt_out.source, "since": opt_out.created_at.isoformat()},
        after={"reason": reason[:200]},
    )


def opted_out_of(team: Team, numbers: Collection[str]) -> set[str]:
    """Return those of `numbers` (E.164) that are opted out."""
    return set(OptOut.objects.for_team(team).filter(phone__in=numbers).phones())


def has_opted_out(team: Team, numbers: Collection[str]) -> bool:
    """Return True if any of `numbers` (a set of E.164, of any size) is opted out."""
    found = OptOut.objects.for_team(team).phones().iterator()
    return any(phone in numbers for phone in found)


# Opt-outs whose number can't be read


class Unread(NamedTuple):
    """A wish for no more messages whose number can't be read. `event` is the id of what said so.

    `number` is what came in the place of the number, '' if nothing did.
    """

    event: str
    number: str
    source: str
    message: str = ""
    name: str = ""
    at: datetime | None = None


def record_unreadable_opt_outs(team: Team, found: Iterable[Unread]) -> None:
    """List them for a person to decide; each event once, and of each number what came first."""
    rows: dict[str, UnreadableOptOut] = {}
    for it in found:
        columns = {
            "key": hashlib.sha256(f"{it.source} {it.event}".encode()).hexdigest(),
            "number": it.number.strip(),
            "name": it.name,
            "source": it.source,
            "message": it.message[:MESSAGE_LENGTH],
            "created_at": it.at or clocks.now(),
        }
        row = UnreadableOptOut(team=team, **fit(UnreadableOptOut, columns))
        rows.setdefault(row.number or row.key, row)
    numbers = list(rows)
    for start in range(0, len(numbers), CHUNK):
        some = numbers[start : start + CHUNK]
        waiting = UnreadableOptOut.objects.waiting(team).filter(number__in=some)
        known = set(waiting.values_list("number", flat=True))
        UnreadableOptOut.objects.bulk_create(
            [rows[number] for number in some if number not in known], ignore_conflicts=True
        )


@transaction.atomic
def add_unreadable(row: UnreadableOptOut, phone: str, *, by: User) -> OptOut:
    """Put the number that a person found (E.164) on the list. Raise `Refused`."""
    _decide(row, UnreadableOptOut.Decision.ADDED, by=by)
    added, _created = opt_out(
        row.team, phone, source=row.source, message=row.message, at=row.created_at, by=by
    )
    audit(row.team, "unreadable opt-out added", by=by, subject=phones.mask(phone))
    return added


@transaction.atomic
def dismiss_unreadable(row: UnreadableOptOut, *, by: User) -> None:
    """Record that nobody asked for no more messages. Raise `Refused`."""
    _decide(row, UnreadableOptOut.Decision.DISMISSED, by=by)
    audit(row.team, "unreadable opt-out dismissed", by=by, subject=str(row.uuid))


def _decide(row: UnreadableOptOut, decision: str, *, by: User) -> None:
    waiting = UnreadableOptOut.objects.waiting(row.team).filter(pk=row.pk)
    if not waiting.update(decision=decision, decided_at=clocks.now(), decided_by=by):
        raise Refused(_("Someone else has decided this already. Nothing was changed."))


# The copy of ChumiAI's contacts and groups


class Superseded(Exception):
    """Another worker holds the sync, or it has finished: write nothing more."""


@transaction.atomic
def request_contact_sync(team: Team, *, by: User | None = None) -> ContactSync:
    """Request a sync of all contacts and groups; return the unfinished one where there is one."""
    sync, is_new = ContactSync.objects.request(team, by=by)
    if is_new:
        audit(team, "contact sync requested", by=by)
        tasks.request("sync_contacts", team.pk)
    return sync


def begin_contact_sync(sync: ContactSync) -> None:
    """Take the sync over from its start; what a former worker wrote is deleted."""
    token = secrets.token_hex(16)
    begun = (
        ContactSync.objects.unfinished()
        .filter(pk=sync.pk)
        .update(
            state=SyncRun.State.RUNNING,
            token=token,
            contacts_synced=0,
            groups_total=0,
            groups_synced=0,
            skipped=0,
            custom_fields=[],
            waits_until=None,
        )
    )
    if not begun:
        raise Superseded
    sync.token, sync.custom_fields = token, []
    _delete(Contact.objects.filter(sync=sync))
    _delete(ContactGroup.objects.filter(sync=sync))


def _held(sync: ContactSync) -> SyncRunQuerySet[ContactSync]:
    """Return the row of the sync, if this worker still holds it."""
    return ContactSync.objects.filter(pk=sync.pk, token=sync.token, state=SyncRun.State.RUNNING)


def _advance(sync: ContactSync, **fields: Any) -> None:
    """Write the progress. Raise `Superseded`. First in its transaction: it locks the row."""
    if not _held(sync).update(waits_until=None, **fields):
        raise Superseded


@transaction.atomic
def apply_contact_page(sync: ContactSync, page: Listing[RemoteContact]) -> None:
    """Write one page of contacts."""
    _advance(
        sync,
        contacts_synced=F("contacts_synced") + len(page),
        skipped=F("skipped") + page.skipped,
    )
    _write_contacts(sync, page)


def _write_contacts(sync: ContactSync, remotes: Iterable[RemoteContact]) -> None:
    # An entry may come twice when the list changes while its pages are fetched.
    rows = {row.uuid: row for row in (_contact_row(sync, remote) for remote in remotes)}
    Contact.objects.bulk_create(rows.values(), ignore_conflicts=True)
    _record_custom_fields(sync, rows.values())


def _record_custom_fields(sync: ContactSync, rows: Iterable[Contact]) -> None:
    """Keep the names of the custom fields that have a value."""
    fresh = {name for row in rows for name, text in row.custom.items() if text}
    known = set(sync.custom_fields)
    if not fresh <= known:
        sync.custom_fields = sorted(known | fresh)[:MOST_FIELDS]
        _advance(sync, custom_fields=sync.custom_fields)


def _contact_row(sync: ContactSync, remote: RemoteContact) -> Contact:
    region = sync.team.default_region
    phone = phones.from_outside(remote.phone, region=region, is_typed=True) or ""
    name = " ".join(remote.name.split())
    folded = name.casefold()
    columns = {
        "remote_id": remote.remote_id,
        "name": name,
        "search_name": folded,
        "sort_key": f"a{folded[:50]}" if name else f"z{phone}",
        "phone": phone,
        "raw_phone": "" if phone else remote.phone,
        "email": remote.email,
        "tags": [tag[:LONGEST_TAG] for tag in remote.tags],
        "custom": {
            key[:LONGEST_TAG]: value[:LONGEST_VALUE] for key, value in remote.custom.items()
        },
        "opted_out": remote.opted_out,
        "added_at": remote.created_at,
    }
    return Contact(
        sync=sync,
        uuid=_identity(sync.team, "contact", remote.remote_id or remote.phone),
        **fit(Contact, columns),
    )


def _identity(team: Team, kind: str, remote_id: str) -> uuid.UUID:
    return uuid.uuid5(uuid.NAMESPACE_URL, f"chumi-admin:{team.pk}:{kind}:{remote_id}")


@transaction.atomic
def apply_groups(sync: ContactSync, remotes: Listing[RemoteGroup]) -> list[ContactGroup]:
    """Write the list of the groups. Return the rows, whose members are still to come."""
    groups = {}
    for remote in remotes:
        columns = {
            "remote_id": remote.remote_id,
            "name": remote.name or _("A group without a name"),
            "description": remote.description,
            "reported_size": remote.size,
        }
        groups[remote.remote_id] = ContactGroup(
            sync=sync,
            uuid=_identity(sync.team, "group", remote.remote_id),
            **fit(ContactGroup, columns),
        )
    _advance(sync, groups_total=len(groups), skipped=F("skipped") + remotes.skipped)
    return ContactGroup.objects.bulk_create(groups.values())


@transaction.atomic
def apply_member_page(
    sync: ContactSync, group: ContactGroup, page: Listing[RemoteContact]
) -> None:
    """Write one page of a group's members; those missing from the contacts are added there."""
    _advance(sync, skipped=F("skipped") + page.skipped)
    found = _known(sync, page)
    missing = [r for r, pk in zip(page, found, strict=True) if pk is None and r.phone]
    if missing:
        _write_contacts(sync, missing)
        found = _known(sync, page)
    members = {pk for pk in found if pk is not None}
    GroupMembership.objects.bulk_create(
        [GroupMembership(group=group, contact_id=pk) for pk in sorted(members)],
        ignore_conflicts=True,
    )


def _known(sync: ContactSync, remotes: Sequence[RemoteContact]) -> list[int | None]:
    """Return the pk of each contact, found by its id or its number, or None.

    ChumiAI may give a person with an id in one list and without it in another.
    """
    rows = [_contact_row(sync, remote) for remote in remotes]
    contacts = Contact.objects.filter(sync=sync)
    numbers = [row.phone for row in rows if row.phone]
    by_phone = dict(contacts.filter(phone__in=numbers).order_by("-pk").values_list("phone", "pk"))
    by_id = dict(contacts.filter(uuid__in=[row.uuid for row in rows]).values_list("uuid", "pk"))
    return [by_id.get(row.uuid) or by_phone.get(row.phone) for row in rows]


@transaction.atomic
def record_group_synced(sync: ContactSync, group: ContactGroup) -> None:
    """Record that all pages of the group have come, and count its members."""
    _advance(sync, groups_synced=F("groups_synced") + 1)
    ContactGroup.objects.filter(pk=group.pk).update(
        synced_at=clocks.now(), size=group.memberships.count()
    )


def record_group_unread(sync: ContactSync, group: ContactGroup, problem: str) -> None:
    """Record why ChumiAI did not give the members of a group: they stay as they were before."""
    with transaction.atomic():
        _advance(sync)
        _delete(GroupMembership.objects.filter(group=group))
    former = ContactGroup.objects.current(sync.team).filter(uuid=group.uuid).first()
    if former:
        _copy_members(sync, former, group)
    with transaction.atomic():
        _advance(sync)
        ContactGroup.objects.filter(pk=group.pk).update(
            problem=problem,
            synced_at=former.synced_at if former else None,
            size=group.memberships.count(),
        )


def _copy_members(sync: ContactSync, former: ContactGroup, group: ContactGroup) -> None:
    """Copy the members of a group from the sync before; people who are missing now come along."""
    last = 0
    while rows := list(
        Contact.objects.filter(memberships__group=former, pk__gt=last).order_by("pk")[:CHUNK]
    ):
        last = rows[-1].pk
        with transaction.atomic():
            _advance(sync)
            for row in rows:
                row.pk, row.sync = None, sync
            Contact.objects.bulk_create(rows, ignore_conflicts=True)
            now = Contact.objects.filter(sync=sync, uuid__in=[row.uuid for row in rows])
            GroupMembership.objects.bulk_create(
                [GroupMembership(group=group, contact=contact) for contact in now],
                ignore_conflicts=True,
            )


def record_contact_sync_waits(sync: ContactSync, seconds: float) -> None:
    """Record that ChumiAI is busy and is asked again after `seconds`."""
    _held(sync).wait(seconds)


def record_contact_sync_succeeded(sync: ContactSync) -> None:
    """Finish the sync: from now on the pages show its rows.

    Contacts that ChumiAI marks as opted out are put on our list first.
    """
    opt_out_all(sync.team, _newly_marked(sync), source=OptOut.Source.CHUMIAI)
    unread = Contact.objects.filter(sync=sync, opted_out=True, phone="").exclude(raw_phone="")
    record_unreadable_opt_outs(
        sync.team,
        (
            Unread(str(it.uuid), it.raw_phone, OptOut.Source.CHUMIAI, name=it.name)
            for it in unread.only("uuid", "raw_phone", "name").iterator()
        ),
    )
    _held(sync).finish(SyncRun.State.SUCCEEDED)


def _newly_marked(sync: ContactSync) -> set[str]:
    """Return the numbers that ChumiAI marks as opted out.

    Without those that a manager took off the list although ChumiAI marked them: an old mark that
    stays is no new opt-out.
    """
    marked = Contact.objects.filter(opted_out=True).exclude(phone="")
    numbers = set(marked.filter(sync=sync).values_list("phone", flat=True))
    former = ContactSync.objects.current(sync.team)
    if former:
        lifted = OptOut.objects.for_team(sync.team).lifted().filter(source=OptOut.Source.CHUMIAI)
        stayed = marked.filter(sync=former, phone__in=lifted.values("phone"))
        numbers -= set(stayed.values_list("phone", flat=True))
    return numbers


def record_contact_sync_failed(sync: ContactSync, problem: str) -> None:
    """Finish the sync with a sentence for people; the pages stay as they were."""
    _held(sync).finish(SyncRun.State.FAILED, problem)


def delete_old_syncs(team_id: str) -> None:
    """Delete the rows of finished syncs that no page shows."""
    team = Team.objects.filter(pk=team_id).first()
    if team is None:
        return
    current = ContactSync.objects.current(team)
    old = ContactSync.objects.for_team(team).exclude(finished_at=None)
    if current:
        old = old.exclude(pk=current.pk)
    _delete(Contact.objects.filter(sync__in=old))
    _delete(ContactGroup.objects.filter(sync__in=old))


def _delete(rows: QuerySet[Row]) -> None:
    """Delete rows and what refers to them, `CHUNK` at a time."""
    while pks := list(rows.order_by("pk").values_list("pk", flat=True)[:CHUNK]):
        rows.model._default_manager.filter(pk__in=pks).delete()
