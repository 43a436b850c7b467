"""The same facts in every shape."""

import json
import re

import pytest

from sandbox.shapes import SHAPES

ROWS = b"phone,1,2\n233244123451,a,b\n233244123026,a,b\nunknown,a,b\n"
ISO = r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d"


def finished_job(api, **kwargs):
    """Upload ROWS and wait until the job has ended; return the first answer and the job's id."""
    made = api.bulk(ROWS, "accra.csv", params=kwargs)
    api.order("/speed", speed=1000)
    job = api.get("/whatsapp/bulk-jobs?shape=nest").json()["data"][0]["jobId"]
    api.wait_until(lambda: api.status_in("nest", job)["data"]["status"] == "completed")
    return made, job


@pytest.mark.parametrize("shape", SHAPES)
def test_shape_is_chosen_by_query_header_setting_or_account(api, shape):
    path = "/whatsapp/templates/sync"
    api.order("/options", chaos_bad_gateway=0, chaos_slow=0)
    by_query = outline(api.post(path, params={"shape": shape}).json())
    by_header = outline(api.post(path, headers={"X-Sandbox-Shape": shape}).json())
    api.order("/shape", shape=shape, account="default")
    by_account = outline(api.post(path).json())
    elsewhere = api.post(path, "chumi_sk_live_sandbox_full_kumasi").json()
    api.order("/shape", shape="nest", account="default")
    api.order("/shape", shape=shape)
    by_setting = outline(api.post(path, "chumi_sk_live_sandbox_full_accra").json())
    assert by_query == by_header == by_account == by_setting
    assert elsewhere["data"]["synced"] == 14


def outline(value):
    """Return the keys of an answer without case, dashes and underscores."""
    if not isinstance(value, dict):
        return None
    return {re.sub(r"[-_]", "", key).lower(): outline(item) for key, item in value.items()}


def test_bare_job(api):
    made, job = finished_job(api, shape="bare")
    assert (made.status_code, made.json()["id"], made.json()["status"]) == (200, job, "created")
    status = api.status_in("bare", job)
    times = [status.pop(name) for name in ("createdAt", "startedAt", "completedAt")]
    assert all(re.fullmatch(ISO, time) for time in times)
    assert status == {
        "id": job,
        "status": "finished",
        "progress": 1.0,
        "totalMessages": 3,
        "done": 3,
        "sent": 1,
        "failures": 1,
        "skipped": 1,
        "waiting": 0,
        "templateName": "welcome_message",
        "languageCode": "en_US",
        "fileName": "accra.csv",
        "estimatedCompletion": None,
        "failedRecipients": [
            {
                "row": 3,
                "phone": "233244123026",
                "code": 131026,
                "message": "Message undeliverable",
            },
            {"row": 4, "phone": "unknown", "code": None, "message": "Invalid phone number"},
        ],
    }


def test_mongo_job(api):
    made, job = finished_job(api, shape="mongo")
    assert (made.status_code, made.json()["_id"]) == (201, {"$oid": job})
    status = api.status_in("mongo", job)
    assert status["progress"] == {"current": 3, "total": 3, "percentage": 100}
    assert (status["successCount"], status["failedCount"], status["invalidRows"]) == (1, 1, 1)
    assert re.match(ISO, status["completedAt"]["$date"])
    assert [row["row"] for row in status["logs"]] == [3, 4]


def test_snake_job(api):
    made, job = finished_job(api, shape="snake")
    assert made.status_code == 202
    assert made.json()["result"]["job"]["job_id"] == job
    answer = api.status_in("snake", job)
    status = answer["result"]["job"]
    assert (answer["status"], status["status"]) == ("success", "done")
    assert (status["percent_complete"], status["success_count"]) == ("100%", 1)
    assert isinstance(status["completed_at"], int)
    assert not any(name != name.lower() for name in status)


