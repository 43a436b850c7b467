"""Check a file: in a real child process, and on its page."""

import pytest
from django.utils import timezone

from campaigns.models import Campaign, Check, Recipient
from campaigns.services import checks, drafts
from contacts.services import opt_out
from tasks import services as tasks
from tests import factories
from tests.campaigns.pages import text, url

ROWS = [
    ["Phone", "Name", "Code"],
    [233244123001, "Ama", "A-1"],
    ["024 412 3002", "Kofi", "A-2"],
    ["24412", "Yaw", "A-3"],
    ["", "", ""],
    ["0244123001", "Ama again", "A-4"],
    ["0244123003", "Esi", "A-5"],
    ["233244123004.0", "Abena", "A-6"],
    ["0244123005", "", "A-7"],
]


@pytest.fixture
def client(login, marketer):
    return login(marketer)


@pytest.fixture
def checked(team):
    opt_out(team, "+233244123003")
    return factories.make_ready_campaign(team, rows=ROWS)


def tiles(page):
    return {tile["outcome"]: tile["count"] for tile in page.context["tiles"]}


def test_every_row_has_an_outcome(checked, client):
    page = client.get(url(checked, "check"))
    assert tiles(page) == {
        "ready": 2,
        "repaired": 1,
        "duplicate": 1,
        "invalid": 2,
        "opted_out": 1,
    }
    assert sum(tiles(page).values()) == checked.check_result.rows == 7
    assert "3 people will get this message" in text(page)


def test_recipients_are_in_the_order_of_the_file(checked):
    assert checked.status == "ready"
    assert checked.recipient_count == 3
    found = checked.recipients.order_by("position").values_list(
        "position", "row_number", "phone", "values"
    )
    assert list(found) == [
        (1, 2, "+233244123001", ["Ama", "A-1"]),
        (2, 3, "+233244123002", ["Kofi", "A-2"]),
        (3, 8, "+233244123004", ["Abena", "A-6"]),
    ]


def test_rows_to_fix_are_shown_first_with_the_row_numbers_of_the_file(checked, client):
    page = client.get(url(checked, "check"))
    assert page.context["shown"] == "invalid"
    assert "4 24412 This number is too short. Look for missing digits." in text(page)
    assert "9 0244123005 {{1}} is empty." in text(page)


@pytest.mark.parametrize(
    ("outcome", "words"),
    [
        ("duplicate", "6 0244123001 Same number as row 2, which is sent."),
        ("opted_out", "7 0244123003 This person opted out."),
        ("repaired", "8 233244123004.0 sent to +233 24 412 3004 Removed a trailing .0"),
        ("ready", "3 024 412 3002 – 024 412 3002 Kofi"),
    ],
)
def test_each_tile_shows_its_rows(checked, client, outcome, words):
    assert words in text(client.get(url(checked, "check"), {"rows": outcome}))
    fragment = client.get(url(checked, "check"), {"rows": outcome}, HTTP_HX_REQUEST="true")
    assert words in text(fragment)
    assert "<html" not in fragment.content.decode()


def test_an_unknown_tile_is_ignored(checked, client):
    page = client.get(url(checked, "check"), {"rows": "\0<b>"})
    assert page.context["shown"] == "invalid"


def test_the_page_polls_until_the_check_ends(team, client):
    campaign = factories.make_ready_campaign(team)
    client.post(url(campaign, "check"))
    page = client.get(url(campaign, "check"))
    assert 'hx-trigger="load delay:1s"' in page.content.decode()
    assert "Checks are paused on our server." in text(page)
    tasks.record_heartbeat("w", timezone.now())
    assert "You can leave this page" in text(client.get(url(campaign, "result")))
    factories.drain("check_campaign")
    assert "hx-trigger" not in client.get(url(campaign, "result")).content.decode()


def test_a_second_request_while_checking_starts_no_second_check(team, client):
    campaign = factories.make_ready_campaign(team)
    client.post(url(campaign, "check"))
    client.post(url(campaign, "check"))
    factories.drain("check_campaign")
    assert Campaign.objects.get().status == "ready"
    assert Recipient.objects.count() == 5


def test_an_edit_during_the_check_discards_the_check(team):
    campaign = factories.make_ready_campaign(team)
    checks.request_check(campaign, by=None)
    stale = Check.objects.select_related("campaign__team", "campaign__template").get()
    drafts.set_mapping(campaign, None, by=None)
    checks.run_check(stale)
    campaign = Campaign.objects.get()
    assert (campaign.status, campaign.digest) == ("draft", "")
    assert not Check.objects.exists()


def test_a_file_without_a_sendable_row_is_reported(team, client):
    rows = [["Phone", "Name", "Code"], ["12", "Ama", "A-1"]]
    campaign = factories.make_ready_campaign(team, rows=rows)
    assert campaign.status == "draft"
    page = client.get(url(campaign, "check"))
    assert "Nobody in this file can get the message." in text(page)
    assert "Continue to the preview" not in text(page)
    assert client.get(url(campaign, "preview")).url == url(campaign, "check")


def test_a_wrong_column_is_explained(team, client):
    campaign = factories.make_ready_campaign(team)
    mapping = campaign.mapping | {"phone_column": 40}
    drafts.set_mapping(campaign, mapping, by=None)
    checks.request_check(campaign, by=None)
    factories.drain("check_campaign")
    page = client.get(url(campaign, "check"))
    assert "The phone column is not in this sheet. Choose it again." in text(page)
    assert "Change the columns" in text(page)


def test_too_many_rows_are_explained(team, client, settings):
    settings.MAX_ROWS = 3
    campaign = factories.make_ready_campaign(team)
    assert "This file has more than" in text(client.get(url(campaign, "check")))


def test_no_check_without_columns(team, client):
    campaign = factories.make_campaign(team, template=factories.make_template(team))
    assert client.post(url(campaign, "check")).url == url(campaign, "file")
    assert not Check.objects.exists()


def test_a_template_that_is_no_longer_sendable_is_not_checked(checked, client):
    checked.template.unsendable_code = "status_paused"
    checked.template.save()
    client.post(url(checked, "check"))
    assert "WhatsApp paused this template" in text(client.get(url(checked, "check")))


def test_a_viewer_and_a_stranger_check_nothing(checked, viewer, outsider, login):
    for user, status in ((viewer, 403), (outsider, 404)):
        for page in ("check", "result"):
            assert login(user).get(url(checked, page)).status_code == status
        assert login(user).post(url(checked, "check")).status_code == status
    assert Campaign.objects.get().status == "ready"


def test_the_report_of_an_earlier_check_is_deleted(
    connected, marketer, settings, django_capture_on_commit_callbacks
):
    campaign = factories.make_ready_campaign(connected, by=marketer)
    first = campaign.check_result.report
    assert (settings.MEDIA_ROOT / first).exists()
    with django_capture_on_commit_callbacks(execute=True):
        checks.request_check(campaign, by=marketer)
    factories.drain("check_campaign")
    second = Check.objects.get(campaign=campaign).report
    assert (settings.MEDIA_ROOT / second).exists()
    assert not (settings.MEDIA_ROOT / first).exists()
