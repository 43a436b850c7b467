"""One HTTP exchange with ChumiAI, and what can be proven about it afterwards.

`exchange` never raises for a network error. It reports two facts that the exceptions of an HTTP
library do not show reliably: was there a connection, and did we write the last byte of the
body? `chumi_api.parsing.verdicts` decides what they mean.

There are no retries, no redirects, no cookies, no proxies and no netrc: requests' adapter is
used without a Session, which implements all of those.
"""

from __future__ import annotations

import json
import secrets
import socket
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import Future
from contextlib import suppress
from contextvars import ContextVar
from dataclasses import dataclass, field
from http.client import HTTPException
from io import BytesIO
from typing import Any, BinaryIO

import requests
from requests.adapters import HTTPAdapter
from urllib3.connection import HTTPConnection, HTTPSConnection
from urllib3.connectionpool import HTTPConnectionPool, HTTPSConnectionPool
from urllib3.exceptions import HTTPError

Gate = Callable[[], bool]

CHUNK = 16 * 1024
MEDIA_TYPES = {
    "csv": "text/csv",
    "xls": "application/vnd.ms-excel",
    "xlsx": "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
}


class Withheld(Exception):
    """The body was stopped before its last bytes, so nothing was sent."""


class Body:
    """A request body that streams, knows its length, and asks a gate before its last bytes.

    `finished` becomes true when the last bytes are written. Without them the body is shorter
    than its Content-Length and lacks its closing brace or boundary, so no server accepts it.
    """

    def __init__(
        self, media_type: str, head: bytes, file: BinaryIO, tail: bytes, gate: Gate | None
    ) -> None:
        self.media_type = media_type
        self.finished = False
        self.gate_error: Exception | None = None
        self._head, self._file, self._tail, self._gate = head, file, tail, gate
        self._file_length = file.seek(0, 2)
        self._started = False
        self._watchdog: Watchdog | None = None

    def __len__(self) -> int:
        return len(self._head) + self._file_length + len(self._tail)

    def __iter__(self) -> Iterator[bytes]:
        """Yield the pieces, once: no library may send them a second time."""
        if self._started:
            raise Withheld
        self._started = True
        yield self._head
        self._file.seek(0)
        left = self._file_length
        while left > 0:
            chunk = self._file.read(min(CHUNK, left))
            if not chunk:
                raise Withheld
            left -= len(chunk)
            yield chunk
        self._pass_gate()
        self.finished = True
        yield self._tail

    def guard(self, watchdog: Watchdog) -> None:
        """Stop the body at its gate if the deadline has passed."""
        self._watchdog = watchdog

    def _pass_gate(self) -> None:
        try:
            wanted = self._gate is None or self._gate()
        except Exception as error:
            # A gate that fails has not said yes.
            self.gate_error = error
            raise Withheld from None
        if not wanted or (self._watchdog is not None and self._watchdog.is_over):
            raise Withheld


def json_body(value: dict[str, Any], gate: Gate | None = None) -> Body:
    """Make a JSON body whose closing brace is held back."""
    data = json.dumps(value, ensure_ascii=False).encode()
    return Body("application/json", data[:-1], BytesIO(), data[-1:], gate)


def multipart_body(
    fields: dict[str, str], file: bytes | BinaryIO, file_name: str, gate: Gate | None = None
) -> Body:
    """Make a form with one file, streamed, whose closing boundary is held back."""
    boundary = secrets.token_hex(16)
    field = f"--{boundary}\r\nContent-Disposition: form-data; name="
    # Quotes and line ends are escaped the way browsers do it (WHATWG, "multipart/form-data").
    name = file_name.replace('"', "%22").replace("\r", "%0D").replace("\n", "%0A")
    media_type = MEDIA_TYPES.get(name.rpartition(".")[2].lower(), "application/octet-stream")
    head = "".join(f'{field}"{key}"\r\n\r\n{value}\r\n' for key, value in fields.items())
    head += f'{field}"file"; filename="{name}"\r\nContent-Type: {media_type}\r\n\r\n'
    return Body(
        f"multipart/form-data; boundary={boundary}",
        head.encode(),
        BytesIO(file) if isinstance(file, bytes) else file,
        f"\r\n--{boundary}--\r\n".encode(),
        gate,
    )


@dataclass(frozen=True, slots=True)
class Answer:
    """The result of an exchange. `text` is None if the answer is missing, cut or too long.

    `size` is how many bytes of the body came, unpacked.
    """

    connected: bool
    finished: bool
    status: int | None = None
    headers: dict[str, str] = field(default_factory=dict, repr=False)
    text: str | None = field(default=None, repr=False)
    size: int = 0


