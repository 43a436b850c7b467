"""The whole database is put back to how it was some time ago, as a restored backup would."""

import shutil
import sqlite3
import tempfile
import time
from dataclasses import replace
from pathlib import Path

from django.db import connection
from django.utils import timezone

from campaigns.models import Campaign
from tests.factories import adopt, let_time_pass


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


class Past:
    """Restores a copy of the database in the middle of a run, and has it adopted."""

    # Seconds between a copy and its restoration, and for which a restored copy must send nothing.
    AGE, WATCHED = (0.5, 6.0), 2.0
    # Seconds until what was on its way has arrived.
    ARRIVES = 1.5

    def __init__(self, chaos):
        self.chaos, self.copy = chaos, None

    def tend(self):
        """Make a copy now and then, and restore it some seconds later."""
        chaos = self.chaos
        if self.copy is None:
            if chaos.is_on and chaos.chance.random() < 0.02:
                chaos.stop_processes()
                time.sleep(self.ARRIVES)
                self.copy, self.sent = DatabaseCopy(), len(chaos.sandbox.ledger())
                self.running = [
                    replace(sent, decided=dict(sent.decided), texts=set(sent.texts))
                    for sent in chaos.running
                ]
                self.until = time.monotonic() + chaos.chance.uniform(*self.AGE)
                chaos.start_processes()
        elif time.monotonic() > self.until:
            self._restore()
            self.copy = None

    def _restore(self):
        chaos = self.chaos
        chaos.stop_processes()
        time.sleep(self.ARRIVES)
        before = len(chaos.sandbox.ledger())
        self.copy.restore()
        chaos.running = [
            replace(sent, campaign=Campaign.objects.get(pk=sent.campaign.pk))
            for sent in self.running
        ]
        chaos.count["restored copies"] += 1
        chaos.start_processes()
        if before > self.sent:
            self._send_nothing(before)
        adopt("--yes")
        # The copy has the templates as they were; each is read again before the next message.
        now = timezone.now()
        chaos.known_at = dict.fromkeys(chaos.known_at, now)

    def _send_nothing(self, before):
        chaos = self.chaos
        until = time.monotonic() + self.WATCHED
        while time.monotonic() < until:
            chaos.tend_workers(strikes=False)
            for sent in chaos.running:
                sent.campaign.refresh_from_db()
                chaos.act_as_a_person(sent)
            let_time_pass()
        sent = len(chaos.sandbox.ledger()) - before
        if sent:
            chaos.problems.append(f"A RESTORED COPY SENT {sent} messages")
