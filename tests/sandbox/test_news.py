"""What the sandbox tells by itself, to an address: Meta's envelope and the flat family."""

import hashlib
import hmac
import json
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest
import requests

PHONE = "233244123451"


class Ear(ThreadingHTTPServer):
    """An address that keeps what it hears, and answers as it is told to."""

    def __init__(self):
        self.heard, self.refuse = [], 0
        super().__init__(("127.0.0.1", 0), Listen)
        self.url = f"http://127.0.0.1:{self.server_port}/hook"

    @property
    def bodies(self):
        return [json.loads(raw) for raw, _ in self.heard]

    def statuses(self):
        """Return (number, status) of each status of Meta's family, in the order of arrival."""
        return [
            (told["recipient_id"], told["status"])
            for body in self.bodies
            for change in body["entry"][0]["changes"]
            for told in change["value"].get("statuses", [])
        ]


class Listen(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_POST(self):
        raw = self.rfile.read(int(self.headers["Content-Length"]))
        ok = self.server.refuse <= 0
        self.server.refuse -= 1
        if ok:
            self.server.heard.append((raw, dict(self.headers)))
        self.send_response(200 if ok else 503)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, *args):
        pass


@pytest.fixture
def ear():
    server = Ear()
    thread = threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True)
    thread.start()
    yield server
    server.shutdown()
    server.server_close()
    thread.join()


@pytest.fixture
def quiet(api, ear):
    """An address to which everything is told once and in order."""
    api.order("/speed", speed=5000)

    def listen(**order):
        api.order("/webhook", **{"url": ear.url, "duplicates": 0, "disorder": 0} | order)

    return listen


def wait_until_told(api):
    api.wait_until(lambda: api.order("/webhook", "GET")["pending"] == 0)


def test_an_accepted_message_climbs(api, ear, quiet):
    quiet()
    api.send("233244123451", "a", "b")
    api.send("233244123456", "a", "b")
    wait_until_told(api)
    told = ear.statuses()
    assert [word for to, word in told if to == PHONE] == ["sent", "delivered"]
    # Every third person reads.
    assert [word for to, word in told if to == "233244123456"] == ["sent", "delivered", "read"]


@pytest.mark.parametrize(
    "ending, words",
    [("999", ["sent", "read"]), ("888", ["sent", "delivered", "read"]), ("889", ["failed"])],
)
def test_the_last_digits_decide(api, ear, quiet, ending, words):
    quiet()
    phone = f"233244120{ending}" if ending != "888" else "233244121888"
    api.send(phone, "a", "b")
    wait_until_told(api)
    told = [word for _, word in ear.statuses()]
    assert told == (words if int(phone[-4:]) % 3 == 0 or ending != "888" else words[:2])


def test_the_people_of_a_job_are_told_of_too(api, ear, quiet):
    quiet(batch=50)
    rows = [("Phone", "Name", "Code")] + [(f"23324412{n:04d}", "A", "B") for n in (1451, 1026)]
    api.bulk(api.xlsx(*rows))
    wait_until_told(api)
    told = ear.statuses()
    assert ("233244121451", "delivered") in told
    assert ("233244121026", "failed") in told


def test_several_events_fit_into_a_body(api, ear, quiet):
    quiet(batch=1000)
    for n in range(20):
        api.send(f"23324412{n:02d}11", "a", "b")
    wait_until_told(api)
    assert len(ear.statuses()) >= 40
    assert len(ear.heard) < 30


def test_it_repeats_itself_and_tells_out_of_order(api, ear, quiet):
    quiet(duplicates=1, disorder=0.5)
    for n in range(10):
        api.send(f"23324412{n:02d}11", "a", "b")
    wait_until_told(api)
    told = ear.statuses()
    assert len(told) == 2 * len(set(told))
    late = [n for n in range(10) if told.index((f"23324412{n:02d}11", "sent"))
            > told.index((f"23324412{n:02d}11", "delivered"))]  # fmt: skip
    assert late


def test_it_signs_the_raw_body(api, ear, quiet):
    quiet(secret="of ours")
    api.order("/inbound", phone=PHONE, text="Thank you!")
    wait_until_told(api)
    ((raw, headers),) = ear.heard
    expected = "sha256=" + hmac.new(b"of ours", raw, hashlib.sha256).hexdigest()
    assert headers["X-Hub-Signature-256"] == expected


def test_the_flat_family(api, ear, quiet):
    quiet(family="flat")
    api.send("233244120999", "a", "b")
    wait_until_told(api)
    assert [body["event"] for body in ear.bodies] == ["message.sent", "message.read"]
    assert {body["data"]["to"] for body in ear.bodies} == {"233244120999"}


def test_what_is_refused_is_told_again(api, ear, quiet):
    ear.refuse = 2
    quiet()
    api.order("/inbound", phone=PHONE, text="Thank you!")
    wait_until_told(api)
    assert api.order("/webhook", "GET") == {
        "pending": 0, "events": 1, "answers": {"503": 2, "200": 1},
    }  # fmt: skip


def test_some_fail_later_and_some_answer(api, ear, quiet):
    quiet(later_failures=0.5, replies=1, stops=1)
    for n in range(20):
        api.send(f"23324412{n:02d}11", "a", "b")
    wait_until_told(api)
    words = [word for _, word in ear.statuses()]
    assert 0 < words.count("failed") < 20
    texts = [
        message["text"]["body"]
        for body in ear.bodies
        for message in body["entry"][0]["changes"][0]["value"].get("messages", [])
    ]
    assert texts == ["STOP"] * words.count("delivered")


def test_a_template_that_changes_is_told(api, ear, quiet):
    quiet()
    body = {"name": "welcome_message", "language": "en_US", "category": "MARKETING"}
    components = [{"type": "BODY", "text": "Hi"}]
    api.order("/templates", **body, status="PAUSED", components=components)
    wait_until_told(api)
    change = ear.bodies[0]["entry"][0]["changes"][0]
    assert change["field"] == "message_template_status_update"
    assert change["value"]["event"] == "PAUSED"


def test_without_an_address_nothing_is_told(api, ear, quiet):
    quiet()
    api.order("/webhook", "DELETE")
    api.send(PHONE, "a", "b")
    assert api.order("/webhook", "GET")["pending"] == 0
    assert not ear.heard


@pytest.mark.parametrize(
    "order", [{}, {"url": "ftp://x"}, {"url": "http://x", "family": "odd"},
              {"url": "http://x", "batch": 0}, {"url": "http://x", "duplicates": "often"}],
)  # fmt: skip
def test_an_order_that_makes_no_sense_is_refused(api, order):
    answer = requests.post(f"{api.url}/__sandbox__/webhook", json=order, timeout=5)
    assert answer.status_code == 400
