"""Whom we speak with, and what was said, as webhooks and ChumiAI's history tell it.

What our campaigns sent stays in their recipients: a thread merges the two (see `threads`).
"""

import uuid
from datetime import timedelta

from django.db import models
from django.db.models import Exists, OuterRef, Q
from django.utils import timezone

from campaigns.models import Campaign, Recipient
from conversations import words
from teams.models import Team

# So long after a person's last message WhatsApp lets a business write freely.
WINDOW = timedelta(hours=24)


class ConversationQuerySet(models.QuerySet):
    def for_team(self, team):
        return self.filter(team=team)

    def spoken(self):
        """Return those of which a message is known, not only news of one."""
        return self.exclude(preview="")

    def unread(self):
        return self.filter(unread_count__gt=0)

    def open_window(self, now):
        """Return those to whom more than a template may be sent."""
        since = now - WINDOW
        # The second condition follows from the first: by it the index of the list serves.
        return self.filter(last_inbound_at__gt=since, last_message_at__gt=since)

    def who_answered(self, campaign):
        answers = Message.objects.filter(conversation=OuterRef("pk"), answers=campaign)
        return self.filter(Exists(answers))

    def after(self, moment, pk):
        """Return what follows in the list: newest first, and of one moment the younger row.

        In this form the index is entered at the place; an OR of both cases would walk to it.
        """
        return self.filter(last_message_at__lte=moment).filter(
            Q(last_message_at__lt=moment) | Q(pk__lt=pk)
        )


class Conversation(models.Model):
    """All that was said with one person; what the list shows of it stands in the row."""

    class History(models.TextChoices):
        """How far ChumiAI's own history was read."""

        NEVER = "", "Never read"
        REQUESTED = "requested", "Being read"
        READ = "read", "Read"
        NOT_OFFERED = "not_offered", "Not offered"
        FAILED = "failed", "Could not be read"

    uuid = models.UUIDField(default=uuid.uuid4, unique=True, editable=False)
    team = models.ForeignKey(Team, models.CASCADE, related_name="conversations")
    # E.164, or WhatsApp's own id of somebody who shows no number.
    phone = models.CharField(max_length=64)
    # As the person was last called, and when.
    name = models.CharField(max_length=300, blank=True)
    named_at = models.DateTimeField(null=True)
    # The name's words, folded, the team's mark first (see `search`).
    folded = models.TextField(blank=True)
    last_message_at = models.DateTimeField()
    last_inbound_at = models.DateTimeField(null=True)
    unread_count = models.PositiveIntegerField(default=0)
    # The moment of the newest message that somebody of the team has seen.
    read_until = models.DateTimeField(null=True)
    preview = models.CharField(max_length=200, blank=True)
    preview_inbound = models.BooleanField(default=True)
    # Moves with every change, so that a poll knows whether there is news.
    version = models.PositiveIntegerField(default=0)
    history = models.CharField(
        max_length=12, choices=History.choices, default=History.NEVER, blank=True
    )
    history_requested_at = models.DateTimeField(null=True)
    history_read_at = models.DateTimeField(null=True)
    history_skipped = models.PositiveIntegerField(default=0)
    # What went wrong, in a sentence for people.
    history_error = models.CharField(max_length=300, blank=True)

    objects = ConversationQuerySet.as_manager()

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["team", "phone"], name="one_conversation_a_phone")
        ]
        indexes = [
            models.Index(
                fields=["team", "-last_message_at", "-id"],
                condition=~Q(preview=""),
                name="conversation_spoken",
            ),
            models.Index(
                fields=["team", "-last_message_at", "-id"],
                condition=Q(unread_count__gt=0),
                name="conversation_unread",
            ),
        ]

    def __str__(self):
        return f"Conversation {self.pk}"

    @property
    def has_number(self):
        return self.phone.startswith("+")

    @property
    def window_ends_at(self):
        """Return until when anything may be written, None where only a template may be."""
        if self.last_inbound_at is None:
            return None
        ends = self.last_inbound_at + WINDOW
        return ends if ends > timezone.now() else None

    @property
    def is_being_read(self):
        return self.history == self.History.REQUESTED


class MessageQuerySet(models.QuerySet):
    def inbound(self):
        return self.filter(inbound=True)

    def answering(self, campaign):
        return self.filter(answers=campaign)


class Message(models.Model):
    """One message, whoever told of it; a later word on it fills in what is missing.

    `remote_id` begins with `~` where none was given: then it is made of what the message is.
    A row without a kind is known by its status alone.
    """

    class Status(models.IntegerChoices):
        """How far a message of ours got; a later one wins, whatever comes when."""

        UNKNOWN = 0, "Sent"
        ACCEPTED = 1, "Accepted"
        HELD = 2, "Held by WhatsApp"
        SENT = 3, "Sent"
        # A message that arrived has not failed, whatever was said before.
        FAILED = 4, "Failed"
        DELIVERED = 5, "Delivered"
        READ = 6, "Read"

    team = models.ForeignKey(Team, models.CASCADE, related_name="+")
    conversation = models.ForeignKey(Conversation, models.CASCADE, related_name="messages")
    remote_id = models.CharField(max_length=200)
    inbound = models.BooleanField()
    kind = models.CharField(max_length=40, blank=True)
    text = models.TextField(blank=True)
    payload = models.CharField(max_length=512, blank=True)
    reply_to = models.CharField(max_length=200, blank=True)
    media_kind = models.CharField(max_length=20, blank=True)
    media_type = models.CharField(max_length=100, blank=True)
    media_name = models.CharField(max_length=512, blank=True)
    media_size = models.PositiveBigIntegerField(null=True)
    template_name = models.CharField(max_length=512, blank=True)
    status = models.PositiveSmallIntegerField(choices=Status.choices, default=Status.UNKNOWN)
    code = models.IntegerField(null=True)
    at = models.DateTimeField()
    # Whether the moment is the message's own, or that of the first news of it.
    at_is_told = models.BooleanField(default=True)
    # The text's words, folded, the team's mark first (see `search`).
    folded = models.TextField(blank=True)
    # The send of a campaign that this is. No constraint in the database and nothing to cascade:
    # a check that replaces its recipients must not look for messages of each.
    recipient = models.OneToOneField(
        Recipient, models.DO_NOTHING, null=True, db_constraint=False, related_name="message"
    )
    # The campaign to which the person answered by this.
    answers = models.ForeignKey(Campaign, models.SET_NULL, null=True, related_name="+")

    objects = MessageQuerySet.as_manager()

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["team", "remote_id"], name="one_message_an_id")
        ]
        indexes = [
            models.Index(fields=["conversation", "-at", "-id"], name="message_thread"),
            # The window, what is unread, and which one is the first answer.
            models.Index(
                fields=["conversation", "-at"],
                condition=Q(inbound=True),
                name="message_inbound",
            ),
            # What people thought of the messages of a page.
            models.Index(
                fields=["team", "reply_to"],
                condition=Q(kind="reaction"),
                name="message_reaction_to",
            ),
            models.Index(
                fields=["answers", "conversation"],
                condition=Q(answers__isnull=False),
                name="message_answers",
            ),
        ]

    def __str__(self):
        return f"Message {self.pk}"

    @property
    def summary(self):
        """Say in a line what it is, for the list and for whoever quotes it."""
        return words.summary(
            kind=self.kind, text=self.text, media_name=self.media_name, template=self.template_name
        )
