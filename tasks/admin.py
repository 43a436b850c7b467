"""Tasks and workers in the admin."""

from django.contrib import admin

from core.admin import ReadOnlyAdmin
from tasks.models import Continuity, Task, Worker


@admin.register(Task)
class TaskAdmin(ReadOnlyAdmin):
    list_display = ["name", "key", "due_at", "leased_until", "tries", "last_error", "changed_at"]
    list_filter = ["name"]
    exclude = ["token"]
    ordering = ["-changed_at"]


@admin.register(Worker)
class WorkerAdmin(ReadOnlyAdmin):
    list_display = ["name", "started_at", "seen_at", "store_away_since", "clock_ahead"]
    ordering = ["-seen_at"]


@admin.register(Continuity)
class ContinuityAdmin(ReadOnlyAdmin):
    list_display = ["__str__", "claimed_at", "doubted_at"]
    exclude = ["identity", "token"]
