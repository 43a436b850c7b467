"""A link is fetched once, over https, and never from our own network."""

import datetime
import socket
import ssl
import threading
import time

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID
from pytest_socket import SocketConnectBlockedError

from sandbox.media import FILES, jpeg
from tests.factories import media_link
from whatsapp import links
from whatsapp.media import KINDS

IMAGE = KINDS["image"]
PUBLIC = "93.184.215.14"


# The text of a link


@pytest.mark.parametrize(
    ("link", "problem"),
    [
        ("", links.NO_LINK),
        ("picture.jpg", links.NO_LINK),
        ("ftp://example.com/a.jpg", links.NO_LINK),
        ("file:///etc/passwd", links.NO_LINK),
        ("gopher://example.com/", links.NO_LINK),
        ("https://[::1/", links.NO_LINK),
        ("https://example.com:99999/", links.NO_LINK),
        ("https://example.com:https/", links.NO_LINK),
        ("http://example.com/a.jpg", links.NOT_SECURE),
        ("https://ama:secret@example.com/", links.LOG_IN),
        ("https://example.com@127.0.0.1/", links.LOG_IN),
        ("https://example.com:8443/", links.PORT),
        ("https://example.com:22/", links.PORT),
        ("https://example.com:0/", links.PORT),
        ("https://example.com/a b.jpg", links.ODD_CHARACTERS),
        ("https://example.com\\@127.0.0.1/", links.ODD_CHARACTERS),
        ("https://example.com/\r\nHost: inner", links.ODD_CHARACTERS),
        ("https://example.com\t.inner/", links.ODD_CHARACTERS),
        ("https://exämple.com/", links.ODD_CHARACTERS),
        ("https://ⓔxample.com/", links.ODD_CHARACTERS),
        ("https://127.0.0.1/", links.NO_NAME),
        ("https://93.184.215.14/", links.NO_NAME),
        ("https://2130706433/", links.NO_NAME),
        ("https://0x7f.1/", links.NO_NAME),
        ("https://0x7f000001/", links.NO_NAME),
        ("https://0177.0.0.1/", links.NO_NAME),
        ("https://127.1/", links.NO_NAME),
        ("https://example.com.0x1/", links.NO_NAME),
        ("https://[::1]/", links.NO_NAME),
        ("https://[::ffff:127.0.0.1]/", links.NO_NAME),
        ("https://localhost/", links.NO_NAME),
        ("https://inner/", links.NO_NAME),
        ("https://example.com./", links.NO_NAME),
        ("https://.example.com/", links.NO_NAME),
        ("https://-a.example.com/", links.NO_NAME),
        ("https://%6c%6f.example.com/", links.NO_NAME),
        (f"https://{'a.' * 130}com/", links.NO_NAME),
        ("https:///a.jpg", links.NO_NAME),
        ("https://example.com/" + "x" * 2000, links.TOO_LONG),
    ],
)
def test_links_that_whatsapp_cannot_use(link, problem):
    asked = []
    seen = links.check_link(IMAGE, link, resolve=lambda *name: asked.append(name))
    assert seen.problem == problem
    assert asked == [], "no name is looked up"


@pytest.mark.parametrize(
    ("link", "host", "target"),
    [
        ("https://example.com", "example.com", "/"),
        ("HTTPS://Cdn-1.Example.COM:443/a?c=d&e=%20#f", "cdn-1.example.com", "/a?c=d&e=%20"),
        ("https://example.com?a", "example.com", "/?a"),
        ("https://my_shop.xn--p1ai/x@y:z", "my_shop.xn--p1ai", "/x@y:z"),
    ],
)  # fmt: skip
def test_a_link_is_parsed(link, host, target):
    read = links.parse(link)
    assert (read.host, read.authority, read.target) == (host, host, target)
    assert (read.secure, read.port, read.trusted) == (True, 443, False)


TEST_URL = "http://127.0.0.1:8001/media/"


@pytest.mark.parametrize(
    ("link", "trusted"),
    [
        ("http://127.0.0.1:8001/media/a.jpg", True),
        ("http://127.0.0.1:8001/media/a/b.jpg?c", True),
        ("http://127.0.0.1:8001/media", False),
        ("http://127.0.0.1:8001/mediate/a.jpg", False),
        ("http://127.0.0.1:8001/media/../faults", False),
        ("http://127.0.0.1:8001/media/%2e%2E/faults", False),
        ("http://127.0.0.1:8001/media/..%2Ffaults", False),
        ("http://127.0.0.1:80011/media/a.jpg", False),
        ("http://127.0.0.1:8001@example.com/media/", False),
        ("http://a@127.0.0.1:8001/media/", False),
        ("https://127.0.0.1:8001/media/a.jpg", False),
        ("http://127.0.0.1/media/a.jpg", False),
    ],
)
def test_only_links_below_a_test_url_are_trusted(link, trusted):
    try:
        assert links.parse(link, [TEST_URL]).trusted
    except links.BadLink:
        assert not trusted
    else:
        assert trusted


