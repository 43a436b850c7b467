"""A sandbox on a free port, and a client that calls it as ChumiAI's customers do."""

import io
import threading
import time
from collections.abc import Callable, Iterator
from typing import Any

import openpyxl
import pytest
import requests

from sandbox.server import Sandbox
from sandbox.state import State

KEY = "chumi_sk_live_sandbox_full"
BULK = "/whatsapp/bulk-import-messages"
SEND = "/whatsapp/send-template"
JOBS = "/whatsapp/bulk-jobs"


class Api:
    """The calls of a customer, and the control requests of a test; a new connection for each."""

    def __init__(self, url: str) -> None:
        self.url = url

    def call(
        self, method: str, path: str, key: str | None = KEY, **kwargs: Any
    ) -> requests.Response:
        headers = kwargs.pop("headers", {}) | ({"X-API-Key": key} if key else {})
        kwargs = {"timeout": 20, "allow_redirects": False} | kwargs
        return requests.request(method, f"{self.url}/api/v1{path}", headers=headers, **kwargs)

    def get(self, path: str, key: str | None = KEY, **kwargs: Any) -> requests.Response:
        return self.call("GET", path, key, **kwargs)

    def post(self, path: str, key: str | None = KEY, **kwargs: Any) -> requests.Response:
        return self.call("POST", path, key, **kwargs)

    def bulk(
        self,
        content: bytes,
        name: str = "list.xlsx",
        key: str = KEY,
        template: str = "welcome_message",
        language: str = "en_US",
        **kwargs: Any,
    ) -> requests.Response:
        form = {"templateName": template, "languageCode": language}
        return self.post(BULK, key, files={"file": (name, content)}, data=form, **kwargs)

    def send(self, to: str, *values: str, key: str = KEY, **extra: Any) -> requests.Response:
        body = {
            "to": to,
            "templateName": "welcome_message",
            "templateParameters": [{"text": value} for value in values],
        }
        return self.post(SEND, key, json=body | extra)

    def status(self, job_id: str, key: str = KEY) -> dict[str, Any]:
        return self.get(f"{JOBS}/{job_id}/status", key).json()["data"]

    def status_in(self, shape: str, job_id: str) -> dict[str, Any]:
        return self.get(f"{JOBS}/{job_id}/status", params={"shape": shape}).json()

    def order(self, path: str, method: str = "POST", /, **body: Any) -> Any:
        response = requests.request(
            method, f"{self.url}/__sandbox__{path}", json=body or None, timeout=20
        )
        assert response.ok, response.text
        return response.json()

    def ledger(self, account: str = "default") -> list[dict[str, Any]]:
        return self.order(f"/ledger?account={account}", "GET")

    def count(self, path: str, account: str = "default") -> int:
        """Return the number of requests of an account to a path."""
        requested = self.order(f"/requests?account={account}", "GET")
        return sum(line["count"] for line in requested if line["path"] == f"/api/v1{path}")

    @staticmethod
    def xlsx(*rows: tuple[Any, ...]) -> bytes:
        """Return a workbook with these rows."""
        book = openpyxl.Workbook()
        for row in rows:
            book.active.append(row)
        out = io.BytesIO()
        book.save(out)
        return out.getvalue()

    @staticmethod
    def wait_until(condition: Callable[[], bool], seconds: float = 5) -> None:
        """Return when the condition holds; fail after some seconds."""
        end = time.monotonic() + seconds
        while not condition():
            assert time.monotonic() < end, "it did not happen in time"
            time.sleep(0.02)


@pytest.fixture(scope="session")
def server() -> Iterator[Sandbox]:
    sandbox = Sandbox("127.0.0.1", 0, State(speed=1))
    thread = threading.Thread(target=sandbox.serve_forever, args=(0.05,), daemon=True)
    thread.start()
    yield sandbox
    sandbox.stop()
    thread.join()


@pytest.fixture
def api(server: Sandbox) -> Api:
    server.state.reset()
    return Api(server.url)
