"""A campaign until it is ready: its file or group, its check, its recipients."""

import uuid

from django.conf import settings
from django.db import models
from django.db.models import Case, F, Q, Value, When
from django.utils.translation import gettext_lazy as _

from core import formats
from core.phone_columns import e164
from message_templates.models import MessageTemplate
from spreadsheets.xlsx_writer import column_letter
from teams.models import Team
from whatsapp.media import FORMATS

USER = settings.AUTH_USER_MODEL
# Rows per UPDATE.
ROWS_PER_UPDATE = 500


class CampaignQuerySet(models.QuerySet):
    def for_team(self, team):
        return self.filter(team=team)

    def without_tests(self):
        return self.filter(test_of=None)

    def to_many(self):
        """Exclude messages to one number, which includes tests."""
        return self.exclude(audience=Campaign.Audience.NUMBER)

    def running(self):
        return self.filter(status__in=Campaign.LIVE)

    def with_relations(self):
        """Select the relations that the pages of a draft need."""
        return self.select_related(
            "team",
            "template",
            "upload",
            "group",
            "check_result",
            "header_media",
            "exclude_campaign",
        )


class Campaign(models.Model):
    """One template to many people, or to one number. The row holds the answer of every step."""

    class Status(models.TextChoices):
        DRAFT = "draft", _("Draft")
        READY = "ready", _("Ready to send")
        QUEUED = "queued", _("Starting")
        SENDING = "sending", _("Sending")
        PAUSED = "paused", _("Paused")
        STOPPED = "stopped", _("Stopped")
        COMPLETED = "completed", _("Finished")

    class Pause(models.TextChoices):
        RESTORED_COPY = "restored_copy", _("This may be a restored copy")
        PERSON = "person", _("Paused by a person")
        NOT_CONNECTED = "not_connected", _("ChumiAI is not connected")
        UNAUTHORIZED = "unauthorized", _("ChumiAI refused the key")
        FORBIDDEN = "forbidden", _("The key lacks a permission")
        REJECTED = "rejected", _("ChumiAI refused a batch")
        ACCOUNT = "account", _("WhatsApp stopped the account")
        UNCONFIRMED = "unconfirmed", _("No clear answer from ChumiAI")
        FAILURES = "failures", _("Too many messages failed")
        TEMPLATE = "template", _("The template can't be sent any more")
        NOT_TESTED = "not_tested", _("A test of the template has to be accepted first")
        TEMPLATE_CHANGED = (
            "template_changed",
            _("The template has changed since this campaign was checked"),
        )
        GROUP_CHANGED = "group_changed", _("The group changed since it was checked")
        GROUP_REFUSED = "group_refused", _("ChumiAI may not send to this group by itself")

    class Wait(models.TextChoices):
        """Why a campaign that is sending sends nothing for a while."""

        SWITCHED_OFF = "switched_off", _("Sending is switched off on this server")
        RATE_LIMITED = "rate_limited", _("ChumiAI limits the requests")
        UNREACHABLE = "unreachable", _("ChumiAI can't be reached")
        WHATSAPP = "whatsapp", _("WhatsApp can't take messages")
        GROUP_COUNT = "group_count", _("The group is being counted")
        TEMPLATE_READ = "template_read", _("The template is being read again")
        BATCH_IN_FLIGHT = "batch_in_flight", _("Another batch is being submitted")
        OPEN_JOBS = "open_jobs", _("ChumiAI is still sending earlier batches")
        DISK = "disk", _("The server can't write to its disk")

    class Engine(models.TextChoices):
        BATCHES = "batches", _("Fast (batches)")
        SINGLY = "singly", _("One by one")
        GROUP = "group", _("To the group by ChumiAI")

    class Audience(models.TextChoices):
        FILE = "file", _("A file")
        GROUP = "group", _("A ChumiAI group")
        NUMBER = "number", _("One number")

    EDITABLE = (Status.DRAFT, Status.READY)
    LIVE = (Status.QUEUED, Status.SENDING, Status.PAUSED)
    TERMINAL = (Status.STOPPED, Status.COMPLETED)

    uuid = models.UUIDField(default=uuid.uuid4, unique=True, editable=False)
    team = models.ForeignKey(Team, models.PROTECT, related_name="campaigns")
    name = models.CharField(max_length=120)
    template = models.ForeignKey(
        MessageTemplate, models.PROTECT, null=True, related_name="campaigns"
    )
    # Where the people come from.
    audience = models.CharField(max_length=10, choices=Audience.choices, default=Audience.FILE)
    # A message to a test number of the team: it needs no consent and counts for no limit.
    is_test = models.BooleanField(default=False)
    # The draft that it tests, None once that was deleted.
    test_of = models.ForeignKey("self", models.SET_NULL, null=True, related_name="tests")
    mapping = models.JSONField(null=True)
    # Its people are skipped. It can't be deleted, or they would no longer be skipped.
    exclude_campaign = models.ForeignKey("self", models.PROTECT, null=True, related_name="+")
    # The sending method (see `sending.engines`), '' until the launch.
    engine = models.CharField(max_length=10, choices=Engine.choices, blank=True)
    status = models.CharField(max_length=10, choices=Status.choices, default=Status.DRAFT)
    pause_reason = models.CharField(max_length=20, choices=Pause.choices, blank=True)
    # The values of its sentence: a code, a count, a batch's number (see `sending.labels`).
    pause_details = models.JSONField(default=dict)
    # Why nothing is sent although nothing is wrong, until when, and the values of the sentence.
    wait_reason = models.CharField(max_length=20, choices=Wait.choices, blank=True)
    wait_until = models.DateTimeField(null=True)
    wait_details = models.JSONField(default=dict)
    # Identifies what a person reviewed; the launch sends it back.
    digest = models.CharField(max_length=64, blank=True)
    recipient_count = models.PositiveIntegerField(default=0)
    # What is sent, frozen at the launch: template name, language, components, mapping.
    snapshot = models.JSONField(null=True)
    # The `content_hash` of the template that was checked: nothing is sent while it is another.
    template_hash = models.CharField(max_length=64, blank=True)
    # When ChumiAI was last asked for the template, None from each start until it was.
    template_read_at = models.DateTimeField(null=True)
    intent = models.UUIDField(null=True, unique=True, editable=False)
    created_by = models.ForeignKey(USER, models.SET_NULL, null=True, related_name="+")
    created_at = models.DateTimeField(auto_now_add=True)
    launched_by = models.ForeignKey(USER, models.SET_NULL, null=True, related_name="+")
    launched_at = models.DateTimeField(null=True)
    # The consent sentence that was confirmed at the launch; '' for a test.
    consent = models.CharField(max_length=300, blank=True)
    finished_at = models.DateTimeField(null=True)
    # Failures before this time don't count for pausing: a person resumed after them.
    failures_since = models.DateTimeField(null=True)
    changed_at = models.DateTimeField(auto_now=True)

    objects = CampaignQuerySet.as_manager()

    class Meta:
        indexes = [models.Index(fields=["team", "-created_at", "-id"], name="campaign_list")]
        constraints = [
            models.CheckConstraint(
                condition=Q(status__in=("draft", "ready"), launched_at=None)
                | Q(
                    status__in=("queued", "sending", "paused", "stopped", "completed"),
                    launched_at__isnull=False,
                    intent__isnull=False,
                    snapshot__isnull=False,
                    engine__in=("batches", "singly", "group"),
                ),
                name="launched_at_is_set_exactly_when_launched",
            ),
            models.CheckConstraint(
                condition=Q(status="paused") & ~Q(pause_reason="")
                | ~Q(status="paused") & Q(pause_reason=""),
                name="paused_for_a_reason",
            ),
            models.CheckConstraint(
                condition=Q(status__in=("stopped", "completed"), finished_at__isnull=False)
                | ~Q(status__in=("stopped", "completed")) & Q(finished_at=None),
                name="finished_at_is_set_exactly_when_finished",
            ),
        ]

    def __str__(self):
        return self.name

    @property
    def is_editable(self):
        return self.status in self.EDITABLE

    @property
    def is_live(self):
        return self.status in self.LIVE

    @property
    def is_terminal(self):
        return self.status in self.TERMINAL

    @property
    def lasted(self):
        """Return the time from the launch to the end, None before it."""
        return self.finished_at and self.finished_at - self.launched_at


