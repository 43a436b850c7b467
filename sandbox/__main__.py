"""Run the sandbox: `python -m sandbox --port 8001`."""

import argparse
import os
import signal
import threading

from sandbox.server import Sandbox
from sandbox.shapes import SHAPES
from sandbox.state import State


def _speed(text: str) -> float:
    speed = float(text)
    if not 0 <= speed <= 1_000_000:
        raise argparse.ArgumentTypeError("must be between 0 and 1000000")
    return speed


def main() -> None:
    """Run the server until SIGTERM or SIGINT."""
    parser = argparse.ArgumentParser(prog="python -m sandbox", description="A sandbox ChumiAI.")
    parser.add_argument("--host", default="127.0.0.1")
    parser.add_argument("--port", type=int, default=8001, help="0 chooses a free port")
    parser.add_argument("--speed", type=_speed, default=os.environ.get("SANDBOX_SPEED", "1"))
    parser.add_argument("--shape", choices=SHAPES, default=os.environ.get("SANDBOX_SHAPE", "nest"))
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument(
        "--verbose", action="store_true", help="print one line for each request on stderr"
    )
    args = parser.parse_args()

    state = State(seed=args.seed, speed=args.speed, shape=args.shape)
    server = Sandbox(args.host, args.port, state, verbose=args.verbose)
    stop = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stop.set())
    threading.Thread(target=server.serve_forever, daemon=True).start()
    print(f"Sandbox ChumiAI on {server.url}", flush=True)
    stop.wait()
    server.stop()


if __name__ == "__main__":
    main()
