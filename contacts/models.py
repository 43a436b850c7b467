"""People who opted out, and the copy of ChumiAI's contacts and groups."""

import uuid
from typing import Self

from django.conf import settings
from django.db import models
from django.db.models import Q
from django.utils import timezone
from django.utils.translation import gettext, ngettext
from django.utils.translation import gettext_lazy as _

from core.formats import number
from core.phone_columns import e164
from teams.models import Team
from teams.sync_runs import SyncRun, SyncRunQuerySet, unreadable

# Names of groups in a sentence.
NAMES_SHOWN = 5


class OptOutQuerySet(models.QuerySet["OptOut"]):
    def for_team(self, team: Team) -> Self:
        return self.filter(team=team)

    def in_force(self) -> Self:
        return self.filter(lifted_at=None)

    def lifted(self) -> Self:
        return self.filter(lifted_at__isnull=False)

    def phones(self) -> "models.QuerySet[OptOut, str]":
        """Return the numbers that are opted out now."""
        return self.in_force().values_list("phone", flat=True)


class OptOut(models.Model):
    """A number that gets no campaigns of this team, until the opt-out is lifted.

    No row is ever deleted: a number that opts out again gets another one.
    """

    class Source(models.TextChoices):
        BY_HAND = "by_hand", _("Added by hand")
        IMPORT = "import", _("Imported")
        KEYWORD = "keyword", _("Replied STOP")
        BUTTON = "button", _("Pressed a stop button")
        WHATSAPP = "whatsapp", _("Opted out in WhatsApp")
        CHUMIAI = "chumiai", _("Opted out in ChumiAI")

    uuid = models.UUIDField(default=uuid.uuid4, unique=True, editable=False)
    team = models.ForeignKey(Team, models.CASCADE, related_name="opt_outs")
    phone = models.CharField(max_length=16)
    source = models.CharField(max_length=20, choices=Source.choices, default=Source.BY_HAND)
    reason = models.CharField(max_length=200, blank=True)
    # The person's message, or the text of the button that was pressed.
    message = models.TextField(blank=True)
    created_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, models.SET_NULL, null=True, related_name="+"
    )
    created_at = models.DateTimeField(default=timezone.now)
    lifted_at = models.DateTimeField(null=True)
    lifted_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, models.SET_NULL, null=True, related_name="+"
    )
    lifted_reason = models.CharField(max_length=200, blank=True)

    objects = OptOutQuerySet.as_manager()

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["team", "phone"],
                condition=Q(lifted_at=None),
                name="one_opt_out_in_force_a_phone",
            ),
            models.CheckConstraint(
                condition=Q(lifted_at=None) | ~Q(lifted_reason=""), name="lifted_for_a_reason"
            ),
            models.CheckConstraint(condition=e164("phone"), name="opt_out_phone_is_e164"),
        ]
        indexes = [
            models.Index(fields=["team", "-created_at", "-id"], name="opt_out_list"),
            models.Index(fields=["team", "phone"], name="opt_outs_of_phone"),
        ]

    def __str__(self) -> str:
        return f"Opt-out {self.pk}"

    @property
    def is_in_force(self) -> bool:
        return self.lifted_at is None


class UnreadableOptOutQuerySet(models.QuerySet["UnreadableOptOut"]):
    def waiting(self, team: Team) -> Self:
        """Return those that need a person."""
        return self.filter(team=team, decision="")


