"""One sync of something that ChumiAI has. A team has at most one unfinished sync of each kind.

An app inherits `SyncRun` for each copy that it keeps and adds its counters. A subclass declares
`objects = SyncRunQuerySet["Itself"].as_manager()`.
"""

from datetime import timedelta
from typing import Self, TypeVar

from django.conf import settings
from django.db import IntegrityError, models, transaction
from django.db.models import Q
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext

from core import clocks, times
from core.formats import number
from teams.models import Team, User

Run = TypeVar("Run", bound="SyncRun", covariant=True)


def unreadable(count: int) -> str:
    """Return how many entries of a list were not understood: `2 unreadable entries skipped`."""
    return ngettext(
        "{count} unreadable entry skipped", "{count} unreadable entries skipped", count
    ).format(count=number(count))


class SyncRunQuerySet(models.QuerySet[Run]):
    def for_team(self, team: Team) -> Self:
        return self.filter(team=team)

    def unfinished(self) -> Self:
        return self.filter(finished_at=None)

    def latest_of(self, team: Team) -> Run | None:
        """Return the team's last sync, in whatever state, or None."""
        return self.for_team(team).order_by("-pk").first()

    def current(self, team: Team) -> Run | None:
        """Return the last sync that succeeded, or None: the pages show what it fetched."""
        return self.for_team(team).filter(state=SyncRun.State.SUCCEEDED).order_by("-pk").first()

    def request(self, team: Team, *, by: User | None = None) -> tuple[Run, bool]:
        """Return (the unfinished sync of the team, True if this call created it)."""
        try:
            with transaction.atomic():
                return self.create(team=team, requested_by=by, requested_at=clocks.now()), True
        except IntegrityError:
            # Without an unfinished one, it finished after our insert: as fresh as a new one.
            unfinished = self.for_team(team).unfinished().first()
            return unfinished or self.for_team(team).latest("pk"), False

    def wait(self, seconds: float) -> int:
        """Store when ChumiAI is asked again for the unfinished syncs. Return their count."""
        return self.unfinished().update(waits_until=clocks.now() + timedelta(seconds=seconds))

    def finish(self, state: "SyncRun.State", error: str = "") -> int:
        """Finish the unfinished syncs. Return their count."""
        return self.unfinished().update(
            state=state, error=error[:300], finished_at=clocks.now(), waits_until=None
        )


class SyncRun(models.Model):
    """Who requested a sync, when, and how it ended."""

    class State(models.TextChoices):
        REQUESTED = "requested", gettext_lazy("Waiting to start")
        RUNNING = "running", gettext_lazy("Updating")
        SUCCEEDED = "succeeded", gettext_lazy("Updated")
        FAILED = "failed", gettext_lazy("Failed")

    team = models.ForeignKey(Team, models.CASCADE, related_name="+")
    state = models.CharField(max_length=10, choices=State.choices, default=State.REQUESTED)
    requested_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, models.SET_NULL, null=True, related_name="+"
    )
    requested_at = models.DateTimeField()
    finished_at = models.DateTimeField(null=True)
    # ChumiAI is busy: it is asked again at this time.
    waits_until = models.DateTimeField(null=True)
    # Why it failed, in the language of the server.
    error = models.CharField(max_length=300, blank=True)

    class Meta:
        abstract = True
        constraints = [
            models.UniqueConstraint(
                fields=["team"],
                condition=Q(finished_at=None),
                name="one_unfinished_%(class)s_a_team",
            ),
            models.CheckConstraint(
                condition=Q(state__in=("requested", "running"), finished_at=None)
                | Q(state__in=("succeeded", "failed"), finished_at__isnull=False),
                name="finished_%(class)s_has_its_time",
            ),
        ]

    def __str__(self) -> str:
        return f"{self._meta.verbose_name} of {self.team} at {self.requested_at:%Y-%m-%d %H:%M}"

    @property
    def is_finished(self) -> bool:
        return self.finished_at is not None

    @property
    def has_succeeded(self) -> bool:
        return self.state == self.State.SUCCEEDED

    @property
    def has_failed(self) -> bool:
        return self.state == self.State.FAILED

    @property
    def progress(self) -> str:
        """Return how far the sync is, as a sentence."""
        if self.waits_until:
            time = times.clock(self.waits_until)
            return _("ChumiAI is busy. We try again at {time}.").format(time=time)
        return self.received_so_far or _("Waiting to start.")

    @property
    def received_so_far(self) -> str:
        """Return what ChumiAI has given so far as a sentence, or ''."""
        raise NotImplementedError

    @property
    def summary(self) -> str:
        """Return what a sync that succeeded found."""
        raise NotImplementedError
