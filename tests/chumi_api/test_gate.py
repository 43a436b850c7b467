"""The body of a send: what is sent, when the gate is called, and what a stop proves."""

import threading
from io import BytesIO

import pytest

from chumi_api.client import Client
from chumi_api.errors import Unauthorized, Unavailable, Unreachable
from chumi_api.transport import json_body, multipart_body
from tests.chumi_api.conftest import FILE, PHONES

SEND = {"template_name": "welcome_message", "language": "en_US"}
CALLS = {
    "bulk_import": lambda client, gate: client.bulk_import(
        file=FILE.encode(), file_name="x.csv", gate=gate, **SEND
    ),
    "send_template": lambda client, gate: client.send_template(
        to=PHONES[0], values=["a", "b"], gate=gate, **SEND
    ),
    "send_to_group": lambda client, gate: client.send_template_to_group(
        group_id=client.list_groups()[0].remote_id, values=["a", "b"], gate=gate, **SEND
    ),
}


def raise_error():
    raise LookupError("no row")


@pytest.mark.parametrize("call", CALLS)
@pytest.mark.parametrize("gate", [lambda: False, raise_error])
def test_a_closed_gate_sends_nothing(account, client, call, gate):
    with pytest.raises(Unreachable) as caught:
        CALLS[call](client, gate)

    assert not caught.value.maybe_sent
    assert not account.ledger()
    assert isinstance(caught.value.__cause__, LookupError) == (gate is raise_error)


@pytest.mark.parametrize("call", CALLS)
def test_an_open_gate_is_called_once_in_the_callers_thread(account, client, call):
    asked = []

    def gate():
        asked.append((threading.current_thread(), len(account.ledger())))
        return True

    CALLS[call](client, gate)

    assert asked == [(threading.current_thread(), 0)]
    assert account.ledger()


@pytest.mark.parametrize("call", ["bulk_import", "send_template"])
def test_the_server_sees_an_unfinished_body(serve, call):
    seen = []
    done = threading.Event()

    def handle(wire):
        seen.append(wire.read())
        done.set()

    with pytest.raises(Unreachable):
        CALLS[call](Client(serve(handle), "key"), lambda: False)

    assert done.wait(5)
    head, body = seen[0]
    length = int(head.lower().split("content-length: ")[1].split("\r\n")[0])
    assert 0 < len(body) < length
    assert not body.rstrip().endswith((b"--", b"}"))


def test_a_gate_that_answers_after_the_deadline_sends_nothing(account):
    client = account.client(send_deadline=0.2)
    late = threading.Event()

    with pytest.raises(Unreachable):
        CALLS["bulk_import"](client, lambda: late.wait(0.5) or True)

    assert not account.ledger()


def test_a_file_that_ends_early_sends_nothing(account, client):
    class Shrinking(BytesIO):
        def read(self, size=-1):
            return super().read(size) if self.tell() == 0 else b""

    file = Shrinking(b"phone\n" + b"233244123456,a,b\n" * 5000)

    with pytest.raises(Unreachable):
        client.bulk_import(file=file, file_name="x.csv", **SEND)

    assert not account.ledger()


def test_a_file_is_streamed_in_small_pieces():
    pieces = []

    class Watched(BytesIO):
        def read(self, size=-1):
            pieces.append(size)
            return super().read(size)

    body = multipart_body({"templateName": "a"}, Watched(b"x" * 100_000), "x.csv")
    sent = b"".join(body)

    assert len(sent) == len(body)
    assert max(pieces) <= 16 * 1024


def test_no_body_goes_out_twice(account, client):
    body = json_body({"to": "233244123456"})

    assert b"".join(body).endswith(b"}")
    with pytest.raises(Exception, match="^$"):
        list(body)


def test_a_file_name_can_not_break_the_form(account, client):
    name = 'a"\r\nContent-Disposition: form-data; name="templateName"\r\n\r\nzé.csv'

    client.bulk_import(file=FILE.encode(), file_name=name, **SEND)

    assert len(account.ledger()) == 3
    assert account.ledger()[0]["template"] == "welcome_message"


def test_a_large_file_arrives_whole(account, client):
    rows = "".join(f"2332441{i:05},Ama,{i}\n" for i in range(9_000))

    accepted = client.bulk_import(
        file=BytesIO(f"phone,a,b\n{rows}".encode()), file_name="x.csv", **SEND
    )

    assert accepted.total == len(account.ledger()) == 9_000


def test_a_refusal_before_the_body_was_read_is_understood(serve):
    words = {"error": "Unauthorized", "message": "Invalid API key.", "statusCode": 401}

    def handle(wire):
        wire.read_head()
        wire.answer(401, words)
        wire.connection.recv(1 << 20)

    client = Client(serve(handle), "key")

    # The connection may break before the answer is read; either way nothing was sent.
    with pytest.raises((Unauthorized, Unreachable)):
        client.bulk_import(file=b"x" * 30_000_000, file_name="x.csv", **SEND)


def test_a_reset_in_the_middle_of_the_body_sends_nothing(serve):
    def handle(wire):
        wire.read_head()
        wire.connection.recv(10)

    with pytest.raises(Unreachable):
        Client(serve(handle), "key").bulk_import(file=b"x" * 30_000_000, file_name="x.csv", **SEND)


def test_a_reset_after_the_body_may_have_been_sent(serve):
    with pytest.raises(Unavailable) as caught:
        CALLS["bulk_import"](Client(serve(lambda wire: wire.read()), "key"), None)

    assert caught.value.maybe_sent


def test_each_send_has_a_connection_of_its_own(serve):
    heads = []

    def handle(wire):
        heads.append(wire.read()[0])
        wire.answer(200, {"success": True, "data": {"jobId": "1"}})

    client = Client(serve(handle), "key")
    CALLS["bulk_import"](client, None)
    CALLS["bulk_import"](client, None)

    assert len(heads) == 2
    assert all("\r\nconnection: close\r\n" in head.lower() for head in heads)
