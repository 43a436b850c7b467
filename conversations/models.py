"""Conversations and messages, from webhooks and ChumiAI's history.

The messages that our campaigns sent stay in `campaigns.Recipient`; `threads` merges both.
"""

import uuid
from datetime import datetime, timedelta
from typing import Self

from django.db import models
from django.db.models import Exists, OuterRef, Q
from django.utils.translation import gettext_lazy as _

from campaigns.models import Campaign, Recipient
from conversations import text
from core import clocks
from core.phone_columns import e164
from teams.models import Team

# The service window: for 24 hours after a person's last message a business may send any
# message. https://developers.facebook.com/docs/whatsapp/pricing
WINDOW = timedelta(hours=24)


class ConversationQuerySet(models.QuerySet["Conversation"]):
    def for_team(self, team: Team | int) -> Self:
        return self.filter(team=team)

    def with_messages(self) -> Self:
        """Leave out conversations of which only delivery statuses are known."""
        return self.filter(last_message__isnull=False)

    def unread(self) -> Self:
        return self.filter(unread_count__gt=0)

    def open_window(self, now: datetime) -> Self:
        """Return those whose service window is open."""
        since = now - WINDOW
        # The second condition follows from the first and lets the index of the list serve.
        return self.filter(last_inbound_at__gt=since, last_message_at__gt=since)

    def with_reply_to(self, campaign: Campaign) -> Self:
        replies = Message.objects.filter(conversation=OuterRef("pk"), attributed_to=campaign)
        return self.filter(Exists(replies))


class Conversation(models.Model):
    """All messages with one person, with the columns that the list shows."""

    class History(models.TextChoices):
        """State of the sync with ChumiAI's history of this conversation."""

        NEVER = "", _("Never requested")
        REQUESTED = "requested", _("Requested")
        SYNCED = "synced", _("Synced")
        NOT_OFFERED = "not_offered", _("Not offered")
        FAILED = "failed", _("Failed")

    uuid = models.UUIDField(default=uuid.uuid4, unique=True, editable=False)
    team = models.ForeignKey(Team, models.CASCADE, related_name="conversations")
    # E.164; without a number that we can read, what came in its place: WhatsApp's user id of a
    # person who hides it, or the text as it was written, which never starts with +.
    phone = models.CharField(max_length=64)
    # The newest profile name, and when it was reported.
    name = models.CharField(max_length=300, blank=True)
    named_at = models.DateTimeField(null=True)
    # The name's words, folded, the team's mark first (see `search`).
    folded = models.TextField(blank=True)
    # The newest message with a content; the list shows its summary.
    last_message = models.ForeignKey(
        "Message", models.SET_NULL, null=True, related_name="+", editable=False
    )
    last_message_at = models.DateTimeField()
    last_inbound_at = models.DateTimeField(null=True)
    unread_count = models.PositiveIntegerField(default=0)
    # When the newest message that a member of the team has seen was sent.
    read_until = models.DateTimeField(null=True)
    # Increases with every change, so that a poll knows whether the page is current.
    version = models.PositiveIntegerField(default=0)
    history = models.CharField(
        max_length=12, choices=History.choices, default=History.NEVER, blank=True
    )
    history_requested_at = models.DateTimeField(null=True)
    history_synced_at = models.DateTimeField(null=True)
    # Entries of the history that could not be parsed.
    history_skipped = models.PositiveIntegerField(default=0)
    # Shown to people, never compared.
    history_error = models.CharField(max_length=300, blank=True)

    objects = ConversationQuerySet.as_manager()

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["team", "phone"], name="one_conversation_a_phone"),
            models.CheckConstraint(
                condition=~Q(phone__startswith="+") | e164("phone"),
                name="conversation_phone_is_e164",
            ),
        ]
        indexes = [
            models.Index(
                fields=["team", "-last_message_at", "-id"],
                condition=Q(last_message__isnull=False),
                name="conversation_listed",
            ),
            models.Index(
                fields=["team", "-last_message_at", "-id"],
                condition=Q(unread_count__gt=0),
                name="conversation_unread",
            ),
        ]

    def __str__(self) -> str:
        return f"Conversation {self.pk}"

    @property
    def has_number(self) -> bool:
        return self.phone.startswith("+")

    @property
    def window_ends_at(self) -> datetime | None:
        """Return when the service window ends, None if it is closed."""
        if self.last_inbound_at is None:
            return None
        ends = self.last_inbound_at + WINDOW
        return ends if ends > clocks.now() else None

    @property
    def is_syncing(self) -> bool:
        return self.history == self.History.REQUESTED


class MessageQuerySet(models.QuerySet["Message"]):
    def inbound(self) -> Self:
        return self.filter(inbound=True)

    def replies_to(self, campaign: Campaign) -> Self:
        return self.filter(attributed_to=campaign)


class Message(models.Model):
    """One message, merged from every report of it (see `services.incoming`).

    `remote_id` starts with `~` if none was reported: then it is a fingerprint of the content.
    A row without a `kind` is known only by its delivery status.
    """

    class Status(models.IntegerChoices):
        """Delivery status of an outbound message; the highest reported one counts."""

        UNKNOWN = 0, _("Status unknown")
        ACCEPTED = 1, _("Accepted")
        HELD = 2, _("Held by WhatsApp")
        SENT = 3, _("Sent")
        # Below DELIVERED: a message that was delivered has not failed, whatever came before.
        FAILED = 4, _("Failed")
        DELIVERED = 5, _("Delivered")
        READ = 6, _("Read")

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
    # False: no time was reported, and `at` is when the first report came in.
    at_is_reported = models.BooleanField(default=True)
    # The text's words, folded, the team's mark first (see `search`).
    folded = models.TextField(blank=True)
    # The send of a campaign that this message is. Without a constraint in the database and
    # without a cascade: a check that replaces its recipients must not look for their messages.
    recipient = models.OneToOneField(
        Recipient, models.DO_NOTHING, null=True, db_constraint=False, related_name="message"
    )
    # The campaign that this message replies to (see `services.attribution`).
    attributed_to = models.ForeignKey(Campaign, models.SET_NULL, null=True, related_name="+")

    objects = MessageQuerySet.as_manager()

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["team", "remote_id"], name="one_message_an_id")
        ]
        indexes = [
            models.Index(fields=["conversation", "-at", "-id"], name="message_thread"),
            # The service window, the unread count, and the first reply to a campaign.
            models.Index(
                fields=["conversation", "-at"],
                condition=Q(inbound=True),
                name="message_inbound",
            ),
            # The reactions to the messages of a page.
            models.Index(
                fields=["team", "reply_to"],
                condition=Q(kind="reaction"),
                name="message_reaction_to",
            ),
            models.Index(
                fields=["attributed_to", "conversation"],
                condition=Q(attributed_to__isnull=False),
                name="message_attributed_to",
            ),
        ]

    def __str__(self) -> str:
        return f"Message {self.pk}"

    @property
    def summary(self) -> str:
        """Describe the message in one line, for the list and for quotes."""
        return text.summary(
            kind=self.kind, text=self.text, media_name=self.media_name, template=self.template_name
        )
