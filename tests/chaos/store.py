"""A store of wake-ups that comes and goes. Without Redis on the machine there is none."""

import shutil
import tempfile

from django.conf import settings

from tests.processes import Process, free_port


def find_port():
    """Return a port that is free at the moment, or None where no Redis is installed."""
    return free_port() if shutil.which("redis-server") else None


class Store:
    """The Redis of settings.TASKS_STORE, killed and started at random."""

    def __init__(self, chance, count):
        self.chance, self.count = chance, count
        self.process = None
        self.is_used = settings.TASKS_STORE.startswith("redis://127.0.0.1")

    def tend(self):
        """Kill it or start it now and then."""
        if not self.is_used or self.chance.random() > 0.15:
            return
        if self.process:
            self.stop()
            self.count["kills of the store of wake-ups"] += 1
            return
        port = settings.TASKS_STORE.rsplit(":", 1)[1].split("/")[0]
        self.process = Process(
            [
                *("redis-server", "--port", port, "--save", "", "--bind", "127.0.0.1"),
                *("--dir", tempfile.gettempdir()),
            ]
        )

    def stop(self):
        if self.process:
            self.process.kill()
            self.process = None
