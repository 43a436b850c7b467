"""The opt-outs, with masked numbers, and the syncs of the contacts."""

from django.contrib import admin
from django.utils.translation import gettext_lazy as _

from contacts.models import ContactSync, OptOut, UnreadableOptOut
from core.admin import ReadOnlyAdmin
from core.phones import mask


@admin.register(OptOut)
class OptOutAdmin(ReadOnlyAdmin):
    list_display = ["masked", "team", "source", "created_by", "created_at", "lifted_at"]
    list_select_related = ["team", "created_by", "lifted_by"]
    list_filter = ["source", "team"]
    search_fields = ["=phone"]
    fields = [
        "team",
        "masked",
        "source",
        "reason",
        "message",
        "created_by",
        "created_at",
        "lifted_at",
        "lifted_by",
        "lifted_reason",
    ]
    ordering = ["-created_at"]

    @admin.display(description=_("Phone number"))
    def masked(self, opt_out: OptOut) -> str:
        return mask(opt_out.phone)


@admin.register(UnreadableOptOut)
class UnreadableOptOutAdmin(ReadOnlyAdmin):
    list_display = ["uuid", "team", "source", "created_at", "decision", "decided_by"]
    list_select_related = ["team", "decided_by"]
    list_filter = ["decision", "source", "team"]
    fields = [
        "uuid",
        "team",
        "masked",
        "source",
        "message",
        "created_at",
        "decision",
        "decided_at",
        "decided_by",
    ]
    ordering = ["-created_at"]

    @admin.display(description=_("Phone number"))
    def masked(self, row: UnreadableOptOut) -> str:
        return mask(row.number)


@admin.register(ContactSync)
class ContactSyncAdmin(ReadOnlyAdmin):
    list_display = ["team", "state", "requested_by", "requested_at", "finished_at", "error"]
    list_select_related = ["team", "requested_by"]
    list_filter = ["state", "team"]
    fields = [
        "team",
        "state",
        "requested_by",
        "requested_at",
        "finished_at",
        "contacts_synced",
        "groups_total",
        "groups_synced",
        "skipped",
        "error",
    ]
    ordering = ["-pk"]
