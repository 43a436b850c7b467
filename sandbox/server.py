"""The HTTP server: reads requests, calls the API or the control endpoints, applies faults."""

import os
import socket
import socketserver
import struct
import sys
import threading
import uuid
from dataclasses import replace
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import unquote, urlsplit

from sandbox import api, control
from sandbox.api import Request
from sandbox.faults import Response
from sandbox.state import State
from sandbox.webhook_sender import DeliveryThread

MAX_BODY = 64 * 1024 * 1024
IDLE_SECONDS = 75
DRIP_STEPS = 100


class Sandbox(ThreadingHTTPServer):
    """The listening server; port 0 chooses a free port."""

    daemon_threads = True
    request_queue_size = 256

    def __init__(self, host: str, port: int, state: State, *, verbose: bool = False) -> None:
        self.state = state
        self.verbose = verbose
        self.stopping = threading.Event()
        super().__init__((host, port), Handler)
        self.deliveries = DeliveryThread(state)
        self.deliveries.start()

    def server_bind(self) -> None:
        """Bind without the reverse name look-up of HTTPServer, which can take seconds."""
        socketserver.TCPServer.server_bind(self)
        self.server_name = str(self.server_address[0])
        self.server_port = self.server_address[1]

    @property
    def url(self) -> str:
        return f"http://{self.server_name}:{self.server_port}"

    def stop(self) -> None:
        """Stop listening, and end every request that is delayed on purpose."""
        self.stopping.set()
        self.deliveries.stopping.set()
        self.shutdown()
        self.server_close()

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Ignore clients that disconnect; any other error is a bug, so print its traceback."""
        if not isinstance(sys.exc_info()[1], ConnectionError | TimeoutError):
            super().handle_error(request, client_address)


class Handler(BaseHTTPRequestHandler):
    """One connection; it stays open between requests."""

    server: Sandbox
    server_version = "ChumiAI-sandbox"
    sys_version = ""
    protocol_version = "HTTP/1.1"
    timeout = IDLE_SECONDS
    disable_nagle_algorithm = True

    def serve(self) -> None:
        """Answer one request, with the fault that applies to it."""
        state, url = self.server.state, urlsplit(self.path)
        request = Request(
            method=self.command,
            path=unquote(url.path),
            query=api.read_query(url.query),
            headers={name.lower(): value for name, value in self.headers.items()},
        )
        if request.path.startswith(control.BASE):
            body = self.read_body()
            if body is not None:
                self.write(control.respond(state, request.with_body(body)))
            return
        account, pattern = api.account_of(request), api.pattern_of(request.method, request.path)
        fault = None
        # A browser on the control page asks for an icon, which is no request to ChumiAI.
        if request.path.startswith(api.BASE):
            state.count_request(account, request.method, pattern)
            fault = state.take_fault(request.method, request.path, account)
        if fault and fault.before_body:
            return self.reset()
        body = self.read_body()
        if body is None:
            return None
        passes = fault is None or fault.accepted
        response = api.respond(state, request.with_body(body)) if passes else Response()
        if fault:
            response = fault.spoil(response, request.path)
        if request.path.startswith(api.BASE):
            response = replace(response, delay=response.delay + state.options.latency)
        if self.server.verbose:
            sys.stderr.write(f"{request.method} {pattern} {response.status}\n")
        self.write(response)

    do_GET = do_POST = do_PUT = do_PATCH = do_DELETE = serve

    def read_body(self) -> bytes | None:
        """Return the whole body; None, with the connection closed, if it is incomplete."""
        try:
            if self.headers.get("Transfer-Encoding", "").lower() == "chunked":
                body = self._read_chunks()
            else:
                length = int(self.headers.get("Content-Length") or 0)
                body = self.rfile.read(length) if 0 <= length <= MAX_BODY else None
                if body is not None and len(body) < length:
                    body = None
        except (ValueError, OSError):
            body = None
        if body is None:
            self.close_connection = True
        return body

    def _read_chunks(self) -> bytes | None:
        chunks: list[bytes] = []
        total = 0
        while True:
            line = self.rfile.readline(1024)
            size = int(line.split(b";")[0], 16)
            total += size
            if size < 0 or total > MAX_BODY:
                return None
            chunk = self.rfile.read(size + 2)
            if len(chunk) < size + 2:
                return None
            if size == 0:
                return b"".join(chunks)
            chunks.append(chunk[:-2])

    def write(self, response: Response) -> None:
        """Send the response as its fields say."""
        if response.delay:
            self.server.stopping.wait(response.delay)
        if not response.silent:
            sent = response.body if response.cut is None else response.body[: response.cut]
            self.wfile.write(self._head(response))
            self._write_body(sent, response.drip)
        if response.end == "reset":
            self.reset()
        elif response.end == "close" or not response.declared:
            self.close_connection = True

    def _head(self, response: Response) -> bytes:
        headers = {
            "Server": self.version_string(),
            "Date": self.date_time_string(),
            "X-Request-Id": uuid.uuid4().hex,
            **response.headers,
        }
        if response.declared:
            headers["Content-Length"] = str(len(response.body))
        if response.end != "keep" or not response.declared:
            headers["Connection"] = "close"
        status = HTTPStatus(response.status)
        lines = [f"HTTP/1.1 {status.value} {status.phrase}"]
        lines += [f"{name}: {value}" for name, value in headers.items()]
        return ("\r\n".join(lines) + "\r\n\r\n").encode("latin-1")

    def _write_body(self, body: bytes, drip: float) -> None:
        if not drip:
            self.wfile.write(body)
            return
        step = max(1, len(body) // DRIP_STEPS)
        for start in range(0, len(body), step):
            if self.server.stopping.wait(drip * step / len(body)):
                return
            self.wfile.write(body[start : start + step])

    def reset(self) -> None:
        """End the connection with a TCP reset, as a crashed server does."""
        self.close_connection = True
        linger = struct.pack("ii", 1, 0)
        self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger)
        # Closing the descriptor sends the reset at once; the server's own shutdown would end the
        # connection in the regular way first.
        os.close(self.connection.detach())

    def log_message(self, format: str, *args: object) -> None:
        """Log nothing, as a path may hold a phone number."""
