"""What is wrong with this installation, as one list: Home and `/health/` show it.

Each function of `CHECKS` reads rows or files only and returns a `Problem` or None. To add one: a
function, a row of `CHECKS`, and its case in tests/tasks/test_health.py. What the rows of workers
say belongs in `_of_processes`, which reads them once.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta

from django.db import DatabaseError, connection
from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

from core import clocks, times
from core.disk import Trouble
from tasks import continuity, data_folder, services, wakeups


@dataclass(frozen=True, slots=True)
class Problem:
    """A fault of the installation: a stable code, and its words for the people of every team."""

    code: str
    title: str | Promise
    text: str | Promise


def disk() -> Problem | None:
    """The disk is almost full, or a folder can't be written."""
    match data_folder.disk_trouble() or data_folder.temporary_trouble():
        case Trouble.NO_ROOM:
            return Problem(
                "no_room",
                _("There is too little room on the server"),
                _("Uploads may fail, and sending may wait. Tell your administrator."),
            )
        case Trouble.NOT_WRITABLE:
            return Problem(
                "not_writable",
                _("The server can't write its files"),
                _("Uploads may fail, and sending may wait. Tell your administrator."),
            )
    return None


def restored_copy() -> Problem | None:
    """The database may be a copy of an earlier time."""
    if not continuity.doubt():
        return None
    return Problem(
        "restored_copy",
        _("This may be a restored copy"),
        _(
            "Messages may have been sent after this copy of the database was made. Nothing is "
            "sent until an administrator has run “manage.py adopt”."
        ),
    )


# What makes the disk unreadable is said before what its files say.
CHECKS: tuple[Callable[[], Problem | None], ...] = (disk, restored_copy)

NO_DATABASE = Problem(
    "database",
    _("The database can't be reached"),
    _("Nothing can be shown or saved. Tell your administrator."),
)


DATA_FOLDER = Problem(
    "data_folder",
    _("The worker uses another data folder than the web server"),
    _("Uploaded files can't be checked. Tell your administrator."),
)


def problems() -> list[Problem]:
    """Return what is wrong at the moment, the most important first."""
    return [*(problem for check in CHECKS if (problem := check())), *_of_processes()]


def problems_of_all() -> list[Problem]:
    """Return also what no page of a team can show: that there is no database."""
    try:
        with connection.cursor() as cursor:
            cursor.execute("SELECT 1")
        return problems()
    except DatabaseError:
        return [NO_DATABASE]


def _of_processes() -> Iterator[Problem]:
    """Return what is wrong with this process or a worker."""
    workers = list(services.live_workers())
    if {worker.data_folder for worker in workers} - {"", data_folder.identity()}:
        yield DATA_FOLDER
    away = [wakeups.away_since(), *(worker.store_away_since for worker in workers)]
    since = min(filter(None, away), default=None)
    if since:
        yield _store_of_wakeups(since)
    ahead = max((clocks.ahead(), *(worker.clock_ahead for worker in workers)), key=abs)
    if clocks.is_wrong(ahead):
        yield _wrong_clock(timedelta(seconds=ahead))


def _store_of_wakeups(since: datetime) -> Problem:
    return Problem(
        "store_of_wakeups",
        _("The store of wake-ups can't be reached"),
        _(
            "Since {time}. Everything continues, but each step begins up to two seconds later. "
            "Tell your administrator."
        ).format(time=times.clock(since)),
    )


def _wrong_clock(ahead: timedelta) -> Problem:
    title = (
        _("The clock of a server is {length} ahead")
        if ahead > timedelta(0)
        else _("The clock of a server is {length} behind")
    )
    return Problem(
        "wrong_clock",
        title.format(length=times.duration(abs(ahead))),
        _("Sending continues by the database's clock. Tell your administrator."),
    )
