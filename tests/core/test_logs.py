"""What a log line never holds, and what an operator still finds in it."""

import io
import json
import logging
import re
import runpy
import uuid
from urllib.parse import quote

import pytest
from django.http import QueryDict
from django.test import RequestFactory

from core.logs import json_formatter, scrub
from tests.processes import ROOT

NAME = "Ama Canary"
SPELLINGS = [
    "+233244123456",
    "233244123456",
    "00233244123456",
    "0244123456",
    "244123456",
    "+233 24 412 3456",
    "+233 (0)24 412 3456",
    "+233-24-412-3456",
    "024-412-3456",
    "024 412 3456",
    "024.412.3456",
    "024.4123456",
    "024/412/3456",
    "024_412_3456",
    "(024) 412-3456",
    "(024)4123456",
    "0 2 4 4 1 2 3 4 5 6",
    "024 – 412 – 3456",
    "024‑412‑3456",
    "024\u00a0412\u00a03456",
    "024\u202f412\u202f3456",
    "024\t412\t3456",
    "\u200e+233\u2060244123456\u200f",
    "024·412·3456",
    "024*412*3456",
    "０２４４１２３４５６",
    "＋２３３２４４１２３４５６",
    "٠٢٤٤١٢٣٤٥٦",
    "233244123456.0",
    "233,244,123,456",
    "2.33244123456E+11",
    "0244-12-34-56",
    "tel:+233-24-412-3456",
    "+233(0)244123456",
    "".join(f"{digit}\ufe0f\u20e3" for digit in "0244123456"),
    "8 (495) 123-45-67",
    "+33 6 12 34 56 78",
    "+1 (202) 555-0123",
    "+47 22 12 34 56",
    "+4722123456",
    "0044 20 7946 0958",
]
ENCODED = [
    lambda text: text,
    quote,
    lambda text: quote(text, safe=""),
    lambda text: quote(quote(text, safe=""), safe=""),
    repr,
    ascii,
    json.dumps,
    lambda text: text.replace("+", "&#43;").replace("\u00a0", "&nbsp;"),
]
AROUND = [
    "{}",
    "to {}.",
    "phone={}&",
    "to={},from={}",
    "tel:{}",
    "p:{}",
    "people_{}.xlsx",
    "to_{}_at",
    "n{}x",
    "/t/kente/contacts/{}/",
    "Key (team_id, phone)=(12, {}) already exists.",
    "{{'phone': '{}'}}",
    "[{}]",
    "<{}>",
    "{}@s.whatsapp.net",
    "{};{}",
    "1 {}",
    "1.{}",
    "{} Ms Mensah",
    "2026-11-29 {}",
    "2026-11-29T12:38:18 {} 10.0.0.12",
]


def digits_of(text):
    return "".join(str(int(letter)) for letter in text if letter.isdecimal())


@pytest.mark.parametrize("spelling", SPELLINGS)
def test_no_spelling_of_a_phone_remains(spelling):
    for encode in ENCODED:
        for around in AROUND:
            written = encode(spelling)
            line = around.format(written, written)
            left = scrub(line)
            assert "[number]" in left, line
            assert digits_of(spelling)[-4:] not in digits_of(left), (line, left)


@pytest.mark.parametrize(
    "line",
    [
        "2026-11-29T12:38:18.123456Z",
        "2026-11-29 12:38:18,123",
        "2026-11-29T12:38:18+00:00",
        "between 2026-11-01 and 2026-11-30",
        "2026-11-01/2026-11-30",
        "29/11/2026 12:38",
        "29.11.2026, 12:38:18",
        "campaign-20261129-123818.csv",
        "20261129123818",
        f"task send_batches {uuid.UUID(int=0x12345678123456781234567812345678)}",
        "01234567-0123-4012-8012-012345678901",
        "file 9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08",
        "job 507f1f77bcf86cd799439011",
        "<Delivery object at 0x7f3012345678>",
        "from 192.168.100.200 port 54321",
        "10.0.0.12:8000",
        "took 0.123456789 s",
        "took 12.3456789 s",
        "20971520 bytes",
        "1073741824 bytes read",
        "template 1234567890123456",
        "time_ns 1764420000123456789",
        "batch 12 of 40, 1,957 of 2,000 accepted",
        "rows 100-200 of 10000",
        "status 429, again in 30 s, attempt 123456",
        'File "/srv/chumi/sending/senders/singly.py", line 284, in run',
        "Django 5.2.19, Python 3.11.4",
        "HTTP/1.1 200 0",
        "port 5432, pid 1234567",
        "Is it so? Yes.",
    ],
)
def test_what_an_operator_needs_stays(line):
    assert scrub(line) == line


