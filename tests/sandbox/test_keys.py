"""The scopes of a key, and its account."""

import time

import pytest

FULL = "chumi_sk_live_sandbox_full"
ROW = b"233244123451,Ama,MF-24\n"


@pytest.mark.parametrize("key", [None, "", "chumi_sk_live_other", f"{FULL}x", FULL[:-4] + "none"])
def test_unknown_key_is_refused_in_the_documented_form(api, key):
    response = api.get("/whatsapp/templates", key)
    assert response.status_code == 401
    body = response.json()
    assert body["error"] == "Unauthorized"
    assert body["statusCode"] == 401
    assert "X-API-Key" in body["message"]


def test_revoked_key_is_refused(api):
    assert api.get("/contacts", "chumi_sk_live_sandbox_revoked").status_code == 401


def test_readonly_key_reads_but_does_not_send(api):
    key = "chumi_sk_live_sandbox_readonly"
    for path in ("/whatsapp/templates", "/whatsapp/bulk-jobs", "/contacts", "/contacts/groups"):
        assert api.get(path, key).status_code == 200
    response = api.bulk(ROW, "list.csv", key)
    assert response.status_code == 403
    assert response.json() == {
        "error": "Forbidden",
        "message": "Your API key does not have the required scope: whatsapp:send",
        "statusCode": 403,
    }
    assert api.ledger() == []


@pytest.mark.parametrize(
    ("scope", "path"),
    [
        ("templates:read", "/whatsapp/templates"),
        ("contacts:read", "/contacts"),
        ("whatsapp:read", "/whatsapp/bulk-jobs"),
    ],
)
def test_key_without_one_scope_lacks_just_that(api, scope, path):
    key = f"chumi_sk_live_sandbox_without_{scope.replace(':', '-')}"
    refused = api.get(path, key)
    assert refused.status_code == 403
    assert refused.json()["message"].endswith(f"required scope: {scope}")
    assert api.bulk(ROW, "list.csv", key).status_code == 201


def test_limited_key_gets_two_requests_a_second(api):
    key = "chumi_sk_live_sandbox_limited"
    statuses = [api.get("/contacts?limit=1", key).status_code for _ in range(2)]
    refused = api.get("/contacts?limit=1", key)
    assert statuses == [200, 200]
    assert (refused.status_code, refused.headers["Retry-After"]) == (429, "3")
    assert refused.json()["statusCode"] == 429
    time.sleep(1.05)
    assert api.get("/contacts?limit=1", key).status_code == 200


def test_key_and_scope_are_judged_before_the_rate(api):
    key = "chumi_sk_live_sandbox_limited"
    for _ in range(3):
        api.get("/contacts?limit=1", key)
    assert api.get("/contacts", "chumi_sk_live_sandbox_revoked").status_code == 401


def test_accounts_share_nothing(api):
    ours, theirs = f"{FULL}_accra", f"{FULL}_kumasi"
    job = api.bulk(ROW, "list.csv", ours).json()["data"]["jobId"]
    assert api.get(f"/whatsapp/bulk-jobs/{job}/status", ours).status_code == 200
    assert api.get(f"/whatsapp/bulk-jobs/{job}/status", theirs).status_code == 404
    assert [line["to"] for line in api.ledger("accra")] == ["233244123451"]
    assert api.ledger("kumasi") == []
    contact = api.get("/contacts?limit=1", ours).json()["data"][0]["id"]
    assert api.get(f"/contacts/{contact}", theirs).status_code == 404


def test_keys_of_one_account_share_its_data(api):
    job = api.bulk(ROW, "list.csv", f"{FULL}_accra").json()["data"]["jobId"]
    key = "chumi_sk_live_sandbox_readonly_accra"
    assert api.get(f"/whatsapp/bulk-jobs/{job}/status", key).status_code == 200
