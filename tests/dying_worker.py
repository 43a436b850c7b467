"""A worker that gets a signal after its Nth statement: python -m tests.dying_worker TEAM N SIGNAL

It runs the task of the team's batches, as `runworker` would; a statement is whatever goes to
the database, so that every step of the hand-over has a statement after which it ends.
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
        # A process that is frozen with a transaction open holds up everyone on SQLite, so that
        # nobody could go on without it: it freezes after the transaction.
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
