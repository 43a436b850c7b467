"""The list of the opt-outs."""

import csv
import io
from datetime import UTC, datetime, timedelta

import pytest
from django.urls import reverse

from contacts import services
from contacts.models import OptOut
from teams.models import AuditEvent

PHONE = "+233244123456"


def url(name, team):
    return reverse(f"contacts:{name}", kwargs={"team": team.slug})


def add(client, team, phone="024 412 3456", reason=""):
    return client.post(url("opt_out_add", team), {"phone": phone, "reason": reason}, follow=True)


@pytest.mark.parametrize("typed", ["024 412 3456", "+233 24 412 3456", "233244123456"])
def test_added_by_hand(typed, team, marketer, login):
    page = add(login(marketer), team, typed, "Rang us").content.decode()
    assert "+233 24 412 3456 is on the list." in page
    row = OptOut.objects.get()
    assert (row.team, row.phone, row.reason, row.created_by) == (team, PHONE, "Rang us", marketer)
    assert "Rang us" in page
    assert str(marketer) in page


def test_a_local_number_belongs_to_the_teams_country(team, marketer, login):
    team.default_region = "NG"
    team.save()
    add(login(marketer), team, "0803 123 4567")
    assert OptOut.objects.get().phone == "+2348031234567"


def test_the_audit_event_has_the_user_and_the_masked_number(team, marketer, login):
    add(login(marketer), team)
    event = AuditEvent.objects.get(action="opt-out added")
    assert (event.team, event.user) == (team, marketer)
    assert "123456" not in event.subject


def test_adding_twice_changes_nothing(team, marketer, manager, login):
    add(login(marketer), team, reason="First")
    page = add(login(manager), team, reason="Second").content.decode()
    assert "is already on the list" in page
    assert OptOut.objects.get().reason == "First"
    assert AuditEvent.objects.filter(action="opt-out added").count() == 1


@pytest.mark.parametrize("typed", ["", "12", "hello", "0244123456, 0244123457", "2.33E+11", "\0"])
def test_bad_input_gets_an_instruction(typed, team, marketer, login):
    response = login(marketer).post(url("opt_out_add", team), {"phone": typed, "reason": "Kept"})
    assert response.status_code == 200
    page = response.content.decode()
    assert "field-error" in page
    assert 'value="Kept"' in page
    assert not OptOut.objects.exists()


def test_refused_to_a_viewer(team, viewer, login):
    assert add(login(viewer), team).status_code == 403
    assert not OptOut.objects.exists()


def test_invisible_to_a_stranger(team, other_team, outsider, login):
    services.opt_out(team, PHONE)
    client = login(outsider)
    assert add(client, team).status_code == 404
    assert client.get(url("opt_out_list", team)).status_code == 404
    assert "412 3456" not in client.get(url("opt_out_list", other_team)).content.decode()


def test_viewer_sees_masked_numbers_and_no_form(team, viewer, login):
    services.opt_out(team, PHONE)
    page = login(viewer).get(url("opt_out_list", team)).content.decode()
    assert "+233 24 *** 3456" in page
    assert "412 3456" not in page
    assert "Add to the list" not in page


def test_pages_are_bounded_and_newest_first(team, marketer, login, django_assert_max_num_queries):
    for number in range(60):
        services.opt_out(team, f"+2332441{number:05}", by=marketer)
    client = login(marketer)
    with django_assert_max_num_queries(12):
        page = client.get(url("opt_out_list", team)).content.decode()
    assert page.count("+233 24 41") == 50
    assert page.index("+233 24 410 0059") < page.index("+233 24 410 0058")
    assert (
        "+233 24 410 0003" in client.get(url("opt_out_list", team), {"page": 2}).content.decode()
    )


@pytest.mark.parametrize(
    ("typed", "found"),
    [
        ("0244123456", True),
        ("+233 24 412 3456", True),
        ("4123", True),
        ("0244 12", True),
        ("0500000000", False),
        ("Ama", False),
        ("%", False),
        ("0", False),
    ],
)
def test_search(typed, found, team, marketer, login):
    services.opt_out(team, PHONE)
    page = login(marketer).get(url("opt_out_list", team), {"q": typed}).content.decode()
    assert ("+233 24 412 3456" in page) == found
    assert ("No results" in page) != found


