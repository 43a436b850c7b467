"""Jobs run by the clock, are listed newest first, and report the rows that failed."""

import pytest

from sandbox.state import State


def rows(count, last="1"):
    return "\n".join(f"23324412{number:03d}{last},a,b" for number in range(count)).encode()


def start(api, content, **kwargs):
    return api.bulk(content, "list.csv", **kwargs).json()["data"]["jobId"]


def test_job_waits_then_counts_up_then_ends(api):
    api.order("/speed", speed=0)
    job = start(api, rows(40))
    status = api.status(job)
    assert (status["status"], status["processed"], status["pending"]) == ("pending", 0, 40)
    assert (status["startedAt"], status["completedAt"]) == (None, None)

    api.order("/speed", speed=10)
    api.wait_until(lambda: api.status(job)["status"] == "processing")
    api.order("/speed", speed=0)
    status = api.status(job)
    assert 0 <= status["processed"] < 40
    assert status["processed"] == status["successful"] + status["failed"] + status["invalid"]
    assert status["pending"] == 40 - status["processed"]
    assert status["startedAt"] is not None
    assert api.status(job) == status

    api.order("/speed", speed=1000)
    api.wait_until(lambda: api.status(job)["status"] == "completed")
    status = api.status(job)
    assert (status["processed"], status["successful"], status["progress"]) == (40, 40, 100)
    assert status["createdAt"] <= status["startedAt"] <= status["completedAt"]


def test_timing_follows_the_documented_rate(api, server):
    """Wait 2 s, then send 20 messages a second, on the sandbox's clock."""
    api.order("/speed", speed=0)
    job = server.state.account("default").jobs[start(api, rows(40))]
    now = job.made_at
    assert job.status(now + 1.99) == "pending"
    assert (job.status(now + 2), job.processed(now + 2)) == ("processing", 0)
    assert job.processed(now + 3) == 20
    assert job.status(now + 3.99) == "processing"
    assert job.status(now + 4) == "completed"


def test_failed_rows_carry_row_phone_and_code(api):
    api.order("/speed", speed=1000)
    content = b"phone,1,2\n233244123451,a,b\n233244123026,a,b\nunknown,a,b\n233244123452,a,\n"
    job = start(api, content)
    api.wait_until(lambda: api.status(job)["status"] == "completed")
    status = api.status(job)
    assert (status["successful"], status["failed"], status["invalid"]) == (1, 2, 1)
    assert [(e["row"], e["phone"], e["code"]) for e in status["errors"]] == [
        (3, "233244123026", 131026),
        (4, "unknown", None),
        (5, "233244123452", 131008),
    ]
    api.order("/options", row_errors=False)
    assert "errors" not in api.status(job)


def test_errors_appear_only_as_the_job_reaches_them(api):
    api.order("/speed", speed=0)
    job = start(api, b"233244123026,a,b\n")
    assert api.status(job)["errors"] == []


def test_list_is_newest_first_with_the_seeded_past(api):
    first, second = start(api, rows(1)), start(api, rows(2))
    page = api.get("/whatsapp/bulk-jobs").json()
    assert [job["jobId"] for job in page["data"][:2]] == [second, first]
    created = [job["createdAt"] for job in page["data"]]
    assert created == sorted(created, reverse=True)
    assert page["pagination"] == {
        "page": 1,
        "limit": 20,
        "total": 39,
        "totalPages": 2,
        "hasNextPage": True,
    }
    assert {job["status"] for job in page["data"][2:]} == {"completed"}
    assert "errors" not in page["data"][0]


def test_pages_hold_every_job_once(api):
    pages = [api.get(f"/whatsapp/bulk-jobs?page={n}&limit=10").json()["data"] for n in range(1, 6)]
    assert [len(page) for page in pages] == [10, 10, 10, 7, 0]
    assert len({job["jobId"] for page in pages for job in page}) == 37


@pytest.mark.parametrize("query", ["page=0", "page=x", "limit=0", "limit=-1", "after=%25"])
def test_bad_paging_is_refused(api, query):
    assert api.get(f"/whatsapp/bulk-jobs?{query}").status_code == 400


def test_page_size_has_a_ceiling(api):
    page = api.get("/contacts?limit=5000").json()
    assert (len(page["data"]), page["pagination"]["limit"]) == (100, 100)


def test_unknown_job_is_missing(api):
    response = api.get("/whatsapp/bulk-jobs/65f1c0/status")
    assert (response.status_code, response.json()["statusCode"]) == (404, 404)


def test_job_may_appear_late_in_the_list(api):
    api.order("/options", list_jobs_delay=30)
    job = start(api, rows(1))
    assert api.status(job)["jobId"] == job

    def listed():
        return [j["jobId"] for j in api.get("/whatsapp/bulk-jobs").json()["data"]]

    assert job not in listed()
    api.order("/speed", speed=1000)
    api.wait_until(lambda: job in listed())


def test_foreign_job_runs_without_a_ledger_line(api):
    job = api.order("/jobs", template="order_update", language="en", total=7)["job_id"]
    listed = api.get("/whatsapp/bulk-jobs").json()["data"][0]
    assert (listed["jobId"], listed["total"]) == (job, 7)
    api.order("/speed", speed=1000)
    api.wait_until(lambda: api.status(job)["successful"] == 7)
    assert api.ledger() == []


def test_job_for_another_account_by_its_key(api):
    key = "chumi_sk_live_sandbox_full_accra"
    job = api.order("/jobs", key=key)["job_id"]
    assert api.status(job, key)["total"] == 100
    assert api.get(f"/whatsapp/bulk-jobs/{job}/status").status_code == 404


def test_another_start_of_the_sandbox_gives_other_ids():
    """An installation keeps job ids of an earlier run; they must not match a job of the next."""
    order = {"template": "welcome_message", "language": "en_US", "file_name": None, "total": 1}
    first, second = (State(seed=1).start_foreign_job("default", **order) for _ in range(2))
    assert first.id != second.id
