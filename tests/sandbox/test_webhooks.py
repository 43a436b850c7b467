"""The webhooks that the sandbox sends to an address: Meta's envelope and the flat family."""

import hashlib
import hmac
import json
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest
import requests

PHONE = "233244123451"


class Receiver(ThreadingHTTPServer):
    """An address that keeps the bodies that it accepts, and refuses the first `refuse`."""

    def __init__(self):
        self.received, self.refuse = [], 0
        super().__init__(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server_port}/hook"

    @property
    def bodies(self):
        return [json.loads(raw) for raw, _ in self.received]

    def statuses(self):
        """Return (number, status) of each status of Meta's family, in the order of arrival."""
        return [
            (status["recipient_id"], status["status"])
            for body in self.bodies
            for change in body["entry"][0]["changes"]
            for status in change["value"].get("statuses", [])
        ]


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_POST(self):
        raw = self.rfile.read(int(self.headers["Content-Length"]))
        ok = self.server.refuse <= 0
        self.server.refuse -= 1
        if ok:
            self.server.received.append((raw, dict(self.headers)))
        self.send_response(200 if ok else 503)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, *args):
        pass


@pytest.fixture
def receiver():
    server = Receiver()
    thread = threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True)
    thread.start()
    yield server
    server.shutdown()
    server.server_close()
    thread.join()


@pytest.fixture
def listen(api, receiver):
    """Return a function that sets the receiver's address; events come once and in order."""
    api.order("/speed", speed=5000)

    def run(**order):
        api.order("/webhook", **{"url": receiver.url, "duplicates": 0, "disorder": 0} | order)

    return run


def wait_until_delivered(api):
    api.wait_until(lambda: api.order("/webhook", "GET")["pending"] == 0)


def test_an_accepted_message_climbs(api, receiver, listen):
    listen()
    api.send("233244123451", "a", "b")
    api.send("233244123456", "a", "b")
    wait_until_delivered(api)
    statuses = receiver.statuses()
    assert [word for to, word in statuses if to == PHONE] == ["sent", "delivered"]
    # Every third person has read receipts on.
    assert [word for to, word in statuses if to == "233244123456"] == ["sent", "delivered", "read"]


@pytest.mark.parametrize(
    "ending, words",
    [("999", ["sent", "read"]), ("888", ["sent", "delivered", "read"]), ("889", ["failed"])],
)
def test_the_last_digits_decide(api, receiver, listen, ending, words):
    listen()
    phone = f"233244120{ending}" if ending != "888" else "233244121888"
    api.send(phone, "a", "b")
    wait_until_delivered(api)
    statuses = [word for _, word in receiver.statuses()]
    assert statuses == (words if int(phone[-4:]) % 3 == 0 or ending != "888" else words[:2])


def test_the_messages_of_a_job_have_statuses_too(api, receiver, listen):
    listen(batch=50)
    rows = [("Phone", "Name", "Code")] + [(f"23324412{n:04d}", "A", "B") for n in (1451, 1026)]
    api.bulk(api.xlsx(*rows))
    wait_until_delivered(api)
    statuses = receiver.statuses()
    assert ("233244121451", "delivered") in statuses
    assert ("233244121026", "failed") in statuses


def test_a_body_may_hold_several_events(api, receiver, listen):
    listen(batch=1000)
    for n in range(20):
        api.send(f"23324412{n:02d}11", "a", "b")
    wait_until_delivered(api)
    assert len(receiver.statuses()) >= 40
    assert len(receiver.received) < 30


def test_events_come_twice_and_out_of_order(api, receiver, listen):
    listen(duplicates=1, disorder=0.5)
    for n in range(10):
        api.send(f"23324412{n:02d}11", "a", "b")
    wait_until_delivered(api)
    statuses = receiver.statuses()
    assert len(statuses) == 2 * len(set(statuses))
    late = [n for n in range(10) if statuses.index((f"23324412{n:02d}11", "sent"))
            > statuses.index((f"23324412{n:02d}11", "delivered"))]  # fmt: skip
    assert late


def test_the_raw_body_is_signed(api, receiver, listen):
    listen(secret="of ours")
    api.order("/inbound", phone=PHONE, text="Thank you!")
    wait_until_delivered(api)
    ((raw, headers),) = receiver.received
    expected = "sha256=" + hmac.new(b"of ours", raw, hashlib.sha256).hexdigest()
    assert headers["X-Hub-Signature-256"] == expected


def test_the_flat_family(api, receiver, listen):
    listen(family="flat")
    api.send("233244120999", "a", "b")
    wait_until_delivered(api)
    assert [body["event"] for body in receiver.bodies] == ["message.sent", "message.read"]
    assert {body["data"]["to"] for body in receiver.bodies} == {"233244120999"}


def test_a_refused_body_is_sent_again(api, receiver, listen):
    receiver.refuse = 2
    listen()
    api.order("/inbound", phone=PHONE, text="Thank you!")
    wait_until_delivered(api)
    assert api.order("/webhook", "GET") == {
        "pending": 0, "events": 1, "answers": {"503": 2, "200": 1},
    }  # fmt: skip


def test_some_messages_fail_later_and_some_get_a_reply(api, receiver, listen):
    listen(later_failures=0.5, replies=1, stops=1)
    for n in range(20):
        api.send(f"23324412{n:02d}11", "a", "b")
    wait_until_delivered(api)
    words = [word for _, word in receiver.statuses()]
    assert 0 < words.count("failed") < 20
    texts = [
        message["text"]["body"]
        for body in receiver.bodies
        for message in body["entry"][0]["changes"][0]["value"].get("messages", [])
    ]
    assert texts == ["STOP"] * words.count("delivered")


def test_a_changed_template_is_sent(api, receiver, listen):
    listen()
    body = {"name": "welcome_message", "language": "en_US", "category": "MARKETING"}
    components = [{"type": "BODY", "text": "Hi"}]
    api.order("/templates", **body, status="PAUSED", components=components)
    wait_until_delivered(api)
    change = receiver.bodies[0]["entry"][0]["changes"][0]
    assert change["field"] == "message_template_status_update"
    assert change["value"]["event"] == "PAUSED"


def test_without_an_address_nothing_is_sent(api, receiver, listen):
    listen()
    api.order("/webhook", "DELETE")
    api.send(PHONE, "a", "b")
    assert api.order("/webhook", "GET")["pending"] == 0
    assert not receiver.received


@pytest.mark.parametrize(
    "order", [{}, {"url": "ftp://x"}, {"url": "http://x", "family": "odd"},
              {"url": "http://x", "batch": 0}, {"url": "http://x", "duplicates": "often"}],
)  # fmt: skip
def test_an_invalid_address_is_refused(api, order):
    answer = requests.post(f"{api.url}/__sandbox__/webhook", json=order, timeout=5)
    assert answer.status_code == 400
