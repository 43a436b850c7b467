"""Values of ChumiAI's that fit no column: one of them never ends a sync, on either database."""

import json
from datetime import UTC, datetime

import pytest

from campaigns.models import Campaign
from chumi_api import parsing
from contacts import services as contacts
from contacts import tasks as contact_tasks
from contacts.models import Contact, ContactGroup, OptOut
from conversations.models import Conversation, Message
from conversations.services import history
from message_templates import services as templates
from message_templates.models import MessageTemplate
from sending.models import BulkJob, JobSync
from sending.services import jobs
from teams.retry_policy import RetryPolicy
from tests import factories
from webhooks import services as webhooks
from webhooks.models import Delivery

TEMPLATES = "/api/v1/whatsapp/templates$"
JOBS = "/api/v1/whatsapp/bulk-jobs$"
CONTACTS = "/api/v1/contacts$"
GROUPS = "/api/v1/contacts/groups$"
MEMBERS = "/api/v1/contacts/groups/"
HISTORY = "/api/v1/whatsapp/conversations/"

LONG = "ä" * 700
# Each in the place of every field of an entry, one at a time.
ODD = {
    "long": LONG,
    "longer than a text": "ä" * 40_000,
    "nul": "a\0b",
    "surrogate": "a\ud800b",
    "huge": 10**12,
    "enormous": 10**400,
    "negative": -5,
    "fraction": 1e308,
    "year 0": "0000-01-01T00:00:00Z",
    "year 10000": "10000-01-01T00:00:00Z",
    "year 9999": "9999-12-31T23:59:59+14:00",
    "epoch": 99_999_999_999_999,
    "true": True,
    "list": [LONG, {"a": "\0"}],
    "object": {"name": LONG, "\0": "\0"},
    "null": None,
}
GOOD = {"id": "good", "name": "good"}
TEMPLATE = {
    "id": "odd",
    "name": "odd",
    "language": "en",
    "category": "MARKETING",
    "status": "APPROVED",
    "quality_score": "GREEN",
    "parameter_format": "POSITIONAL",
    "rejected_reason": "NONE",
    "components": [{"type": "BODY", "text": "Hi"}],
}
JOB = {
    "jobId": "odd",
    "status": "processing",
    "templateName": "odd",
    "languageCode": "en",
    "fileName": "odd.xlsx",
    "total": 2,
    "processed": 2,
    "successful": 1,
    "failed": 1,
    "skipped": 0,
    "error": "none",
    "createdAt": "2026-11-20T12:00:00Z",
    "startedAt": "2026-11-20T12:00:00Z",
    "completedAt": "2026-11-20T12:00:00Z",
    "errors": [{"row": 1, "phone": "233244123456", "code": 131050, "message": "m"}],
}
PERSON = {
    "id": "odd",
    "phone": "233244123457",
    "name": "Ama",
    "email": "a@example.com",
    "tags": ["vip"],
    "customFields": {"city": "Accra"},
    "optedOut": False,
    "createdAt": "2026-11-20T12:00:00Z",
}
GROUP = {
    "id": "odd",
    "name": "Odd",
    "description": "d",
    "memberCount": 1,
    "createdAt": "2026-11-20T12:00:00Z",
}
MESSAGE = {
    "id": "wamid.odd",
    "direction": "inbound",
    "type": "image",
    "text": "Hi",
    "timestamp": "1750029273",
    "profileName": "Ama",
    "button": {"text": "Stop", "payload": "p"},
    "context": {"id": "wamid.before"},
    "image": {"id": "m", "mime_type": "image/png", "filename": "f", "size": 5, "url": "u"},
    "templateName": "odd",
}
SENT = {
    "id": "wamid.sent",
    "direction": "outbound",
    "text": "Hi",
    "status": "failed",
    "errors": [{"code": 131026, "message": "m"}],
    "timestamp": "1750029273",
}


def spoilt(entry):
    """Yield the entry with each odd value in each place, at any depth."""
    for key, value in entry.items():
        for odd in ODD.values():
            yield entry | {key: odd}
        inner = value[0] if isinstance(value, list) else value
        if isinstance(inner, dict):
            for within in spoilt(inner):
                yield entry | {key: [within] if isinstance(value, list) else within}


