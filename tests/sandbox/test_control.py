"""The control endpoints for tests, and the control page for people."""

import shlex
from pathlib import Path

import pytest
import requests

import sandbox

ROW = b"233244123451,a,b\n"


def test_reset_forgets_everything_but_the_command_line(api):
    api.order("/shape", shape="mongo")
    api.order("/options", echo_file_name=False)
    api.order("/faults", kind="500", path="/api/v1/contacts")
    api.bulk(ROW, "list.csv")
    api.order("/reset")
    assert api.ledger() == []
    assert api.order("/requests", "GET") == []
    assert api.order("/faults", "GET") == []
    state = api.order("/state", "GET")
    assert (state["shape"], state["options"]["echo_file_name"]) == ("nest", True)
    assert api.get("/whatsapp/bulk-jobs").json()["pagination"]["total"] == 37


def test_one_account_can_be_reset_alone(api):
    key = "chumi_sk_live_sandbox_full_accra"
    api.bulk(ROW, "list.csv", key)
    api.bulk(ROW, "list.csv")
    api.order("/reset", account="accra")
    assert (len(api.ledger("accra")), len(api.ledger())) == (0, 1)
    assert api.count("/whatsapp/bulk-import-messages", "accra") == 0
    assert api.count("/whatsapp/bulk-import-messages") == 1


def test_requests_are_counted_by_pattern_and_account(api):
    for _ in range(3):
        api.get("/whatsapp/bulk-jobs/abc/status")
    api.get("/whatsapp/bulk-jobs/def/status", "chumi_sk_live_sandbox_readonly_accra")
    api.get("/whatsapp/bulk-jobs", "nonsense")
    api.get("/whatsapp/elsewhere")
    assert api.order("/requests", "GET") == [
        {"account": "", "method": "GET", "path": "/api/v1/whatsapp/bulk-jobs", "count": 1},
        {
            "account": "accra",
            "method": "GET",
            "path": "/api/v1/whatsapp/bulk-jobs/{id}/status",
            "count": 1,
        },
        {"account": "default", "method": "GET", "path": "(unknown)", "count": 1},
        {
            "account": "default",
            "method": "GET",
            "path": "/api/v1/whatsapp/bulk-jobs/{id}/status",
            "count": 3,
        },
    ]


def test_ledger_of_one_job(api):
    first = api.bulk(ROW, "list.csv").json()["data"]["jobId"]
    api.bulk(ROW, "list.csv")
    lines = api.order(f"/ledger?job_id={first}", "GET")
    assert [line["seq"] for line in lines] == [1]


@pytest.mark.parametrize(
    ("path", "body"),
    [
        ("/speed", {"speed": -1}),
        ("/speed", {"speed": "fast"}),
        ("/speed", {}),
        ("/shape", {"shape": "round"}),
        ("/options", {"nothing": 1}),
        ("/options", {"row_errors": 1}),
        ("/options", {"header_row": "sometimes"}),
        ("/faults", {"kind": "earthquake"}),
        ("/faults", {"kind": "999"}),
        ("/faults", {"kind": "500", "path": "("}),
        ("/faults", {"kind": "500", "times": 0}),
        ("/faults", {"kind": "500", "key": "chumi_sk_live_other"}),
        ("/templates", {"name": "a"}),
        ("/jobs", {"total": "many"}),
        ("/contacts", {"contacts": 10**9, "groups": 1}),
        ("/inbound", {"phone": "233244123451"}),
    ],
)
def test_bad_control_requests_are_refused_with_a_reason(api, path, body):
    response = requests.post(f"{api.url}/__sandbox__{path}", json=body, timeout=5)
    assert response.status_code == 400
    assert response.json()["error"]


def test_another_address_book(api):
    api.order("/contacts", contacts=30, groups=4)
    assert api.get("/contacts").json()["pagination"]["total"] == 30
    groups = api.get("/contacts/groups").json()["data"]
    assert [group["contactCount"] for group in groups] == [8, 8, 7, 7]


def test_unknown_control_paths_are_not_found(api):
    for method, path in [("GET", "/nothing"), ("DELETE", "/ledger"), ("GET", "/reset")]:
        response = requests.request(method, f"{api.url}/__sandbox__{path}", timeout=5)
        assert response.status_code == 404


def test_page_shows_the_state_and_its_forms_work(api):
    page = requests.get(f"{api.url}/__sandbox__/", timeout=5)
    assert page.headers["Content-Type"].startswith("text/html")
    assert "Nothing sent here reaches WhatsApp" in page.text
    form = {"kind": "503", "path": "/api/v1/contacts", "times": "1"}
    response = requests.post(f"{api.url}/__sandbox__/faults", data=form, timeout=5)
    assert response.url == f"{api.url}/__sandbox__/"
    assert "503 on /api/v1/contacts, 1 left" in response.text
    assert api.get("/contacts").status_code == 503
    requests.post(
        f"{api.url}/__sandbox__/inbound",
        timeout=5,
        data={"account": "default", "phone": "233244123451", "text": "42"},
    )
    messages = api.get("/whatsapp/conversations/233244123451").json()["data"]
    assert [message["text"] for message in messages] == ["42"]
    requests.post(f"{api.url}/__sandbox__/speed", data={"speed": "12"}, timeout=5)
    assert api.order("/state", "GET")["speed"] == 12


def test_a_browsers_request_for_an_icon_uses_no_fault(api):
    api.order("/faults", kind="500", path="/")
    assert requests.get(f"{api.url}/favicon.ico", timeout=5).status_code == 404
    assert api.order("/requests", "GET") == []
    assert api.get("/contacts").status_code == 500


def test_page_escapes_what_it_shows(api):
    api.order("/faults", kind="500", path="/<script>", account="<b>")
    api.get("/contacts", "chumi_sk_live_sandbox_full_<i>")
    page = requests.get(f"{api.url}/__sandbox__/", timeout=5).text
    assert "&lt;script&gt;" in page
    assert "<script>" not in page
    assert "<i>" not in page


def test_json_is_understood_even_if_curl_declares_a_form(api):
    form = {"Content-Type": "application/x-www-form-urlencoded"}
    url = f"{api.url}/__sandbox__/speed"
    response = requests.post(url, data='{"speed": 7}', headers=form, timeout=5)
    assert response.json() == {"speed": 7}
    assert api.order("/state", "GET")["speed"] == 7


def test_every_curl_line_of_the_readme_works(api):
    """Run the README's curl lines, in order, against a new sandbox."""
    readme = (Path(sandbox.__file__).parent / "README.md").read_text()
    lines = [line.strip() for line in readme.splitlines() if line.startswith("    curl ")]
    assert len(lines) > 10
    for line in lines:
        words = shlex.split(line, comments=True)[1:]
        url = f"{api.url}{words.pop().removeprefix('localhost:8001')}"
        options = dict(zip(words[::2], words[1::2], strict=True))
        method = options.get("-X", "POST" if "-d" in options else "GET")
        response = requests.request(method, url, data=options.get("-d"), timeout=5)
        assert response.status_code == 200, (line, response.text)
