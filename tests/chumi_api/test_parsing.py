"""The aliases: each field is found under all of its names."""

import json

import pytest

from chumi_api import parsing
from chumi_api.types import JobState, SyncResult

COMPONENTS = [
    {"type": "HEADER", "format": "TEXT", "text": "Hello"},
    {"type": "BODY", "text": "Hi {{1}}"},
    {"type": "FOOTER", "text": "Bye"},
    {"type": "BUTTONS", "buttons": [{"type": "QUICK_REPLY", "text": "Stop"}]},
]

TEMPLATES = [
    {"name": "a", "components": COMPONENTS},
    {"name": "a", "components": json.dumps(COMPONENTS)},
    {"name": "a", "Components": {str(i): component for i, component in enumerate(COMPONENTS)}},
    {"name": "a", "template": {"components": COMPONENTS}},
    {
        "elementName": "a",
        "components": [
            {"Type": "header", "Format": "text", "TEXT": "Hello"},
            {"type": "body", "text": "Hi {{1}}"},
            {"type": "footer", "text": "Bye"},
            {"type": "buttons", "buttons": [{"type": "quick-reply", "text": "Stop"}]},
        ],
    },
    {
        "template_name": "a",
        "headerType": "TEXT",
        "header_text": "Hello",
        "bodyText": "Hi {{1}}",
        "footer": "Bye",
        "buttonList": [{"type": "QUICK_REPLY", "text": "Stop"}],
    },
    {
        "name": "a",
        "header": {"type": "text", "text": "Hello"},
        "body": {"text": "Hi {{1}}"},
        "footer": {"text": "Bye"},
        "buttons": [{"type": "QUICK_REPLY", "text": "Stop"}],
    },
    {
        "name": "a",
        "components": COMPONENTS[1:2],
        "header": "Hello",
        "footer": "Bye",
        "buttons": COMPONENTS[3]["buttons"],
        "text": "not the body",
    },
]


@pytest.mark.parametrize("item", TEMPLATES)
def test_components_are_the_same_in_every_form(item):
    template = parsing.parse_template(item)

    assert template.name == "a"
    assert sorted(template.components, key=lambda c: c["type"]) == sorted(
        COMPONENTS, key=lambda c: c["type"]
    )


@pytest.mark.parametrize("components", ["{broken", {"body": {"text": "x"}}, 7])
def test_unreadable_components_are_kept_as_unknown(components):
    template = parsing.parse_template({"name": "a", "components": components})

    assert [item["type"] for item in template.components] == ["UNKNOWN"]


def test_an_unknown_component_is_kept():
    given = [{"type": "hologram", "depth": 3}, "odd", {"text": "no type"}]

    template = parsing.parse_template({"name": "a", "components": given})

    assert [item["type"] for item in template.components] == ["HOLOGRAM", "UNKNOWN", "UNKNOWN"]
    assert template.components[0]["depth"] == 3


def test_a_carousel_is_spelled_like_the_rest():
    card = {"card_index": 0, "components": [{"type": "header", "format": "image"}]}
    given = [{"type": "carousel", "cards": [card]}]

    (component,) = parsing.parse_template({"name": "a", "components": given}).components

    assert component["cards"][0]["components"] == [{"type": "HEADER", "format": "IMAGE"}]


def test_a_flattened_media_header():
    item = {"name": "a", "header": "IMAGE", "headerMediaUrl": "https://x/y.png", "body": "Hi"}

    assert parsing.parse_template(item).components == (
        {"type": "HEADER", "format": "IMAGE", "example": {"header_handle": ["https://x/y.png"]}},
        {"type": "BODY", "text": "Hi"},
    )


@pytest.mark.parametrize("language", ["en_US", "en-US", "EN", " fr "])
@pytest.mark.parametrize(
    "spell",
    [lambda x: {"language": x}, lambda x: {"language": {"code": x}}, lambda x: {"lang": x}],
)
def test_the_language_is_kept_exactly(language, spell):
    assert parsing.parse_template({"name": "a", **spell(language)}).language == language


@pytest.mark.parametrize(
    ("fields", "status", "assumed"),
    [
        ({}, "APPROVED", True),
        ({"status": None}, "APPROVED", True),
        ({"status": "approved"}, "APPROVED", False),
        ({"approvalStatus": "In review"}, "IN_REVIEW", False),
        ({"state": "SOMETHING_NEW"}, "SOMETHING_NEW", False),
        ({"status": 7}, "7", False),
    ],
)
def test_the_status_of_a_template(fields, status, assumed):
    template = parsing.parse_template({"name": "a", **fields})

    assert (template.status, template.status_assumed) == (status, assumed)


