"""The list of templates, and the sync that updates it."""

NEW = {
    "name": "sunday_hours",
    "language": "en",
    "category": "UTILITY",
    "status": "APPROVED",
    "components": [{"type": "BODY", "text": "We open at 10 on Sunday."}],
}


def listed(api, **kwargs):
    page = api.get("/whatsapp/templates?limit=100", **kwargs).json()["data"]
    return {(t["name"], t["language"]): t for t in page}


def test_the_list_has_every_kind_of_template(api):
    templates = listed(api)
    components = [c for t in templates.values() for c in t["components"]]
    buttons = [b for c in components if c["type"] == "BUTTONS" for b in c["buttons"]]
    assert len(templates) == 14
    assert {c.get("format") for c in components} == {None, "TEXT", "IMAGE", "VIDEO", "DOCUMENT"}
    assert {c["type"] for c in components} >= {"CAROUSEL", "LIMITED_TIME_OFFER", "FOOTER"}
    assert {b["type"] for b in buttons} == {
        "QUICK_REPLY",
        "URL",
        "PHONE_NUMBER",
        "COPY_CODE",
        "OTP",
    }
    assert {t["status"] for t in templates.values()} == {"APPROVED", "PAUSED", "REJECTED"}
    assert {t["category"] for t in templates.values()} == {
        "MARKETING",
        "UTILITY",
        "AUTHENTICATION",
    }
    assert {t["parameter_format"] for t in templates.values()} == {"POSITIONAL", "NAMED"}
    assert {t["language"] for t in templates.values()} == {"en", "en_US", "en_GH"}
    assert len({t["id"] for t in templates.values()}) == 14


def test_list_has_pages(api):
    first = api.get("/whatsapp/templates?limit=10").json()
    second = api.get("/whatsapp/templates?limit=10&page=2").json()
    assert (len(first["data"]), len(second["data"])) == (10, 4)
    assert second["pagination"]["hasNextPage"] is False


def test_changes_at_meta_show_only_after_a_sync(api):
    before = listed(api)
    api.order("/templates", **NEW)
    changed = before["call_us", "en"] | {"status": "PAUSED"}
    api.order("/templates", **changed)
    api.order("/templates/coupon_gift/en_US", "DELETE")
    assert listed(api) == before

    counts = api.post("/whatsapp/templates/sync").json()["data"]
    assert counts == {"synced": 14, "created": 1, "updated": 1, "removed": 1, "total": 14}
    after = listed(api)
    assert after["sunday_hours", "en"]["components"] == NEW["components"]
    assert after["call_us", "en"]["status"] == "PAUSED"
    assert ("coupon_gift", "en_US") not in after


def test_sync_may_take_a_while(api):
    api.order("/options", sync_seconds=30)
    api.order("/templates", **NEW)
    response = api.post("/whatsapp/templates/sync")
    assert (response.status_code, response.json()["data"]["status"]) == (202, "queued")
    assert ("sunday_hours", "en") not in listed(api)
    api.order("/speed", speed=1000)
    api.wait_until(lambda: ("sunday_hours", "en") in listed(api))


def test_changes_belong_to_one_account(api):
    key = "chumi_sk_live_sandbox_full_accra"
    api.order("/templates", key=key, **NEW)
    api.post("/whatsapp/templates/sync", key)
    api.post("/whatsapp/templates/sync")
    assert ("sunday_hours", "en") in listed(api, key=key)
    assert ("sunday_hours", "en") not in listed(api)


def test_template_must_be_synced_before_it_is_sent(api):
    api.order("/templates", **NEW)
    body = {"to": "233244123451", "templateName": "sunday_hours", "languageCode": "en"}

    def send():
        return api.post("/whatsapp/send-template", json=body).status_code

    assert send() == 404
    api.post("/whatsapp/templates/sync")
    assert send() == 200


def test_state_at_meta_counts_when_sending(api):
    paused = listed(api)["welcome_message", "en_US"] | {"status": "PAUSED"}
    api.order("/templates", **paused)
    assert listed(api)["welcome_message", "en_US"]["status"] == "APPROVED"
    assert api.send("233244123451", "a", "b").json()["errorCode"] == 132015


def test_a_listed_template_needs_no_sync_and_a_twin_replaces_nothing(api):
    api.order("/templates", **NEW, listed=True)
    assert listed(api)["sunday_hours", "en"]["status"] == "APPROVED"
    api.order("/templates", **(NEW | {"status": "REJECTED"}), twin="after")
    page = api.get("/whatsapp/templates?limit=100").json()["data"]
    assert [t["status"] for t in page if t["name"] == "sunday_hours"] == ["APPROVED", "REJECTED"]
    assert len({t["id"] for t in page}) == 16
