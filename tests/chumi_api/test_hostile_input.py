"""Any input ends in a value or a ChumiError."""

import json

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from chumi_api import errors, parsing
from chumi_api.parsing.verdicts import plain

# Keys that mean something to the parser, in odd spellings, and keys that don't.
WORDS = """
    data result results payload items docs edges node pagination paging cursors after next page
    total totalPages count success status error errors message statusCode code jobId job_id _id
    $oid $date id name template_name language components type FORMAT text buttons cards example
    header body footer progress processed failed sent row phone contact contacts members tags
    customFields quality_score score createdAt messages wa_id messageId optedOut _count
"""
KEYS = st.sampled_from(WORDS.split()) | st.text(max_size=5)
LEAVES = (
    st.none()
    | st.booleans()
    | st.integers()
    | st.integers(min_value=10**300, max_value=10**310)
    | st.floats()
    | st.text(max_size=12)
    | st.sampled_from(["", "1", "-1", "nan", "45%", "true", "1790000000", "[{}]", "\ud800", "a\0"])
)
JSON = st.recursive(
    LEAVES, lambda inner: st.lists(inner, max_size=4) | st.dictionaries(KEYS, inner, max_size=6),
    max_leaves=25,
)  # fmt: skip

QUICK = settings(max_examples=150, deadline=None, suppress_health_check=list(HealthCheck))

PARSERS = {
    "template": parsing.parse_template,
    "job": parsing.parse_job,
    "job answer": lambda body: parsing.parse_job_answer(body, "1"),
    "bulk": parsing.parse_bulk_accepted,
    "send": parsing.parse_send,
    "sync": lambda body: parsing.parse_sync(body, status=200),
    "contact": parsing.parse_contact,
    "group": parsing.parse_group,
    "members": lambda body: parsing.find_members(body, "1"),
    "list": lambda body: parsing.find_list(body, parsing.JOB_NAMES),
    "page": lambda body: parsing.page_info([body] if isinstance(body, dict) else [], {}, 1),
}


def cleaned(value):
    """Return a value as the parser sees it after the wire."""
    try:
        return parsing.load(json.dumps(value))
    except ValueError:
        return None


@pytest.mark.parametrize("name", PARSERS)
@QUICK
@given(value=JSON)
def test_no_parser_raises(name, value):
    found = PARSERS[name](cleaned(value))

    # All that was understood can be shown and stored.
    str(found).encode("utf-8")


@QUICK
@given(text=st.text(max_size=200) | JSON.map(lambda v: json.dumps(v, default=str)),
       status=st.none() | st.integers(100, 700), finished=st.booleans(),
       header=st.none() | st.text(max_size=30))  # fmt: skip
def test_every_answer_has_a_verdict(text, status, finished, header):
    body = parsing.load(text)
    accepted = parsing.parse_bulk_accepted(body) is not None
    kind = parsing.send_verdict(finished=finished, status=status, body=body, accepted=accepted)
    read = parsing.read_verdict(connected=True, status=status, body=body, understood=accepted)
    headers = {"retry-after": header, "x-request-id": header} if header else {}

    for found in (kind, read):
        if found is not None:
            error = parsing.build_error(
                found, sends=True, status=status, headers=headers, text=text
            )
            assert isinstance(error, errors.ChumiError)
            assert len(error.raw or "") <= 2_000
            f"{error.vendor_message}{error.details}{error.raw}{error.request_id}".encode()
    # Nothing is called "not sent" once the body has left and no refusal came.
    if finished and kind is not None and not kind("").maybe_sent:
        assert status == 200 or 200 <= status < 500


@QUICK
@given(data=st.binary(max_size=300))
def test_any_bytes_are_read(data):
    text = data.decode("utf-8", "replace")

    assert parsing.load(text) is None or json.dumps(parsing.load(text))
    assert "<b" not in plain(f"<b>{text}</b>")[:2]
