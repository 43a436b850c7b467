"""Who must not be written to."""

import uuid

from django.conf import settings
from django.db import models
from django.db.models import Q

from teams.models import Team


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

    uuid = models.UUIDField(default=uuid.uuid4, unique=True, editable=False)
    team = models.ForeignKey(Team, models.CASCADE, related_name="opt_outs")
    phone = models.CharField(max_length=16)
    source = models.CharField(max_length=20, choices=Source.choices, default=Source.BY_HAND)
    reason = models.CharField(max_length=200, blank=True)
    created_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, models.SET_NULL, null=True, related_name="+"
    )
    created_at = models.DateTimeField(auto_now_add=True)
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
