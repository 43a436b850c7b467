"""Is this database whole, or a copy of an earlier time?

A copy (a restored backup, a snapshot, a replica that lagged behind) calls people pending who got
their message long ago. So every group of claims moves a token forwards in two places of different
fate: a row of the database, in the transaction of the claim, and a file beside the uploads, after
its commit and before the first byte leaves. If the file is ahead of the row, or is missing, or if
the row was written in another database than this one, the past of this database may be missing:
nothing is claimed until `manage.py adopt`. A row ahead of the file is in order: the worker died
between the two, and sent nothing.
"""

import logging
import secrets
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from pathlib import Path
from weakref import WeakKeyDictionary

from django.db import IntegrityError, connection, transaction
from django.db.models import F

from core import clocks
from core.births import birth_of
from tasks import data_folder, second_place, services
from tasks.models import Continuity, Task
from tasks.second_place import Kept

logger = logging.getLogger(__name__)


class Doubt(StrEnum):
    """Why this may be a copy of an earlier time."""

    BEHIND = "behind"  # the file knows of claims that the database does not
    BRANCHED = "branched"  # both know as many claims, but not the same ones
    FILE_MISSING = "file_missing"  # there were claims, and there is no file
    FILE_COPIED = "file_copied"  # the file itself is a copy
    OTHER_DATABASE = "other_database"  # the row was written in another database
    OTHER_INSTALLATION = "other_installation"  # the file is that of another database
    UNKNOWN_JOB = "unknown_job"  # ChumiAI lists a job of ours that the database does not know
    ELSEWHERE = "elsewhere"  # no file, but this process looks in another folder than the others


class RestoredCopy(Exception):
    """This may be a restored copy: nothing may be claimed."""

    def __init__(self, doubt: Doubt) -> None:
        super().__init__(doubt)
        self.doubt = doubt


@dataclass(frozen=True, slots=True)
class Evidence:
    """What the two places say, for the person who decides.

    `since` are {subject: highest position claimed} of the claims that the database does not know;
    None if the file can't say.
    """

    doubt: Doubt | None
    counter: int
    claimed_at: datetime | None
    kept: Kept | None
    since: dict[str, int] | None


def doubt() -> Doubt | None:
    """Return why this may be a restored copy, or None. It writes nothing.

    A file that can't be read just now, or is looked for in the wrong folder, is no proof: then
    `catch_up` says that nothing can be claimed.
    """
    try:
        # Twice: between the two readings of the first look, `adopt` may have ended.
        found = _compare() and _compare()
    except OSError:
        return None
    return None if found == Doubt.ELSEWHERE else found


def _compare() -> Doubt | None:
    # The file first: it is never ahead of what is committed.
    kept = second_place.read()
    return _doubt(kept, Continuity.objects.first())


def _doubt(kept: Kept | None, row: Continuity | None) -> Doubt | None:
    if row is None:
        # A database that never had a task is a new one; `begin` gives it a file of its own.
        return Doubt.BEHIND if kept and Task.objects.exists() else None
    if row.doubted_at:
        return Doubt.UNKNOWN_JOB
    if row.database != database_identity():
        return Doubt.OTHER_DATABASE
    if kept is None and row.counter:
        return Doubt.ELSEWHERE if _is_elsewhere() else Doubt.FILE_MISSING
    if kept is None:
        return None
    if not kept.is_genuine:
        return Doubt.FILE_COPIED
    if kept.identity != row.identity:
        return Doubt.OTHER_INSTALLATION
    if kept.counter > row.counter:
        return Doubt.BEHIND
    if kept.counter == row.counter and kept.token != row.token:
        return Doubt.BRANCHED
    return None


def _is_elsewhere() -> bool:
    """Return True if a living worker sees another data folder than this process."""
    seen = services.live_workers().exclude(data_folder="").values_list("data_folder", flat=True)
    return bool(set(seen) - {data_folder.identity()})


def begin() -> None:
    """Give a new database its identity, also where the file of a former one lies."""
    if Continuity.objects.exists() or Task.objects.exists():
        return
    try:
        second_place.write(_kept(_first_row()), replace=True)
    except OSError:
        logger.exception("continuity not written")


def _first_row() -> Continuity:
    values = {
        "identity": secrets.token_hex(16),
        "token": secrets.token_hex(16),
        "database": database_identity(),
    }
    try:
        with transaction.atomic():
            return Continuity.objects.create(**values)
    except IntegrityError:
        # Another worker was quicker.
        return Continuity.objects.get()


