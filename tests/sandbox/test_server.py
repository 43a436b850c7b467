"""The process and its connections."""

import signal
import socket
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor

import pytest
import requests

KEY = {"X-API-Key": "chumi_sk_live_sandbox_full"}


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_command_says_where_it_listens_and_stops_cleanly(number):
    command = [sys.executable, "-m", "sandbox", "--port", "0", "--shape", "mongo", "--speed", "50"]
    with subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as run:
        try:
            printed = run.stdout.readline()
            url = printed.removeprefix("Sandbox ChumiAI on ").strip()
            assert url.startswith("http://127.0.0.1:")
            answer = requests.get(f"{url}/api/v1/contacts?limit=1", headers=KEY, timeout=5)
            assert answer.json()["totalDocs"] == 1200
            state = requests.get(f"{url}/__sandbox__/state", timeout=5).json()
            assert (state["shape"], state["speed"]) == ("mongo", 50)
            run.send_signal(number)
            assert run.wait(timeout=10) == 0
            assert (run.stdout.read(), run.stderr.read()) == ("", "")
        finally:
            run.kill()


def test_connection_is_kept_alive(api):
    with requests.Session() as session:
        for _ in range(3):
            session.get(f"{api.url}/api/v1/contacts?limit=1", headers=KEY, timeout=5)
        [pool] = session.get_adapter(api.url).poolmanager.pools._container.values()
        assert (pool.num_connections, pool.num_requests) == (1, 3)


def test_fifty_at_once_are_each_accepted_once(api):
    phones = [f"2332441{number:05d}" for number in range(10_001, 10_251)]

    def send(some):
        content = "".join(f"{phone},a,b\n" for phone in some).encode()
        return api.bulk(content, "list.csv").status_code

    with ThreadPoolExecutor(50) as pool:
        statuses = list(pool.map(send, [phones[at : at + 5] for at in range(0, 250, 5)]))
    assert statuses == [201] * 50
    lines = api.ledger()
    assert sorted(line["to"] for line in lines) == phones
    assert [line["seq"] for line in lines] == list(range(1, 251))
    assert len({line["job_id"] for line in lines}) == 50


def test_unfinished_body_is_never_accepted(api, server):
    body = b'{"to":"233244123451","templateName":"call_us","languageCode":"en"}'
    head = (
        "POST /api/v1/whatsapp/send-template HTTP/1.1\r\nHost: x\r\n"
        f"X-API-Key: {KEY['X-API-Key']}\r\nContent-Length: {len(body) + 1}\r\n\r\n"
    )
    with socket.create_connection(server.server_address) as line:
        line.settimeout(5)
        line.sendall(head.encode() + body)
        line.shutdown(socket.SHUT_WR)
        assert line.recv(1000) == b""
    assert api.ledger() == []


def test_chunked_body_is_read_whole(api):
    def chunks():
        yield b'{"to":"233244123451","templateName":"welcome_message",'
        yield b'"templateParameters":[{"text":"a"},{"text":"b"}]}'

    response = api.post("/whatsapp/send-template", data=chunks())
    assert response.status_code == 200
    assert len(api.ledger()) == 1


def test_key_and_phone_are_never_printed(api, server, capfd):
    server.verbose = True
    try:
        api.get("/whatsapp/conversations/233244123451?x=233244123451")
        api.get("/contacts?search=233244123451")
    finally:
        server.verbose = False
    printed = capfd.readouterr().err
    assert "GET /api/v1/whatsapp/conversations/{phone} 200" in printed
    assert "233244" not in printed
    assert "chumi_sk" not in printed