class Watchdog:
    """Cut the connection when the time is up, at any point of the exchange.

    A socket's own time-out starts again with each byte, so a slow drip of headers never ends it.
    """

    def __init__(self, seconds: float) -> None:
        self.fired = False
        self.connected = False
        self._end = time.monotonic() + seconds
        self._lock = threading.Lock()
        self._socket: socket.socket | None = None
        self._timer = threading.Timer(seconds, self._fire)
        self._timer.daemon = True

    def __enter__(self) -> Watchdog:
        self._timer.start()
        return self

    def __exit__(self, *exc_info: object) -> None:
        self._timer.cancel()
        with self._lock:
            self._socket = None

    @property
    def is_over(self) -> bool:
        """Whether the time is up, also before the timer of a frozen process has run."""
        return self.fired or time.monotonic() >= self._end

    @property
    def remaining(self) -> float:
        """Return the seconds left, never zero: zero makes a socket non-blocking."""
        return max(self._end - time.monotonic(), 0.001)

    def watch(self, sock: socket.socket) -> None:
        """Cut this socket when the time is up."""
        with self._lock:
            if self.fired:
                raise TimeoutError
            self._socket = sock
        self.connected = True
        sock.settimeout(self.remaining)

    def _fire(self) -> None:
        with self._lock:
            self.fired = True
            if self._socket is not None:
                # The plain method, also for TLS: TLS's own would end the session that another
                # thread is reading from.
                with suppress(OSError):
                    socket.socket.shutdown(self._socket, socket.SHUT_RDWR)


EXPECTED = (Withheld, requests.RequestException, HTTPError, HTTPException, OSError, ValueError)

_watchdog: ContextVar[Watchdog] = ContextVar("_watchdog")


class _WatchedConnection(HTTPConnection):
    """A connection that the current watchdog cuts."""

    def _new_conn(self) -> socket.socket:
        """Look the host up and connect, in a thread that may outlive the call.

        A name look-up has no time-out, and a host may have many addresses to try.
        """
        watchdog = _watchdog.get()
        made: Future[socket.socket] = Future()
        connect = super()._new_conn

        def work() -> None:
            try:
                made.set_result(connect())
            except BaseException as error:
                made.set_exception(error)

        threading.Thread(target=work, daemon=True).start()
        try:
            sock = made.result(timeout=watchdog.remaining)
        except TimeoutError:
            made.add_done_callback(_close_late)
            raise
        sock.settimeout(min(sock.gettimeout() or watchdog.remaining, watchdog.remaining))
        return sock

    def connect(self) -> None:
        super().connect()
        _watchdog.get().watch(self.sock)

    def request(self, *args: Any, **kwargs: Any) -> None:
        if self.sock is not None:
            _watchdog.get().watch(self.sock)
        super().request(*args, **kwargs)


def _close_late(made: Future[socket.socket]) -> None:
    if made.exception() is None:
        made.result().close()


class _WatchedTLSConnection(_WatchedConnection, HTTPSConnection):
    """The same over TLS."""


class _Pool(HTTPConnectionPool):
    ConnectionCls = _WatchedConnection


class _TLSPool(HTTPSConnectionPool):
    ConnectionCls = _WatchedTLSConnection


class Connection(HTTPAdapter):
    """A connection to one host, open for several requests, and opened again where it broke."""

    def __init__(self) -> None:
        super().__init__(pool_connections=1, pool_maxsize=1, max_retries=0)

    def init_poolmanager(self, *args: Any, **kwargs: Any) -> None:
        super().init_poolmanager(*args, **kwargs)
        pools = {"http": _Pool, "https": _TLSPool}
        self.poolmanager.pool_classes_by_scheme = pools

    def __enter__(self) -> Connection:
        return self

    def __exit__(self, *exc_info: object) -> None:
        self.close()


def exchange(
    connection: Connection,
    method: str,
    url: str,
    *,
    headers: dict[str, str],
    params: dict[str, str],
    body: Body | None,
    connect_timeout: float,
    deadline: float,
    max_body: int,
) -> Answer:
    """Make one request and return what is known of it. Times in seconds, sizes in bytes."""
    status: int | None = None
    received: dict[str, str] = {}
    data = bytearray()
    is_whole = False
    with Watchdog(deadline) as watchdog:
        token = _watchdog.set(watchdog)
        if body is not None:
            body.guard(watchdog)
            headers = {**headers, "Content-Type": body.media_type}
        try:
            request = requests.Request(method, url, headers=headers, params=params, data=body)
            response = connection.send(
                request.prepare(), stream=True, timeout=(connect_timeout, deadline), verify=True
            )
            try:
                status = response.status_code
                received = {name.lower(): value for name, value in response.headers.items()}
                is_whole = _read(response, data, max_body)
            finally:
                # urllib3 keeps a connection that was read to the end. One that was not must
                # not be used again.
                if not is_whole:
                    response.raw.close()
        except EXPECTED:
            # The two facts say all that we need, and the error's text may quote the key.
            pass
        finally:
            _watchdog.reset(token)
        if watchdog.fired:
            # A cut connection can look like the regular end of an answer without a length.
            is_whole = False
    return Answer(
        connected=watchdog.connected,
        finished=body is None or body.finished,
        status=status,
        headers=received,
        text=data.decode("utf-8-sig", "replace") if is_whole else None,
        size=len(data),
    )


def _read(response: requests.Response, data: bytearray, max_body: int) -> bool:
    """Read the answer into `data`. Return False if it is longer than `max_body` bytes."""
    for chunk in response.raw.stream(CHUNK, decode_content=True):
        data += chunk
        if len(data) > max_body:
            return False
    return True
