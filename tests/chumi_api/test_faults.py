"""Every fault with every call: each ends in the right error, and none is wrongly "not sent"."""

import pytest

from chumi_api.errors import ChumiError, RateLimited, Rejected, Unavailable, Unreachable
from chumi_api.types import BulkAccepted, SendResult
from sandbox.faults import KINDS
from tests.chumi_api.conftest import FILE, PHONES

SEND = {"template_name": "welcome_message", "language": "en_US"}
FAULTS = [*KINDS, "401", "403", "404", "408", "409", "425", "429", "500", "503"]

SENDS = {
    "bulk_import": lambda client: client.bulk_import(
        file=FILE.encode(), file_name="x.csv", **SEND
    ),
    "send_template": lambda client: client.send_template(to=PHONES[0], values=["a", "b"], **SEND),
    "send_to_group": lambda client: client.send_template_to_group(
        group_id=client.list_groups()[0].remote_id, values=["a", "b"], **SEND
    ),
}
READS = {
    "list_templates": lambda client: client.list_templates(),
    "sync_templates": lambda client: client.sync_templates(),
    "list_bulk_jobs": lambda client: client.list_bulk_jobs(),
    "bulk_job": lambda client: client.bulk_job("1"),
    "list_groups": lambda client: client.list_groups(),
    "group": lambda client: client.group("1"),
    "contact_pages": lambda client: next(client.contact_pages()),
}

# The error of a send for each fault, whether or not it was accepted.
VERDICTS = {
    "502html": Unavailable,
    "half_json": Unavailable,
    "half_body": Unavailable,
    "wrong_types": Unavailable,
    "slow_drip": Unavailable,
    "hang": Unavailable,
    "reset_after": Unavailable,
    "accepted_then_500": Unavailable,
    "accepted_then_hang": Unavailable,
    "redirect": Unavailable,
    "200_success_false": Rejected,
    "empty_body": Unavailable,
    "oversize": Unavailable,
    "408": Unavailable,
    "409": Unavailable,
    "425": Unavailable,
    "429": RateLimited,
    "500": Unavailable,
    "503": Unavailable,
}


def order(account, fault, method=None):
    params = {"seconds": 5, "bytes": 3_000_000}
    account.order("/faults", kind=fault, times=None, params=params, method=method)


def seconds_for(fault):
    """Return a deadline: short for faults that are slow, long for all others."""
    return 0.4 if fault in ("slow_drip", "hang", "accepted_then_hang") else 20


@pytest.mark.parametrize("fault", FAULTS)
@pytest.mark.parametrize("call", SENDS)
def test_a_send_is_never_wrongly_called_not_sent(account, fault, call):
    client = account.client(send_deadline=seconds_for(fault), max_body=1_000_000)
    order(account, fault, method="POST")

    try:
        result = SENDS[call](client)
    except ChumiError as error:
        assert error.maybe_sent or not account.ledger()
        assert isinstance(error, VERDICTS.get(fault, ChumiError))
    else:
        # A message without an id is accepted; a job without one never is.
        if fault == "made_up_id":
            # Only that ChumiAI never shows it says that there is no such job.
            return
        assert fault == "200_no_id" and isinstance(result, SendResult)
        assert not isinstance(result, BulkAccepted)
        assert account.ledger()


@pytest.mark.parametrize("fault", FAULTS)
@pytest.mark.parametrize("call", READS)
def test_a_read_ends_in_a_chumi_error(account, fault, call):
    order(account, fault)
    client = account.client(deadline=seconds_for(fault), max_body=1_000_000)

    try:
        result = READS[call](client)
    except ChumiError as error:
        assert not isinstance(error, Unreachable)
    else:
        # Without ids there are still templates (by name), contacts (by phone) and counts.
        readable = ("list_templates", "contact_pages", "sync_templates", "bulk_job", "group")
        is_readable = fault == "200_no_id" and call in readable
        assert is_readable or fault == "made_up_id" or call == "sync_templates"
        assert result is not None


@pytest.mark.parametrize("params", [{}, {"retry_after": 7}])
def test_retry_after_is_passed_on(account, client, params):
    account.order("/faults", kind="429", params=params)

    with pytest.raises(RateLimited) as caught:
        client.list_groups()

    assert caught.value.retry_after == params.get("retry_after")


def test_retry_after_may_be_a_date(account, client):
    account.order("/faults", kind="429", params={"retry_after": "Wed, 21 Oct 2026 07:28:00 GMT"})

    with pytest.raises(RateLimited) as caught:
        client.list_groups()

    assert caught.value.retry_after == 0


def test_a_redirect_is_not_followed(account, client, serve):
    asked = []
    url = serve(lambda wire: asked.append(wire.read()))
    account.order("/faults", kind="redirect", times=None, params={"location": f"{url}/elsewhere"})

    with pytest.raises(Unavailable) as sent:
        SENDS["bulk_import"](client)
    with pytest.raises(Unavailable):
        client.list_groups()

    assert sent.value.status == 307
    assert sent.value.maybe_sent
    assert not asked


def test_a_page_of_html_is_kept_without_its_tags(account, client):
    account.order("/faults", kind="502html")

    with pytest.raises(Unavailable) as caught:
        client.list_groups()

    assert caught.value.raw == "502 Bad Gateway 502 Bad Gateway nginx"