def advance(subject: str, upto: int) -> Kept:
    """Move the token forwards, in the transaction of a claim and as its last statement.

    `subject` names what is claimed, `upto` is the highest position claimed in it. Pass what it
    returns to `confirm` after the commit. Raise `RestoredCopy`, or `OSError` if the file can't be
    read.
    """
    locked = Continuity.objects.select_for_update()
    row = locked.first()
    if row is None:
        if found := _compare():
            raise RestoredCopy(found)
        _first_row()
        row = locked.get()
    # With the row locked, no other claim can be committed and written to the file meanwhile.
    if found := _doubt(second_place.read(), row):
        raise RestoredCopy(found)
    token, now = secrets.token_hex(16), clocks.now()
    Continuity.objects.update(counter=F("counter") + 1, token=token, claimed_at=now)
    row.counter, row.token, row.claimed_at = row.counter + 1, token, now
    return _kept(row, marks={subject: (row.counter, upto)})


def confirm(stamp: Kept) -> bool:
    """Write the claim to the second place. If False, it is not there: nothing may be sent."""
    try:
        second_place.write(stamp)
    except OSError:
        logger.exception("claim not written to the second place")
        return False
    return True


def catch_up() -> bool:
    """Make both places, or bring the file up to the row after a worker died or the disk was full.

    If False, the file can't be read or written now, so nothing can be claimed.
    """
    try:
        kept = second_place.read()
    except OSError:
        return False
    row = Continuity.objects.first() or _first_row()
    if kept is None and row.counter:
        # A new file would hide that the old one is missing.
        return False
    return (kept is not None and kept.counter >= row.counter) or confirm(_kept(row))


def distrust() -> None:
    """Record that ChumiAI lists a job of ours that this database does not know."""
    Continuity.objects.filter(doubted_at=None).update(doubted_at=clocks.now())


def evidence() -> Evidence:
    """Return what the two places say. Raise `OSError` if the file can't be read."""
    kept, row = second_place.read(), Continuity.objects.first()
    found = _doubt(kept, row)
    return Evidence(
        doubt=found,
        counter=row.counter if row else 0,
        claimed_at=row.claimed_at if row else None,
        kept=kept,
        since=_since(found, kept, row),
    )


def _since(
    found: Doubt | None, kept: Kept | None, row: Continuity | None
) -> dict[str, int] | None:
    """Return what was claimed after the row, if the file is the last word about it."""
    if row is None or kept is None or found not in (Doubt.BEHIND, Doubt.OTHER_DATABASE):
        return None
    is_last_word = kept.is_genuine and kept.born and kept.identity == row.identity
    if not is_last_word or kept.counter < row.counter or kept.forgotten > row.counter:
        return None
    if kept.counter == row.counter and kept.token != row.token:
        return None
    return {
        subject: position
        for subject, (counter, position) in kept.marks.items()
        if counter > row.counter
    }


def renew() -> None:
    """Begin again, in both places, with this database as it is. Call it last in a transaction.

    Raise `OSError` if the file can't be written: let the transaction fail with it.
    """
    row = Continuity.objects.select_for_update().first() or _first_row()
    kept = second_place.read()
    row.identity, row.token = secrets.token_hex(16), secrets.token_hex(16)
    row.counter = max(row.counter, kept.counter if kept else 0) + 1
    row.database, row.doubted_at = database_identity(), None
    row.save()
    second_place.write(_kept(row), replace=True)


def _kept(row: Continuity, marks: dict[str, tuple[int, int]] | None = None) -> Kept:
    claimed_at = row.claimed_at.isoformat() if row.claimed_at else ""
    return Kept(row.identity, row.counter, row.token, claimed_at, marks or {})


# What distinguishes the database itself from a copy of it

# By connection: after a fail-over there is a new one.
_identities: WeakKeyDictionary[object, str] = WeakKeyDictionary()


def database_identity() -> str:
    """Return what no copy of the database shares with it, '' if that is unknown.

    PostgreSQL: the cluster and the database's number in it. SQLite: when the file was made.
    """
    if connection.vendor == "sqlite":
        return _of_file(Path(str(connection.settings_dict["NAME"])))
    connection.ensure_connection()
    known = _identities.get(connection.connection)
    if known is None:
        known = _identities[connection.connection] = _of_postgresql()
    return known


def _of_file(path: Path) -> str:
    try:
        return f"sqlite {birth_of(path) or path.stat().st_ino}"
    except OSError:
        # In memory.
        return ""


def _of_postgresql() -> str:
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT oid, has_function_privilege('pg_control_system()', 'EXECUTE')"
            " FROM pg_database WHERE datname = current_database()"
        )
        number, may_ask = cursor.fetchone()
        cluster = ""
        if may_ask:
            cursor.execute("SELECT system_identifier FROM pg_control_system()")
            (cluster,) = cursor.fetchone()
    return f"postgresql {cluster} {number}"
