"""Who must not be written to."""

from django.conf import settings
from django.db import models

from teams.models import Team


class OptOutQuerySet(models.QuerySet):
    def for_team(self, team):
        return self.filter(team=team)

    def phones(self):
        return self.values_list("phone", flat=True)


class OptOut(models.Model):
    """A person who does not want this team's messages."""

    class Source(models.TextChoices):
        BY_HAND = "by_hand", "Added by hand"

    team = models.ForeignKey(Team, models.CASCADE, related_name="opt_outs")
    phone = models.CharField(max_length=16)
    source = models.CharField(max_length=20, choices=Source.choices, default=Source.BY_HAND)
    reason = models.CharField(max_length=200, blank=True)
    created_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, models.SET_NULL, null=True, related_name="+"
    )
    created_at = models.DateTimeField(auto_now_add=True)

    objects = OptOutQuerySet.as_manager()

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["team", "phone"], name="one_opt_out_a_phone")
        ]
        indexes = [models.Index(fields=["team", "-created_at", "-id"], name="opt_out_list")]

    def __str__(self):
        return f"Opt-out {self.pk}"
