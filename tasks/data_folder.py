"""Where the files of people are, and whether they can be written."""

import tempfile
from pathlib import Path

from django.conf import settings

from core.disk import Trouble, trouble_in


def disk_trouble() -> Trouble | None:
    """Return what would keep this process from writing files or the database."""
    return trouble_in(*_folders())


def temporary_trouble() -> Trouble | None:
    """Return what would keep this process from receiving an upload."""
    try:
        return trouble_in(Path(settings.FILE_UPLOAD_TEMP_DIR or tempfile.gettempdir()))
    except OSError:
        # None of the folders that `tempfile` tries could be written to.
        return Trouble.NO_ROOM


def _folders() -> list[Path]:
    """Return the folder of files and, if the database is a file, its folder."""
    database = settings.DATABASES["default"]
    folders = [Path(settings.MEDIA_ROOT)]
    if "sqlite" in database["ENGINE"]:
        folders.append(Path(str(database["NAME"])).absolute().parent)
    return folders
