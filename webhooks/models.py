"""A team's webhook, what ChumiAI delivered to it, and the events of each delivery."""

import hashlib
import secrets
from datetime import datetime
from typing import Self

from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from contacts import stop_words
from core import clocks
from teams import crypto
from teams.models import Team


def hash_of(secret: str) -> str:
    """Return the hash by which the secret of an address is looked up in constant time."""
    return hashlib.sha256(b"chumi-admin webhook " + secret.encode()).hexdigest()


def default_stop_words() -> str:
    return stop_words.DEFAULT


class Webhook(models.Model):
    """A team's address for deliveries, and the secrets that sign them.

    The secret in the address can be shown again; signing secrets can't.
    """

    team = models.OneToOneField(Team, models.CASCADE, related_name="webhook")
    secret_hash = models.CharField(max_length=64, unique=True, editable=False)
    secret_ciphertext = models.TextField(editable=False)
    made_at = models.DateTimeField()
    # The second one is the previous secret, valid until it is dropped.
    signing_ciphertext = models.TextField(blank=True, editable=False)
    signing_before_ciphertext = models.TextField(blank=True, editable=False)
    signing_changed_at = models.DateTimeField(null=True)
    stop_words = models.TextField(default=default_stop_words, blank=True)
    last_event_at = models.DateTimeField(null=True)
    # When each kind of event last arrived: {kind: ISO 8601}.
    arrived = models.JSONField(default=dict)
    # The newest kind that we don't use.
    last_unknown = models.CharField(max_length=60, blank=True)

    SEALED = ("secret_ciphertext", "signing_ciphertext", "signing_before_ciphertext")

    def __str__(self) -> str:
        return f"Webhook of {self.team}"

    def bound_to(self) -> str:
        return f"webhook:{self.team_id}"

    def new_secret(self) -> None:
        """Set a new secret; the old address stops working."""
        secret = secrets.token_urlsafe(32)
        self.secret_hash = hash_of(secret)
        self.secret_ciphertext = crypto.encrypt(secret, bound_to=self.bound_to())
        self.made_at = clocks.now()

    def secret(self) -> str:
        """Return the secret of the address. Raise `crypto.CannotDecrypt`."""
        secret: str = crypto.decrypt(self.secret_ciphertext, bound_to=self.bound_to())
        return secret

    @property
    def verify_token(self) -> str:
        """Return the token that ChumiAI sends when it verifies the address."""
        return hashlib.sha256(b"chumi-admin verify " + self.secret().encode()).hexdigest()[:24]

    @property
    def is_signed(self) -> bool:
        return bool(self.signing_ciphertext)

    @property
    def rotates(self) -> bool:
        return bool(self.signing_before_ciphertext)

    def sign_with(self, secret: str) -> None:
        """Set a new signing secret; the previous one stays valid until it is dropped."""
        self.signing_before_ciphertext = self.signing_ciphertext
        self.signing_ciphertext = crypto.encrypt(secret, bound_to=self.bound_to())
        self.signing_changed_at = clocks.now()

    def signing_secrets(self) -> list[str]:
        """Return the valid signing secrets. Raise `crypto.CannotDecrypt`."""
        stored = (self.signing_ciphertext, self.signing_before_ciphertext)
        return [crypto.decrypt(text, bound_to=self.bound_to()) for text in stored if text]


class DeliveryQuerySet(models.QuerySet["Delivery"]):
    def due(self, team: Team, now: datetime) -> Self:
        """Return the deliveries to process now, the oldest first."""
        waiting = self.filter(team=team, processed_at=None)
        return waiting.filter(Q(next_try_at=None) | Q(next_try_at__lte=now)).order_by("pk")


class Delivery(models.Model):
    """One request of ChumiAI's, encrypted; a task splits it into events."""

    team = models.ForeignKey(Team, models.CASCADE, related_name="deliveries")
    # Of body and day: the same body on the same day is a repetition.
    digest = models.CharField(max_length=64)
    ciphertext = models.TextField()
    received_at = models.DateTimeField()
    processed_at = models.DateTimeField(null=True)
    tries = models.PositiveSmallIntegerField(default=0)
    next_try_at = models.DateTimeField(null=True)
    # The class of our own exception, without its text: that may quote the body.
    error = models.CharField(max_length=100, blank=True)

    objects = DeliveryQuerySet.as_manager()

    SEALED = ("ciphertext",)

    class Meta:
        verbose_name_plural = "deliveries"
        constraints = [
            models.UniqueConstraint(fields=["team", "digest"], name="one_delivery_a_body"),
        ]
        indexes = [
            models.Index(
                fields=["team", "id"], condition=Q(processed_at=None), name="delivery_waiting"
            ),
            models.Index(fields=["received_at"], name="delivery_by_age"),
        ]

    def __str__(self) -> str:
        return f"Delivery {self.pk}"

    def bound_to(self) -> str:
        return f"delivery:{self.team_id}"


class WebhookEventQuerySet(models.QuerySet["WebhookEvent"]):
    def waiting(self, team: Team) -> Self:
        return self.filter(team=team, state=WebhookEvent.State.WAITING)


class WebhookEvent(models.Model):
    """One event, applied once. The status of an unknown message waits for its message."""

    class State(models.TextChoices):
        APPLIED = "applied", _("Applied")
        WAITING = "waiting", _("Waiting for its message")
        UNMATCHED = "unmatched", _("No message found")
        UNKNOWN = "unknown", _("Unknown kind")

    team = models.ForeignKey(Team, models.CASCADE, related_name="webhook_events")
    # A hash of the content: a repetition has the same key.
    key = models.CharField(max_length=64)
    kind = models.CharField(max_length=60)
    state = models.CharField(max_length=10, choices=State.choices, default=State.APPLIED)
    # Of a status: what is needed to apply it later. Never a phone number or a text.
    data = models.JSONField(default=dict)
    received_at = models.DateTimeField()
    tries = models.PositiveSmallIntegerField(default=0)
    next_try_at = models.DateTimeField(null=True)

    objects = WebhookEventQuerySet.as_manager()

    class Meta:
        constraints = [models.UniqueConstraint(fields=["team", "key"], name="one_row_an_event")]
        indexes = [
            models.Index(
                fields=["team", "next_try_at"],
                condition=Q(state="waiting"),
                name="event_waiting",
            ),
            models.Index(fields=["received_at"], name="event_by_age"),
        ]

    def __str__(self) -> str:
        return f"Event {self.pk}: {self.kind}"
