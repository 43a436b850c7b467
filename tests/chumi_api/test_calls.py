"""Every call against the sandbox, in every shape of answer."""

from datetime import UTC, datetime

import pytest

from chumi_api.client import Client
from chumi_api.errors import Forbidden, NotFound, RateLimited, Rejected, Unauthorized
from chumi_api.types import JobState
from sandbox.shapes import SHAPES
from tests.chumi_api.conftest import FILE, PHONES, Account

SEND = {"template_name": "welcome_message", "language": "en_US"}


@pytest.fixture(params=SHAPES)
def shape(request, account):
    account.order("/shape", shape=request.param)
    return request.param


def test_templates_are_the_same_in_every_shape(sandbox, shape, client):
    expected = {(t.name, t.language): t for t in Account(sandbox).client().list_templates()}

    templates = client.list_templates()

    assert len(templates) == len(expected) == 14
    for template in templates:
        twin = expected[template.name, template.language]
        assert [c["type"] for c in template.components] == [c["type"] for c in twin.components]
        assert template.category == twin.category
        assert template.parameter_format == twin.parameter_format
        assert template.quality == twin.quality
        if not template.status_assumed:
            assert template.status == twin.status
        for component, same in zip(template.components, twin.components, strict=True):
            assert component.get("text") == same.get("text")
            assert component.get("format") == same.get("format")
            buttons = [(b["type"], b.get("text")) for b in component.get("buttons", [])]
            assert buttons == [(b["type"], b.get("text")) for b in same.get("buttons", [])]


def test_sync_counts(shape, client):
    result = client.sync_templates()

    assert (result.total, result.queued) == (14, False)


def test_a_sync_may_be_queued(serve_json):
    url = serve_json(lambda query: {"success": True, "data": {"status": "queued"}})

    assert Client(url, "key").sync_templates().queued


def test_a_bulk_import_reaches_the_ledger_in_order(shape, account, client):
    accepted = client.bulk_import(file=FILE.encode(), file_name="spring.csv", **SEND)

    assert [(e["to"], e["values"]) for e in account.ledger()] == [
        (phone, ["Ama", f"C{phone[-1]}"]) for phone in PHONES
    ]
    assert {e["job_id"] for e in account.ledger()} == {accepted.job_id}
    assert accepted.total == 3
    assert accepted.request_id


def test_a_job_runs_to_its_end(shape, client):
    job_id = client.bulk_import(file=FILE.encode(), file_name="spring.csv", **SEND).job_id

    for _ in range(200):
        job = client.bulk_job(job_id)
        if job.processed == job.total and job.state.terminal:
            break

    assert (job.remote_id, job.template_name) == (job_id, "welcome_message")
    assert (job.total, job.processed, job.accepted, job.failed, job.pending) == (3, 3, 3, 0, 0)
    assert job.state is JobState.COMPLETED
    assert datetime(2026, 1, 1, tzinfo=UTC) < job.created_at <= job.completed_at


def test_all_jobs_come_newest_first(shape, client):
    jobs = client.list_bulk_jobs()

    assert len(jobs) + jobs.skipped == 37
    assert len({job.remote_id for job in jobs}) == len(jobs)
    assert [j.created_at for j in jobs] == sorted((j.created_at for j in jobs), reverse=True)


def test_max_items_keeps_the_newest(shape, client):
    newest = client.bulk_import(file=FILE.encode(), file_name="spring.csv", **SEND).job_id

    assert newest in [job.remote_id for job in client.list_bulk_jobs(max_items=3)]
    assert len(client.list_bulk_jobs(max_items=3)) == 3


def test_row_results_name_the_rows(shape, client):
    file = "phone,a,b\n233244123456,Ama,1\n233200000026,Kofi,2\n"
    job_id = client.bulk_import(file=file.encode(), file_name="x.csv", **SEND).job_id

    for _ in range(100):
        job = client.bulk_job(job_id)
        if job.failed:
            break

    assert [(r.phone, r.code, r.state) for r in job.row_results] == [
        ("233200000026", 131026, "failed")
    ]


