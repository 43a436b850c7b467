"""What goes out: batches, attempts, the jobs of ChumiAI, and test numbers."""

import uuid

from django.db import models
from django.db.models import F, Q
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from campaigns.models import USER, Campaign, Decision, Recipient
from core.phone_columns import e164
from teams.models import Team
from teams.sync_runs import SyncRun, SyncRunQuerySet, unreadable
from whatsapp.errors import code_in, explain_text


class ReceiptSource(models.Model):
    """Since when a team receives delivery updates: any, of delivered, and of read messages."""

    team = models.OneToOneField(Team, models.CASCADE, related_name="receipt_source")
    reporting_since = models.DateTimeField(null=True)
    delivered_since = models.DateTimeField(null=True)
    read_since = models.DateTimeField(null=True)

    def __str__(self):
        return f"Receipts of {self.team}"


# A job in one of these states has ended.
TERMINAL_JOBS = ("completed", "completed_with_errors", "failed", "cancelled")
# In one of these, ChumiAI processed every recipient, also those its counters leave out.
FINISHED_JOBS = ("completed", "completed_with_errors")


class BatchQuerySet(models.QuerySet):
    def open(self):
        """Return the batches that ChumiAI may still work on, and those without an answer."""
        return self.filter(
            Q(status__in=(Batch.Status.SUBMITTING, Batch.Status.UNCONFIRMED))
            | Q(status=Batch.Status.ACCEPTED, job__isnull=False, job__stopped_polling_at=None)
            & ~Q(job__state__in=TERMINAL_JOBS)
        )


class Batch(models.Model):
    """A slice of the recipients, submitted in one request."""

    class Status(models.TextChoices):
        PENDING = "pending", _("Waiting")
        SUBMITTING = "submitting", _("Being submitted")
        ACCEPTED = "accepted", _("Accepted")
        REJECTED = "rejected", _("Refused")
        UNCONFIRMED = "unconfirmed", _("Unconfirmed")
        SKIPPED = "skipped", _("Skipped")

    uuid = models.UUIDField(default=uuid.uuid4, unique=True, editable=False)
    campaign = models.ForeignKey(Campaign, models.CASCADE, related_name="batches")
    number = models.PositiveIntegerField()
    first = models.PositiveIntegerField()
    last = models.PositiveIntegerField()
    # People in the file that was submitted: those who opted out since the check are not in it.
    submitted = models.PositiveIntegerField(default=0)
    skipped = models.PositiveIntegerField(default=0)
    status = models.CharField(max_length=12, choices=Status.choices, default=Status.PENDING)
    token = models.CharField(max_length=32, blank=True)
    # Names the API key that the batch occupies while it is in flight.
    key_fingerprint = models.CharField(max_length=64, blank=True)
    claimed_at = models.DateTimeField(null=True)
    settled_at = models.DateTimeField(null=True)
    # The values of the sentence about its state (see `labels`).
    details = models.JSONField(default=dict)
    # How often the job of an unconfirmed batch was searched for.
    searches = models.PositiveSmallIntegerField(default=0)
    # The number of jobs that may be this batch's at the last search; 2 are no match.
    candidates = models.PositiveSmallIntegerField(default=0)
    next_search_at = models.DateTimeField(null=True)
    search_ended_at = models.DateTimeField(null=True)
    decision = models.CharField(max_length=20, choices=Decision.choices, blank=True)
    decided_by = models.ForeignKey(USER, models.SET_NULL, null=True, related_name="+")
    # When the campaign was paused because ChumiAI gave up or cancelled the job: it pauses once.
    failure_noticed_at = models.DateTimeField(null=True)

    # Its people who failed, were skipped (None: see `skipped`), or whose message WhatsApp
    # reported, without those who are retried; see `progress_queries`.
    failed_people = 0
    skipped_people = None
    traced_people = 0

    objects = BatchQuerySet.as_manager()

    class Meta:
        verbose_name_plural = "batches"
        ordering = ["number"]
        constraints = [
            models.UniqueConstraint(fields=["campaign", "number"], name="one_batch_a_number"),
            models.UniqueConstraint(
                fields=["key_fingerprint"],
                condition=Q(status="submitting"),
                name="one_batch_in_flight_a_key",
            ),
            models.CheckConstraint(condition=Q(first__lte=F("last")), name="batch_has_people"),
            models.CheckConstraint(
                condition=Q(status="pending", claimed_at=None) | ~Q(status="pending"),
                name="pending_batch_is_unclaimed",
            ),
        ]

    def __str__(self):
        return f"Batch {self.number} of campaign {self.campaign_id}"

    @property
    def size(self):
        return self.last - self.first + 1


