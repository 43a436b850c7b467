"""Faults on demand: what the client sees, and whether the send was accepted."""

import re
import socket
import time

import pytest
import requests

ROW = b"233244123451,a,b\n"
BULK = "/api/v1/whatsapp/bulk-import-messages"


def send(api, **kwargs):
    return api.bulk(ROW, "list.csv", **kwargs)


def accepted(api):
    return len(api.ledger())


@pytest.mark.parametrize("kind", ["500", "503", "401", "403", "404", "408", "409", 429])
def test_status_has_the_documented_body_and_accepts_nothing(api, kind):
    api.order("/faults", path=BULK, kind=kind)
    response = send(api)
    body = response.json()
    assert response.status_code == body["statusCode"] == int(kind)
    assert accepted(api) == 0
    assert send(api).status_code == 201


def test_429_with_and_without_retry_after(api):
    api.order("/faults", path=BULK, kind="429", params={"retry_after": 7})
    api.order("/faults", path=BULK, kind="429")
    assert send(api).headers["Retry-After"] == "7"
    assert "Retry-After" not in send(api).headers


def test_403_names_the_scope(api):
    api.order("/faults", path="/api/v1/contacts", kind="403", params={"scope": "contacts:read"})
    assert api.get("/contacts").json()["message"].endswith("required scope: contacts:read")


def test_502_is_html(api):
    api.order("/faults", path=BULK, kind="502html")
    response = send(api)
    assert (response.status_code, response.headers["Content-Type"]) == (502, "text/html")
    assert accepted(api) == 0


def test_half_json_is_a_complete_answer_that_does_not_parse(api):
    api.order("/faults", path=BULK, kind="half_json")
    response = send(api)
    assert response.status_code == 201
    with pytest.raises(ValueError, match=r"Expecting|Unterminated"):
        response.json()
    assert accepted(api) == 1


def test_half_body_breaks_off(api):
    api.order("/faults", path=BULK, kind="half_body")
    with pytest.raises((requests.ConnectionError, requests.exceptions.ChunkedEncodingError)):
        send(api)
    assert accepted(api) == 1


def test_wrong_types_keep_the_outline(api):
    api.order("/faults", path=BULK, kind="wrong_types")
    body = send(api).json()
    assert body["success"] == "perhaps"
    assert body["data"]["jobId"] == []
    assert body["data"]["totalRecipients"] == {"value": 1}
    assert accepted(api) == 1


def test_slow_drip_takes_its_time(api):
    api.order("/faults", path=BULK, kind="slow_drip", params={"seconds": 0.5})
    started = time.monotonic()
    assert send(api).status_code == 201
    assert 0.4 < time.monotonic() - started < 5


@pytest.mark.parametrize(("kind", "count"), [("hang", 0), ("accepted_then_hang", 1)])
def test_hang_never_answers(api, kind, count):
    api.order("/faults", path=BULK, kind=kind, params={"seconds": 30})
    with pytest.raises(requests.ReadTimeout):
        send(api, timeout=0.3)
    assert accepted(api) == count


@pytest.mark.parametrize(("kind", "count"), [("reset_before", 0), ("reset_after", 1)])
def test_reset_breaks_the_connection(api, kind, count):
    api.order("/faults", path=BULK, kind=kind)
    with pytest.raises(requests.ConnectionError) as caught:
        send(api)
    # Which of the two depends on how much of the request was sent before the connection broke.
    assert re.search("reset|closed connection without response", str(caught.value).lower())
    assert accepted(api) == count
    assert send(api).status_code == 201


def test_reset_before_comes_before_the_body(api, server):
    api.order("/faults", path=BULK, kind="reset_before")
    with socket.create_connection(server.server_address) as line:
        line.settimeout(5)
        line.sendall(f"POST {BULK} HTTP/1.1\r\nContent-Length: 1000000\r\n\r\n".encode())
        with pytest.raises(ConnectionResetError):
            line.recv(1)


def test_accepted_then_500(api):
    api.order("/faults", path=BULK, kind="accepted_then_500")
    response = send(api)
    assert (response.status_code, response.json()["statusCode"]) == (500, 500)
    assert accepted(api) == 1
    assert api.get("/whatsapp/bulk-jobs").json()["data"][0]["total"] == 1