@pytest.mark.parametrize(
    "fields",
    [{"quality_score": {"score": "green"}}, {"qualityScore": "GREEN"}, {"quality": "Green"}],
)
def test_the_quality_of_a_template(fields):
    assert parsing.parse_template({"name": "a", **fields}).quality == "GREEN"


def test_a_template_without_a_name_is_none():
    assert parsing.parse_template({"id": "1"}) is None


@pytest.mark.parametrize(
    ("body", "status", "result"),
    [
        ({"data": {"synced": 12, "created": 2, "updated": 3, "removed": 1}}, 200,
         SyncResult(12, 2, 3, 1)),
        ({"templates_synced": "5"}, 200, SyncResult(5)),
        ({"data": {"status": "queued"}}, 200, SyncResult(queued=True)),
        ({"data": {"isSyncing": True}}, 200, SyncResult(queued=True)),
        (None, 202, SyncResult(queued=True)),
        ({"success": True}, 200, SyncResult()),
    ],
)  # fmt: skip
def test_the_answer_to_a_sync(body, status, result):
    assert parsing.parse_sync(body, status=status) == result


@pytest.mark.parametrize(
    ("body", "message_id", "wa_id"),
    [
        ({"success": True, "data": {"messageId": "wamid.A", "to": "233"}}, "wamid.A", "233"),
        ({"data": {"id": "log1", "wamid": "wamid.A"}}, "wamid.A", ""),
        ({"data": {"messageId": "log1", "id": "wamid.A"}}, "wamid.A", ""),
        ({"contacts": [{"wa_id": "1"}], "messages": [{"id": "wamid.A"}]}, "wamid.A", "1"),
        ({"data": {"data": {"messages": [{"id": "wamid.A"}]}}}, "wamid.A", ""),
        ({"message": {"whatsapp_message_id": "W"}}, "W", ""),
        ({"success": True, "data": {"id": "log1"}}, "log1", ""),
        ({"success": True, "data": {}}, None, ""),
    ],
)
def test_the_answer_to_a_send(body, message_id, wa_id):
    result = parsing.parse_send(body)

    assert (result.message_id, result.wa_id) == (message_id, wa_id)


@pytest.mark.parametrize(
    "body",
    [
        {"jobId": "J"},
        {"data": {"job_id": "J"}},
        {"success": True, "data": {"job": {"id": "J"}}},
        {"job": {"_id": {"$oid": "J"}}},
        {"result": {"bulkJobId": "J", "id": "row"}},
        {"data": [{"jobId": "J"}]},
        {"id": "request", "data": {"batchId": "J"}},
        {"jobId": "J", "data": {"id": "file"}},
        {"jobId": "J", "results": [{"id": "row", "status": "failed"}]},
        {"_id": "J", "results": [{"id": "row", "status": "failed"}]},
        {"status": "success", "payload": {"uuid": "J", "success": 0}},
    ],
)
def test_the_id_of_a_job(body):
    assert parsing.parse_bulk_accepted(body).job_id == "J"


def test_success_beside_a_job_id_does_not_mean_finished():
    assert parsing.parse_bulk_accepted({"status": "success", "jobId": "J"}).state == "queued"


WORDS = [
    ("pending", JobState.QUEUED),
    ("In Progress", JobState.RUNNING),
    ("in_progress", JobState.RUNNING),
    ("ON-HOLD", JobState.PAUSED),
    ("Done", JobState.COMPLETED),
    ("partially_completed", JobState.COMPLETED_WITH_ERRORS),
    ("stalled", JobState.FAILED),
    ("canceled", JobState.CANCELLED),
    ("warming_up", JobState.UNKNOWN),
]


@pytest.mark.parametrize(("word", "state"), WORDS)
def test_the_words_for_a_jobs_state(word, state):
    job = parsing.parse_job({"jobId": "1", "status": word})

    assert (job.state, job.raw_state) == (state, word)


def test_the_terminal_states():
    assert {state.value for state in JobState if state.terminal} == {
        "completed",
        "completed_with_errors",
        "failed",
        "cancelled",
    }


def test_a_completed_job_with_failures_has_a_state_of_its_own():
    job = parsing.parse_job({"jobId": "1", "status": "completed", "total": 9, "failed": "2"})

    assert job.state is JobState.COMPLETED_WITH_ERRORS


