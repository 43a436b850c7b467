"""A disk that is full or may not be written to: how it is recognised, wherever it shows.

The same fault arrives as an `OSError` of a file, as an error of SQLite or PostgreSQL, or wrapped
in either. `trouble_of` names it; `saving` marks a block that leaves nothing behind.
"""

import errno
import os
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from enum import StrEnum
from pathlib import Path
from typing import IO

# Free room below which nothing more is sent, in bytes; less on a disk that is small itself.
LEAST_FREE = 50 * 1024 * 1024
LEAST_SHARE = 0.02


class Trouble(StrEnum):
    NO_ROOM = "no_room"
    NOT_WRITABLE = "not_writable"


class NotSaved(Exception):
    """The disk failed, and nothing of what was asked for is saved."""

    def __init__(self, trouble: Trouble) -> None:
        super().__init__(trouble)
        self.trouble = trouble


NO_ROOM = {errno.ENOSPC, errno.EDQUOT, errno.EFBIG}
NOT_WRITABLE = {errno.EROFS, errno.EIO, errno.ESTALE}
# These two are about a file only where they name one: a socket may be forbidden, too.
FORBIDDEN = {errno.EACCES, errno.EPERM}
# PostgreSQL: disk_full, and read_only_sql_transaction.
SQL_STATES = {"53100": Trouble.NO_ROOM, "25006": Trouble.NOT_WRITABLE}
NOT_WRITABLE_BY_SQLITE = ("SQLITE_READONLY", "SQLITE_CANTOPEN", "SQLITE_IOERR", "SQLITE_PERM")


def trouble_of(error: BaseException | None) -> Trouble | None:
    """Return which trouble of the disk the error is, or was caused by; None for any other."""
    while error is not None:
        if isinstance(error, NotSaved):
            return error.trouble
        if found := _of_file(error) or _of_sqlite(error):
            return found
        if found := SQL_STATES.get(getattr(error, "sqlstate", None) or ""):
            return found
        error = error.__cause__
    return None


def _of_file(error: BaseException) -> Trouble | None:
    if not isinstance(error, OSError):
        return None
    if error.errno in NO_ROOM:
        return Trouble.NO_ROOM
    if error.errno in NOT_WRITABLE or (error.errno in FORBIDDEN and error.filename is not None):
        return Trouble.NOT_WRITABLE
    # `tempfile` tries to write in each folder it knows.
    if error.errno == errno.ENOENT and "temporary directory" in str(error):
        return Trouble.NO_ROOM
    return None


def _of_sqlite(error: BaseException) -> Trouble | None:
    if not isinstance(error, sqlite3.Error):
        return None
    name = getattr(error, "sqlite_errorname", "")
    if name == "SQLITE_FULL":
        return Trouble.NO_ROOM
    return Trouble.NOT_WRITABLE if name.startswith(NOT_WRITABLE_BY_SQLITE) else None


@contextmanager
def saving() -> Iterator[None]:
    """Raise `NotSaved` where the disk fails in a block that saves all or nothing."""
    try:
        yield
    except Exception as error:
        if trouble := trouble_of(error):
            raise NotSaved(trouble) from error
        raise


@contextmanager
def new_file(path: Path) -> Iterator[IO[bytes]]:
    """Open a new file that only our own user may read; it can be read back.

    After an error in the block there is no file. Its folders are made.
    """
    make_folder(path.parent)
    with open(path, "x+b", opener=lambda name, flags: os.open(name, flags, 0o600)) as file:
        try:
            yield file
            file.flush()
        except BaseException:
            path.unlink(missing_ok=True)
            raise


def make_folder(path: Path) -> None:
    """Make the folder and those above it, for our own user only, whatever the umask is."""
    for folder in reversed((path, *path.parents)):
        if not folder.is_dir():
            folder.mkdir(mode=0o700, exist_ok=True)


def trouble_in(*folders: Path) -> Trouble | None:
    """Return what would keep us from writing to these folders, by looking only."""
    for folder in map(_nearest, folders):
        if not os.access(folder, os.W_OK | os.X_OK):
            return Trouble.NOT_WRITABLE
        disk = os.statvfs(folder)
        free, size = disk.f_bavail * disk.f_frsize, disk.f_blocks * disk.f_frsize
        # Some file systems have no size, or no limit of files.
        if size and free < min(LEAST_FREE, size * LEAST_SHARE):
            return Trouble.NO_ROOM
        if disk.f_files and not disk.f_favail:
            return Trouble.NO_ROOM
    return None


def _nearest(folder: Path) -> Path:
    """Return the folder, or that in which it would be made."""
    return next(path for path in (folder, *folder.parents) if path.exists())
