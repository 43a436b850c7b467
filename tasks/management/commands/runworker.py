"""The worker: runs the tasks that are due until it gets Ctrl-C or TERM."""

import logging
import os
import signal
import socket
import threading
from contextlib import suppress
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandParser
from django.db import DatabaseError, connection

from core import clocks
from tasks import continuity, data_folder, services
from tasks.outages import Outage
from tasks.runner import Runner

logger = logging.getLogger(__name__)

HEARTBEAT_SECONDS = 5


class Command(BaseCommand):
    help = "Run a worker. You can start several; stop each with Ctrl-C or TERM."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--threads", type=int, default=settings.WORKER_THREADS)

    def handle(self, *args: Any, threads: int, **options: Any) -> None:
        data_folder.make_private()
        name = f"{socket.gethostname()}:{os.getpid()}"
        queues = dict.fromkeys(settings.TASK_QUEUES, settings.WORKER_OWN_THREADS)
        database = Outage("database")
        runner = Runner({services.CALLS: threads} | queues, database)
        stopped = threading.Event()
        heart = threading.Thread(target=beat, args=(name, database, stopped), daemon=True)
        heart.start()
        continuity.begin()
        self.stdout.write(f"Worker {name} is running with {threads} threads.")
        self.stdout.flush()
        stop_on_signals(runner)
        try:
            # Ctrl-C ends it at once: other workers take over when the leases run out.
            with suppress(KeyboardInterrupt):
                runner.run()
        finally:
            stopped.set()
            heart.join()
            services.record_stopped(name)


def stop_on_signals(runner: Runner) -> None:
    """Stop the runner on the first TERM, when its tasks have ended; end at once on the second."""

    def stop(number: int, _frame: object) -> None:
        signal.signal(number, signal.default_int_handler)
        runner.stop()

    signal.signal(signal.SIGTERM, stop)


def beat(name: str, database: Outage, stopped: threading.Event) -> None:
    """Record the heartbeat until `stopped` is set."""
    clock = ClockWatch()
    started_at = clocks.now()
    while True:
        try:
            services.record_heartbeat(name, started_at)
            clock.look()
        except DatabaseError as error:
            # A busy database must not end the heartbeat of a living worker.
            database.begin(error, "heartbeat")
        else:
            database.end("heartbeat")
        finally:
            connection.close()
        if stopped.wait(HEARTBEAT_SECONDS):
            return


class ClockWatch:
    """Logs when this machine's clock goes wrong: once, until it is right again."""

    is_wrong = False

    def look(self) -> None:
        ahead = clocks.ahead()
        was_wrong, self.is_wrong = self.is_wrong, clocks.is_wrong(ahead)
        if self.is_wrong and not was_wrong:
            logger.error("clock is wrong", extra={"seconds_ahead": round(ahead)})
