"""The worker: runs the tasks that are due until it gets Ctrl-C or TERM."""

import logging
import os
import socket
import threading
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandParser
from django.db import DatabaseError, connection
from django.utils import timezone
from huey.consumer import Consumer

from tasks import engine, services

logger = logging.getLogger(__name__)

HEARTBEAT_SECONDS = 5


class Command(BaseCommand):
    help = "Run a worker. You can start several; stop each with Ctrl-C or TERM."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--threads", type=int, default=settings.WORKER_THREADS)

    def handle(self, *args: Any, threads: int, **options: Any) -> None:
        name = f"{socket.gethostname()}:{os.getpid()}"
        stopped = threading.Event()
        heart = threading.Thread(target=beat, args=(name, stopped), daemon=True)
        heart.start()
        services.sweep()
        self.stdout.write(f"Worker {name} is running with {threads} threads.")
        self.stdout.flush()
        try:
            Consumer(
                engine.huey,
                workers=threads,
                max_delay=0.5,
                graceful_signal="TERM",
            ).run()
        finally:
            stopped.set()
            heart.join()
            services.record_stopped(name)


def beat(name: str, stopped: threading.Event) -> None:
    """Record the heartbeat until `stopped` is set."""
    started_at = timezone.now()
    while True:
        try:
            services.record_heartbeat(name, started_at)
        except DatabaseError:
            # A busy database must not end the heartbeat of a living worker.
            logger.warning("heartbeat not written")
        finally:
            connection.close()
        if stopped.wait(HEARTBEAT_SECONDS):
            return
