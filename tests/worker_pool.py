"""A pool of workers: one process that is set up once and forks them, so that a kill is cheap.

    python -m tests.worker_pool

It reads orders, one JSON object a line, and answers each with a line. It has one thread and no
database connection, so that each fork is a fresh worker. When its input ends, it ends with all
its children.
"""

import json
import os
import random
import signal
import subprocess
import sys
import time
import traceback
from contextlib import nullcontext, suppress

import django

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))


class WorkerPool:
    """The pool as the test run sees it."""

    def __init__(self, *, env, log):
        self.log = log
        self.codes = {}
        with log.open("ab") as file:
            self.popen = subprocess.Popen(
                [sys.executable, "-m", "tests.worker_pool"],
                cwd=ROOT,
                env=env,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=file,
                text=True,
                start_new_session=True,
            )

    def _ask(self, **order):
        self.popen.stdin.write(json.dumps(order) + "\n")
        self.popen.stdin.flush()
        line = self.popen.stdout.readline()
        assert line, f"the pool ended: {self.log.read_text(errors='replace')[-2000:]}"
        return json.loads(line)

    def fork(self, work, *, strike=None, **order):
        """Start a worker that runs `work` (see WORKS) until it ends or is killed."""
        return self._ask(do="fork", work=work, strike=strike, **order)["pid"]

    def signal(self, pid, number):
        """Send a signal to a worker that was not reaped yet. Return False if there is none."""
        return self._ask(do="signal", pid=pid, number=number)["done"]

    def reap(self):
        """Return the workers that ended, as [pid, exit code], and those that are frozen."""
        answer = self._ask(do="reap")
        self.codes |= dict(answer["ended"])
        return answer["ended"], answer["frozen"]

    def wait(self, *pids, seconds=60):
        """Wait until all of the workers have ended. Return their exit codes."""
        deadline = time.monotonic() + seconds
        while not self.codes.keys() >= set(pids):
            assert time.monotonic() < deadline, f"waited {seconds} s for workers to end"
            self.reap()
            time.sleep(0.01)
        return [self.codes[pid] for pid in pids]

    def close(self):
        with suppress(ProcessLookupError):
            os.killpg(self.popen.pid, signal.SIGKILL)
        self.popen.stdin.close()
        self.popen.stdout.close()
        self.popen.wait()


def until_idle(strike, key, name="send_batches"):
    """Work as `runworker` would on one task of the team's, until it is not due."""
    from tasks import services

    ran = True
    while ran:
        with strike.during_task() if strike else nullcontext():
            ran = services.run(name, key)


def forever(strike, names, seed):
    """Run due tasks, in no particular order, until killed."""
    from django.db import DatabaseError

    from tasks import services
    from tasks.models import Task

    chance, worker_pool = random.Random(seed), os.getppid()
    while os.getppid() == worker_pool:
        try:
            due = list(Task.objects.due().filter(name__in=names).values_list("name", "key"))
            if due:
                with strike.during_task() if strike else nullcontext():
                    services.run(*chance.choice(due))
                continue
        except DatabaseError:
            # A lock was not free in time: a worker continues with its next wake-up.
            traceback.print_exc()
        time.sleep(0.02)


def wake_ups(strike, key, times, begin_at):
    """Run the team's sending task `times` times, without a lease in between."""
    from sending.tasks import send_batches

    time.sleep(max(begin_at - time.time(), 0))
    for _ in range(times):
        send_batches(key)


WORKS = {work.__name__: work for work in (until_idle, forever, wake_ups)}


def _grow(order):
    """Fork a worker. Return its pid, in the pool only."""
    pid = os.fork()
    if pid:
        return pid
    code = 1
    try:
        nothing = os.open(os.devnull, os.O_RDWR)
        os.dup2(nothing, 0)
        os.dup2(nothing, 1)
        from tests.kill_points import Strike

        strike = order.pop("strike")
        if strike:
            strike = Strike(**strike)
            strike.install()
        WORKS[order.pop("work")](strike, **order)
        code = 0
    except BaseException:
        traceback.print_exc()
    finally:
        os._exit(code)


def main():
    children, frozen = set(), set()
    for line in sys.stdin:
        order = json.loads(line)
        match order.pop("do"):
            case "fork":
                pid = _grow(order)
                children.add(pid)
                answer = {"pid": pid}
            case "signal":
                mine = order["pid"] in children
                if mine:
                    os.kill(order["pid"], order["number"])
                answer = {"done": mine}
            case "reap":
                answer = {"ended": _reap(children, frozen), "frozen": sorted(frozen)}
        print(json.dumps(answer), flush=True)
    for pid in children:
        os.kill(pid, signal.SIGKILL)


def _reap(children, frozen):
    ended = []
    while children:
        pid, status = os.waitpid(-1, os.WNOHANG | os.WUNTRACED | os.WCONTINUED)
        if pid == 0:
            break
        if os.WIFSTOPPED(status):
            frozen.add(pid)
            continue
        frozen.discard(pid)
        if not os.WIFCONTINUED(status):
            children.discard(pid)
            ended.append([pid, os.waitstatus_to_exitcode(status)])
    return ended


if __name__ == "__main__":
    django.setup()
    # Load what every worker needs once, before the first fork.
    import requests  # noqa: F401

    import campaigns.tasks  # noqa: F401
    import tests.kill_points  # noqa: F401
    from sending.senders import singly

    # After a 429 a worker waits in memory, where no test can move the clock.
    singly.TRY_AGAIN = 1

    main()
