"""Webhooks, deliveries and events, without their content."""

from django.contrib import admin

from core.admin import ReadOnlyAdmin
from webhooks.models import Delivery, Webhook, WebhookEvent


@admin.register(Webhook)
class WebhookAdmin(ReadOnlyAdmin):
    list_display = ["team", "made_at", "last_event_at", "last_unknown"]
    list_select_related = ["team"]
    fields = ["team", "made_at", "signing_changed_at", "last_event_at", "arrived", "last_unknown"]


@admin.register(Delivery)
class DeliveryAdmin(ReadOnlyAdmin):
    list_display = ["pk", "team", "received_at", "processed_at", "tries", "error"]
    list_select_related = ["team"]
    list_filter = ["team"]
    fields = ["team", "received_at", "processed_at", "tries", "next_try_at", "error"]
    ordering = ["-pk"]


@admin.register(WebhookEvent)
class WebhookEventAdmin(ReadOnlyAdmin):
    list_display = ["pk", "team", "kind", "state", "received_at", "tries"]
    list_select_related = ["team"]
    list_filter = ["state", "team"]
    fields = ["team", "kind", "state", "received_at", "tries", "next_try_at"]
    ordering = ["-pk"]
