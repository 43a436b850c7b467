"""Send webhooks to a business's address, as unreliably as the real ChumiAI.

Events come twice, late, out of order and several in one body. Bodies are signed, and sent again
until the answer is 200.
"""

import hashlib
import heapq
import hmac
import itertools
import json
import math
import random
import threading
import time
from collections import Counter
from dataclasses import dataclass, field
from http.client import HTTPConnection, HTTPException, HTTPSConnection
from typing import Any
from urllib.parse import urlsplit

from sandbox import webhook_events
from sandbox.ledger import Entry
from sandbox.webhook_events import Address

Data = dict[str, Any]

# In real seconds: between two looks at what is due, for an answer, and between tries.
INTERVAL = 0.05
TIMEOUT = 5
RETRIES = (0.2, 0.5, 1, 2, 5, 10, 30, 60)


@dataclass
class WebhookSender:
    """The events of one account: those that are due, and the results of those that were sent."""

    address: Address
    chance: random.Random
    due: list[tuple[float, int, Data]] = field(default_factory=list)
    numbers: Any = field(default_factory=itertools.count)
    in_progress: int = 0
    answers: Counter[str] = field(default_factory=Counter)
    delivered: int = 0
    # Every event once, in the order in which they were scheduled.
    events: list[Data] = field(default_factory=list)

    def events_of(self, entry: Entry) -> list[tuple[float, Data]]:
        """Return the events of a message, each with its moment on the sandbox's clock."""
        return webhook_events.events_of(entry, self.address, self.chance)

    def schedule(self, at: float, event: Data) -> None:
        """Send an event at a moment of the sandbox's clock, perhaps late, perhaps twice."""
        self.events.append(event)
        if self.chance.random() < self.address.disorder:
            at += self.chance.uniform(5, 60)
        heapq.heappush(self.due, (at, next(self.numbers), event))
        if self.chance.random() < self.address.duplicates:
            again = at + self.chance.uniform(0, 120)
            heapq.heappush(self.due, (again, next(self.numbers), event))

    def take(self, now: float) -> list[Data]:
        """Return the events that are due, at most as many as fit into one body."""
        taken: list[Data] = []
        while self.due and self.due[0][0] <= now and len(taken) < self.address.batch:
            taken.append(heapq.heappop(self.due)[2])
        self.in_progress += len(taken)
        return taken

    def public(self) -> Data:
        return {
            "pending": len(self.due) + self.in_progress,
            "events": self.delivered,
            "answers": dict(self.answers),
        }


def signature(raw: bytes, secret: str) -> str:
    return "sha256=" + hmac.new(secret.encode(), raw, hashlib.sha256).hexdigest()


class DeliveryThread(threading.Thread):
    """Posts the bodies of all accounts, one after the other, and repeats those that failed."""

    def __init__(self, state: Any) -> None:
        super().__init__(daemon=True)
        self.state = state
        self.stopping = threading.Event()
        self.connections: dict[str, HTTPConnection] = {}
        # The failed posts: real time of the next try, number, tries so far, sender, body, events.
        self.failed: list[tuple[float, int, int, WebhookSender, bytes, int]] = []
        self.numbers = itertools.count()

    def run(self) -> None:
        while not self.stopping.wait(INTERVAL):
            while self.post_due():
                pass

    def post_due(self) -> bool:
        """Post what is due. Return whether any event was."""
        taken = []
        with self.state.lock:
            now = self.state.clock.elapsed()
            for sender in self.state.senders.values():
                if events := sender.take(now):
                    taken.append((sender, events))
        for sender, events in taken:
            # Rounded up, so that a status is never earlier than what it follows.
            at = math.ceil(time.time())
            for body in webhook_events.bodies(events, at, sender.address):
                self.post(sender, json.dumps(body).encode(), len(events), tries=0)
        waiting, self.failed = self.failed, []
        for entry in sorted(waiting):
            if entry[0] <= time.monotonic():
                _, _, tries, sender, raw, count = entry
                self.post(sender, raw, count, tries=tries)
            else:
                self.failed.append(entry)
        return bool(taken)

    def post(self, sender: WebhookSender, raw: bytes, count: int, *, tries: int) -> None:
        """Post a body once. Unless the answer is 200, it is retried, at most eight times."""
        answer = self._ask(sender.address, raw)
        with self.state.lock:
            sender.answers[answer] += 1
            if answer == "200":
                sender.delivered += count
            elif tries < len(RETRIES):
                at = time.monotonic() + RETRIES[tries]
                self.failed.append((at, next(self.numbers), tries + 1, sender, raw, count))
                return
            sender.in_progress -= count

    def _ask(self, address: Address, raw: bytes) -> str:
        """Return the status of the answer, or the name of the network error."""
        url = urlsplit(address.url)
        headers = {"Content-Type": "application/json", "User-Agent": "chumiai-webhooks"}
        if address.secret:
            headers["X-Hub-Signature-256"] = signature(raw, address.secret)
        connection = self.connections.get(url.netloc)
        if connection is None:
            kind = HTTPSConnection if url.scheme == "https" else HTTPConnection
            connection = self.connections[url.netloc] = kind(url.netloc, timeout=TIMEOUT)
        try:
            connection.request("POST", url.path or "/", raw, headers)
            answer = connection.getresponse()
            answer.read()
        except (OSError, HTTPException) as error:
            connection.close()
            self.connections.pop(url.netloc, None)
            return type(error).__name__
        return str(answer.status)