def test_a_single_send(shape, account, client):
    result = client.send_template(to="+233244123456", values=["Ama", "Zoë 🎉"], **SEND)

    (entry,) = account.ledger()
    assert (entry["to"], entry["values"]) == ("233244123456", ["Ama", "Zoë 🎉"])
    assert result.message_id == entry["message_id"]
    assert result.wa_id == "233244123456"


def test_a_send_without_an_id_is_accepted(shape, account, client):
    result = client.send_template(to="233244123777", values=["Ama", "1"], **SEND)

    assert result.message_id is None
    assert len(account.ledger()) == 1


def test_a_group_send_makes_a_job(shape, account, client):
    group = client.list_groups()[0]

    accepted = client.send_template_to_group(group_id=group.remote_id, values=["Ama", "1"], **SEND)

    assert {entry["job_id"] for entry in account.ledger()} == {accepted.job_id}


def test_groups_and_all_their_members(shape, client):
    groups = client.list_groups()
    detail = client.group(groups[0].remote_id)

    assert len(groups) + groups.skipped == 6
    assert detail.group.name == groups[0].name
    assert detail.group.size == groups[0].size == len(detail.members)
    assert detail.complete
    assert all(member.phone for member in detail.members)


def test_all_contacts(shape, client):
    contacts = [contact for page in client.contact_pages() for contact in page]

    assert len(contacts) == 1200
    assert any(contact.opted_out for contact in contacts)
    assert sum(bool(contact.name) for contact in contacts) > 1000


@pytest.mark.parametrize(
    ("template", "to", "kind", "code"),
    [
        ("no_such_template", "233244123456", (NotFound, Rejected), 132001),
        ("welcome_message", "1", Rejected, None),
    ],
)
def test_a_refusal_keeps_the_code(shape, account, client, template, to, kind, code):
    with pytest.raises(kind) as caught:
        client.send_template(to=to, template_name=template, language="en_US", values=["a", "b"])

    assert caught.value.code == code
    assert not account.ledger()


def test_a_missing_job_is_not_found(shape, client):
    with pytest.raises(NotFound):
        client.bulk_job("no-such/job?x=1")


@pytest.mark.parametrize("job_id", ["", ".", ".."])
def test_an_id_can_not_leave_its_path(client, job_id):
    with pytest.raises(NotFound):
        client.bulk_job(job_id)


def test_a_missing_scope_is_named(sandbox):
    account = Account(sandbox, "readonly")

    with pytest.raises(Forbidden) as caught:
        account.client().bulk_import(file=FILE.encode(), file_name="x.csv", **SEND)

    assert caught.value.required_scope == "whatsapp:send"
    assert "whatsapp:send" in str(caught.value)
    assert not account.ledger()


def test_a_revoked_key_is_unauthorized(sandbox):
    with pytest.raises(Unauthorized):
        Account(sandbox, "revoked").client().list_templates()


def test_the_rate_limit_says_how_long_to_wait(sandbox):
    client = Account(sandbox, "limited").client()

    with pytest.raises(RateLimited) as caught:
        for _ in range(10):
            client.list_groups()

    assert caught.value.retry_after == 3


@pytest.mark.parametrize(
    ("kind", "granted", "missing"),
    [
        ("full", {"templates:read", "contacts:read"}, set()),
        ("without_contacts-read", {"templates:read"}, {"contacts:read"}),
        ("revoked", set(), set()),
    ],
)
def test_access_is_reported_by_scope(sandbox, kind, granted, missing):
    report = Account(sandbox, kind).client().check_access()

    assert {scope for scope, state in report.scopes.items() if state == "granted"} == granted
    assert {scope for scope, state in report.scopes.items() if state == "missing"} == missing
    assert report.scopes["whatsapp:send"] == "untested"
    assert (report.problem is None) == (kind == "full")


def test_access_reports_how_the_answers_were_understood(client):
    checks = {check.path: check for check in client.check_access().checks}

    contacts = checks["/api/v1/contacts"]
    assert (contacts.ok, contacts.items, contacts.envelope, contacts.paging) == (
        True,
        1200,
        "data",
        "pages",
    )
