"""The verdict on every answer: a closed table for calls that send, and one for reads."""

import pytest

from chumi_api.errors import (
    Forbidden,
    NotFound,
    RateLimited,
    Rejected,
    Unauthorized,
    Unavailable,
    Unreachable,
)
from chumi_api.parsing import parse_bulk_accepted, parse_send, read_verdict, send_verdict


def documented(status):
    return {"error": "Title", "message": "Words", "statusCode": status}


JOB = {"success": True, "data": {"jobId": "65f1c0", "status": "pending"}}
ACCEPTED = None

BULK = [
    # finished, status, body, verdict
    (True, 200, JOB, ACCEPTED),
    (True, 201, JOB, ACCEPTED),
    (True, 202, {"jobId": "1"}, ACCEPTED),
    (False, 200, JOB, ACCEPTED),
    (True, 200, {"success": False, "message": "Template is paused"}, Rejected),
    (True, 200, {"success": "false", "error": {"message": "No"}}, Rejected),
    (True, 200, {"data": {"success": False, "message": "No"}}, Rejected),
    (True, 200, {"success": False}, Unavailable),
    (True, 200, {"success": True, "data": {"total": 3}}, Unavailable),
    (True, 200, {"success": 0, "message": "Started"}, Unavailable),
    (True, 200, {"status": "error", "message": "No"}, Unavailable),
    (True, 200, None, Unavailable),
    (False, 200, None, Unavailable),
    (True, 204, None, Unavailable),
    (True, 302, documented(302), Unavailable),
    (True, 307, None, Unavailable),
    (True, 400, documented(400), Rejected),
    (True, 400, {"error": "T", "message": ["a", "b"], "statusCode": "400"}, Rejected),
    (True, 400, {"error": "T", "message": "W", "status_code": 400}, Rejected),
    (True, 400, documented(422), Unavailable),
    (True, 400, {"message": "No statusCode"}, Unavailable),
    (True, 400, {"success": False, "message": "No"}, Unavailable),
    (True, 400, None, Unavailable),
    (True, 401, documented(401), Unauthorized),
    (True, 401, None, Unavailable),
    (True, 403, documented(403), Forbidden),
    (True, 404, documented(404), NotFound),
    (True, 404, None, Unavailable),
    (True, 408, documented(408), Unavailable),
    (True, 409, documented(409), Unavailable),
    (True, 413, documented(413), Rejected),
    (True, 422, documented(422), Rejected),
    (True, 425, documented(425), Unavailable),
    (True, 429, documented(429), RateLimited),
    (True, 429, None, Unavailable),
    (True, 429, documented(400), Unavailable),
    (True, 500, documented(500), Unavailable),
    (True, 502, None, Unavailable),
    (True, 600, None, Unavailable),
    (True, None, None, Unavailable),
    (False, None, None, Unreachable),
    (False, 500, documented(500), Unreachable),
    (False, 413, documented(413), Rejected),
    (False, 401, documented(401), Unauthorized),
]


@pytest.mark.parametrize(("finished", "status", "body", "verdict"), BULK)
def test_a_bulk_send(finished, status, body, verdict):
    accepted = parse_bulk_accepted(body) is not None

    found = send_verdict(finished=finished, status=status, body=body, accepted=accepted)

    assert found is verdict


SINGLE = [
    ({"success": True, "data": {"messageId": "wamid.A"}}, ACCEPTED),
    ({"messages": [{"id": "wamid.A"}]}, ACCEPTED),
    ({"success": True}, ACCEPTED),
    ({"status": "queued"}, ACCEPTED),
    ({"success": True, "data": {"messageId": "wamid.A", "status": "failed"}}, Unavailable),
    ({"success": "perhaps"}, Unavailable),
    ({"message": "Template message sent successfully"}, Unavailable),
    ({"success": False, "message": "(#131026) No"}, Rejected),
    ({}, Unavailable),
    ([], Unavailable),
    ("sent", Unavailable),
]


@pytest.mark.parametrize(("body", "verdict"), SINGLE)
def test_a_single_send_is_accepted_only_by_a_yes(body, verdict):
    accepted = parse_send(body) is not None

    assert send_verdict(finished=True, status=200, body=body, accepted=accepted) is verdict


READ = [
    # connected, status, body, understood, verdict
    (True, 200, {"data": []}, True, ACCEPTED),
    (True, 200, {"data": "?"}, False, Unavailable),
    (True, 200, {"success": False, "message": "No"}, True, Rejected),
    (True, 200, {"status": "error", "message": "No"}, True, Rejected),
    (True, 200, {"status": "error", "jobId": "1"}, True, ACCEPTED),
    (True, 307, None, False, Unavailable),
    (True, 400, None, False, Rejected),
    (True, 401, None, False, Unauthorized),
    (True, 403, None, False, Forbidden),
    (True, 404, None, False, NotFound),
    (True, 408, None, False, Unavailable),
    (True, 429, None, False, RateLimited),
    (True, 503, documented(503), False, Unavailable),
    (True, None, None, False, Unavailable),
    (False, None, None, False, Unreachable),
]


@pytest.mark.parametrize(("connected", "status", "body", "understood", "verdict"), READ)
def test_a_read(connected, status, body, understood, verdict):
    found = read_verdict(connected=connected, status=status, body=body, understood=understood)

    assert found is verdict
