from typing import Any

from django.apps import AppConfig
from django.db.models.signals import post_migrate


class TasksConfig(AppConfig):
    name = "tasks"
    default_auto_field = "django.db.models.BigAutoField"

    def ready(self) -> None:
        post_migrate.connect(_make_private, sender=self)


def _make_private(**kwargs: Any) -> None:
    """Close the files of an earlier version to others, with its update."""
    from tasks import data_folder

    data_folder.make_private()