# Addresses


@pytest.mark.parametrize(
    "address",
    [
        "0.0.0.0", "10.0.0.1", "100.64.0.1", "100.100.100.200", "127.0.0.1", "127.8.8.8",
        "169.254.169.254", "172.16.0.1", "172.31.255.255", "192.0.0.192", "192.0.2.1",
        "192.88.99.1", "192.168.1.1", "198.18.0.1", "198.51.100.1", "203.0.113.1", "224.0.0.1",
        "239.1.1.1", "240.0.0.1", "255.255.255.255",
        "::", "::1", "::127.0.0.1", "::ffff:127.0.0.1", "::ffff:93.184.215.14",
        "64:ff9b::7f00:1", "64:ff9b:1::a00:1", "100::1", "2001::1", "2001:db8::1",
        "2002:7f00:1::", "2002:5db8:d70e::1", "3fff::1", "fc00::1", "fd00:ec2::254", "fe80::1",
        "fe80::1%eth0", "fec0::1", "ff02::1", "5f00::1", "", "localhost", "0x7f.1", "2130706433",
    ],
)  # fmt: skip
def test_addresses_that_are_not_public(address):
    assert not links.is_public(address)


@pytest.mark.parametrize(
    "address",
    [PUBLIC, "8.8.8.8", "100.63.255.255", "172.32.0.1", "2606:4700::1111", "2a00:1450::1"],
)
def test_public_addresses(address):
    assert links.is_public(address)


@pytest.mark.parametrize(
    "addresses",
    [
        ["127.0.0.1"],
        ["169.254.169.254"],
        ["::1"],
        ["::ffff:10.0.0.1"],
        # One public address is not enough.
        [PUBLIC, "10.0.0.1"],
        ["10.0.0.1", PUBLIC],
        [],
    ],
)
def test_a_name_with_a_private_address_is_not_fetched(addresses):
    seen = links.check_link(IMAGE, "https://example.com/a.jpg", resolve=lambda *name: addresses)
    assert seen.problem == links.CANT_OPEN


def test_an_internal_name_has_the_sentence_of_an_unknown_name():
    def unknown(host, port):
        raise socket.gaierror("Name or service not known")

    seen = links.check_link(IMAGE, "https://db.corp.example/", resolve=unknown)
    assert seen.problem == links.CANT_OPEN


@pytest.mark.filterwarnings("ignore:A test tried to use socket")
def test_the_connection_goes_to_the_address_that_was_checked():
    answers = [["127.0.0.1"], [PUBLIC]]
    # The network of the tests is closed, so the attempt itself is the proof.
    with pytest.raises(SocketConnectBlockedError, match=PUBLIC):
        links.check_link(IMAGE, "https://example.com/", resolve=lambda *name: answers.pop())
    assert answers == [["127.0.0.1"]], "looked up once"


def test_a_look_up_that_never_ends_is_abandoned():
    started = time.monotonic()
    seen = links.check_link(
        IMAGE,
        "https://example.com/",
        resolve=lambda *name: threading.Event().wait(20) or [],
        seconds=0.2,
    )
    assert seen.problem == links.CANT_OPEN
    assert time.monotonic() - started < 10


# Answers of the server


@pytest.fixture
def look(sandbox, settings):
    """Return a function that checks a file of the sandbox."""

    def look(name, kind="image", **options):
        link = media_link(sandbox, name)
        return links.check_link(KINDS[kind], link, test_urls=settings.MEDIA_TEST_URLS, **options)

    return look


@pytest.mark.parametrize(
    ("name", "kind", "content_type"),
    [
        ("picture.jpg", "image", "image/jpeg"),
        ("picture.png", "image", "image/png"),
        ("video.mp4", "video", "video/mp4"),
        ("document.pdf", "document", "application/pdf"),
    ],
)
def test_good_files(look, name, kind, content_type):
    seen = look(name, kind)
    assert (seen.problem, seen.content_type) == ("", content_type)
    assert seen.size == len(FILES[name]().body)


MISBEHAVIOUR = {
    "page.jpg": "This link leads to a web page",
    "disguised.jpg": "This link leads to a web page",
    "wrong-type.jpg": "calls the file something else",
    "no-type.jpg": "calls the file something else",
    "empty.jpg": "The file behind this link is empty.",
    "no-length.jpg": "does not say how large this file is",
    "too-large.jpg": "This file is 7 MB; WhatsApp accepts up to 5 MB.",
    "cut.jpg": links.CANT_OPEN,
    "slow.jpg": links.CANT_OPEN,
    "drip.jpg": links.CANT_OPEN,
    "reset.jpg": links.CANT_OPEN,
    "broken.jpg": links.CANT_OPEN,
    "redirect.jpg": links.REDIRECTED,
    "private.jpg": links.NOT_PUBLIC,
    "missing.jpg": links.NOT_THERE,
    "video.mp4": "This link leads to a video.",
}


