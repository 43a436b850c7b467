"""Misbehaviour on demand: jobs that stall, vanish or fail, messages refused with a code."""

import time

import pytest
import requests

SENT = "233244123451"
OTHER = "233244123452"


def rows(count):
    return "\n".join(f"23324412{number:03d}1,a,b" for number in range(count)).encode()


@pytest.fixture
def job(api):
    """Return the id of a job that is half processed, with the clock stopped."""
    api.order("/speed", speed=0)
    made = api.bulk(rows(40), "list.csv").json()["data"]["jobId"]
    pass_time(api, 3)
    return made


@pytest.fixture(autouse=True)
def _clock(api, server):
    """Let the tests move the clock."""
    api.clock = server.state.clock


def pass_time(api, seconds):
    mark = api.clock.marks[-1]
    api.clock.marks.append(mark._replace(elapsed=mark.elapsed + seconds))


def change(api, job, action):
    return api.order(f"/jobs/{job}", action=action)


def counters(status):
    return status["status"], status["processed"], status["successful"]


def test_a_stalled_job_stops_until_it_is_resumed(api, job):
    change(api, job, "stall")
    pass_time(api, 600)
    status = api.status(job)
    assert counters(status) == ("processing", 20, 20)
    assert (status["completedAt"], status["estimatedCompletion"]) == (None, None)
    change(api, job, "resume")
    assert counters(api.status(job)) == ("processing", 20, 20)
    pass_time(api, 0.5)
    assert counters(api.status(job)) == ("processing", 30, 30)
    pass_time(api, 0.5)
    status = api.status(job)
    assert counters(status) == ("completed", 40, 40)
    assert status["completedAt"] is not None


def test_a_job_may_stall_before_it_starts(api):
    api.order("/speed", speed=0)
    job = api.bulk(rows(2), "list.csv").json()["data"]["jobId"]
    change(api, "last", "stall")
    pass_time(api, 600)
    status = api.status(job)
    assert (counters(status), status["startedAt"]) == (("pending", 0, 0), None)


def test_a_vanished_job_is_missing_everywhere_until_it_is_resumed(api, job):
    def listed():
        return [line["jobId"] for line in api.get("/whatsapp/bulk-jobs").json()["data"]]

    change(api, job, "vanish")
    response = api.get(f"/whatsapp/bulk-jobs/{job}/status")
    assert (response.status_code, response.json()["statusCode"]) == (404, 404)
    assert job not in listed()
    change(api, job, "resume")
    assert api.status(job)["processed"] == 20
    assert job in listed()


def test_counters_may_fall(api, job):
    change(api, job, "fall")
    assert counters(api.status(job)) == ("processing", 10, 10)
    pass_time(api, 600)
    assert counters(api.status(job)) == ("processing", 20, 20)
    change(api, job, "resume")
    assert counters(api.status(job)) == ("completed", 40, 40)


@pytest.mark.parametrize(
    ("action", "end"),
    [
        ("fail", ("failed", 20, 20)),
        ("cancel", ("cancelled", 20, 20)),
        ("finish", ("completed", 40, 40)),
    ],
)
def test_a_job_may_end_before_its_time(api, job, action, end):
    change(api, job, action)
    status = api.status(job)
    assert counters(status) == end
    assert status["completedAt"] is not None
    pass_time(api, 600)
    assert counters(api.status(job)) == end
    # An ended job stays ended, and its messages stay in the ledger.
    response = requests.post(
        f"{api.url}/__sandbox__/jobs/{job}", json={"action": "stall"}, timeout=5
    )
    assert response.status_code == 400
    change(api, job, "resume")
    assert counters(api.status(job)) == end
    assert len(api.ledger()) == 40


