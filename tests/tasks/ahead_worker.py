"""A worker whose clock is wrong: python -m tests.tasks.ahead_worker SECONDS"""

import sys
import time
from datetime import timedelta

import django
from django.utils import timezone

if __name__ == "__main__":
    seconds = float(sys.argv[1])
    real_time, real_now = time.time, timezone.now
    time.time = lambda: real_time() + seconds
    timezone.now = lambda: real_now() + timedelta(seconds=seconds)
    django.setup()
    from django.core.management import call_command

    call_command("runworker")
