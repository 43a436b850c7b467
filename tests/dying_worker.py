"""A worker that gets a signal after its Nth statement: python -m tests.dying_worker TEAM N SIGNAL

It runs the team's sending task, as `runworker` does; a statement is anything sent to the
database, so that every step of a submission has a statement after which the worker ends.
"""

import os
import signal
import sys

import django


def main(team, fatal, number):
    from django.db import connection

    from tasks import services
    from tasks.models import Task

    count = 0
    struck = []

    def strike_after(execute, sql, params, many, context):
        nonlocal count
        result = execute(sql, params, many, context)
        count += 1
        # A process frozen inside a transaction blocks every other one on SQLite: it freezes
        # after the transaction.
        busy = connection.in_atomic_block or sql.startswith("BEGIN")
        if count >= fatal and not struck and (number == signal.SIGKILL or not busy):
            struck.append(count)
            os.kill(os.getpid(), number)
        return result

    with connection.execute_wrapper(strike_after):
        while services.run("send_batches", team):
            pass
        assert Task.objects.exists()
    print(count)


if __name__ == "__main__":
    django.setup()
    main(sys.argv[1], int(sys.argv[2]), signal.Signals[sys.argv[3]])