def upload_path(upload, filename):
    """Return a path of our own: the uploaded file's name is never used on the disk."""
    return f"uploads/{upload.campaign.team_id}/{uuid.uuid4().hex}"


class Upload(models.Model):
    """The uploaded file of a campaign, and its first rows."""

    campaign = models.OneToOneField(Campaign, models.CASCADE, related_name="upload")
    file = models.FileField(upload_to=upload_path, max_length=200)
    name = models.CharField(max_length=255)
    size = models.PositiveBigIntegerField()
    sha256 = models.CharField(max_length=64)
    has_header = models.BooleanField(default=True)
    # The first rows: [[row number in the spreadsheet, [text, …]], …].
    head = models.JSONField(default=list)
    uploaded_by = models.ForeignKey(USER, models.SET_NULL, null=True, related_name="+")
    uploaded_at = models.DateTimeField(auto_now_add=True)

    def __str__(self):
        return f"Upload of {self.campaign}"

    @property
    def columns(self):
        """Return the name of each column: its header, or its letter if it has none."""
        width = max((len(cells) for _, cells in self.head), default=0)
        header = self.head[0][1] if self.has_header and self.head else []
        named = [text.strip() for text in header] + [""] * (width - len(header))
        return [text or f"Column {column_letter(i)}" for i, text in enumerate(named)]

    @property
    def sample(self):
        """Return the first rows of data: [[row number, [text, …]], …]."""
        return self.head[1:] if self.has_header else self.head


