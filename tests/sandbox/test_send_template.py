"""A single send: the order of the checks, and what the last three digits decide."""

import time

import pytest


def refused(response):
    body = response.json()
    assert body["statusCode"] == response.status_code
    return response.status_code, body.get("errorCode")


def test_accepted_message_is_in_the_ledger_with_its_id(api):
    response = api.send("233244123451", "Ama", "MF-24")
    data = response.json()["data"]
    assert (response.status_code, data["status"]) == (200, "accepted")
    [line] = api.ledger()
    assert (line["via"], line["to"], line["values"]) == (
        "single",
        "233244123451",
        ["Ama", "MF-24"],
    )
    assert line["message_id"] == data["messageId"]
    assert data["messageId"].startswith("wamid.")


@pytest.mark.parametrize("to", [None, 233244123451, "", "+233244123451", "0244123451", "Ama"])
def test_bad_phone_is_refused(api, to):
    assert refused(api.send(to, "a", "b")) == (400, None)


@pytest.mark.parametrize("body", [b"{", b"[]", b'{"to": "233244123451"}'])
def test_bad_body_is_refused(api, body):
    response = api.post("/whatsapp/send-template", data=body)
    assert refused(response) == (400, None)


@pytest.mark.parametrize("parameters", ["a", ["a"], [{"text": 1}], [{}]])
def test_bad_parameters_are_refused(api, parameters):
    assert refused(api.send("233244123451", templateParameters=parameters)) == (400, None)


@pytest.mark.parametrize(
    ("extra", "values", "status", "code"),
    [
        ({"templateName": "nothing"}, [], 404, 132001),
        ({"templateName": "order_update"}, [], 404, 132001),
        ({"languageCode": "en_GH"}, ["a"], 400, 132015),
        ({"templateName": "store_opening", "languageCode": "en_GH"}, ["a", "b"], 400, 132001),
        ({}, ["a"], 400, 132000),
        ({}, ["a", "b", "c"], 400, 132000),
        ({}, [" ", "b\n"], 400, 131008),
        ({}, ["a\tb", "b" * 2000], 400, 132018),
        ({}, ["a", "b" * 2000], 400, 132005),
        ({"templateName": "promotion_broadcast"}, ["a", "b"], 400, 132012),
        ({"templateName": "event_reminder", "languageCode": "en_GH"}, ["a", "b"], 400, 132000),
        ({"templateName": "track_delivery"}, ["a"], 400, 131008),
        ({"templateName": "coupon_gift"}, ["a"], 400, 131008),
        ({"templateName": "new_arrivals"}, ["a"], 400, 132012),
        ({"templateName": "login_code"}, ["1"], 400, 131008),
    ],
)
def test_refusals_come_in_whatsapps_order(api, extra, values, status, code):
    assert refused(api.send("233244123451", *values, **extra)) == (status, code)
    assert api.ledger() == []


@pytest.mark.parametrize(
    "extra",
    [
        {"templateName": "promotion_broadcast", "headerMediaUrl": "https://x.example/a.jpg"},
        {"templateName": "promotion_broadcast", "headerMediaId": "123"},
        {"templateName": "loyalty_points", "languageCode": "en_GH"},
        {},
    ],
)
def test_sendable_templates_are_accepted(api, extra):
    assert api.send("233244123451", "a", "b", **extra).status_code == 200


@pytest.mark.parametrize(
    ("digits", "code"),
    [
        ("026", 131026),
        ("047", 131047),
        ("049", 131049),
        ("050", 131050),
        ("056", 131056),
        ("053", 131053),
        ("472", 130472),
        ("190", 190),
        ("368", 368),
        ("048", 131048),
    ],
)
def test_last_digits_refuse_with_their_code(api, digits, code):
    for _ in range(2):
        assert refused(api.send(f"233244123{digits}", "a", "b")) == (400, code)
    assert api.ledger() == []


@pytest.mark.parametrize(("digits", "status", "code"), [("429", 429, None), ("000", 400, 131000)])
def test_last_digits_refuse_once_for_each_number(api, digits, status, code):
    first, other = f"233244123{digits}", f"233244124{digits}"
    assert refused(api.send(first, "a", "b")) == (status, code)
    assert api.send(first, "a", "b").status_code == 200
    assert refused(api.send(other, "a", "b")) == (status, code)
    assert [line["to"] for line in api.ledger()] == [first]


def test_500_is_an_error_and_nothing_is_accepted(api):
    assert refused(api.send("233244123500", "a", "b")) == (500, None)
    assert api.ledger() == []


def test_504_is_accepted_but_the_answer_is_lost(api):
    api.order("/speed", speed=350)
    started = time.monotonic()
    response = api.send("233244123504", "a", "b")
    assert 0.08 < time.monotonic() - started < 5
    assert response.status_code == 504
    assert "html" in response.headers["Content-Type"]
    assert len(api.ledger()) == 1


def test_777_is_accepted_without_an_id(api):
    data = api.send("233244123777", "a", "b").json()["data"]
    assert data == {"status": "accepted", "to": "233244123777", "templateName": "welcome_message"}
    assert len(api.ledger()) == 1


@pytest.mark.parametrize("digits", ["888", "889"])
def test_held_messages_have_a_status_of_their_own(api, digits):
    data = api.send(f"233244123{digits}", "a", "b").json()["data"]
    assert data["status"] == "held_for_quality_assessment"
    assert api.ledger()[0]["outcome"] == "held"
