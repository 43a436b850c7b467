"""The second place of `tasks.continuity`: a file beside the uploads, whose fate is another one
than the database's.

It goes forwards only, whatever the order in which workers write it, and it knows when it was made
itself: a copy that was put in its place is recognised.
"""

import dataclasses
import fcntl
import json
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path

from django.conf import settings

from core.births import birth_of

# Marks kept; the oldest are forgotten first.
MOST_MARKS = 100
# Seconds that a writer waits for another.
LONGEST_WAIT = 5.0


@dataclass(frozen=True, slots=True)
class Kept:
    """What the file says: the last claim that may have been sent.

    `marks` are {subject: (counter of its last claim, highest position claimed)}; those whose
    counter is at most `forgotten` may be missing. `claimed_at` is an ISO time in UTC, '' before
    the first claim.
    """

    identity: str
    counter: int
    token: str
    claimed_at: str = ""
    marks: dict[str, tuple[int, int]] = field(default_factory=dict)
    forgotten: int = 0
    # When the file says that it was made; '' where the file system does not say.
    born: str = ""
    # False if the file is a copy: it was made at another time than it says.
    is_genuine: bool = True


class OtherInstallation(OSError):
    """The file belongs to another installation: nothing may be written over it."""


def read() -> Kept | None:
    """Return what the file says, None if there is none or it makes no sense. Raise `OSError`."""
    path: Path = settings.CONTINUITY_FILE
    try:
        values = json.loads(path.read_bytes())
        marks = {subject: tuple(mark) for subject, mark in values["marks"].items()}
        kept = Kept(**values | {"marks": marks})
        born = birth_of(path)
    except FileNotFoundError:
        return None
    except (ValueError, TypeError, KeyError, AttributeError):
        return None
    return dataclasses.replace(kept, is_genuine=kept.born == born)


def write(new: Kept, *, replace: bool = False) -> None:
    """Add to the file what it does not know yet. It is on the disk on return. Raise `OSError`.

    Only `replace` writes over the file of another installation.
    """
    with _locked():
        kept = read()
        if kept and kept.identity != new.identity:
            if not replace:
                raise OtherInstallation("the file belongs to another installation")
            kept = None
        if kept and not replace:
            new = _merged(kept, new)
        else:
            # What was claimed before is not in it.
            new = dataclasses.replace(new, forgotten=max(new.counter - 1, 0))
        _store(new)


def _merged(kept: Kept, new: Kept) -> Kept:
    """Return the later of the two, with the marks of both."""
    marks = dict(kept.marks)
    for subject, (counter, position) in new.marks.items():
        before, highest = marks.get(subject, (0, 0))
        marks[subject] = max(before, counter), max(highest, position)
    forgotten = kept.forgotten
    for subject in sorted(marks, key=lambda one: marks[one])[:-MOST_MARKS]:
        forgotten = max(forgotten, marks.pop(subject)[0])
    later = kept if kept.counter > new.counter else new
    return dataclasses.replace(later, marks=marks, forgotten=forgotten)


def _store(kept: Kept) -> None:
    path: Path = settings.CONTINUITY_FILE
    fresh = path.with_suffix(".new")
    # A file of its own, so that it is made now: one that is written over keeps its birth.
    with suppress(FileNotFoundError):
        fresh.unlink()
    with os.fdopen(os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
        values = dataclasses.asdict(kept) | {"born": birth_of(fresh)}
        # That is for the reader to find out.
        del values["is_genuine"]
        file.write(json.dumps(values))
        file.flush()
        os.fsync(file.fileno())
    fresh.replace(path)
    folder = os.open(path.parent, os.O_RDONLY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)


@contextmanager
def _locked() -> Iterator[None]:
    """One writer at a time, of all threads and processes; a frozen one is not waited for long."""
    path: Path = settings.CONTINUITY_FILE.with_suffix(".lock")
    with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT, 0o600), "w") as lock:
        until = time.monotonic() + LONGEST_WAIT
        while True:
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
                break
            except BlockingIOError:
                if time.monotonic() > until:
                    raise TimeoutError("another process does not end its writing") from None
            time.sleep(0.005)
        yield