def numbered(entries, *keys):
    """Give each entry an id of its own where it has a good one."""
    for number, entry in enumerate(entries):
        own = {key: f"{entry[key]}-{number}" for key in keys if entry[key] in ("odd", "wamid.odd")}
        yield entry | own


@pytest.fixture(autouse=True)
def _no_retries(monkeypatch):
    monkeypatch.setattr(contact_tasks, "READS", RetryPolicy(longest=300, pauses=()))


def answer(sandbox, path, value):
    sandbox.fault("answer", method="GET", path=path, times=None, text=json.dumps(value))


def test_no_template_ends_a_sync(connected, sandbox):
    odd = list(numbered(spoilt(TEMPLATE), "id", "name"))
    answer(sandbox, TEMPLATES, [*odd, TEMPLATE | GOOD])
    sync = templates.request_sync(connected)
    factories.drain("sync_templates")
    sync.refresh_from_db()
    assert (sync.state, sync.error) == ("succeeded", "")
    assert MessageTemplate.objects.get(name="good").is_sendable
    assert sync.skipped
    assert f"{sync.skipped} unreadable entries skipped" in sync.summary
    for name, limit in (("language", 20), ("status", 40), ("category", 40), ("remote_id", 200)):
        values = MessageTemplate.objects.values_list(name, flat=True)
        assert max(map(len, values)) <= limit, name


def test_a_language_too_long_makes_its_template_unsendable(connected, sandbox, drain):
    # They begin alike, so cut ones would be one template.
    languages = ["en_" + "x" * 26 + end for end in "ab"]
    for language in [*languages, "en"]:
        sandbox.post(
            "templates",
            account="kente",
            name="greeting",
            language=language,
            status="APPROVED",
            category="UTILITY",
            components=[{"type": "BODY", "text": "Hello"}],
        )
    sync = templates.request_sync(connected)
    drain("sync_templates")
    sync.refresh_from_db()
    assert sync.state == "succeeded"
    rows = MessageTemplate.objects.filter(name="greeting")
    assert rows.sendable().get().language == "en"
    assert [row.unsendable_code for row in rows.unsendable()] == ["language", "language"]
    reason = rows.unsendable()[0].unsendable_reason
    assert reason == "Its language code is longer than any of WhatsApp's, so it can't be sent."
    # The next sync finds them again.
    sync = templates.request_sync(connected)
    drain("sync_templates")
    sync.refresh_from_db()
    assert (sync.added, sync.changed, sync.vanished) == (0, 0, 0)
    # Nor does a webhook make one sendable.
    before = rows.unsendable()[0]
    update = {
        "event": "APPROVED",
        "message_template_id": before.remote_id,
        "message_template_name": "greeting",
        "message_template_language": languages[0],
    }
    post(connected, {"entry": [{"changes": [{"field": "x", "value": update}]}]})
    assert rows.unsendable().count() == 2


def test_a_status_that_is_too_long_is_no_missing_status(connected, sandbox, drain):
    answer(sandbox, TEMPLATES, [TEMPLATE | {"status": LONG}, TEMPLATE | GOOD])
    templates.request_sync(connected)
    drain("sync_templates")
    assert MessageTemplate.objects.get(name="odd").unsendable_code == "status_other"


def test_no_job_ends_a_sync(connected, sandbox):
    odd = list(numbered(spoilt(JOB), "jobId"))
    # Counters that fit, and whose sum does not.
    sums = {"successful": 2_000_000_000, "failed": 2_000_000_000, "total": None, "processed": None}
    answer(sandbox, JOBS, [*odd, JOB | sums | {"jobId": "sums"}, JOB | {"jobId": "good"}])
    jobs.request_sync(connected)
    factories.drain("sync_jobs")
    sync = JobSync.objects.get()
    assert (sync.state, sync.error) == ("succeeded", "")
    assert BulkJob.objects.filter(remote_id__in=("good", "sums")).count() == 2
    # An id that is too long is none: cut, it would be another job's.
    assert not BulkJob.objects.filter(remote_id__startswith="ä").exists()
    assert sync.skipped
    assert "skipped" in sync.summary


