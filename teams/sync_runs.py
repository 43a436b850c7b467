"""One sync of something that ChumiAI has: requested, running, ended. A team has one open at most.

An app inherits `SyncRun` for each mirror that it keeps, adds its counters, and says what a sync
writes.
"""

from django.conf import settings
from django.db import IntegrityError, models, transaction
from django.db.models import Q
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from teams.models import Team


class SyncRunQuerySet(models.QuerySet):
    def for_team(self, team):
        return self.filter(team=team)

    def open(self):
        return self.filter(state__in=SyncRun.OPEN)

    def latest_of(self, team):
        """Return the team's last sync, in whatever state, or None."""
        return self.for_team(team).order_by("-pk").first()

    def current(self, team):
        """Return the last sync that succeeded, or None: the pages show what it fetched."""
        return self.for_team(team).filter(state=SyncRun.State.SUCCEEDED).order_by("-pk").first()

    def request(self, team, *, by=None):
        """Return (the open sync of the team, whether this call created it)."""
        try:
            with transaction.atomic():
                return self.create(team=team, requested_by=by, requested_at=timezone.now()), True
        except IntegrityError:
            # The one that was open may have ended since; then it is as fresh as a new one.
            return self.for_team(team).open().first() or self.latest_of(team), False

    def note(self, text):
        """Write on the open syncs among these why nothing moves. Return how many there are."""
        return self.open().update(error=text[:300])

    def finish(self, state, error=""):
        """End the open syncs among these. Return how many there were."""
        return self.open().update(state=state, error=error[:300], finished_at=timezone.now())


class SyncRun(models.Model):
    """Who requested a sync, when, and how it ended."""

    class State(models.TextChoices):
        REQUESTED = "requested", _("Waiting to start")
        RUNNING = "running", _("Running")
        SUCCEEDED = "succeeded", _("Done")
        FAILED = "failed", _("Failed")

    OPEN = (State.REQUESTED, State.RUNNING)

    team = models.ForeignKey(Team, models.CASCADE, related_name="+")
    state = models.CharField(max_length=10, choices=State.choices, default=State.REQUESTED)
    requested_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, models.SET_NULL, null=True, related_name="+"
    )
    requested_at = models.DateTimeField()
    finished_at = models.DateTimeField(null=True)
    # Why it failed or, while it is open, why nothing moves: a sentence for people.
    error = models.CharField(max_length=300, blank=True)

    objects = SyncRunQuerySet.as_manager()

    class Meta:
        abstract = True
        constraints = [
            models.UniqueConstraint(
                fields=["team"],
                condition=Q(state__in=("requested", "running")),
                name="one_open_%(class)s_a_team",
            ),
            models.CheckConstraint(
                condition=Q(state__in=("requested", "running"), finished_at=None)
                | Q(state__in=("succeeded", "failed"), finished_at__isnull=False),
                name="ended_%(class)s_has_its_time",
            ),
        ]

    def __str__(self):
        return f"{self._meta.verbose_name} of {self.team} at {self.requested_at:%Y-%m-%d %H:%M}"

    @property
    def is_open(self):
        return self.state in self.OPEN

    @property
    def has_succeeded(self):
        return self.state == self.State.SUCCEEDED

    @property
    def has_failed(self):
        return self.state == self.State.FAILED
