"""Where a worker is killed or frozen: at a step, after N statements, or at a moment.

Installed in the child process only, around functions of the product, so that the product has
no hook for tests.
"""

import os
import signal
import threading
from contextlib import contextmanager
from dataclasses import dataclass

from django.db import connections
from django.db.backends.signals import connection_created

from chumi_api import transport
from sending.services import batches

# In the order of the protocol. A message sent one by one has no baseline and no file.
STEPS = (
    "baseline read",
    "file written",
    "claim written",
    "claim committed",
    "request begun",
    "gate passed",
    "last byte sent",
    "answer read",
    "outcome recorded",
)
JOBS = "/api/v1/whatsapp/bulk-jobs"


@dataclass
class Strike:
    """One signal to this process, the `nth` time that the step is reached.

    Statements are counted over all tasks of the worker; `moment` is in seconds from the start
    of its `nth` task. A frozen process wakes up by itself after `seconds`, or never if it is 0.
    """

    number: int = signal.SIGKILL
    step: str = ""
    statement: int = 0
    moment: float = 0.0
    nth: int = 1
    seconds: float = 0.0

    def install(self):
        """Start watching the product."""
        self.left, self.statements = self.nth, 0
        self.armed = False
        connection_created.connect(self._watch_connection, weak=False)
        for connection in connections.all(initialized_only=True):
            self._watch_connection(None, connection)
        _after(batches, "write_clean_xlsx", lambda: self.reach("file written"))
        self._watch_requests()

    @contextmanager
    def during_task(self):
        """Strike only while a task runs: a worker that waits has nothing to lose."""
        self.armed = True
        timer = None
        if self.moment:
            self.left -= 1
            if self.left == 0:
                timer = threading.Timer(self.moment, self._strike)
                timer.daemon = True
                timer.start()
        try:
            yield
        finally:
            self.armed = False
            if timer:
                timer.cancel()

    def reach(self, step):
        """Note that the step is done; strike if it is the one."""
        if step == self.step and self.armed:
            self.left -= 1
            if self.left == 0:
                self._strike()

    def _strike(self):
        if not self.armed:
            return
        pid = os.getpid()
        if self.seconds:
            # A frozen process that holds a lock may block every process that could wake it.
            wake = f"sleep {self.seconds:.3f}; kill -CONT {pid}"
            os.posix_spawn("/bin/sh", ["sh", "-c", wake], os.environ)
        os.kill(pid, self.number)

    def _watch_connection(self, sender, connection, **kwargs):
        def watch(execute, sql, params, many, context):
            result = execute(sql, params, many, context)
            if sql.startswith('INSERT INTO "sending_attempt"'):
                self.reach("claim written")
            if sql.startswith('UPDATE "sending_attempt"'):
                connection.on_commit(lambda: self.reach("outcome recorded"))
            self._count_statement(connection, sql)
            return result

        if not any(getattr(old, "of_strike", None) is self for old in connection.execute_wrappers):
            watch.of_strike = self
            connection.execute_wrappers.append(watch)

    def _count_statement(self, connection, sql):
        if not (self.statement and self.armed):
            return
        self.statements += 1
        # A process frozen inside a transaction blocks every other one on SQLite: it freezes
        # after the transaction.
        busy = connection.in_atomic_block or sql.startswith("BEGIN")
        if self.statements >= self.statement and (self.number == signal.SIGKILL or not busy):
            self.statement = 0
            self._strike()

    def _watch_requests(self):
        exchange, parts_of = transport.exchange, transport.Body.__iter__

        def watched_exchange(line, method, url, **rest):
            if rest["body"] is not None:
                self.reach("claim committed")
            answer = exchange(line, method, url, **rest)
            if rest["body"] is not None:
                self.reach("answer read")
            elif url.endswith(JOBS):
                self.reach("baseline read")
            return answer

        def watched_parts(body):
            # Code after a `yield` runs when that piece has been written to the socket.
            begun = False
            for part in parts_of(body):
                if body.finished:
                    self.reach("gate passed")
                yield part
                if not begun:
                    begun = True
                    self.reach("request begun")
            if body.finished:
                self.reach("last byte sent")

        transport.exchange = watched_exchange
        transport.Body.__iter__ = watched_parts


def _after(module, name, then):
    original = getattr(module, name)

    def call(*args, **kwargs):
        result = original(*args, **kwargs)
        then()
        return result

    setattr(module, name, call)