def test_meta_job(api):
    made, job = finished_job(api, shape="meta")
    assert (made.status_code, made.json()["id"]) == (202, job)
    status = api.status_in("meta", job)
    assert (status["id"], status["status"], status["accepted"]) == (job, "DONE", 1)
    assert (status["errorCount"], status["invalidRecipients"]) == (1, 1)
    assert [(row["index"], row["to"]) for row in status["failures"]] == [
        (3, "233244123026"),
        (4, "unknown"),
    ]


def test_chaos_job_keeps_its_id_and_its_counts(api):
    api.order("/options", chaos_bad_gateway=0, chaos_slow=0, chaos_missing_id=1)
    made, job = finished_job(api, shape="chaos")
    assert flat(made.json())["jobid"] == job
    seen = set()
    for _ in range(40):
        status = flat(api.status_in("chaos", job))
        counts = [status[name] for name in ("total", "successful", "failed", "invalid")]
        assert (status["jobid"], counts) == (job, ["3", "1", "1", "1"])
        seen.add(status["status"])
    assert "completed" in seen
    assert len(seen) > 1
    templates = flat_list(api.get("/whatsapp/templates?shape=chaos").json())
    assert len(templates) == 14
    assert not any("id" in template for template in templates)


def flat(answer):
    """Return what is under `data`, keys without case, dash and underscore."""
    [data] = [value for key, value in answer.items() if key.lower() == "data"]
    return {re.sub(r"[-_]", "", key).lower(): value for key, value in data.items()}


def flat_list(answer):
    [data] = [value for key, value in answer.items() if key.lower() == "data"]
    return [{key.lower(): value for key, value in item.items()} for item in data]


def test_chaos_breaks_reads_but_never_a_send(api):
    api.order("/speed", speed=1000)
    api.order("/options", chaos_bad_gateway=1)
    response = api.get("/whatsapp/templates?shape=chaos")
    assert response.status_code == 502
    assert response.text.startswith("<!DOCTYPE html>")
    statuses = {
        api.bulk(ROWS, "accra.csv", params={"shape": "chaos"}).status_code for _ in range(20)
    }
    assert statuses == {201}
    assert len(api.ledger()) == 40


@pytest.mark.parametrize(
    ("shape", "read"),
    [
        ("nest", lambda a: (a["data"], a["pagination"]["hasNextPage"])),
        ("bare", lambda a: (a, len(a) == 15)),
        ("mongo", lambda a: (a["docs"], a["hasNextPage"])),
        ("snake", lambda a: (a["results"], a["page_info"]["has_next"])),
        ("meta", lambda a: (a["data"], "next" in a["paging"])),
    ],
)
def test_the_last_page_says_that_it_is_the_last(api, shape, read):
    total, more, page = 0, True, 0
    while more:
        page += 1
        items, more = read(
            api.get(f"/whatsapp/bulk-jobs?shape={shape}&limit=15&page={page}").json()
        )
        total += len(items)
    assert (total, page) == (37, 3)


def test_meta_pages_follow_their_cursors(api):
    ids, after = [], None
    while True:
        params = {"shape": "meta", "limit": 10, "after": after}
        answer = api.get("/whatsapp/bulk-jobs", params=params).json()
        ids += [job["id"] for job in answer["data"]]
        if "next" not in answer["paging"]:
            break
        after = answer["paging"]["cursors"]["after"]
    expected = api.get("/whatsapp/bulk-jobs?limit=100").json()["data"]
    assert ids == [job["jobId"] for job in expected]


def test_templates_have_every_shape(api):
    def first(shape):
        return api.get(f"/whatsapp/templates?limit=1&shape={shape}").json()

    components = first("nest")["data"][0]["components"]
    bare, mongo = first("bare")[0], first("mongo")["docs"][0]
    snake, meta = first("snake")["results"][0], first("meta")["data"][0]
    assert (bare["locale"], bare["headerText"], bare["body"], bare["footer"]) == (
        "en_US",
        components[0]["text"],
        components[1]["text"],
        components[2]["text"],
    )
    assert "approvalStatus" not in bare
    assert (mongo["language"], json.loads(mongo["components"])) == ({"code": "en_US"}, components)
    assert list(snake["components"].values()) == components
    assert [item["type"] for item in meta["components"]] == ["header", "body", "footer", "buttons"]


