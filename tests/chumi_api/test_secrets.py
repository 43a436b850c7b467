"""The key and personal data stay out of reprs, errors, logs and tracebacks."""

import logging
import traceback

import pytest

from chumi_api.client import Client
from chumi_api.errors import ChumiError, Unauthorized
from tests.chumi_api.conftest import FILE, PHONES

CANARY = "chumi_sk_live_CANARY_9f8e7d"
SEND = {"template_name": "welcome_message", "language": "en_US"}
CALLS = {
    "list": lambda client: client.list_templates(),
    "job": lambda client: client.bulk_job("1"),
    "group": lambda client: client.group("1"),
    "sync": lambda client: client.sync_templates(),
    "bulk": lambda client: client.bulk_import(file=FILE.encode(), file_name="x.csv", **SEND),
    "send": lambda client: client.send_template(to=PHONES[0], values=["Ama"], **SEND),
}


def everything(error):
    """Return everything that a log, a debug page or an error tracker could show of an error."""
    shown = []
    while error is not None:
        shown += [str(error), repr(error), repr(vars(error))]
        tree = traceback.TracebackException.from_exception(error, capture_locals=True)
        shown += list(tree.format())
        error = error.__cause__ or error.__context__
    return "\n".join(shown)


def echo(wire):
    """Answer with the whole request, as a debug page would."""
    head, body = wire.read()
    key = head.split("X-API-Key: ")[1].split("\r\n")[0]
    words = {"error": "Bad", "message": f"Key {key} in {head}", "statusCode": 400}
    wire.answer(400, words, f"X-Request-Id: {key}")


def echo_in_html(wire):
    head, _ = wire.read()
    wire.answer(502, f"<html>{head}</html>".encode())


@pytest.mark.parametrize("call", CALLS)
@pytest.mark.parametrize("handle", [echo, echo_in_html, lambda wire: wire.read()])
def test_the_key_is_in_no_error_and_no_log(serve, caplog, call, handle):
    caplog.set_level(logging.DEBUG)
    client = Client(serve(handle), CANARY)

    with pytest.raises(ChumiError) as caught:
        CALLS[call](client)

    shown = everything(caught.value)
    assert CANARY not in shown
    assert CANARY not in caplog.text
    assert not any(phone in caplog.text for phone in PHONES)


@pytest.mark.parametrize(
    ("before", "after"), [("", "\r\nX-Evil: 1"), (" ", ""), ("", "é"), ("", "\0")]
)
@pytest.mark.parametrize("call", CALLS)
def test_a_malformed_key_is_never_sent(serve, call, before, after):
    asked = []
    client = Client(serve(lambda wire: asked.append(wire.read())), before + CANARY + after)

    with pytest.raises(Unauthorized) as caught:
        CALLS[call](client)

    assert CANARY not in everything(caught.value)
    assert not asked


def test_an_empty_key_is_never_sent(serve):
    asked = []

    with pytest.raises(Unauthorized):
        Client(serve(lambda wire: asked.append(wire.read())), "").list_templates()

    assert not asked


def test_the_repr_of_a_client_shows_only_its_host():
    client = Client("https://user:secret@api.chumiai.app/x", CANARY)

    assert repr(client) == "Client(api.chumiai.app)"
    assert CANARY not in repr(vars(client))


def test_no_phone_is_in_a_repr(client):
    accepted = client.bulk_import(
        file=b"phone,a,b\n233200000026,Ama,1\n", file_name="x.csv", **SEND
    )
    sent = client.send_template(to=PHONES[0], values=["Ama", "1"], **SEND)
    job = client.bulk_job(accepted.job_id)
    contacts = next(client.contact_pages())
    detail = client.group(client.list_groups()[0].remote_id)

    shown = f"{accepted!r}{sent!r}{job!r}{job.row_results!r}{contacts!r}{detail!r}"

    assert sent.wa_id == PHONES[0]
    assert not any(p in shown for p in (PHONES[0], "233200000026", *(c.phone for c in contacts)))
    assert "Ama" not in shown


def test_an_unfinished_call_shows_no_phone(serve):
    client = Client(serve(lambda wire: wire.read()), CANARY)

    with pytest.raises(ChumiError) as caught:
        CALLS["send"](client)

    assert PHONES[0] not in f"{caught.value}{caught.value!r}"


def test_the_key_is_in_no_traceback_of_an_interrupted_call(client, account):
    def interrupt():
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt) as caught:
        client.send_template(to=PHONES[0], values=["Ama", "1"], gate=interrupt, **SEND)

    frames = traceback.TracebackException.from_exception(caught.value, capture_locals=True).stack
    shown = "".join(f"{frame.locals}" for frame in frames)
    assert "X-API-Key" in shown
    assert f"'{account.key}'" not in shown
    assert not account.ledger()
