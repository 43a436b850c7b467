"""Where the files of people are: is it one folder, can it be written, and only by us?

Web server and worker share the folder of files. A worker that looks elsewhere finds no upload. So
the first one gives the folder an identity, and each writes with its heartbeat which one it sees.
"""

import os
import secrets
import stat
import tempfile
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

from django.conf import settings

from core.disk import Trouble, new_file, trouble_in

# In the folder of files.
IDENTITY = "installation.id"


def disk_trouble() -> Trouble | None:
    """Return what would keep this process from writing files or the database."""
    database = _database_file()
    return trouble_in(Path(settings.MEDIA_ROOT), *([database.parent] if database else []))


def temporary_trouble() -> Trouble | None:
    """Return what would keep this process from receiving an upload."""
    try:
        return trouble_in(Path(settings.FILE_UPLOAD_TEMP_DIR or tempfile.gettempdir()))
    except OSError:
        # None of the folders that `tempfile` tries could be written to.
        return Trouble.NO_ROOM


def _database_file() -> Path | None:
    database = settings.DATABASES["default"]
    is_file = "sqlite" in database["ENGINE"]
    return Path(str(database["NAME"])).absolute() if is_file else None


# One folder


def identity() -> str:
    """Return the identity of the folder that this process uses, '' if it has none."""
    try:
        return Path(settings.MEDIA_ROOT, IDENTITY).read_text(encoding="ascii").strip()[:32]
    except (OSError, ValueError):
        return ""


def identify() -> str:
    """Give the folder an identity if it has none. Return it, '' if the folder can't be written."""
    # Another worker may be quicker, or the disk may be full at the moment.
    with suppress(OSError), new_file(Path(settings.MEDIA_ROOT, IDENTITY)) as file:
        file.write(secrets.token_hex(16).encode())
    return identity()


# Nobody else's


def make_private() -> None:
    """Take what holds people away from other users of the machine: files 0600, folders 0700.

    New files are made like this; those of a backup or of an earlier version may not be.
    """
    for path in _private():
        # One of another user is theirs to change.
        with suppress(OSError):
            info = path.lstat()
            mode = 0o700 if stat.S_ISDIR(info.st_mode) else 0o600
            if not stat.S_ISLNK(info.st_mode) and stat.S_IMODE(info.st_mode) != mode:
                path.chmod(mode)


def _private() -> Iterator[Path]:
    """Yield the files and folders that hold people."""
    data: Path = settings.DATA_DIR
    # It may hold other things, too, such as the product itself.
    if not settings.BASE_DIR.is_relative_to(data):
        yield data
    yield from data.glob("*.sqlite3*")
    if database := _database_file():
        yield from database.parent.glob(f"{database.name}*")
    for folder, _folders, files in os.walk(settings.MEDIA_ROOT):
        yield Path(folder)
        yield from (Path(folder) / name for name in files)