@pytest.mark.parametrize(
    "line",
    [
        "/t/kente/contacts/?q=Ama+Canary",
        "Not Found: /t/kente/contacts/?q=Ama%20Canary&page=2",
        "/t/kente/contacts/?Canary",
        "https://api.chumiai.app/api/v1/contacts?search=Canary",
        "<WSGIRequest: GET '/t/kente/?q=it's+Canary'>",
        "HTTPSConnectionPool(host='api.chumiai.app', port=443): Max retries exceeded with url: "
        "/api/v1/contacts?search=Canary&limit=50 (Caused by ReadTimeoutError())",
        'GET /t/kente/?q=Canary HTTP/1.1" 500',
        "ValueError: '?q=Canary'",
        "%3A /accounts/password/reset/?next=/t/kente/?q=Canary",
        'CONTEXT:  JSON data, line 1: {"text": "Hello Canary...',
        "CONTEXT:  unnamed portal parameter $3 = 'Hello Canary'",
        "DETAIL:  Failing row contains (12, +233244123456, Hello Canary, null).",
    ],
)
def test_no_query_and_no_row_remains(line):
    assert "Canary" not in scrub(line)


def test_what_stands_before_and_after_a_query_stays():
    line = "500 for url: /api/v1/contacts?search=Ama (Caused by ReadTimeoutError())"
    assert scrub(line) == "500 for url: /api/v1/contacts?[query] (Caused by ReadTimeoutError())"


def test_the_id_of_a_message_does_not_tell_its_recipient():
    # "MjMzMjQ0MTIzNDU2" is 233244123456.
    left = scrub("failed: wamid.HBgMMjMzMjQ0MTIzNDU2FQIAERgSOUEzQ0E1QjNENENENkU2N0U3AA==, 131049")
    assert "MjMzMjQ0MTIzNDU2" not in left
    assert left.startswith("failed: wamid.[…")
    assert left.endswith(", 131049")


class Odd:
    def __repr__(self):
        return f"<Odd +233244123456 of {NAME} at /x?q=Canary>"


def written(message="failed", *args, error=None, **extra):
    """Return the log line of a record, as the handler of settings.LOGGING writes it."""
    out = io.StringIO()
    handler = logging.StreamHandler(out)
    handler.setFormatter(json_formatter())
    logger = logging.Logger("tests", logging.DEBUG)
    logger.addHandler(handler)
    logger.error(message, *args, exc_info=error, extra=extra)
    return out.getvalue()


@pytest.mark.parametrize(
    "value",
    [
        "+233244123456",
        233244123456,
        ["+233 24 412 3456"],
        ("024-412-3456",),
        {"024-412-3456"},
        {"to": {"phones": ["0244123456"]}},
        {"+233244123456": "accepted"},
        {233244123456: 1},
        ValueError("no such number: 024-412-3456"),
        b"to=%2B233244123456",
        Odd(),
        [Odd(), {"x": Odd()}],
    ],
)
def test_no_value_of_a_line_holds_a_phone(value):
    line = written(about=value)
    assert "3456" not in line
    assert json.loads(line)["level"] == "error"


def test_a_request_is_its_method_and_path():
    request = RequestFactory().get("/t/kente/contacts/0244123456/", {"q": NAME})
    line = json.loads(written(request=request, asked=QueryDict("q=Canary")))
    assert line["request"] == "GET /t/kente/contacts/[number]/"
    assert "Canary" not in json.dumps(line)


def test_what_counts_keeps_its_type():
    line = json.loads(
        written(attempt=123456, read_bytes=1073741824, again_in=0.5, late=True, why=None)
    )
    assert line["attempt"] == 123456
    assert line["read_bytes"] == 1073741824
    assert (line["again_in"], line["late"], line["why"]) == (0.5, True, None)
    assert line["timestamp"].startswith("20")


def test_a_traceback_is_scrubbed_with_its_causes():
    try:
        try:
            raise LookupError("no contact (024) 412-3456 at /api/v1/contacts?search=Canary")
        except LookupError as cause:
            raise ValueError("to %2B233244123456") from cause
    except ValueError as error:
        line = written("not sent to %s", "+233244123456", error=error)
    assert "3456" not in line
    assert "Canary" not in line
    assert "LookupError" in line
    assert "test_logs.py" in line


def test_a_page_that_is_missing_leaves_no_query(client, db, caplog):
    client.get("/nowhere/%2B233244123456/", {"q": NAME})
    (record,) = (record for record in caplog.records if record.name == "django.request")
    line = json_formatter().format(record)
    assert "/nowhere/" in line
    assert "Canary" not in line
    assert "3456" not in line


def test_the_access_log_has_no_query():
    settings = runpy.run_path(str(ROOT / "gunicorn.conf.py"))
    fields = set(re.findall(r"%\((.+?)\)s", settings["access_log_format"]))
    # r: the request line, q: the query, f: the referrer.
    assert "U" in fields
    assert not fields & {"r", "q", "f"}