class GroupChoice(models.Model):
    """The group of ChumiAI's that a campaign goes to, as a person last saw it.

    The mirror's rows are replaced with each reading, so the group is named by its ids.
    """

    class Way(models.TextChoices):
        # We check the members and send to them, as to the rows of a file.
        EXPANDED = "expanded", _("Check every member")
        # ChumiAI finds the members when it sends: everyone gets the same values.
        ENDPOINT = "endpoint", _("Let ChumiAI send")

    campaign = models.OneToOneField(Campaign, models.CASCADE, related_name="group")
    remote_id = models.CharField(max_length=200)
    group_uuid = models.UUIDField()
    name = models.CharField(max_length=300)
    way = models.CharField(max_length=10, choices=Way.choices, default=Way.EXPANDED)
    size = models.PositiveIntegerField()
    read_at = models.DateTimeField()
    # The size after the launch, just before the first message.
    counted_size = models.PositiveIntegerField(null=True)
    counted_at = models.DateTimeField(null=True)

    def __str__(self):
        return self.name


class Check(models.Model):
    """The result of checking every row. An edit of the campaign deletes it."""

    class State(models.TextChoices):
        REQUESTED = "requested", _("Checking")
        DONE = "done", _("Checked")
        FAILED = "failed", _("Not checked")

    campaign = models.OneToOneField(Campaign, models.CASCADE, related_name="check_result")
    # Identifies the run that may write: a run that lost its lease finds another token.
    token = models.CharField(max_length=32, blank=True)
    state = models.CharField(max_length=10, choices=State.choices, default=State.REQUESTED)
    requested_at = models.DateTimeField()
    finished_at = models.DateTimeField(null=True)
    rows = models.PositiveIntegerField(default=0)
    ready = models.PositiveIntegerField(default=0)
    repaired = models.PositiveIntegerField(default=0)
    duplicate = models.PositiveIntegerField(default=0)
    invalid = models.PositiveIntegerField(default=0)
    opted_out = models.PositiveIntegerField(default=0)
    excluded = models.PositiveIntegerField(default=0)
    frequency_cap = models.PositiveIntegerField(default=0)
    # The template as it was checked (`message_templates.versions.Version`), {} before that.
    template = models.JSONField(default=dict)
    # From the check, beside the counts: samples of each outcome, the longest message, …
    details = models.JSONField(default=dict)
    # Under MEDIA_ROOT: a `ReportRow` per line for every row with a note or a problem.
    report = models.CharField(max_length=200, blank=True)
    ready_sha256 = models.CharField(max_length=64, blank=True)
    # Why the check failed: sentences in their stored form (see `core.sentences`).
    errors = models.JSONField(default=list)

    def __str__(self):
        return f"Check of {self.campaign}"

    @property
    def is_open(self):
        return self.state == self.State.REQUESTED

    @property
    def error(self):
        """Why the check failed, in the language of the page."""
        return " ".join(map(formats.sentence, self.errors))

    @property
    def sendable(self):
        return self.ready + self.repaired


