"""A disk in trouble is recognised, however the error arrives."""

import os
import sqlite3

import psycopg
import pytest
from django.db import DatabaseError, OperationalError, connection

from core.disk import NotSaved, Trouble, new_file, saving, trouble_in, trouble_of


def error_of(work):
    try:
        work()
    except Exception as error:
        return error
    raise AssertionError("no error")


def write_to_a_full_device():
    with open("/dev/full", "wb", buffering=0) as file:
        file.write(b"x")


def write_below_a_file():
    with open("/dev/null/a", "wb"):
        pass


def full_database():
    database = sqlite3.connect(":memory:")
    database.execute("PRAGMA max_page_count = 2")
    database.execute("CREATE TABLE a (b)")
    database.execute("INSERT INTO a VALUES (?)", ["x" * 100_000])


def full_database_behind_another_error():
    try:
        full_database()
    except sqlite3.Error as error:
        raise OperationalError(*error.args) from error


def read_only_database():
    database = sqlite3.connect("file:a?mode=memory&cache=shared", uri=True)
    database.execute("PRAGMA query_only = 1")
    database.execute("CREATE TABLE a (b)")


def postgres(error):
    def fail():
        raise DatabaseError("no") from error("no")

    return fail


@pytest.mark.parametrize(
    ("work", "trouble"),
    [
        (write_to_a_full_device, Trouble.NO_ROOM),
        (full_database, Trouble.NO_ROOM),
        (full_database_behind_another_error, Trouble.NO_ROOM),
        (read_only_database, Trouble.NOT_WRITABLE),
        (postgres(psycopg.errors.DiskFull), Trouble.NO_ROOM),
        (postgres(psycopg.errors.ReadOnlySqlTransaction), Trouble.NOT_WRITABLE),
        (postgres(psycopg.errors.UniqueViolation), None),
        (write_below_a_file, None),
        (lambda: 1 / 0, None),
    ],
)
def test_an_error_of_the_disk_is_recognised(work, trouble):
    assert trouble_of(error_of(work)) == trouble


@pytest.mark.parametrize(
    ("error", "trouble"),
    [
        (PermissionError(13, "Permission denied", "/data/files"), Trouble.NOT_WRITABLE),
        # As a socket says it.
        (PermissionError(13, "Permission denied"), None),
        (OSError(30, "Read-only file system", "/data/files"), Trouble.NOT_WRITABLE),
        (OSError(122, "Disk quota exceeded"), Trouble.NO_ROOM),
        (FileNotFoundError(2, "No usable temporary directory found in"), Trouble.NO_ROOM),
        (FileNotFoundError(2, "No such file or directory", "/data/a"), None),
    ],
)
def test_an_error_of_a_file_is_recognised(error, trouble):
    assert trouble_of(error) == trouble


def test_what_is_saved_all_or_nothing_says_so():
    with pytest.raises(NotSaved) as raised, saving():
        write_to_a_full_device()
    assert raised.value.trouble == Trouble.NO_ROOM
    with pytest.raises(ZeroDivisionError), saving():
        1 / 0  # noqa: B018


def test_half_a_file_is_removed(small_disk):
    folder = small_disk("64k")
    with pytest.raises(NotSaved), saving(), new_file(folder / "a" / "b.bin") as file:
        file.write(b"x" * 100_000)
    assert [path for path in folder.rglob("*") if path.is_file()] == []


def test_a_new_file_is_for_our_own_user_whatever_the_umask_is(tmp_path):
    before = os.umask(0)
    try:
        with new_file(tmp_path / "a" / "b" / "c.bin") as file:
            file.write(b"x")
    finally:
        os.umask(before)
    modes = {path.name: path.stat().st_mode & 0o777 for path in tmp_path.rglob("*")}
    assert modes == {"a": 0o700, "b": 0o700, "c.bin": 0o600}


def test_trouble_is_seen_before_it_happens(small_disk, tmp_path):
    assert trouble_in(tmp_path / "not" / "yet" / "made") is None
    folder = small_disk("64k")
    assert trouble_in(folder / "files") is None
    (folder / "large").write_bytes(b"x" * 65_536)
    assert trouble_in(folder / "files") == Trouble.NO_ROOM
    (folder / "large").unlink()
    assert trouble_in(folder / "files") is None
    (tmp_path / "file").touch()
    assert trouble_in(tmp_path / "file" / "files") == Trouble.NOT_WRITABLE


@pytest.mark.django_db
@pytest.mark.skipif(connection.vendor != "sqlite", reason="SQLite's own limit")
def test_a_full_database_is_recognised_through_django():
    with connection.cursor() as cursor:
        cursor.execute("PRAGMA page_count")
        pages = cursor.fetchone()[0]
        cursor.execute(f"PRAGMA max_page_count = {pages}")
        try:
            with pytest.raises(OperationalError) as raised:
                cursor.execute("CREATE TABLE filler (a)")
                cursor.execute("INSERT INTO filler VALUES (?)", ["x" * 10_000_000])
        finally:
            cursor.execute("PRAGMA max_page_count = 1073741823")
    assert trouble_of(raised.value) == Trouble.NO_ROOM