@pytest.mark.parametrize(
    ("path", "body"),
    [
        ("/jobs/last", {"action": "dance"}),
        ("/jobs/last", {}),
        ("/jobs/none", {"action": "stall"}),
        ("/codes", {}),
        ("/codes", {"code": "131042"}),
        ("/codes", {"code": -1}),
        ("/codes", {"code": 131042, "times": 0}),
        ("/codes", {"code": 131042, "phones": SENT}),
        ("/codes", {"code": 131042, "phones": [1]}),
        ("/options", {"latency": -1}),
        ("/options", {"latency": 3600}),
    ],
)
def test_bad_control_requests_are_refused_with_a_reason(api, path, body):
    response = requests.post(f"{api.url}/__sandbox__{path}", json=body, timeout=5)
    assert response.status_code == 400
    assert response.json()["error"]


def test_a_control_request_changes_only_jobs_of_its_account(api, job):
    response = requests.post(
        f"{api.url}/__sandbox__/jobs/{job}",
        json={"action": "stall", "account": "accra"},
        timeout=5,
    )
    assert response.status_code == 400


def test_sends_are_refused_with_the_code_as_often_as_asked(api):
    api.order("/codes", code=131042, times=2)
    for phone in (SENT, OTHER):
        response = api.send(phone, "a", "b")
        body = response.json()
        assert (response.status_code, body["statusCode"]) == (400, 400)
        assert body["message"] == "(#131042) Business eligibility payment issue"
    assert api.send(SENT, "a", "b").status_code == 200
    assert [line["to"] for line in api.ledger()] == [SENT]


def test_only_the_named_phones_are_refused(api):
    api.order("/codes", code=131056, phones=[SENT], times=None)
    assert api.send(SENT, "a", "b").status_code == 400
    assert api.send(OTHER, "a", "b").status_code == 200
    assert api.send(SENT, "a", "b").status_code == 400
    api.order("/codes", "DELETE")
    assert api.send(SENT, "a", "b").status_code == 200


def test_code_zero_is_a_code(api):
    api.order("/codes", code=0)
    assert "(#0)" in api.send(SENT, "a", "b").json()["message"]


def test_only_the_named_account_is_refused_until_its_reset(api):
    api.order("/codes", code=131031, account="accra", times=None)
    accra = "chumi_sk_live_sandbox_full_accra"
    assert api.send(SENT, "a", "b").status_code == 200
    assert api.send(SENT, "a", "b", key=accra).status_code == 400
    api.order("/reset", account="accra")
    assert api.send(SENT, "a", "b", key=accra).status_code == 200
    assert api.order("/codes", "GET") == []


def test_rows_of_a_job_are_refused_with_the_code(api):
    api.order("/speed", speed=1000)
    api.order("/codes", code=131049, phones=[SENT])
    content = f"phone,1,2\n{OTHER},a,b\n{SENT},a,b\n".encode()
    job = api.bulk(content, "list.csv").json()["data"]["jobId"]
    api.wait_until(lambda: api.status(job)["status"] == "completed")
    status = api.status(job)
    assert (status["successful"], status["failed"]) == (1, 1)
    assert [(e["row"], e["code"]) for e in status["errors"]] == [(3, 131049)]
    assert [line["outcome"] for line in api.ledger()] == ["accepted", "131049"]


def test_a_job_is_refused_as_a_whole(api):
    api.order("/speed", speed=1000)
    api.order("/codes", code=131042)
    job = api.bulk(rows(3), "list.csv").json()["data"]["jobId"]
    api.wait_until(lambda: api.status(job)["status"] == "failed")
    status = api.status(job)
    assert (status["processed"], status["error"][:9]) == (0, "(#131042)")
    assert api.ledger() == []
    job = api.bulk(rows(3), "list.csv").json()["data"]["jobId"]
    api.wait_until(lambda: api.status(job)["status"] == "completed")


def test_latency_delays_every_answer_of_the_api(api):
    api.order("/options", latency=0.2)
    for path in ("/contacts?limit=1", "/whatsapp/bulk-jobs/none/status"):
        started = time.monotonic()
        api.get(path)
        assert 0.2 <= time.monotonic() - started < 2
    started = time.monotonic()
    api.order("/state", "GET")
    assert time.monotonic() - started < 0.2
