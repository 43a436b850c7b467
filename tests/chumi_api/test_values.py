"""Single values: numbers, times, ids and texts out of JSON, and out of errors."""

from datetime import UTC, datetime, timedelta

import pytest

from chumi_api.errors import Rejected
from chumi_api.parsing import build_error, json_values, load, request_id
from chumi_api.parsing.verdicts import retry_after

NOON = datetime(2026, 11, 22, 12, tzinfo=UTC)


@pytest.mark.parametrize(
    "value",
    [
        "2026-11-22T12:00:00.000Z",
        "2026-11-22T12:00:00",
        "2026-11-22 14:00:00+02:00",
        "2026-11-22T12:00:00+0000",
        1795348800,
        "1795348800",
        1795348800000,
        "1795348800000",
        1795348800.0,
        {"$date": "2026-11-22T12:00:00Z"},
        {"$date": {"$numberLong": "1795348800000"}},
    ],
)
def test_times_are_utc(value):
    assert json_values.as_time(value) == NOON


@pytest.mark.parametrize(
    "value", [None, True, "", "soon", 0, -1, 10**30, "9" * 5000, {}, [], "0001-01-01T00:00:00"]
)
def test_a_value_that_is_no_time_is_none(value):
    assert json_values.as_time(value) is None


@pytest.mark.parametrize(
    ("value", "number"),
    [
        (120, 120),
        ("120", 120),
        ("1,200", 1200),
        ("45%", 45),
        (" 7 ", 7),
        (3.0, 3),
        (True, None),
        ("-3", None),
        ("nan", None),
        ("1e999", None),
        (10**400, None),
        ("", None),
        (None, None),
        ([], None),
    ],
)
def test_counts(value, number):
    assert json_values.as_count(value) == number


@pytest.mark.parametrize(
    ("value", "found"),
    [("abc", "abc"), (12, "12"), ({"$oid": "65f"}, "65f"), (True, None), ("x" * 513, None)],
)
def test_ids(value, found):
    assert json_values.as_id(value) == found


@pytest.mark.parametrize(
    ("header", "seconds"),
    [
        ("3", 3),
        ("0.5", 0.5),
        ("-4", 0),
        ("Sun, 22 Nov 2026 12:00:30 GMT", 30),
        ("Sun, 22 Nov 2026 11:00:00 GMT", 0),
        ("Sun, 22 Nov 2026 12:00:30", 30),
        ("soon", None),
        ("", None),
        (None, None),
    ],
)
def test_retry_after_is_read_in_seconds_or_as_a_date(header, seconds):
    assert retry_after(header, now=NOON) == seconds


def test_json_is_cleaned_for_databases():
    text = '{"a\\u0000": "x\\u0000\\ud800", "n": NaN, "i": 1e999, "l": [Infinity]}'

    assert load(text) == {"a": "x?", "n": None, "i": None, "l": [None]}


@pytest.mark.parametrize("text", [None, "", "{", "<html>", "[" * 100_000, "9" * 5000])
def test_text_that_is_not_json_is_none(text):
    assert load(text) is None


def test_deep_json_is_cut():
    assert "deep" not in str(load("[" * 60 + '"deep"' + "]" * 60))


ERRORS = [
    # body, message, code
    ('{"error":"Bad Request","message":["a","b"],"statusCode":400}', "a; b", None),
    (
        '{"success":false,"message":"(#132001) Gone","error":{"code":132001,'
        '"error_data":{"details":"which"}}}',
        "(#132001) Gone",
        132001,
    ),
    ('{"error":{"error":{"code":"190"},"error_user_msg":"Expired"}}', "Expired", 190),
    ('{"errors":[{"message":"First","code":131026},{"message":"Second"}]}', "First", 131026),
    ('{"message":"Failed: 131049 held"}', "Failed: 131049 held", 131049),
    ('{"data":{"metaError":{"code":0},"detail":"Auth"}}', "Auth", 0),
    ("<html><h1>Bad gateway</h1></html>", "", None),
    (None, "", None),
]


@pytest.mark.parametrize(("text", "message", "code"), ERRORS)
def test_the_vendors_words_and_code(text, message, code):
    error = build_error(Rejected, sends=True, status=400, text=text)

    assert (error.vendor_message, error.code) == (message, code)


def test_details_and_trace():
    text = '{"error":{"error_data":{"details":"which"},"fbtrace_id":"T1"}}'

    error = build_error(Rejected, sends=False, status=400, text=text)

    assert (error.details, error.request_id) == ("which", "T1")


def test_a_header_names_the_trace_before_the_body():
    headers = {"x-request-id": "H"}

    assert request_id(headers, {"requestId": "B"}) == "H"


def test_a_date_of_retry_after_counts_from_now():
    later = (datetime.now(UTC) + timedelta(seconds=60)).strftime("%a, %d %b %Y %H:%M:%S GMT")

    assert 50 < (retry_after(later) or 0) <= 60
