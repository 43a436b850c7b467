from typing import Any

from django.apps import AppConfig
from django.contrib.auth.signals import user_logged_in
from django.http import HttpRequest

from core.middleware import record_use


class CoreConfig(AppConfig):
    name = "core"
    default_auto_field = "django.db.models.BigAutoField"

    def ready(self) -> None:
        user_logged_in.connect(_record_log_in)


def _record_log_in(sender: object, request: HttpRequest, **_kwargs: Any) -> None:
    record_use(request)