class UnreadableOptOut(models.Model):
    """Someone asked for no more messages, and we can't read their number: a person decides."""

    class Decision(models.TextChoices):
        ADDED = "added", _("Added to the list")
        DISMISSED = "dismissed", _("Not a stop")

    uuid = models.UUIDField(default=uuid.uuid4, unique=True, editable=False)
    team = models.ForeignKey(Team, models.CASCADE, related_name="unreadable_opt_outs")
    # A hash of what it came with: the same event or contact comes once.
    key = models.CharField(max_length=64)
    # What came in the place of the number, '' if nothing did.
    number = models.CharField(max_length=64, blank=True)
    name = models.CharField(max_length=300, blank=True)
    source = models.CharField(max_length=20, choices=OptOut.Source.choices)
    message = models.TextField(blank=True)
    created_at = models.DateTimeField()
    decision = models.CharField(max_length=10, choices=Decision.choices, blank=True)
    decided_at = models.DateTimeField(null=True)
    decided_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, models.SET_NULL, null=True, related_name="+"
    )

    objects = UnreadableOptOutQuerySet.as_manager()

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["team", "key"], name="one_unreadable_opt_out_a_key"),
            models.CheckConstraint(
                condition=Q(decision="", decided_at=None)
                | ~Q(decision="") & Q(decided_at__isnull=False),
                name="decided_unreadable_opt_out_has_its_time",
            ),
        ]
        indexes = [
            models.Index(
                fields=["team", "created_at"],
                condition=Q(decision=""),
                name="unreadable_opt_out_waiting",
            ),
        ]

    def __str__(self) -> str:
        return f"Unreadable opt-out {self.pk}"


class ContactSync(SyncRun):
    """One sync of ChumiAI's contacts and groups.

    Its rows belong to it. The pages show those of the last sync that succeeded, so they change
    from one complete copy to the next in one statement.
    """

    # The worker that holds the sync; one whose token was replaced writes nothing more.
    token = models.CharField(max_length=32, blank=True)
    contacts_synced = models.PositiveIntegerField(default=0)
    groups_total = models.PositiveIntegerField(default=0)
    groups_synced = models.PositiveIntegerField(default=0)
    # Entries of ChumiAI's lists that could not be understood.
    skipped = models.PositiveIntegerField(default=0)
    # The names of the contacts' custom fields, in alphabetical order.
    custom_fields = models.JSONField(default=list)

    objects = SyncRunQuerySet["ContactSync"].as_manager()

    class Meta(SyncRun.Meta):
        pass

    @property
    def received_so_far(self) -> str:
        contacts = ngettext(
            "{count} contact so far.", "{count} contacts so far.", self.contacts_synced
        ).format(count=number(self.contacts_synced))
        if not self.groups_total:
            return contacts if self.contacts_synced else ""
        groups = ngettext(
            "{done} of {count} group.", "{done} of {count} groups.", self.groups_total
        ).format(done=number(self.groups_synced), count=number(self.groups_total))
        return f"{contacts} {groups}"

    @property
    def summary(self) -> str:
        """Return what it found: `1,200 contacts, 8 groups, 2 entries skipped`."""
        found = [
            ngettext("{count} contact", "{count} contacts", self.contacts_synced).format(
                count=number(self.contacts_synced)
            ),
            ngettext("{count} group", "{count} groups", self.groups_synced).format(
                count=number(self.groups_synced)
            ),
        ]
        if self.skipped:
            found.append(unreadable(self.skipped))
        return ". ".join(filter(None, [", ".join(found), self._unread_groups()]))

    def _unread_groups(self) -> str:
        """Return the names of the groups whose members did not come, as a sentence, or ''."""
        names = list(self.groups.unread().order_by("name", "id").values_list("name", flat=True))
        if not names:
            return ""
        shown = ", ".join(names[:NAMES_SHOWN])
        more = len(names) - NAMES_SHOWN
        if more > 0:
            return gettext("Not updated: the groups {names} and {count} more").format(
                names=shown, count=number(more)
            )
        return ngettext(
            "Not updated: the group {names}", "Not updated: the groups {names}", len(names)
        ).format(names=shown)


class ContactQuerySet(models.QuerySet["Contact"]):
    def current(self, team: Team) -> Self:
        """Return those of the sync that the pages show."""
        return self.filter(sync=ContactSync.objects.current(team))

    def of_group(self, group: "ContactGroup") -> Self:
        """Return the members in a stable order: by name, those without a name last."""
        return self.filter(memberships__group=group).order_by("sort_key", "id")

    def opted_out(self, team: Team) -> Self:
        """Return those who opted out: by our list, or by ChumiAI's mark."""
        return self.filter(Q(opted_out=True) | Q(phone__in=OptOut.objects.for_team(team).phones()))


