"""Each edit of a draft is one event of the audit log, with the person and the field."""

import json

import pytest
from django.core.files.base import ContentFile

from campaigns.models import GroupChoice, HeaderMedia, Upload
from campaigns.services import checks, drafts, groups, media
from core.errors import Refused
from teams.models import AuditEvent
from tests.factories import (
    launch,
    make_group,
    make_group_campaign,
    make_media_campaign,
    make_ready_campaign,
    make_single,
    make_template,
    members,
    xlsx,
)

pytestmark = pytest.mark.django_db


@pytest.fixture
def draft(connected):
    campaign = make_ready_campaign(connected)
    AuditEvent.objects.all().delete()
    return campaign


@pytest.fixture
def edit(connected, marketer):
    """Return the one event of an edit by the marketer, and check that it names no person."""

    def found():
        event = AuditEvent.objects.get(action="campaign edited")
        assert event.user == marketer
        assert event.team == connected
        event_text = json.dumps([event.before, event.after])
        for private in ("0244123", "233244", "Person", "Ama", "C-0", ".xlsx", "https:"):
            assert private not in event_text
        return event.before, event.after

    return found


def test_rename(draft, marketer, edit):
    drafts.rename(draft, "For Ama 0244123456", by=marketer)
    assert edit() == ({"name": {"length": 11}}, {"name": {"length": 18}})


def test_choose_template(draft, marketer, edit, connected):
    before = str(draft.template)
    drafts.choose_template(draft, make_template(connected, "other"), by=marketer)
    assert edit() == ({"template": before}, {"template": "other (en_US)"})


def test_attach_upload(draft, marketer, edit):
    size = Upload.objects.get().size
    file = xlsx([["Phone"], ["0244123456"]])
    drafts.attach_upload(draft, file, name="Ama 0244123456.xlsx", by=marketer)
    assert edit() == (
        {"file": {"bytes": size, "columns": 3}},
        {"file": {"bytes": Upload.objects.get().size, "columns": 1}},
    )


def test_set_header(draft, marketer, edit):
    drafts.set_header(draft, False, by=marketer)
    assert edit() == ({"has_header": True}, {"has_header": False})


def test_set_mapping(draft, marketer, edit):
    values = {"1": {"text": "Ama 0244123456"}, "2": {"field": "custom:Town", "fallback": "Ama"}}
    drafts.set_mapping(draft, {"phone_column": 0, "values": values}, by=marketer)
    assert edit() == (
        {"mapping": {"phone": 0, "values": {"1": "column", "2": "column"}}},
        {"mapping": {"phone": 0, "values": {"1": "text", "2": "field"}}},
    )


def test_a_typed_number_is_not_in_the_log(connected, marketer, edit):
    single = make_single(connected)
    AuditEvent.objects.all().delete()
    typed = {"phone": "0244123457", "values": {"1": {"text": "Ama"}, "2": None}}
    drafts.set_mapping(single, typed, by=marketer)
    _, after = edit()
    assert after == {"mapping": {"phone": "typed", "values": {"1": "text", "2": ""}}}


def test_exclude_campaign(draft, marketer, edit, connected):
    earlier = launch(make_ready_campaign(connected, name="Earlier"))
    AuditEvent.objects.all().delete()
    drafts.exclude_campaign(draft, earlier, by=marketer)
    assert edit() == ({"exclude_campaign": ""}, {"exclude_campaign": str(earlier.uuid)})


def test_choose_audience(draft, marketer, edit):
    groups.choose_audience(draft, "group", by=marketer)
    assert edit() == ({"audience": "file"}, {"audience": "group"})


def test_choose_group(draft, marketer, edit, connected, sandbox):
    group = make_group(connected, sandbox, members(3))
    AuditEvent.objects.all().delete()
    groups.choose_group(draft, group, by=marketer)
    way = GroupChoice.objects.get().way
    chosen = {"uuid": str(group.uuid), "size": 3, "way": way}
    event = AuditEvent.objects.get(action="campaign edited")
    assert (event.user, event.before, event.after) == (marketer, {"group": {}}, {"group": chosen})


def test_choose_way(connected, marketer, edit, sandbox):
    group = make_group(connected, sandbox, members(3))
    campaign = make_group_campaign(connected, group, way="endpoint")
    AuditEvent.objects.all().delete()
    groups.choose_way(campaign, "expanded", by=marketer)
    assert edit() == ({"way": "endpoint"}, {"way": "expanded"})


def test_set_media(connected, marketer, edit):
    campaign = make_media_campaign(connected)
    media.set_media(campaign, link="https://example.com/ama.jpg", by=None)
    AuditEvent.objects.all().delete()
    media.set_media(campaign, media_id="12", by=marketer)
    assert edit() == ({"media": "link"}, {"media": "media id"})
    assert HeaderMedia.objects.get().media_id == "12"


def test_request_check(draft, marketer, edit):
    checks.request_check(draft, by=marketer)
    assert edit() == ({"check": ""}, {"check": "requested"})


def test_check_number(connected, marketer, edit):
    single = make_single(connected)
    AuditEvent.objects.all().delete()
    checks.check_number(single, by=marketer)
    assert edit() == ({"check": ""}, {"check": "done"})


def test_the_same_again_is_no_event(draft, marketer):
    drafts.set_mapping(draft, draft.mapping, by=marketer)
    drafts.choose_template(draft, draft.template, by=marketer)
    drafts.set_header(draft, True, by=marketer)
    drafts.exclude_campaign(draft, None, by=marketer)
    assert not AuditEvent.objects.exists()


def test_a_refused_edit_is_no_event(draft, marketer):
    launched = launch(draft)
    AuditEvent.objects.all().delete()
    with pytest.raises(Refused):
        drafts.set_mapping(launched, None, by=marketer)
    with pytest.raises(Refused):
        drafts.attach_upload(launched, ContentFile(b""), name="a.xlsx", by=marketer)
    assert not AuditEvent.objects.exists()
