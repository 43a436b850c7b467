"""script/chaos [--engine all] [--kills 1000] [--seed N] [--database-url postgres://…]"""

import argparse
import os
import random
import sys
import tempfile
from pathlib import Path

ENGINES = ("batches", "singly", "group")


def read_arguments():
    parser = argparse.ArgumentParser(prog="script/chaos", description=__doc__)
    parser.add_argument("--engine", choices=(*ENGINES, "all"), default="all")
    parser.add_argument("--kills", type=int, default=1000)
    parser.add_argument("--copies", action="store_true", help="restore copies of the database")
    parser.add_argument("--seed", type=int, default=random.randrange(1_000_000))
    parser.add_argument("--database-url", help="SQLite in a temporary folder unless given")
    return parser.parse_args()


def main():
    arguments = read_arguments()
    print(f"--engine {arguments.engine} --kills {arguments.kills} --seed {arguments.seed}")
    if arguments.database_url:
        os.environ["DATABASE_URL"] = arguments.database_url
    os.environ["DJANGO_SETTINGS_MODULE"] = "tests.settings"
    import django

    django.setup()
    from django.conf import settings
    from django.db import connection

    from tests.chaos.run import SETTINGS, Chaos
    from tests.chaos.store import find_port
    from tests.processes import SandboxProcess, Stack, database_url
    from tests.worker_pool import WorkerPool

    engines = ENGINES if arguments.engine == "all" else (arguments.engine,)
    connection.creation.create_test_db(verbosity=0, autoclobber=True, serialize=False)
    sandbox = SandboxProcess()
    for name, value in SETTINGS.items():
        setattr(settings, name, value)
    settings.CHUMIAI_BASE_URLS = settings.CHUMIAI_SANDBOX_URLS = [sandbox.url]
    settings.MEDIA_ROOT = settings.DATA_DIR / "files"
    folder = Path(tempfile.mkdtemp(prefix="chumi-chaos-"))
    port = find_port()
    settings.TASKS_STORE = f"redis://127.0.0.1:{port}/0" if port else "memory://"
    env = {name: str(value) for name, value in SETTINGS.items()}
    env["TASKS_STORE"] = settings.TASKS_STORE
    stack = Stack(folder, database_url(), sandbox, env=env)
    worker_pool = WorkerPool(env=stack.env, log=folder / "workers.log")
    chaos = Chaos(
        sandbox=sandbox,
        worker_pool=worker_pool,
        engines=engines,
        kills=arguments.kills,
        seed=arguments.seed,
        stack=stack,
        copies=arguments.copies,
    )
    try:
        problems = chaos.run()
    finally:
        chaos.store.stop()
        stack.stop()
        worker_pool.close()
        sandbox.stop()
    for name, number in sorted(chaos.count.items()):
        print(f"{number:8} {name}")
    print(f"{len(problems):8} problems; the workers wrote {folder / 'workers.log'}")
    if problems:
        copies = " --copies" if arguments.copies else ""
        print(
            f"Again: script/chaos --engine {arguments.engine} --kills {arguments.kills} "
            f"--seed {arguments.seed}{copies}"
        )
        print("\n".join(problems))
    return bool(problems)


if __name__ == "__main__":
    sys.exit(main())
