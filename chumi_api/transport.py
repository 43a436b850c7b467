"""One HTTP exchange with ChumiAI, and what can be proven about it afterwards.

`exchange` never raises for what the network does. It reports two facts that no exception type
of an HTTP library tells reliably: was there a connection, and did the last byte of the body
leave our hands? What they mean is decided in `chumi_api.parsing`.

There are no retries, no redirects, no cookies, no proxies and no netrc: requests' adapter is
used without a Session, which is where all of those live.
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
    """The body was stopped before its last bytes; nothing can have been sent."""


class Body:
    """A request body that streams, knows its length, and asks a gate before its last bytes.

    `finished` turns true at the moment the last bytes are handed over. Without them the body
    is shorter than its Content-Length and lacks its closing brace or boundary, so nobody can
    take it for a whole one.
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
        """Give the parts, once: no library may send them a second time."""
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
        """Let the body stop at its gate once the deadline has passed."""
        self._watchdog = watchdog

    def _pass_gate(self) -> None:
        try:
            wanted = self._gate is None or self._gate()
        except Exception as error:
            # Whatever broke in the caller's question, the answer is not a yes.
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
    part = f"--{boundary}\r\nContent-Disposition: form-data; name="
    # Quotes and line ends are escaped the way browsers do it (WHATWG, "multipart/form-data").
    name = file_name.replace('"', "%22").replace("\r", "%0D").replace("\n", "%0A")
    media_type = MEDIA_TYPES.get(name.rpartition(".")[2].lower(), "application/octet-stream")
    head = "".join(f'{part}"{key}"\r\n\r\n{value}\r\n' for key, value in fields.items())
    head += f'{part}"file"; filename="{name}"\r\nContent-Type: {media_type}\r\n\r\n'
    return Body(
        f"multipart/form-data; boundary={boundary}",
        head.encode(),
        BytesIO(file) if isinstance(file, bytes) else file,
        f"\r\n--{boundary}--\r\n".encode(),
        gate,
    )


@dataclass(frozen=True, slots=True)
class Answer:
    """What came of an exchange. `text` is None if the answer is missing, cut or too long."""

    connected: bool
    finished: bool
    status: int | None = None
    headers: dict[str, str] = field(default_factory=dict, repr=False)
    text: str | None = field(default=None, repr=False)


class Watchdog:
    """Cut the connection when the time is up, wherever in the exchange that happens.

    A socket's own time-out starts anew with each byte, so it bounds no drip of headers.
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
        """Whether the time is up, even if a process that was frozen has not been told yet."""
        return self.fired or time.monotonic() >= self._end

    @property
    def remaining(self) -> float:
        """Return the seconds left, never zero: to a socket, zero means not to wait at all."""
        return max(self._end - time.monotonic(), 0.001)

    def watch(self, sock: socket.socket) -> None:
        """Take charge of a connection that was made."""
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
                # The plain method, also for TLS, whose own would pull the session away from
                # under the thread that is reading.
                with suppress(OSError):
                    socket.socket.shutdown(self._socket, socket.SHUT_RDWR)


EXPECTED = (Withheld, requests.RequestException, HTTPError, HTTPException, OSError, ValueError)

_watchdog: ContextVar[Watchdog] = ContextVar("_watchdog")


class _Connection(HTTPConnection):
    """A connection in the charge of the current watchdog."""

    def _new_conn(self) -> socket.socket:
        """Look the host up and connect, in a thread that can be left behind.

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


class _TLSConnection(_Connection, HTTPSConnection):
    """The same over TLS."""


class _Pool(HTTPConnectionPool):
    ConnectionCls = _Connection


class _TLSPool(HTTPSConnectionPool):
    ConnectionCls = _TLSConnection


class Line(HTTPAdapter):
    """Connections to one host, kept for as long as the line is: one call, or one list."""

    def __init__(self) -> None:
        super().__init__(pool_connections=1, pool_maxsize=1, max_retries=0)

    def init_poolmanager(self, *args: Any, **kwargs: Any) -> None:
        super().init_poolmanager(*args, **kwargs)
        pools = {"http": _Pool, "https": _TLSPool}
        self.poolmanager.pool_classes_by_scheme = pools

    def __enter__(self) -> Line:
        return self

    def __exit__(self, *exc_info: object) -> None:
        self.close()


def exchange(
    line: Line,
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
    """Make one request; whatever happens to it, say what is known. Seconds, bytes."""
    status: int | None = None
    received: dict[str, str] = {}
    data: bytes | None = None
    with Watchdog(deadline) as watchdog:
        token = _watchdog.set(watchdog)
        if body is not None:
            body.guard(watchdog)
            headers = {**headers, "Content-Type": body.media_type}
        try:
            request = requests.Request(method, url, headers=headers, params=params, data=body)
            response = line.send(
                request.prepare(), stream=True, timeout=(connect_timeout, deadline), verify=True
            )
            try:
                status = response.status_code
                received = {name.lower(): value for name, value in response.headers.items()}
                data = _read(response, max_body)
            finally:
                # A connection that was read to the end is back in the line by now; one that
                # was not must not be used again.
                if data is None:
                    response.raw.close()
        except EXPECTED:
            # The type says nothing that the two facts don't, and its text may quote the key.
            pass
        finally:
            _watchdog.reset(token)
        if watchdog.fired:
            # A cut connection can look like the regular end of an answer without a length.
            data = None
    return Answer(
        connected=watchdog.connected,
        finished=body is None or body.finished,
        status=status,
        headers=received,
        text=None if data is None else data.decode("utf-8-sig", "replace"),
    )


def _read(response: requests.Response, max_body: int) -> bytes | None:
    """Read the whole answer, or None if it is longer than `max_body` bytes."""
    data = bytearray()
    for chunk in response.raw.stream(CHUNK, decode_content=True):
        data += chunk
        if len(data) > max_body:
            return None
    return bytes(data)
