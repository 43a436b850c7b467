"""No server holds a call beyond its deadline, or sends it more than its limit."""

import gzip
import socket
import time

import pytest

from chumi_api.client import Client
from chumi_api.errors import Unavailable, Unreachable

SEND = {"template_name": "welcome_message", "language": "en_US", "file_name": "x.csv"}


def drip(text):
    """Return a handler that sends the text again and again, a byte every 20 ms."""

    def handle(wire):
        wire.read()
        while True:
            for byte in text.encode():
                wire.write(bytes([byte]))
                time.sleep(0.02)

    return handle


def silence(wire):
    wire.read()
    wire.connection.recv(1)


def body_without_end(wire):
    wire.read()
    wire.write("HTTP/1.1 200 OK\r\n\r\n[")
    drip(" ")(wire)


def unread_upload(wire):
    wire.read_head()
    time.sleep(3)


@pytest.mark.parametrize(
    "handle",
    [silence, drip("HTTP/1.1 200 OK\r\n"), drip("X-Header: value\r\n"), body_without_end],
)
def test_the_deadline_is_total(serve, handle):
    client = Client(serve(handle), "key", deadline=0.4, send_deadline=0.4)
    started = time.monotonic()

    with pytest.raises(Unavailable):
        client.list_groups()
    with pytest.raises(Unavailable) as sent:
        client.bulk_import(file=b"233244123456\n", **SEND)

    assert sent.value.maybe_sent
    assert time.monotonic() - started < 3


def test_an_upload_that_the_server_does_not_read_ends_as_not_sent(serve):
    client = Client(serve(unread_upload), "key", send_deadline=0.4)
    started = time.monotonic()

    with pytest.raises(Unreachable):
        client.bulk_import(file=b"x" * 50_000_000, **SEND)

    assert time.monotonic() - started < 2.5


def test_a_cut_body_is_no_answer_even_without_a_length(serve):
    def handle(wire):
        wire.read()
        wire.write('HTTP/1.1 200 OK\r\n\r\n{"success":true,"data":{"jobId":"1"}}')
        time.sleep(2)

    with pytest.raises(Unavailable):
        Client(serve(handle), "key", send_deadline=0.3).bulk_import(file=b"1\n", **SEND)


def test_the_deadline_also_ends_a_slow_name_look_up(monkeypatch):
    def look_up(*args, **kwargs):
        time.sleep(1)
        raise socket.gaierror("no such host")

    monkeypatch.setattr(socket, "getaddrinfo", look_up)
    client = Client("http://slow.invalid", "key", deadline=0.2, send_deadline=0.2)
    started = time.monotonic()

    with pytest.raises(Unreachable):
        client.list_groups()
    with pytest.raises(Unreachable):
        client.bulk_import(file=b"1\n", **SEND)

    assert time.monotonic() - started < 0.9


def closed_port():
    with socket.create_server(("127.0.0.1", 0)) as listener:
        return listener.getsockname()[1]


@pytest.mark.parametrize(
    "url",
    ["http://127.0.0.1:{}", "https://127.0.0.1:{}", "http://nowhere.invalid", "nonsense", ""],
)
def test_without_a_connection_nothing_was_sent(url):
    client = Client(url.format(closed_port()), "key")

    with pytest.raises(Unreachable):
        client.list_groups()
    with pytest.raises(Unreachable):
        client.bulk_import(file=b"1\n", **SEND)


def test_a_failed_tls_handshake_sends_nothing(sandbox):
    with pytest.raises(Unreachable):
        Client(sandbox.replace("http:", "https:"), "key").bulk_import(file=b"1\n", **SEND)


def test_a_tls_handshake_that_never_ends_sends_nothing(serve):
    url = serve(lambda wire: time.sleep(3)).replace("http:", "https:")
    started = time.monotonic()

    with pytest.raises(Unreachable):
        Client(url, "key", send_deadline=0.4).bulk_import(file=b"1\n", **SEND)

    assert time.monotonic() - started < 2


@pytest.mark.parametrize("headers", [("Content-Encoding: gzip",), ()])
def test_a_long_answer_is_refused(serve, headers):
    body = b"[" + b" " * 5_000_000 + b"]"

    def handle(wire):
        wire.read()
        wire.answer(200, gzip.compress(body) if headers else body, *headers)

    with pytest.raises(Unavailable):
        Client(serve(handle), "key", max_body=1_000_000).list_groups()


def test_a_compressed_answer_is_read(serve):
    def handle(wire):
        wire.read()
        wire.answer(
            200, gzip.compress(b'[{"id": "g1", "name": "Accra"}]'), "Content-Encoding: gzip"
        )

    assert Client(serve(handle), "key").list_groups()[0].name == "Accra"


def test_proxies_and_netrc_from_the_environment_are_ignored(monkeypatch, tmp_path, serve, client):
    asked = []
    proxy = serve(lambda wire: asked.append(wire.read()))
    netrc = tmp_path / "netrc"
    netrc.write_text("machine 127.0.0.1 login ama password secret\n")
    for name in ("http_proxy", "https_proxy", "all_proxy", "HTTP_PROXY", "ALL_PROXY"):
        monkeypatch.setenv(name, proxy)
    monkeypatch.setenv("NETRC", str(netrc))
    heads = []

    def handle(wire):
        heads.append(wire.read()[0])
        wire.answer(200, [])

    Client(serve(handle), "key").list_groups()

    assert not asked
    assert "authorization" not in heads[0].lower()
    assert "\r\nUser-Agent: ChumiAdmin\r\n" in heads[0]
    assert "\r\nX-API-Key: key\r\n" in heads[0]