class Attempt(models.Model):
    """One try at submitting a batch or, sent one by one, the message to a recipient.

    The intent is written before the request and the outcome after it; the next try never
    overwrites either.
    """

    class Outcome(models.TextChoices):
        OPEN = "open", _("In progress")
        ACCEPTED = "accepted", _("Accepted")
        REJECTED = "rejected", _("Refused")
        NOT_SENT = "not_sent", _("Not sent")
        UNCONFIRMED = "unconfirmed", _("Unconfirmed")
        DECIDED = "decided", _("Unconfirmed, settled by a person")

    # In one of these, something may be on its way: nothing else may be tried.
    LIVE = (Outcome.OPEN, Outcome.UNCONFIRMED)

    campaign = models.ForeignKey(Campaign, models.CASCADE, related_name="attempts")
    batch = models.ForeignKey(Batch, models.CASCADE, null=True, related_name="attempts")
    recipient = models.ForeignKey(Recipient, models.CASCADE, null=True, related_name="attempts")
    token = models.CharField(max_length=32, unique=True)
    # Names the API key whose jobs a batch's is searched among.
    key_fingerprint = models.CharField(max_length=64, blank=True)
    started_at = models.DateTimeField()
    finished_at = models.DateTimeField(null=True)
    outcome = models.CharField(max_length=12, choices=Outcome.choices, default=Outcome.OPEN)
    # What was sent: the file of a batch. A recipient's values stand in its own row.
    file = models.CharField(max_length=200, blank=True)
    file_name = models.CharField(max_length=100, blank=True)
    file_sha256 = models.CharField(max_length=64, blank=True)
    rows = models.PositiveIntegerField(default=1)
    # The ids of the key's newest jobs just before the request: a job of ours is not among them.
    baseline = models.JSONField(default=list)
    # What came back.
    response_status = models.PositiveSmallIntegerField(null=True)
    request_id = models.CharField(max_length=200, blank=True)
    code = models.IntegerField(null=True)
    raw = models.TextField(blank=True)
    error = models.CharField(max_length=400, blank=True)

    class Meta:
        indexes = [
            # The last fifty outcomes of a campaign decide whether it goes on.
            models.Index(fields=["campaign", "-finished_at"], name="attempt_by_end"),
            # Claims without an answer.
            models.Index(fields=["started_at"], condition=Q(outcome="open"), name="attempt_open"),
        ]
        constraints = [
            models.UniqueConstraint(
                fields=["batch"],
                condition=Q(outcome__in=("open", "unconfirmed")),
                name="one_live_attempt_a_batch",
            ),
            models.UniqueConstraint(
                fields=["recipient"],
                condition=Q(outcome__in=("open", "unconfirmed")),
                name="one_live_attempt_a_recipient",
            ),
            models.CheckConstraint(
                condition=Q(batch=None, recipient__isnull=False)
                | Q(batch__isnull=False, recipient=None),
                name="attempt_at_a_batch_or_at_a_person",
            ),
        ]

    def __str__(self):
        return f"Attempt {self.pk} of campaign {self.campaign_id}"


class BulkJobQuerySet(models.QuerySet):
    def for_team(self, team):
        return self.filter(team=team)

    def open(self):
        return self.exclude(state__in=TERMINAL_JOBS).filter(stopped_polling_at=None)

    def due(self, now):
        """Return those to ask ChumiAI about now, the longest due first."""
        return self.filter(next_poll_at__lte=now).order_by("next_poll_at", "pk")