@pytest.mark.parametrize("engine", ["batches", "group"])
def test_no_poll_of_a_job_fails(engine, connected, drain):
    campaign = factories.launch(factories.make_ready_campaign(connected))
    drain("send_batches")
    Campaign.objects.update(engine=engine)
    job = BulkJob.objects.get(batch__campaign=campaign)
    BulkJob.objects.update(state="running")
    for odd in spoilt(JOB):
        remote = parsing.parse_job_answer(parsing.load(json.dumps(odd)), job.remote_id)
        if remote is not None:
            jobs.apply_status(job, remote)
            BulkJob.objects.update(state="running")
    for opt_out in OptOut.objects.all():
        assert len(opt_out.phone) <= 16


def test_no_contact_ends_a_sync(connected, sandbox):
    odd = list(numbered(spoilt(PERSON), "id"))
    answer(sandbox, MEMBERS, {"contacts": odd, "name": "Good"})
    answer(sandbox, GROUPS, [*numbered(spoilt(GROUP), "id"), GROUP | GOOD][:40])
    answer(sandbox, CONTACTS, [*odd, PERSON | GOOD])
    sync = contacts.request_contact_sync(connected)
    factories.drain("sync_contacts")
    sync.refresh_from_db()
    assert (sync.state, sync.error) == ("succeeded", "")
    assert sync.skipped
    assert Contact.objects.filter(remote_id="good").exists()


def test_no_group_ends_a_sync(connected, sandbox):
    answer(sandbox, MEMBERS, {"contacts": [PERSON], "name": "Good"})
    answer(sandbox, GROUPS, [*numbered(spoilt(GROUP), "id"), GROUP | GOOD])
    answer(sandbox, CONTACTS, [PERSON])
    sync = contacts.request_contact_sync(connected)
    factories.drain("sync_contacts")
    sync.refresh_from_db()
    assert (sync.state, sync.error) == ("succeeded", "")
    assert ContactGroup.objects.filter(remote_id="good").exists()
    assert not [g for g in ContactGroup.objects.all() if len(g.remote_id) > 200]


def test_no_message_of_the_history_ends_a_sync(connected, sandbox):
    row = factories.make_conversation(connected)
    entries = [*spoilt(MESSAGE), *spoilt(SENT), MESSAGE | {"id": "wamid.good"}]
    answer(sandbox, HISTORY, list(numbered(entries, "id")))
    history.request_history(row)
    factories.drain("sync_conversation")
    row.refresh_from_db()
    assert (row.history, row.history_error) == (Conversation.History.SYNCED, "")
    assert Message.objects.filter(remote_id="wamid.good").exists()
    assert Message.objects.filter(at__gt=datetime(2101, 1, 1, tzinfo=UTC)).count() == 0


EVENTS = {
    "message": {
        "from": "233244123456",
        "id": "wamid.in",
        "timestamp": "1750029273",
        "type": "text",
        "text": {"body": "Hi"},
        "profile": {"name": "Ama"},
    },
    "status": {
        "id": "wamid.out",
        "status": "failed",
        "timestamp": "1750029273",
        "recipient_id": "233244123456",
        "errors": [{"code": 131026, "title": "t"}],
    },
    "preference": {"wa_id": "233244123456", "value": "stop", "timestamp": 1750029273},
    "template": {
        "event": "PAUSED",
        "message_template_id": "t1",
        "message_template_name": "odd",
        "message_template_language": "en",
        "reason": "NONE",
        "new_category": "UTILITY",
    },
}


def post(team, *bodies):
    """Store the bodies as deliveries and process them."""
    webhook = team.webhook if hasattr(team, "webhook") else None
    webhook = webhook or webhooks.renew_address(team, by=None)
    for body in bodies:
        webhooks.receive(webhook, json.dumps(body).encode(), {})
    factories.drain("process_webhooks")


@pytest.mark.parametrize("kind", EVENTS)
def test_no_event_stays_unprocessed(kind, connected):
    factories.make_template(connected, "odd", language="en", remote_id="t1")
    lists = {"message": "messages", "status": "statuses", "preference": "user_preferences"}
    bodies = []
    for odd in spoilt(EVENTS[kind]):
        value = {lists[kind]: [odd]} if kind in lists else odd
        bodies.append({"entry": [{"changes": [{"field": kind, "value": value}]}]})
        flat = {"event": f"{kind}.received", "data": odd}
        bodies.append(flat)
    post(connected, *bodies)
    assert Delivery.objects.count() and not Delivery.objects.filter(processed_at=None).exists()
    assert not Delivery.objects.exclude(error="").exists()
