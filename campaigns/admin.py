"""Uploads, checks and media, read-only, for support."""

from django.contrib import admin

from campaigns.models import Check, HeaderMedia, Upload
from core.admin import ReadOnlyAdmin


@admin.register(Upload)
class UploadAdmin(ReadOnlyAdmin):
    list_display = ["campaign", "size", "uploaded_by", "uploaded_at"]
    list_select_related = ["campaign", "uploaded_by"]
    fields = ["campaign", "size", "sha256", "has_header", "uploaded_by", "uploaded_at"]
    ordering = ["-uploaded_at"]


@admin.register(Check)
class CheckAdmin(ReadOnlyAdmin):
    list_display = ["campaign", "state", "rows", "ready", "repaired", "duplicate", "invalid"]
    list_select_related = ["campaign"]
    list_filter = ["state"]
    exclude = ["token", "details", "report"]
    ordering = ["-requested_at"]


@admin.register(HeaderMedia)
class HeaderMediaAdmin(ReadOnlyAdmin):
    list_display = ["campaign", "state", "content_type", "size", "checked_at"]
    list_select_related = ["campaign"]
    list_filter = ["state"]
    ordering = ["-requested_at"]
