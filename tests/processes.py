"""The real processes that tests talk to: the sandbox, and the whole stack on one database."""

import os
import re
import signal
import socket
import subprocess
import sys
import time
from contextlib import suppress
from pathlib import Path

import requests
from django.db import connection

ROOT = Path(__file__).resolve().parent.parent


class Process:
    """A child of the test run that is stopped with it."""

    def __init__(self, command, *, env=None, log=None, pass_fds=()):
        self.log = log.open("ab") if log else subprocess.DEVNULL
        self.popen = subprocess.Popen(
            command,
            cwd=ROOT,
            env=env,
            stdout=self.log,
            stderr=self.log,
            stdin=subprocess.DEVNULL,
            start_new_session=True,
            pass_fds=pass_fds,
        )

    def kill(self):
        """End it as a power cut would."""
        with suppress(ProcessLookupError):
            os.killpg(self.popen.pid, signal.SIGKILL)
        self.popen.wait()

    def stop(self, timeout=15):
        self.popen.terminate()
        try:
            self.popen.wait(timeout)
        except subprocess.TimeoutExpired:
            self.kill()


def wait_until(condition, *, seconds=30, every=0.1, what="it"):
    """Wait for a true answer and return it; fail with words when none comes."""
    deadline = time.monotonic() + seconds
    while True:
        if answer := condition():
            return answer
        assert time.monotonic() < deadline, f"waited {seconds} s for {what}"
        time.sleep(every)


def free_port():
    """Return a port on which nothing listens at the moment."""
    with socket.create_server(("127.0.0.1", 0)) as line:
        return line.getsockname()[1]


def database_url():
    """Name the test's own database for another process."""
    values = connection.settings_dict
    if connection.vendor == "sqlite":
        return f"sqlite:///{values['NAME']}"
    login = f"{values['USER']}:{values['PASSWORD']}" if values["PASSWORD"] else values["USER"]
    where = f"{values['HOST'] or 'localhost'}:{values['PORT'] or 5432}"
    return f"postgres://{login}@{where}/{values['NAME']}"


class SandboxProcess:
    """A ChumiAI of our own, in its own process, over real HTTP."""

    def __init__(self, *, speed=1000):
        self.popen = subprocess.Popen(
            [sys.executable, "-m", "sandbox", "--port", "0", "--speed", str(speed)],
            cwd=ROOT,
            stdout=subprocess.PIPE,
            start_new_session=True,
        )
        line = self.popen.stdout.readline().decode()
        self.url = re.search(r"http://\S+", line)[0]
        self.speed = speed

    @staticmethod
    def key(account, kind="full"):
        """Return a key that sees the data of `account` alone."""
        return f"chumi_sk_live_sandbox_{kind}_{account}"

    def post(self, path, /, **order):
        answer = requests.post(f"{self.url}/__sandbox__/{path}", json=order, timeout=10)
        assert answer.ok, answer.text
        return answer.json()

    def get(self, path, /, **query):
        return requests.get(f"{self.url}/__sandbox__/{path}", params=query, timeout=10).json()

    def fault(self, kind, *, path, method="POST", times=1, after=0, **params):
        order = {"path": path, "method": method, "times": times, "after": after}
        return self.post("faults", kind=kind, params=params, **order)

    def clear_faults(self):
        requests.delete(f"{self.url}/__sandbox__/faults", timeout=10).raise_for_status()

    def ledger(self, account=None):
        """Return every message that the sandbox accepted, in order."""
        answer = self.get("ledger", **({"account": account} if account else {}))
        return answer["messages"] if isinstance(answer, dict) else answer

    def reset(self):
        self.post("reset")
        self.post("speed", speed=self.speed)

    def stop(self):
        self.popen.terminate()
        self.popen.wait(10)


class Stack:
    """Web processes and workers on the test's own database, as in production."""

    def __init__(self, folder, database_url, sandbox, *, env=None):
        self.folder = folder
        self.env = (
            {k: v for k, v in os.environ.items() if k in {"PATH", "HOME", "LANG", "PYTHONPATH"}}
            | {
                "SECRET_KEY": os.environ["SECRET_KEY"],
                "ENCRYPTION_KEYS": os.environ["ENCRYPTION_KEYS"],
                "DATA_DIR": os.environ["DATA_DIR"],
                "DATABASE_URL": database_url,
                "TASKS_STORE": f"sqlite://{folder / 'tasks.sqlite3'}",
                "CHUMIAI_BASE_URLS": sandbox.url,
                "CHUMIAI_SANDBOX_URLS": sandbox.url,
                "MEDIA_TEST_URLS": f"{sandbox.url}/__sandbox__/media/",
                "HTTPS": "false",
                "ALLOWED_HOSTS": "127.0.0.1",
                "DJANGO_SETTINGS_MODULE": "tests.settings",
                "PYTHONUNBUFFERED": "1",
            }
            | (env or {})
        )
        self.processes = []
        self.url = self.web = None

    def _start(self, *command, **options):
        log = self.folder / "processes.log"
        process = Process([sys.executable, *command], env=self.env, log=log, **options)
        self.processes.append(process)
        return process

    def start_web(self, *, workers=1, threads=4, preload=False):
        """Start gunicorn. With `preload`, it replaces a killed process at once."""
        # It inherits a port that is taken: a free one could be another's before it starts.
        with socket.create_server(("127.0.0.1", 0)) as line:
            self.url = f"http://127.0.0.1:{line.getsockname()[1]}"
            self.web = self._start(
                "-m", "gunicorn", "chumi_admin.wsgi", "--bind", f"fd://{line.fileno()}",
                "--workers", str(workers), "--threads", str(threads), "--log-level", "error",
                *(["--preload"] if preload else []),
                pass_fds=[line.fileno()],
            )  # fmt: skip
        wait_until(self._answers, what="the web server")
        return self.url

    def _answers(self):
        with suppress(requests.RequestException):
            return requests.get(f"{self.url}/health/", timeout=2).ok

    def start_worker(self, *, env=None):
        self.env |= env or {}
        return self._start("manage.py", "runworker")

    def log(self):
        return (self.folder / "processes.log").read_text(errors="replace")

    def stop(self):
        for process in self.processes:
            process.kill()
