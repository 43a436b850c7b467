"""Which tasks are due, which worker holds them, and which workers are alive."""

from datetime import datetime

from django.db import models
from django.db.models import Q

from core import clocks


class TaskQuerySet(models.QuerySet["Task"]):
    def due(self, now: datetime | None = None) -> "TaskQuerySet":
        now = now or clocks.now()
        return self.filter(due_at__lte=now).filter(Q(leased_until=None) | Q(leased_until__lt=now))

    def waiting(self) -> "TaskQuerySet":
        return self.exclude(due_at=None)


class Task(models.Model):
    """One kind of work on one subject. Idle while `due_at` is empty.

    The row is the queue: a wake-up only says "look now". `wanted` counts the requests, so that a
    request during a run is not lost when that run ends.
    """

    name = models.CharField(max_length=40)
    key = models.CharField(max_length=64)
    due_at = models.DateTimeField(null=True)
    wanted = models.PositiveIntegerField(default=0)
    leased_until = models.DateTimeField(null=True)
    token = models.CharField(max_length=32, blank=True)
    tries = models.PositiveIntegerField(default=0)
    last_error = models.CharField(max_length=200, blank=True)
    changed_at = models.DateTimeField(auto_now=True)

    objects = TaskQuerySet.as_manager()

    class Meta:
        constraints = [models.UniqueConstraint(fields=["name", "key"], name="one_task_a_subject")]
        indexes = [
            # For the workers' look; idle rows stay out of the index.
            models.Index(fields=["due_at"], condition=~Q(due_at=None), name="task_due"),
        ]

    def __str__(self) -> str:
        return f"{self.name} {self.key}"


class Continuity(models.Model):
    """How far this database has come, as one row: see `tasks.continuity`."""

    id = models.PositiveSmallIntegerField(primary_key=True, default=1)
    # Names the installation until the next `manage.py adopt`.
    identity = models.CharField(max_length=32)
    # The number of groups of claims, and a token that is another one after each.
    counter = models.PositiveBigIntegerField(default=0)
    token = models.CharField(max_length=32)
    claimed_at = models.DateTimeField(null=True)
    # Names the database in which the row was written.
    database = models.CharField(max_length=100, blank=True)
    # Since when ChumiAI lists a job of ours that is not in this database.
    doubted_at = models.DateTimeField(null=True)

    class Meta:
        verbose_name_plural = "continuity"
        constraints = [models.CheckConstraint(condition=Q(id=1), name="one_continuity")]

    def __str__(self) -> str:
        return f"{self.counter} groups of claims"


class Worker(models.Model):
    """The heartbeat of a worker process."""

    name = models.CharField(max_length=100, unique=True)
    started_at = models.DateTimeField()
    seen_at = models.DateTimeField(db_index=True)
    # Set when the worker ends by itself; a killed one is only no longer seen.
    stopped_at = models.DateTimeField(null=True)
    # Since when it gets no wake-ups, and how many seconds its clock is ahead of the database's.
    store_away_since = models.DateTimeField(null=True)
    clock_ahead = models.FloatField(default=0)
    # The identity of the folder where it looks for files (see `data_folder`), '' if unknown.
    data_folder = models.CharField(max_length=32, blank=True)

    def __str__(self) -> str:
        return self.name
