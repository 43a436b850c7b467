"""Measure, side by side with the floor or a peer: python -m tests.bench sending [--messages N]"""

import argparse
import os

import django

# What is measured, and over how many messages unless it is said.
BENCHES = {"sending": 2_000, "conversations": 10_000_000}


def main():
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "tests.settings")
    django.setup()
    from importlib import import_module

    from django.conf import settings
    from django.db import connection
    from django.test.utils import setup_databases, teardown_databases

    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("bench", choices=BENCHES, nargs="?", default="sending")
    parser.add_argument("--messages", type=int)
    arguments = parser.parse_args()
    # Not the whole environment of tests: it copies the context of every template that is rendered.
    settings.ALLOWED_HOSTS = ["testserver"]
    databases = setup_databases(verbosity=0, interactive=False)
    try:
        print(f"{connection.vendor}, {os.cpu_count()} cores", flush=True)
        measure = import_module(f"tests.bench.{arguments.bench}").measure
        measure(arguments.messages or BENCHES[arguments.bench])
    finally:
        teardown_databases(databases, verbosity=0)


if __name__ == "__main__":
    main()