@pytest.mark.parametrize("name", MISBEHAVIOUR)
def test_misbehaving_servers(look, name):
    started = time.monotonic()
    seen = look(name, seconds=0.5 if name in ("slow.jpg", "drip.jpg") else 5)
    assert MISBEHAVIOUR[name] in seen.problem
    assert "127.0.0.1" not in seen.problem
    assert time.monotonic() - started < 10


def test_every_file_of_the_sandbox_has_a_test():
    assert set(FILES) - set(MISBEHAVIOUR) == {"picture.jpg", "picture.png", "document.pdf"}


def test_a_closed_port(look, sandbox):
    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{closed.getsockname()[1]}/"
    assert links.check_link(IMAGE, url, test_urls=[url]).problem == links.CANT_OPEN


# Over TLS


@pytest.fixture(scope="module")
def certificate(tmp_path_factory):
    """Return a file with a certificate for shop.example, and its key."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "shop.example")])
    now = datetime.datetime.now(datetime.UTC)
    names = x509.SubjectAlternativeName([x509.DNSName("shop.example")])
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(now - datetime.timedelta(days=1))
        .not_valid_after(now + datetime.timedelta(days=1))
        .add_extension(names, critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    path = tmp_path_factory.mktemp("tls") / "both.pem"
    secret = key.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.NoEncryption(),
    )
    path.write_bytes(secret + made.public_bytes(serialization.Encoding.PEM))
    return path


class Shop:
    """A server of images over TLS that records its requests."""

    def __init__(self, certificate):
        self.heads, self.names = [], []
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.port = self.listener.getsockname()[1]
        self.context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self.context.load_cert_chain(certificate)
        self.context.sni_callback = lambda sock, name, context: self.names.append(name)
        self.thread = threading.Thread(target=self.serve, daemon=True)
        self.thread.start()

    def serve(self):
        plain, _ = self.listener.accept()
        try:
            with self.context.wrap_socket(plain, server_side=True) as wire:
                head = b""
                while b"\r\n\r\n" not in head:
                    head += wire.recv(4096)
                self.heads.append(head.decode())
                wire.sendall(
                    b"HTTP/1.1 200 OK\r\nContent-Type: image/jpeg; x=y\r\n"
                    b"Content-Length: %d\r\n\r\n" % len(jpeg()) + jpeg()
                )
        except OSError:
            pass


@pytest.fixture
def shop(certificate):
    shop = Shop(certificate)
    yield shop
    shop.listener.close()
    shop.thread.join(5)


def visit(shop, name, certificate=None, **options):
    url = f"https://{name}:{shop.port}/"
    return links.check_link(
        IMAGE,
        f"{url}a.jpg?size=1",
        test_urls=[url],
        # The name does not exist, so only the address of the look-up leads here.
        resolve=lambda *name: ["127.0.0.1"],
        context=certificate and ssl.create_default_context(cafile=certificate),
        **options,
    )


def test_the_certificate_of_the_name_is_verified(shop, certificate, monkeypatch):
    # Proxies of the environment are ignored.
    monkeypatch.setenv("HTTPS_PROXY", "http://127.0.0.1:9")
    seen = visit(shop, "shop.example", certificate)
    assert (seen.problem, seen.content_type) == ("", "image/jpeg")
    assert shop.names == ["shop.example"]
    (head,) = shop.heads
    assert head.startswith("GET /a.jpg?size=1 HTTP/1.1\r\n")
    assert head.count("Host:") == 1
    assert f"\r\nHost: shop.example:{shop.port}\r\n" in head
    for leak in ("Cookie", "Authorization", "Referer"):
        assert leak not in head


def test_the_certificate_of_another_name_is_refused(shop, certificate):
    assert visit(shop, "other.example", certificate).problem == links.CANT_OPEN
    assert shop.heads == []


def test_an_unknown_certificate_is_refused(shop):
    assert visit(shop, "shop.example").problem == links.CANT_OPEN
    assert shop.heads == []


def test_a_handshake_that_never_ends_is_cut():
    with socket.create_server(("127.0.0.1", 0)) as silent:
        url = f"https://shop.example:{silent.getsockname()[1]}/"
        started = time.monotonic()
        seen = links.check_link(
            IMAGE, url, test_urls=[url], resolve=lambda *name: ["127.0.0.1"], seconds=0.3
        )
    assert seen.problem == links.CANT_OPEN
    assert time.monotonic() - started < 10