COUNTERS = [
    # given, (total, processed, accepted, failed, pending)
    ({"total": 10, "successful": 6, "failed": 1}, (10, 7, 6, 1, 3)),
    ({"total": 10, "sent": "6", "failed": 1, "skipped": 2}, (10, 9, 6, 1, 1)),
    ({"totalRows": 10, "progress": {"current": 4}}, (10, 4, None, None, 6)),
    ({"progress": {"current": 4, "total": 10}}, (10, 4, None, None, 6)),
    ({"total": 10, "progress": 40}, (10, 4, None, None, 6)),
    ({"total": 10, "progress": "40%"}, (10, 4, None, None, 6)),
    ({"total": 10, "progress": 0.4}, (10, 4, None, None, 6)),
    ({"total": 200, "progress": 1}, (200, 2, None, None, 198)),
    ({"total": 10, "processed": 99, "successful": 98}, (10, 10, 10, None, 0)),
    ({"total": 10, "processed": -4}, (10, None, None, None, None)),
    ({"total": 10, "errors": 3, "successCount": 0}, (10, 3, 0, 3, 7)),
    ({"status": "running"}, (None, None, None, None, None)),
]


@pytest.mark.parametrize(("given", "counters"), COUNTERS)
def test_missing_counters_follow_from_the_others_or_stay_unknown(given, counters):
    job = parsing.parse_job({"jobId": "1", **given})

    assert (job.total, job.processed, job.accepted, job.failed, job.pending) == counters


ROWS = [
    ({"errors": [{"row": 18, "phone": "1", "code": 131026, "message": "No"}]},
     (18, "1", "failed", 131026, "No")),
    ({"failedRecipients": [{"rowNumber": "4", "to": "2", "reason": "Bad"}]},
     (4, "2", "failed", None, "Bad")),
    ({"results": [{"recipient": "3", "status": "sent"}]}, (None, "3", "accepted", None, "")),
    ({"results": [{"phone": 233244123456, "success": False}]},
     (None, "233244123456", "failed", None, "")),
    ({"logs": [{"phone": "5", "status": "wobbling"}]}, (None, "5", "unknown", None, "")),
    ({"errors": ["Row 3 is odd\nTraceback"]}, (None, "", "failed", None, "Row 3 is odd")),
    ({"errors": 0, "rows": [{"phone": "6", "error": {"code": 1, "message": "No"}}]},
     (None, "6", "failed", 1, "No")),
]  # fmt: skip


@pytest.mark.parametrize(("given", "expected"), ROWS)
def test_row_results(given, expected):
    (row,) = parsing.parse_job({"jobId": "1", **given}).row_results

    assert (row.row, row.phone, row.state, row.code, row.reason) == expected


def test_a_stack_trace_is_cut_off():
    job = parsing.parse_job({"jobId": "1", "error": "Broken\n  at Object.<anonymous>"})

    assert job.error_text == "Broken"


def test_an_answer_without_a_job_is_none():
    assert parsing.parse_job_answer({"success": True, "data": {}}, "1") is None
    assert parsing.parse_job_answer([], "1") is None


@pytest.mark.parametrize(
    ("fields", "opted_out"),
    [
        ({}, None),
        ({"optedOut": True}, True),
        ({"unsubscribed": "false"}, False),
        ({"optIn": False}, True),
        ({"marketingConsent": 1}, False),
    ],
)
def test_opt_outs(fields, opted_out):
    assert parsing.parse_contact({"id": "1", **fields}).opted_out is opted_out


@pytest.mark.parametrize(
    ("item", "remote_id", "phone", "name"),
    [
        ({"_id": {"$oid": "1"}, "mobile": 233244123456}, "1", "233244123456", ""),
        ({"contact": {"id": "1", "wa_id": "2", "pushName": "Ama"}}, "1", "2", "Ama"),
        ({"contactId": 7, "firstName": "Ama", "last_name": "Mensah"}, "7", "", "Ama Mensah"),
        ({"phone": "2"}, "", "2", ""),
        ("65f1c0", "65f1c0", "", ""),
    ],
)
def test_contacts(item, remote_id, phone, name):
    contact = parsing.parse_contact(item)

    assert (contact.remote_id, contact.phone, contact.name) == (remote_id, phone, name)


def test_tags_and_custom_fields():
    item = {
        "id": "1",
        "labels": ["vip", {"name": "new"}, 3],
        "attributes": {"city": "Accra", "n": 4},
    }

    contact = parsing.parse_contact(item)

    assert contact.tags == ("vip", "new", "3")
    assert contact.custom == {"city": "Accra", "n": "4"}


@pytest.mark.parametrize(
    "fields",
    [
        {"contactCount": 3},
        {"members_count": "3"},
        {"_count": {"members": 3}},
        {"contacts": ["1", "2", "3"]},
    ],
)
def test_the_size_of_a_group(fields):
    assert parsing.parse_group({"groupId": "1", "title": "VIP", **fields}).size == 3
