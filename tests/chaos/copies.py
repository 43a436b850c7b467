"""The whole database is put back to how it was some time ago, as a restored backup would."""

import shutil
import sqlite3
import tempfile
from pathlib import Path

from django.db import connection


class DatabaseCopy:
    """A copy of the database. Nothing may be connected while it is made or restored."""

    def __init__(self):
        connection.close()
        self.name = str(connection.settings_dict["NAME"])
        if connection.vendor == "sqlite":
            self.file = Path(tempfile.mkdtemp(prefix="chumi-copy-")) / "copy.sqlite3"
            source, target = sqlite3.connect(self.name), sqlite3.connect(self.file)
            with target:
                source.backup(target)
            source.close()
            target.close()
        else:
            self._clone(self.name, f"{self.name}_copy")

    def restore(self):
        """Put the copy in the place of the database."""
        connection.close()
        if connection.vendor == "sqlite":
            for suffix in ("-wal", "-shm"):
                Path(self.name + suffix).unlink(missing_ok=True)
            shutil.copyfile(self.file, self.name)
        else:
            self._clone(f"{self.name}_copy", self.name)

    def _clone(self, source, target):
        # Django's connection to another database of the server, which is never one of these.
        with connection._nodb_cursor() as cursor:
            cursor.execute(
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname IN (%s, %s)",
                [source, target],
            )
            cursor.execute(f'DROP DATABASE IF EXISTS "{target}"')
            cursor.execute(f'CREATE DATABASE "{target}" TEMPLATE "{source}"')
