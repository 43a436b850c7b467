"""A client of the sandbox, with one account for each test; and servers that break the wire."""

import json
import socket
import threading
import uuid
from collections.abc import Callable, Iterator
from typing import Any

import pytest
import requests

from chumi_api.client import Client
from sandbox.server import Sandbox
from sandbox.state import State

PHONES = ("233244123456", "233244123457", "233244123458")
FILE = "phone,name,code\n" + "".join(f"{phone},Ama,C{phone[-1]}\n" for phone in PHONES)


class Account:
    """One customer of the sandbox: its client, its ledger, and the faults set for it."""

    def __init__(self, url: str, kind: str = "full") -> None:
        self.url = url
        self.name = uuid.uuid4().hex
        self.key = f"chumi_sk_live_sandbox_{kind}_{self.name}"

    def client(self, **options: Any) -> Client:
        return Client(self.url, self.key, **options)

    def order(self, control: str, /, **body: Any) -> None:
        response = requests.post(
            f"{self.url}/__sandbox__{control}", json={"key": self.key, **body}, timeout=10
        )
        assert response.ok, response.text

    def ledger(self) -> list[dict[str, Any]]:
        """Return the messages that the sandbox accepted, in order."""
        url = f"{self.url}/__sandbox__/ledger?account={self.name}"
        entries: list[dict[str, Any]] = requests.get(url, timeout=10).json()
        return entries


@pytest.fixture(scope="session")
def sandbox() -> Iterator[str]:
    """Run one sandbox for all tests and give its address."""
    state = State(seed=1, speed=1000, shape="nest")
    state.set_options({"chaos_bad_gateway": 0.0, "chaos_slow": 0.0})
    server = Sandbox("127.0.0.1", 0, state)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    yield server.url
    server.stop()
    thread.join(5)


@pytest.fixture
def account(sandbox: str) -> Account:
    return Account(sandbox)


@pytest.fixture
def client(account: Account) -> Client:
    return account.client()


class Wire:
    """The server's end of a connection, for answers that no HTTP server would give."""

    def __init__(self, connection: socket.socket) -> None:
        self.connection = connection

    def read_head(self) -> str:
        """Return the request line and the headers, and leave the body unread."""
        data = b""
        while not data.endswith(b"\r\n\r\n"):
            byte = self.connection.recv(1)
            if not byte:
                break
            data += byte
        return data.decode()

    def read(self) -> tuple[str, bytes]:
        """Return the head and all of the body that arrives."""
        head = self.read_head()
        lengths = [
            int(line.partition(":")[2])
            for line in head.split("\r\n")
            if line.lower().startswith("content-length:")
        ]
        length, body = (lengths or [0])[0], b""
        while len(body) < length and (data := self.connection.recv(65536)):
            body += data
        return head, body

    def write(self, text: str | bytes) -> None:
        self.connection.sendall(text if isinstance(text, bytes) else text.encode())

    def answer(self, status: int, body: Any, *headers: str) -> None:
        content = body if isinstance(body, bytes) else json.dumps(body).encode()
        lines = [f"HTTP/1.1 {status} Said", f"Content-Length: {len(content)}", *headers]
        self.write("\r\n".join((*lines, "Connection: close", "", "")).encode() + content)


@pytest.fixture
def serve() -> Iterator[Callable[[Callable[[Wire], None]], str]]:
    """Return a function that serves each connection with a handler and returns the address."""
    listeners: list[socket.socket] = []

    def run(handle: Callable[[Wire], None]) -> str:
        listener = socket.create_server(("127.0.0.1", 0))
        listeners.append(listener)

        def one(connection: socket.socket) -> None:
            with connection:
                connection.settimeout(10)
                try:
                    handle(Wire(connection))
                except OSError:
                    return

        def loop() -> None:
            while True:
                try:
                    connection, _ = listener.accept()
                except OSError:
                    return
                threading.Thread(target=one, args=(connection,), daemon=True).start()

        threading.Thread(target=loop, daemon=True).start()
        return f"http://127.0.0.1:{listener.getsockname()[1]}"

    yield run
    for listener in listeners:
        listener.shutdown(socket.SHUT_RDWR)
        listener.close()


@pytest.fixture
def serve_json(
    serve: Callable[[Callable[[Wire], None]], str],
) -> Callable[[Callable[[dict[str, str]], Any]], str]:
    """Return a function that answers each request with JSON made from its query."""
    from urllib.parse import parse_qsl, urlsplit

    def run(make: Callable[[dict[str, str]], Any]) -> str:
        def handle(wire: Wire) -> None:
            head, _ = wire.read()
            if not head:
                # The client gave up before it asked.
                return
            wire.answer(200, make(dict(parse_qsl(urlsplit(head.split(" ")[1]).query))))

        return serve(handle)

    return run