def test_bare_keeps_the_components_that_cannot_be_flattened(api):
    templates = {
        (t["name"], t["locale"]): t for t in api.get("/whatsapp/templates?shape=bare").json()
    }
    assert "components" in templates["new_arrivals", "en_US"]
    assert "components" in templates["flash_sale", "en_US"]
    assert templates["welcome_message", "en_GH"]["approvalStatus"] == "PAUSED"
    assert templates["promotion_broadcast", "en_US"]["headerType"] == "IMAGE"


def test_single_send_has_every_shape(api):
    def send(shape):
        body = {
            "to": "233244123451",
            "templateName": "welcome_message",
            "templateParameters": [{"text": "a"}, {"text": "b"}],
        }
        return api.post(f"/whatsapp/send-template?shape={shape}", json=body).json()

    ids = [
        send("nest")["data"]["messageId"],
        send("bare")["id"],
        send("mongo")["wamid"],
        send("snake")["result"]["message"]["message_id"],
        send("meta")["messages"][0]["id"],
        flat(send("chaos"))["messageid"],
    ]
    assert ids == [line["message_id"] for line in api.ledger()]


@pytest.mark.parametrize(
    ("shape", "where"),
    [
        ("nest", lambda e: (e["statusCode"], e["errorCode"])),
        ("bare", lambda e: (e["statusCode"], int(re.search(r"#(\d+)", e["message"])[1]))),
        ("mongo", lambda e: (e["statusCode"], e["errors"][0]["code"])),
        ("snake", lambda e: (e["status_code"], e["error_code"])),
        ("meta", lambda e: (e["statusCode"], e["metaError"]["code"])),
    ],
)
def test_errors_keep_the_documented_form(api, shape, where):
    response = api.post(
        f"/whatsapp/send-template?shape={shape}",
        json={"to": "233244123451", "templateName": "nothing"},
    )
    error = response.json()
    assert (error["error"], *where(error)) == ("Not Found", 404, 132001)


def test_group_members_have_every_shape(api):
    vip = api.get("/contacts/groups").json()["data"][3]["id"]

    def members(shape):
        return api.get(f"/contacts/groups/{vip}?limit=5&shape={shape}").json()

    nest, mongo, snake = members("nest"), members("mongo"), members("snake")
    phones = [contact["phone"] for contact in nest["data"]["contacts"]]
    meta = members("meta")
    assert [c["phoneNumber"] for c in members("bare")["contacts"]] == phones
    assert ([c["mobile"] for c in mongo["members"]], mongo["totalDocs"]) == (phones, 48)
    group = snake["result"]["group"]
    assert [m["contact"]["phone_number"] for m in group["members"]] == phones
    assert (group["member_count"], snake["page_info"]["total_count"]) == (48, 48)
    assert [c["wa_id"] for c in meta["contacts"]["data"]] == phones
    assert "next" in meta["contacts"]["paging"]


def test_opt_outs_survive_every_shape(api):
    def contacts(shape, unwrap, said):
        return [said(c) for c in unwrap(api.get(f"/contacts?limit=100&shape={shape}").json())]

    expected = contacts("nest", lambda a: a["data"], lambda c: c["optedOut"])
    assert any(expected)
    assert contacts("bare", lambda a: a, lambda c: c["unsubscribed"]) == expected
    assert contacts("mongo", lambda a: a["docs"], lambda c: not c["isActive"]) == expected
    assert contacts("snake", lambda a: a["results"], lambda c: c["opted_out"]) == expected
    assert contacts("meta", lambda a: a["data"], lambda c: c["marketingOptOut"]) == expected
