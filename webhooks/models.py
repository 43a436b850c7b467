"""A team's address for what ChumiAI tells by itself, what came in, and each event of it."""

import hashlib
import secrets

from django.db import models
from django.db.models import Q
from django.utils import timezone

from contacts import stop_words
from teams import crypto
from teams.models import Team


def hash_of(secret):
    """Name a secret of an address without telling it: it is found by this in constant time."""
    return hashlib.sha256(b"chumi-admin webhook " + secret.encode()).hexdigest()


def default_stop_words():
    return stop_words.DEFAULT


class Webhook(models.Model):
    """The address at which a team hears from ChumiAI, and what it takes to believe it.

    The secret in the address can be shown again; signing secrets can't. `arrived` holds when
    each kind of news last came, as ISO 8601.
    """

    team = models.OneToOneField(Team, models.CASCADE, related_name="webhook")
    secret_hash = models.CharField(max_length=64, unique=True, editable=False)
    secret_ciphertext = models.TextField(editable=False)
    made_at = models.DateTimeField()
    # With the second one, what was signed with the secret before still counts.
    signing_ciphertext = models.TextField(blank=True, editable=False)
    signing_before_ciphertext = models.TextField(blank=True, editable=False)
    signing_changed_at = models.DateTimeField(null=True)
    stop_words = models.TextField(default=default_stop_words, blank=True)
    last_event_at = models.DateTimeField(null=True)
    arrived = models.JSONField(default=dict)
    # A kind that we have no use for, as it came last.
    last_unknown = models.CharField(max_length=60, blank=True)

    SEALED = ("secret_ciphertext", "signing_ciphertext", "signing_before_ciphertext")

    def __str__(self):
        return f"Webhook of {self.team}"

    def bound_to(self):
        return f"webhook:{self.team_id}"

    def new_secret(self):
        """Make another address; the one before is no more."""
        secret = secrets.token_urlsafe(32)
        self.secret_hash = hash_of(secret)
        self.secret_ciphertext = crypto.encrypt(secret, bound_to=self.bound_to())
        self.made_at = timezone.now()

    def secret(self):
        """Return the secret of the address. Raise `crypto.CannotDecrypt`."""
        return crypto.decrypt(self.secret_ciphertext, bound_to=self.bound_to())

    @property
    def verify_token(self):
        """What ChumiAI has to repeat when it asks whether the address is ours."""
        return hashlib.sha256(b"chumi-admin verify " + self.secret().encode()).hexdigest()[:24]

    @property
    def is_signed(self):
        return bool(self.signing_ciphertext)

    @property
    def rotates(self):
        return bool(self.signing_before_ciphertext)

    def sign_with(self, secret):
        """Take a new signing secret; the one before counts, too, until it is dropped."""
        self.signing_before_ciphertext = self.signing_ciphertext
        self.signing_ciphertext = crypto.encrypt(secret, bound_to=self.bound_to())
        self.signing_changed_at = timezone.now()

    def signing_secrets(self):
        """Return the secrets that may have signed. Raise `crypto.CannotDecrypt`."""
        stored = (self.signing_ciphertext, self.signing_before_ciphertext)
        return [crypto.decrypt(text, bound_to=self.bound_to()) for text in stored if text]


class DeliveryQuerySet(models.QuerySet):
    def due(self, team, now):
        """Return what is to be processed now, the oldest first."""
        waiting = self.filter(team=team, processed_at=None)
        return waiting.filter(Q(next_try_at=None) | Q(next_try_at__lte=now)).order_by("pk")


class Delivery(models.Model):
    """One request of ChumiAI's as it came, encrypted; its events are made of it by a task."""

    team = models.ForeignKey(Team, models.CASCADE, related_name="deliveries")
    # Of the body and the day: the same once more within a day is a repetition.
    digest = models.CharField(max_length=64)
    ciphertext = models.TextField()
    received_at = models.DateTimeField()
    processed_at = models.DateTimeField(null=True)
    tries = models.PositiveSmallIntegerField(default=0)
    next_try_at = models.DateTimeField(null=True)
    # The name of an error of ours; the body never stands in it.
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

    def __str__(self):
        return f"Delivery {self.pk}"

    def bound_to(self):
        return f"delivery:{self.team_id}"


class WebhookEventQuerySet(models.QuerySet):
    def waiting(self, team):
        return self.filter(team=team, state=WebhookEvent.State.WAITING)


class WebhookEvent(models.Model):
    """One event, applied once. A status of a message that we don't know yet waits for it."""

    class State(models.TextChoices):
        APPLIED = "applied", "Applied"
        WAITING = "waiting", "Waits for its message"
        UNMATCHED = "unmatched", "About no message of ours"
        UNKNOWN = "unknown", "Nothing that we have a use for"

    team = models.ForeignKey(Team, models.CASCADE, related_name="webhook_events")
    # Names what is told, without saying it: told again, it is the same.
    key = models.CharField(max_length=64)
    kind = models.CharField(max_length=60)
    state = models.CharField(max_length=10, choices=State.choices, default=State.APPLIED)
    # Of a status: what is needed to apply it later. Never a number or a text of a person.
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

    def __str__(self):
        return f"Event {self.pk}: {self.kind}"