class BulkJob(models.Model):
    """The mirror of a job that ChumiAI runs under the team's key, ours or not."""

    class State(models.TextChoices):
        QUEUED = "queued", _("Waiting at ChumiAI")
        RUNNING = "running", _("Running")
        PAUSED = "paused", _("Paused at ChumiAI")
        COMPLETED = "completed", _("Finished")
        COMPLETED_WITH_ERRORS = "completed_with_errors", _("Finished, some failed")
        FAILED = "failed", _("Failed")
        CANCELLED = "cancelled", _("Cancelled at ChumiAI")
        UNKNOWN = "unknown", _("Not clear")

    class Stop(models.TextChoices):
        """Why we stopped asking ChumiAI about a job that has not ended."""

        NOT_LISTED = "not_listed", _("ChumiAI no longer lists this job.")
        TIMED_OUT = (
            "timed_out",
            _("This job did not end within a day, so we stopped asking. Refresh to ask again."),
        )

    team = models.ForeignKey(Team, models.CASCADE, related_name="bulk_jobs")
    # Set when one of our batches started it; a job is linked once.
    batch = models.OneToOneField(Batch, models.SET_NULL, null=True, related_name="job")
    # Names the API key under which one of our batches started it.
    key_fingerprint = models.CharField(max_length=64, blank=True)
    uuid = models.UUIDField(default=uuid.uuid4, unique=True, editable=False)
    remote_id = models.CharField(max_length=200)
    state = models.CharField(max_length=24, choices=State.choices, default=State.UNKNOWN)
    raw_state = models.CharField(max_length=60, blank=True)
    template_name = models.CharField(max_length=512, blank=True)
    language = models.CharField(max_length=20, blank=True)
    file_name = models.CharField(max_length=255, blank=True)
    total = models.PositiveIntegerField(null=True)
    processed = models.PositiveIntegerField(default=0)
    accepted = models.PositiveIntegerField(default=0)
    failed = models.PositiveIntegerField(default=0)
    skipped = models.PositiveIntegerField(default=0)
    # How many of its people failed by name at some time: rows of the job, or delivery updates.
    named = models.PositiveIntegerField(default=0)
    # ChumiAI once gave counters that can't be: none of them counts any more.
    counters_wrong = models.BooleanField(default=False)
    # A person resumed in spite of its failures.
    failures_seen = models.BooleanField(default=False)
    # What ChumiAI says about it, in its own words.
    error = models.CharField(max_length=300, blank=True)
    # While its page is open, it is asked about more often.
    watched_until = models.DateTimeField(null=True)
    # How many answers in a row were the same.
    polls_unchanged = models.PositiveIntegerField(default=0)
    created_at = models.DateTimeField(null=True)
    started_at = models.DateTimeField(null=True)
    completed_at = models.DateTimeField(null=True)
    first_seen_at = models.DateTimeField()
    # When ChumiAI last answered about it, and when what it said last differed.
    asked_at = models.DateTimeField(null=True)
    changed_at = models.DateTimeField()
    next_poll_at = models.DateTimeField(null=True)
    # When and why we stopped asking about a job that has not ended.
    stopped_polling_at = models.DateTimeField(null=True)
    stopped_polling_because = models.CharField(max_length=10, choices=Stop.choices, blank=True)

    objects = BulkJobQuerySet.as_manager()

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["team", "remote_id"], name="one_row_a_remote_job"),
            # Two teams may share a key; a job is still of one batch alone.
            models.UniqueConstraint(
                fields=["key_fingerprint", "remote_id"],
                condition=Q(batch__isnull=False),
                name="a_remote_job_is_linked_once",
            ),
        ]
        indexes = [
            models.Index(fields=["team", "-first_seen_at", "-id"], name="job_list"),
            models.Index(
                fields=["next_poll_at"], condition=~Q(next_poll_at=None), name="job_poll"
            ),
        ]

    def __str__(self):
        return f"Job {self.pk}"

    @property
    def is_over(self):
        return self.state in TERMINAL_JOBS or self.stopped_polling_at is not None

    @property
    def failure(self):
        """Return the `Failure` that stopped the whole job, None where ChumiAI names no code."""
        return explain_text(self.error)

    @property
    def failure_code(self):
        """Return the code of `failure`, None where ChumiAI names none."""
        return code_in(self.error)

    @property
    def begun_at(self):
        return self.started_at or self.created_at or self.first_seen_at

    @property
    def ended_at(self):
        """Return when it ended, None while it runs or if that is unknown."""
        return (self.completed_at or self.changed_at) if self.state in TERMINAL_JOBS else None


class JobSync(SyncRun):
    """One sync of the key's whole job history: who requested it, how it ended."""

    # Entries of ChumiAI's list that could not be understood.
    skipped = models.PositiveIntegerField(default=0)

    objects = SyncRunQuerySet["JobSync"].as_manager()

    class Meta(SyncRun.Meta):
        pass

    @property
    def received_so_far(self):
        if self.state == SyncRun.State.RUNNING:
            return gettext("Getting the jobs of your key from ChumiAI.")
        return ""

    @property
    def summary(self):
        text = gettext("Jobs that were started here update by themselves.")
        return f"{unreadable(self.skipped)}. {text}" if self.skipped else text


class JobPolling(models.Model):
    """Until when ChumiAI is not asked about a team's jobs, with or without a sync."""

    team = models.OneToOneField(Team, models.CASCADE, related_name="+")
    waits_until = models.DateTimeField()

    def __str__(self):
        return f"Polling of the jobs of {self.team}"


class TestNumber(models.Model):
    """A phone of the team's own, which gets a test of a message before the recipients."""

    MOST = 5

    uuid = models.UUIDField(default=uuid.uuid4, unique=True, editable=False)
    team = models.ForeignKey(Team, models.CASCADE, related_name="test_numbers")
    # Its place, 1 to 5. Unique in the team, so two people can't both add the fifth number.
    place = models.PositiveSmallIntegerField()
    label = models.CharField(max_length=60)
    phone = models.CharField(max_length=16)
    created_by = models.ForeignKey(USER, models.SET_NULL, null=True, related_name="+")
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        ordering = ["place"]
        constraints = [
            models.UniqueConstraint(fields=["team", "phone"], name="one_test_number_a_phone"),
            models.UniqueConstraint(fields=["team", "place"], name="one_test_number_a_place"),
            models.CheckConstraint(
                condition=Q(place__range=(1, 5)), name="at_most_five_test_numbers"
            ),
            models.CheckConstraint(condition=e164("phone"), name="test_number_phone_is_e164"),
        ]

    def __str__(self):
        return self.label
