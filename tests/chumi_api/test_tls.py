"""TLS: the certificate is verified, and the deadline holds."""

import datetime
import ssl
import time

import pytest
import requests.adapters
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from chumi_api.client import Client
from chumi_api.errors import Unavailable, Unreachable

SEND = {"template_name": "welcome_message", "language": "en_US", "file_name": "x.csv"}


@pytest.fixture(scope="module")
def certificate(tmp_path_factory):
    """Return two files: a certificate for localhost, and the certificate with its key."""
    folder = tmp_path_factory.mktemp("tls")
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "localhost")])
    now = datetime.datetime.now(datetime.UTC)
    cert = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(now - datetime.timedelta(days=1))
        .not_valid_after(now + datetime.timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName("localhost")]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    pem = cert.public_bytes(serialization.Encoding.PEM)
    secret = key.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.NoEncryption(),
    )
    (folder / "cert.pem").write_bytes(pem)
    (folder / "both.pem").write_bytes(secret + pem)
    return folder / "cert.pem", folder / "both.pem"


@pytest.fixture
def serve_tls(serve, certificate):
    """Return a function that serves each connection over TLS and returns the address."""

    def run(handle):
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(certificate[1])

        def over_tls(wire):
            wire.connection = context.wrap_socket(wire.connection, server_side=True)
            with wire.connection:
                handle(wire)

        return serve(over_tls).replace("http://127.0.0.1", "https://localhost")

    return run


@pytest.fixture
def trusted(monkeypatch, certificate):
    monkeypatch.setattr(requests.adapters, "DEFAULT_CA_BUNDLE_PATH", str(certificate[0]))


def answer(wire):
    wire.read()
    wire.answer(200, {"success": True, "data": {"jobId": "J"}})


def drip(wire):
    wire.read()
    while True:
        wire.write("H")
        time.sleep(0.02)


def test_a_trusted_server_gets_the_request(serve_tls, trusted):
    client = Client(serve_tls(answer), "key")

    assert client.bulk_import(file=b"1\n" * 50_000, **SEND).job_id == "J"


def test_a_server_with_an_unknown_certificate_gets_nothing(serve_tls):
    asked = []
    client = Client(serve_tls(lambda wire: asked.append(wire.read())), "key")

    with pytest.raises(Unreachable):
        client.bulk_import(file=b"1\n", **SEND)

    assert not asked


def test_the_deadline_ends_a_slow_answer(serve_tls, trusted):
    client = Client(serve_tls(drip), "key", send_deadline=0.5)
    started = time.monotonic()

    with pytest.raises(Unavailable) as caught:
        client.bulk_import(file=b"1\n", **SEND)

    assert caught.value.maybe_sent
    assert time.monotonic() - started < 2