class Contact(models.Model):
    """A person in ChumiAI's address book, as of one sync. Never written back."""

    # From the team and ChumiAI's id, so that a contact's page keeps its address over syncs.
    uuid = models.UUIDField(editable=False)
    sync = models.ForeignKey(ContactSync, models.CASCADE, related_name="contacts")
    remote_id = models.CharField(max_length=200, blank=True)
    name = models.CharField(max_length=300, blank=True)
    # In lower case: SQLite can do so for English letters only.
    search_name = models.CharField(max_length=300, blank=True)
    # Sorts by name, and those without a name after them.
    sort_key = models.CharField(max_length=60)
    # E.164, or '' where ChumiAI has no valid number; raw_phone is then what it has.
    phone = models.CharField(max_length=16, blank=True)
    raw_phone = models.CharField(max_length=60, blank=True)
    email = models.CharField(max_length=200, blank=True)
    tags = models.JSONField(default=list)
    custom = models.JSONField(default=dict)
    # ChumiAI's mark, not our list; None where ChumiAI doesn't say.
    opted_out = models.BooleanField(null=True)
    added_at = models.DateTimeField(null=True)

    objects = ContactQuerySet.as_manager()

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["sync", "uuid"], name="one_contact_a_sync"),
            models.CheckConstraint(
                condition=Q(phone="") | e164("phone"), name="contact_phone_is_e164"
            ),
        ]
        indexes = [
            models.Index(fields=["sync", "sort_key", "id"], name="contact_list"),
            models.Index(fields=["sync", "phone"], name="contact_by_phone"),
        ]

    def __str__(self) -> str:
        return f"Contact {self.pk}"

    @property
    def first_name(self) -> str:
        return self.name.partition(" ")[0]


class ContactGroupQuerySet(models.QuerySet["ContactGroup"]):
    def current(self, team: Team) -> Self:
        """Return those of the sync that the pages show."""
        return self.filter(sync=ContactSync.objects.current(team))

    def unread(self) -> Self:
        """Return those whose members ChumiAI did not give."""
        return self.exclude(problem="")


class ContactGroup(models.Model):
    """A group of ChumiAI's, as of one sync.

    Where ChumiAI did not give its members, it has a `problem` and the members of the sync before.
    """

    class Problem(models.TextChoices):
        GONE = "gone", _("ChumiAI does not have this group any more.")
        UNREADABLE = "unreadable", _("ChumiAI could not give the members of this group.")

    uuid = models.UUIDField(editable=False)
    sync = models.ForeignKey(ContactSync, models.CASCADE, related_name="groups")
    remote_id = models.CharField(max_length=200)
    name = models.CharField(max_length=300)
    description = models.CharField(max_length=500, blank=True)
    # The members that ChumiAI counts, where it does, and those that it listed.
    reported_size = models.PositiveIntegerField(null=True)
    size = models.PositiveIntegerField(default=0)
    # When the members were listed, None if they never were.
    synced_at = models.DateTimeField(null=True)
    problem = models.CharField(max_length=12, choices=Problem.choices, blank=True)

    objects = ContactGroupQuerySet.as_manager()

    class Meta:
        constraints = [models.UniqueConstraint(fields=["sync", "uuid"], name="one_group_a_sync")]
        indexes = [models.Index(fields=["sync", "name", "id"], name="group_list")]

    def __str__(self) -> str:
        return self.name

    @property
    def is_short(self) -> bool:
        """Return True if ChumiAI listed fewer members than it counts."""
        return self.reported_size is not None and self.size < self.reported_size

    @property
    def is_complete(self) -> bool:
        """Return True if no member is missing, as far as ChumiAI's answers show."""
        if self.synced_at is None or self.problem:
            return False
        return not self.sync.skipped if self.reported_size is None else not self.is_short


class GroupMembership(models.Model):
    group = models.ForeignKey(ContactGroup, models.CASCADE, related_name="memberships")
    contact = models.ForeignKey(Contact, models.CASCADE, related_name="memberships")

    class Meta:
        constraints = [models.UniqueConstraint(fields=["group", "contact"], name="a_member_once")]

    def __str__(self) -> str:
        return f"{self.contact_id} in {self.group_id}"