class HeaderMedia(models.Model):
    """The image, video or document above the message: a public link, or ChumiAI's media ID."""

    class State(models.TextChoices):
        REQUESTED = "requested", _("Checking")
        GOOD = "good", _("Usable")
        BAD = "bad", _("Not usable")
        # A media ID is ChumiAI's: we can't check its file.
        UNSEEN = "unseen", _("Not checked")

    campaign = models.OneToOneField(Campaign, models.CASCADE, related_name="header_media")
    link = models.CharField(max_length=2000, blank=True)
    media_id = models.CharField(max_length=200, blank=True)
    state = models.CharField(max_length=10, choices=State.choices)
    content_type = models.CharField(max_length=100, blank=True)
    size = models.PositiveBigIntegerField(null=True)
    # Why the link is not usable: a sentence in its stored form (see `core.sentences`).
    stored_problem = models.JSONField(default=str, blank=True)
    requested_at = models.DateTimeField()
    checked_at = models.DateTimeField(null=True)

    class Meta:
        verbose_name_plural = "header media"
        constraints = [
            models.CheckConstraint(
                condition=(Q(link="") & ~Q(media_id="")) | (~Q(link="") & Q(media_id="")),
                name="media_by_link_or_by_id",
            ),
        ]

    def __str__(self):
        return f"Header media of {self.campaign}"

    @property
    def is_open(self):
        return self.state == self.State.REQUESTED

    @property
    def problem(self):
        """Why the link is not usable, in the language of the page, or ''."""
        return formats.sentence(self.stored_problem)

    @property
    def format(self):
        """Return the name of the file format, '' for a media ID."""
        return FORMATS.get(self.content_type, "")


class Decision(models.TextChoices):
    """What a person decides about messages that may or may not have been sent."""

    SEND_AGAIN = "send_again", _("Send again")
    COUNT_AS_SENT = "count_as_sent", _("Count as sent")
    SKIP = "skip", _("Skip")


class RecipientQuerySet(models.QuerySet):
    def of_batch(self, batch):
        return self.filter(
            campaign_id=batch.campaign_id, position__range=(batch.first, batch.last)
        )

    def singly(self, campaign):
        """Return the recipients of the campaign that are sent to one by one."""
        return self.of_singles([campaign])

    def of_singles(self, campaigns):
        """Return the recipients of these campaigns that are sent to one by one."""
        ways = {True: [], False: []}
        for campaign in campaigns:
            ways[campaign.engine == Campaign.Engine.SINGLY].append(campaign.pk)
        all_of = self.filter(campaign__in=ways[True])
        tried_again = Q(campaign__in=ways[False], retries__gt=0)
        if not ways[False]:
            return all_of
        if not ways[True]:
            return self.filter(tried_again)
        return self.filter(tried_again | Q(campaign__in=ways[True]))

    def of_team(self, team):
        """Return the recipients of the team's campaigns, for queries that start at a person.

        `+ 0` keeps a database that has no statistics from walking through all of them instead.
        """
        return self.alias(in_team=F("campaign__team") + 0).filter(
            in_team=getattr(team, "pk", team)
        )

    def of_messages(self, ids):
        """Return the recipients with these message ids, by the partial index on non-empty ids."""
        return self.filter(remote_id__in=ids).exclude(remote_id="")

    def assign_message_ids(self, ids):
        """Store message ids, {pk: id}, for recipients that have none and were not retried."""
        pks = list(ids)
        for start in range(0, len(pks), ROWS_PER_UPDATE):
            some = pks[start : start + ROWS_PER_UPDATE]
            message_id = Case(*(When(pk=pk, then=Value(ids[pk])) for pk in some))
            named = self.filter(
                pk__in=some, remote_id="", retries=0, status__in=Recipient.SUBMITTED
            )
            named.update(remote_id=message_id)


