"""Who must not be written to, and the mirror of ChumiAI's contacts and groups."""

import uuid

from django.conf import settings
from django.db import models
from django.db.models import Q
from django.utils import timezone

from teams.models import Team
from teams.sync_runs import SyncRun


class OptOutQuerySet(models.QuerySet):
    def for_team(self, team):
        return self.filter(team=team)

    def in_force(self):
        return self.filter(lifted_at=None)

    def lifted(self):
        return self.filter(lifted_at__isnull=False)

    def phones(self):
        """Return the numbers that must not be written to now."""
        return self.in_force().values_list("phone", flat=True)


class OptOut(models.Model):
    """A person who does not want this team's messages, from one moment until it is lifted.

    No row is ever deleted: who comes back on the list gets another one.
    """

    class Source(models.TextChoices):
        BY_HAND = "by_hand", "Added by hand"
        IMPORT = "import", "From a list"
        KEYWORD = "keyword", "Wrote a stop word"
        BUTTON = "button", "Pressed a stop button"
        WHATSAPP = "whatsapp", "Told by WhatsApp"
        CHUMIAI = "chumiai", "Marked in ChumiAI"

    uuid = models.UUIDField(default=uuid.uuid4, unique=True, editable=False)
    team = models.ForeignKey(Team, models.CASCADE, related_name="opt_outs")
    phone = models.CharField(max_length=16)
    source = models.CharField(max_length=20, choices=Source.choices, default=Source.BY_HAND)
    reason = models.CharField(max_length=200, blank=True)
    # What the person wrote, or the text of the button that was pressed.
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
        ]
        indexes = [
            models.Index(fields=["team", "-created_at", "-id"], name="opt_out_list"),
            models.Index(fields=["team", "phone"], name="opt_outs_of_phone"),
        ]

    def __str__(self):
        return f"Opt-out {self.pk}"

    @property
    def is_in_force(self):
        return self.lifted_at is None


class ContactSync(SyncRun):
    """One sync of ChumiAI's contacts and groups.

    It owns the rows that it fetched, so that an incomplete sync is never shown: the pages change
    from one complete sync to the next in one statement.
    """

    # The worker that runs the sync has it; a worker that lost its lease writes nothing more.
    token = models.CharField(max_length=32, blank=True)
    contacts_read = models.PositiveIntegerField(default=0)
    groups_total = models.PositiveIntegerField(default=0)
    groups_read = models.PositiveIntegerField(default=0)
    # Entries of ChumiAI's lists that we could not understand.
    skipped = models.PositiveIntegerField(default=0)
    # The names of the contacts' custom fields, sorted.
    custom_fields = models.JSONField(default=list)


class ContactQuerySet(models.QuerySet):
    def current(self, team):
        """Return those of the reading that the pages show."""
        return self.filter(sync=ContactSync.objects.current(team))

    def of_group(self, group):
        """Return the members in an order that stays: by name, and those without one last."""
        return self.filter(memberships__group=group).order_by("sort_key", "id")

    def opted_out(self, team):
        """Return those who want no messages: by our list, or by what ChumiAI says of them."""
        return self.filter(Q(opted_out=True) | Q(phone__in=OptOut.objects.for_team(team).phones()))


class Contact(models.Model):
    """A person in ChumiAI's address book, as one reading found it. Never written back."""

    # Made of the team and ChumiAI's id: the address of a page outlives the next reading.
    uuid = models.UUIDField(editable=False)
    sync = models.ForeignKey(ContactSync, models.CASCADE, related_name="contacts")
    remote_id = models.CharField(max_length=200, blank=True)
    name = models.CharField(max_length=300, blank=True)
    # In small letters: SQLite knows the cases of English letters only.
    search_name = models.CharField(max_length=300, blank=True)
    # By name, and those without one after them.
    sort_key = models.CharField(max_length=60)
    # E.164, or '' where what ChumiAI has is no number; that is kept as it was.
    phone = models.CharField(max_length=16, blank=True)
    raw_phone = models.CharField(max_length=60, blank=True)
    email = models.CharField(max_length=200, blank=True)
    tags = models.JSONField(default=list)
    custom = models.JSONField(default=dict)
    # What ChumiAI says, which is not our list; None where it says nothing.
    opted_out = models.BooleanField(null=True)
    added_at = models.DateTimeField(null=True)

    objects = ContactQuerySet.as_manager()

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["sync", "uuid"], name="one_contact_a_reading")
        ]
        indexes = [
            models.Index(fields=["sync", "sort_key", "id"], name="contact_list"),
            models.Index(fields=["sync", "phone"], name="contact_by_phone"),
        ]

    def __str__(self):
        return f"Contact {self.pk}"

    @property
    def first_name(self):
        return self.name.partition(" ")[0]


class ContactGroupQuerySet(models.QuerySet):
    def current(self, team):
        """Return those of the reading that the pages show."""
        return self.filter(sync=ContactSync.objects.current(team))


class ContactGroup(models.Model):
    """A group of ChumiAI's, as one reading found it."""

    uuid = models.UUIDField(editable=False)
    sync = models.ForeignKey(ContactSync, models.CASCADE, related_name="groups")
    remote_id = models.CharField(max_length=200)
    name = models.CharField(max_length=300)
    description = models.CharField(max_length=500, blank=True)
    # What ChumiAI says, if it does, and how many members came.
    told_size = models.PositiveIntegerField(null=True)
    size = models.PositiveIntegerField(default=0)
    read_at = models.DateTimeField(null=True)

    objects = ContactGroupQuerySet.as_manager()

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["sync", "uuid"], name="one_group_a_reading")
        ]
        indexes = [models.Index(fields=["sync", "name", "id"], name="group_list")]

    def __str__(self):
        return self.name

    @property
    def is_short(self):
        """Say whether fewer members came than ChumiAI says that there are."""
        return self.told_size is not None and self.size < self.told_size

    @property
    def is_whole(self):
        """Say whether nobody is missing, as far as ChumiAI's answers can tell."""
        if self.read_at is None:
            return False
        return not self.sync.skipped if self.told_size is None else not self.is_short


class GroupMembership(models.Model):
    group = models.ForeignKey(ContactGroup, models.CASCADE, related_name="memberships")
    contact = models.ForeignKey(Contact, models.CASCADE, related_name="memberships")

    class Meta:
        constraints = [models.UniqueConstraint(fields=["group", "contact"], name="a_member_once")]

    def __str__(self):
        return f"{self.contact_id} in {self.group_id}"