@pytest.mark.parametrize("kind", ["429", "502html", "redirect"])
def test_any_fault_can_follow_acceptance(api, kind):
    api.order("/faults", path=BULK, kind=kind, params={"accepted": True})
    assert not send(api).ok or kind == "redirect"
    assert accepted(api) == 1


def test_redirect_goes_to_the_same_path_so_a_client_that_follows_it_is_noticed(api):
    api.order("/faults", path=BULK, kind="redirect")
    response = send(api)
    assert (response.status_code, response.headers["Location"]) == (307, BULK)
    assert accepted(api) == 0
    api.order("/faults", path=BULK, kind="redirect")
    send(api, allow_redirects=True)
    assert accepted(api) == 1


def test_redirect_elsewhere(api):
    api.order("/faults", path=BULK, kind="redirect", params={"location": "http://x.example/"})
    assert send(api).headers["Location"] == "http://x.example/"


@pytest.mark.parametrize("shape", ["nest", "bare", "mongo", "snake", "meta", "chaos"])
def test_200_without_an_id(api, shape):
    made = send(api, params={"shape": shape}).text
    job = api.ledger()[0]["job_id"]
    assert job in made
    api.order("/faults", path=BULK, kind="200_no_id")
    response = send(api, params={"shape": shape})
    assert response.ok
    assert api.ledger()[1]["job_id"] not in response.text


def test_200_that_says_no(api):
    api.order("/faults", path=BULK, kind="200_success_false")
    response = send(api)
    assert (response.status_code, response.json()["success"]) == (200, False)
    assert accepted(api) == 0


def test_empty_body(api):
    api.order("/faults", path=BULK, kind="empty_body")
    response = send(api)
    assert (response.status_code, response.content) == (200, b"")
    assert accepted(api) == 1


@pytest.mark.parametrize("declared", [True, False])
def test_oversize(api, declared):
    params = {"bytes": 1_000_000, "declared": declared}
    api.order("/faults", path=BULK, kind="oversize", params=params)
    response = send(api)
    assert len(response.content) > 1_000_000
    assert ("Content-Length" in response.headers) is declared
    assert accepted(api) == 1


def test_fault_lets_some_requests_pass_and_then_fails_some(api):
    api.order("/faults", path=BULK, kind="500", times=2, after=1)
    assert [send(api).status_code for _ in range(5)] == [201, 500, 500, 201, 201]


def test_fault_can_last_until_cleared(api):
    api.order("/faults", path=BULK, kind="503", times=None)
    assert [send(api).status_code for _ in range(3)] == [503] * 3
    api.order("/faults", "DELETE")
    assert send(api).status_code == 201


def test_fault_affects_only_its_path_method_and_account(api):
    jobs = "/api/v1/whatsapp/bulk-jobs"
    api.order("/faults", path=rf"{jobs}/[^/]+/status", kind="500", times=None)
    api.order("/faults", path="/api/v1/contacts", method="post", kind="500", times=None)
    api.order("/faults", path=jobs, account="accra", kind="503", times=None)
    job = send(api).json()["data"]["jobId"]
    assert api.get(f"/whatsapp/bulk-jobs/{job}/status").status_code == 500
    assert api.get("/whatsapp/bulk-jobs").status_code == 200
    assert api.get("/contacts").status_code == 200
    assert api.get("/whatsapp/bulk-jobs", "chumi_sk_live_sandbox_full_accra").status_code == 503


@pytest.mark.parametrize("kind", ["half_json", "wrong_types", "502html", "reset_after"])
def test_reads_can_be_spoilt_as_well(api, kind):
    api.order("/faults", path="/api/v1/whatsapp/bulk-jobs", kind=kind)
    good = api.get("/whatsapp/templates").json()
    assert len(good["data"]) == 14
    try:
        spoilt = api.get("/whatsapp/bulk-jobs").text
    except requests.ConnectionError:
        spoilt = ""
    assert spoilt != api.get("/whatsapp/bulk-jobs").text
