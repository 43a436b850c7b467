"""The copy of the templates and its syncs."""

from django.contrib import admin

from core.admin import ReadOnlyAdmin
from message_templates.models import MessageTemplate, TemplateSync


@admin.register(MessageTemplate)
class MessageTemplateAdmin(ReadOnlyAdmin):
    list_display = ["name", "language", "team", "category", "status", "quality", "vanished_at"]
    list_select_related = ["team"]
    list_filter = ["status", "category", "team"]
    search_fields = ["name"]


@admin.register(TemplateSync)
class TemplateSyncAdmin(ReadOnlyAdmin):
    list_display = ["requested_at", "team", "state", "total", "added", "changed", "vanished"]
    list_select_related = ["team"]
    list_filter = ["state", "team"]
    ordering = ["-requested_at"]