@pytest.mark.parametrize("query", [{"q": "\0"}, {"q": "9" * 9999}, {"page": "x"}, {"page": "-3"}])
def test_invalid_queries_show_the_list(query, team, marketer, login):
    services.opt_out(team, PHONE)
    response = login(marketer).get(url("opt_out_list", team), query)
    assert response.status_code == 200
    assert "+233 24 412 3456" in response.content.decode()


def test_refinement_is_the_same_list(team, marketer, login):
    services.opt_out(team, PHONE)
    client = login(marketer)
    whole = client.get(url("opt_out_list", team), {"q": "4123"}).content.decode()
    part = client.get(
        url("opt_out_list", team), {"q": "4123"}, headers={"HX-Request": "true"}
    ).content.decode()
    assert "<html" not in part
    assert part.strip() in whole


def test_an_empty_list_says_what_to_do(team, marketer, viewer, login):
    assert "add the number here" in login(marketer).get(url("opt_out_list", team)).content.decode()
    assert "No one has opted out" in login(viewer).get(url("opt_out_list", team)).content.decode()


def test_a_viewer_can_search_complete_numbers_only(team, viewer, login):
    services.opt_out(team, PHONE)
    client = login(viewer)
    assert (
        "*** 3456" in client.get(url("opt_out_list", team), {"q": "0244123456"}).content.decode()
    )
    page = client.get(url("opt_out_list", team), {"q": "4123"}).content.decode()
    assert "*** 3456" not in page
    assert "Enter the complete number" in page


def download(client, team):
    answer = client.get(url("opt_out_export", team))
    assert answer["Content-Disposition"].startswith('attachment; filename="opt-outs-')
    text = b"".join(answer.streaming_content).decode("utf-8-sig")
    return list(csv.reader(io.StringIO(text, newline="")))


def test_the_download_is_the_list_and_safe_in_excel(team, manager, marketer, login):
    services.opt_out(team, PHONE, reason="=1+1", by=marketer)
    lifted, _ = services.opt_out(team, "+233201234567")
    services.lift(lifted, reason="Asked", by=manager)
    header, row = download(login(marketer), team)
    assert header == ["Phone", "Added", "How", "By", "Reason", "Message"]
    assert [row[0], *row[2:-1]] == ["'" + PHONE, "Added by hand", str(marketer), "'=1+1"]


def test_a_viewer_downloads_masked_numbers(team, viewer, login):
    services.opt_out(team, PHONE)
    assert download(login(viewer), team)[1][0] == "'+233 24 *** 3456"


def test_the_download_takes_few_queries(team, viewer, login, django_assert_max_num_queries):
    services.opt_out_all(team, [f"+2332441{n:05}" for n in range(2500)], source="import")
    client = login(viewer)
    with django_assert_max_num_queries(12):
        assert len(download(client, team)) == 2501


AT = datetime(2026, 11, 24, 9, 30, tzinfo=UTC)


def replied(team, message="STOP", at=AT):
    source = OptOut.Source.KEYWORD
    return services.opt_out(team, PHONE, source=source, message=message, at=at)


def test_an_opt_out_keeps_the_message_and_its_time(team, viewer, login):
    row, created = replied(team, "Stop\0 please, all of it")
    assert created and row.created_at == AT
    client = login(viewer)
    for name, kwargs in (("opt_out_list", {}), ("opt_out_detail", {"uuid": row.uuid})):
        page = client.get(reverse(f"contacts:{name}", kwargs={"team": team.slug} | kwargs))
        assert "Stop please, all of it" in page.content.decode()
    assert download(client, team)[1][-1] == "Stop please, all of it"


def test_a_long_message_is_cut(team):
    row, _ = replied(team, "x" * 5000)
    assert len(row.message) == services.MESSAGE_LENGTH


def test_the_same_event_twice_is_one_opt_out(team, manager):
    row, _ = replied(team)
    assert replied(team) == (row, False)
    services.lift(row, reason="Asked for it", by=manager)
    again, created = replied(team)
    assert (again.pk, created) == (row.pk, False)
    assert services.opted_out_of(team, [PHONE]) == set()
    # Another message is another opt-out.
    assert replied(team, at=AT + timedelta(seconds=1))[1]
    assert services.opted_out_of(team, [PHONE]) == {PHONE}
    assert OptOut.objects.count() == 2
