"""The support console of sending, read-only."""

from django.contrib import admin
from django.utils.translation import gettext_lazy as _

from campaigns.audiences import audience_of
from campaigns.models import Campaign, Recipient
from core.admin import ReadOnly, ReadOnlyAdmin
from core.phones import mask
from sending.models import Attempt, Batch, BulkJob, JobSync, TestNumber


class BatchInline(ReadOnly, admin.StackedInline):
    """Stacked, because a tabular inline has empty headers, which screen readers report."""

    model = Batch
    fields = [("number", "status", "first", "last", "submitted", "skipped"), "details"]
    show_change_link = True


@admin.register(Campaign)
class CampaignAdmin(ReadOnlyAdmin):
    list_display = ["name", "team", "status", "pause_reason", "recipient_count", "launched_at"]
    list_select_related = ["team"]
    list_filter = ["status", "team"]
    search_fields = ["name", "=uuid"]
    ordering = ["-created_at"]
    inlines = [BatchInline]

    def get_exclude(self, request, obj=None):
        """Hide what was typed for one number: it is personal data."""
        return ["digest", "mapping"] if obj and audience_of(obj).is_single else ["digest"]


class AttemptInline(ReadOnly, admin.StackedInline):
    model = Attempt
    exclude = ["token", "baseline"]


@admin.register(Batch)
class BatchAdmin(ReadOnlyAdmin):
    list_display = ["campaign", "number", "status", "submitted", "claimed_at", "settled_at"]
    list_select_related = ["campaign"]
    list_filter = ["status", "campaign__team"]
    exclude = ["token"]
    ordering = ["-id"]
    inlines = [AttemptInline]


@admin.register(TestNumber)
class TestNumberAdmin(ReadOnlyAdmin):
    list_display = ["label", "team", "masked", "created_at"]
    list_select_related = ["team"]
    list_filter = ["team"]
    fields = ["team", "label", "masked", "created_by", "created_at"]
    ordering = ["-created_at"]

    @admin.display(description=_("Phone number"))
    def masked(self, number):
        return mask(number.phone)


@admin.register(BulkJob)
class BulkJobAdmin(ReadOnlyAdmin):
    list_display = ["remote_id", "team", "state", "total", "processed", "failed", "asked_at"]
    list_select_related = ["team"]
    list_filter = ["state", "team"]
    search_fields = ["=remote_id", "template_name"]
    ordering = ["-first_seen_at"]


@admin.register(JobSync)
class JobSyncAdmin(ReadOnlyAdmin):
    list_display = ["team", "state", "requested_by", "requested_at", "finished_at", "error"]
    list_select_related = ["team", "requested_by"]
    list_filter = ["state", "team"]
    ordering = ["-id"]


@admin.register(Recipient)
class RecipientAdmin(ReadOnlyAdmin):
    """Without the values of the message: they are personal data."""

    list_display = ["campaign", "position", "row_number", "masked", "status", "skip_reason"]
    list_select_related = ["campaign"]
    list_filter = ["status", "skip_reason"]
    search_fields = ["=phone", "=campaign__uuid"]
    fields = ["campaign", "position", "row_number", "masked", "status", "skip_reason"]
    fields += ["decision", "decided_by", "failure_code", "reason"]
    ordering = ["-id"]
    inlines = [AttemptInline]

    @admin.display(description=_("Phone number"))
    def masked(self, recipient):
        return mask(recipient.phone)