class Recipient(models.Model):
    """One person of a campaign, with the values of the placeholders in their order."""

    class Status(models.TextChoices):
        PENDING = "pending", _("Waiting")
        SUBMITTING = "submitting", _("Sending")
        ACCEPTED = "accepted", _("Accepted")
        FAILED = "failed", _("Failed")
        UNCONFIRMED = "unconfirmed", _("Unconfirmed")
        SKIPPED = "skipped", _("Skipped")

    class SkipReason(models.TextChoices):
        """Why a recipient was skipped; its sentence is made where it is shown."""

        OPTED_OUT = "opted_out", _("Opted out")
        EARLIER_CAMPAIGN = "earlier_campaign", _("In an earlier campaign")
        FREQUENCY_CAP = "frequency_cap", _("Frequency limit")
        STOPPED = "stopped", _("Campaign stopped")
        DECIDED = "decided", _("Skipped by a person")

    class DeliveryStatus(models.IntegerChoices):
        """What WhatsApp reported of an accepted message. It never goes down."""

        UNKNOWN = 0, _("Not reported")
        HELD = 1, _("Held by WhatsApp")
        SENT = 2, _("Sent")
        DELIVERED = 3, _("Delivered")
        READ = 4, _("Read")

    # Their message may be at WhatsApp.
    SUBMITTED = (Status.ACCEPTED, Status.FAILED, Status.UNCONFIRMED)

    campaign = models.ForeignKey(Campaign, models.CASCADE, related_name="recipients")
    position = models.PositiveIntegerField()
    row_number = models.PositiveIntegerField()
    phone = models.CharField(max_length=16)
    values = models.JSONField(default=list)
    notes = models.JSONField(default=list)
    status = models.CharField(max_length=12, choices=Status.choices, default=Status.PENDING)
    remote_id = models.CharField(max_length=200, blank=True)
    delivery_status = models.PositiveSmallIntegerField(
        choices=DeliveryStatus.choices, default=0, db_default=0
    )
    # Retries after a failure; each has its own Attempt.
    retries = models.PositiveSmallIntegerField(default=0)
    failure_code = models.IntegerField(null=True)
    # When it was accepted or failed.
    settled_at = models.DateTimeField(null=True)
    skip_reason = models.CharField(
        max_length=20, choices=SkipReason.choices, blank=True, db_default=""
    )
    # What a person decided while it was unconfirmed.
    decision = models.CharField(max_length=20, choices=Decision.choices, blank=True, db_default="")
    decided_by = models.ForeignKey(
        USER, models.SET_NULL, null=True, related_name="+", db_index=False
    )
    # ChumiAI's own words about a failure without a code.
    reason = models.CharField(max_length=300, blank=True)

    objects = RecipientQuerySet.as_manager()

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["campaign", "phone"], name="one_message_a_phone"),
            models.UniqueConstraint(fields=["campaign", "position"], name="one_position_each"),
            models.CheckConstraint(
                condition=Q(status="skipped") & ~Q(skip_reason="")
                | ~Q(status="skipped") & Q(skip_reason=""),
                name="skipped_for_a_reason",
            ),
            models.CheckConstraint(condition=e164("phone"), name="recipient_phone_is_e164"),
        ]
        indexes = [
            # The next recipients, and the count in each state.
            models.Index(fields=["campaign", "status", "position"], name="recipient_by_status"),
            # The few that are retried.
            models.Index(
                fields=["campaign"], condition=Q(retries__gt=0), name="recipient_retried"
            ),
            # The messages to one person in all campaigns.
            models.Index(fields=["phone", "settled_at"], name="recipient_by_phone"),
            # The recipient of a delivery status.
            models.Index(
                fields=["remote_id"], condition=~Q(remote_id=""), name="recipient_of_message"
            ),
            # Counts of delivered and read.
            models.Index(
                fields=["campaign", "delivery_status"],
                condition=Q(delivery_status__gt=0),
                name="recipient_by_receipt",
            ),
        ]

    def __str__(self):
        return f"Recipient {self.position} of campaign {self.campaign_id}"

    @property
    def state_label(self):
        """Return the label of the delivery status if there is one, else of the status."""
        if self.status == self.Status.ACCEPTED and self.delivery_status:
            return self.get_delivery_status_display()
        return self.get_status_display()
