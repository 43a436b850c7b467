"""Import a list of opt-outs."""

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.urls import reverse

from contacts import services
from contacts.models import OptOut
from teams.models import AuditEvent

AMA, KOFI = "+233244123456", "+233201234567"


def url(team):
    return reverse("contacts:opt_out_import", kwargs={"team": team.slug})


def paste(client, team, text="", **fields):
    return client.post(url(team), {"text": text, **fields})


def test_a_pasted_list(team, marketer, login):
    page = paste(login(marketer), team, "0244123456\n0201234567", reason="Fair in Kumasi")
    assert "2 numbers were added to the list" in page.content.decode()
    rows = OptOut.objects.order_by("phone")
    assert [(r.phone, r.source, r.reason, r.created_by) for r in rows] == [
        (KOFI, "import", "Fair in Kumasi", marketer),
        (AMA, "import", "Fair in Kumasi", marketer),
    ]
    event = AuditEvent.objects.get(action="opt-outs added")
    assert (event.user, event.subject, event.after) == (
        marketer,
        "2 numbers",
        {"source": "import"},
    )


def test_a_file(team, marketer, login):
    file = SimpleUploadedFile("gone.csv", b"Name,Phone\nAma,0244123456\nKofi,0201234567\n")
    page = paste(login(marketer), team, file=file)
    assert "2 numbers were added to the list" in page.content.decode()
    assert set(OptOut.objects.phones()) == {AMA, KOFI}


def test_local_numbers_belong_to_the_teams_country(team, marketer, login):
    team.default_region = "NG"
    team.save()
    paste(login(marketer), team, "0803 123 4567")
    assert OptOut.objects.get().phone == "+2348031234567"


def test_unreadable_entries_are_listed_and_shown_in_the_field_again(team, marketer, login):
    page = paste(login(marketer), team, "0244123456\n<b>Ama</b>\n12").content.decode()
    assert "1 number was added to the list" in page
    assert "2 entries to fix" in page
    assert "&lt;b&gt;Ama&lt;/b&gt;\n12</textarea>" in page
    assert "<b>Ama" not in page
    assert "This number is too short" in page
    assert OptOut.objects.get().phone == AMA


def test_done_twice_changes_nothing(team, marketer, manager, login):
    paste(login(marketer), team, "0244123456", reason="First")
    page = paste(login(manager), team, "0244123456", reason="Second").content.decode()
    assert "Nothing to add: 1 number is already on the list" in page
    assert OptOut.objects.get().reason == "First"
    assert AuditEvent.objects.filter(action__startswith="opt-out").count() == 1


def test_an_import_never_lifts_an_opt_out(team, marketer, login):
    services.opt_out(team, AMA)
    services.opt_out(team, KOFI)
    file = SimpleUploadedFile("in.csv", b"Phone,Opted out\n0244123456,no\n")
    paste(login(marketer), team, file=file)
    assert set(OptOut.objects.phones()) == {AMA, KOFI}
    assert not OptOut.objects.lifted().exists()


def test_a_lifted_number_gets_a_new_row(team, marketer, manager, login):
    row, _ = services.opt_out(team, AMA)
    services.lift(row, reason="Asked for it", by=manager)
    paste(login(marketer), team, "0244123456")
    assert [r.is_in_force for r in OptOut.objects.order_by("pk")] == [False, True]


@pytest.mark.parametrize(
    ("fields", "instruction"),
    [
        ({}, "Paste some numbers, or choose a file."),
        ({"text": " \n"}, "Paste some numbers, or choose a file."),
        ({"file": ("a.xlsx", b"PK\x03\x04")}, "Excel workbook"),
        ({"file": ("a.csv", b"Ama,0244123456")}, "named “Phone”"),
        ({"text": "0244123456", "file": ("a.csv", b"0201234567")}, "not both"),
        ({"file": ("a.csv", b"")}, "empty"),
        ({"text": "0244123456\0"}, "Null"),
    ],
)
def test_bad_input_gets_an_instruction(fields, instruction, team, marketer, login):
    if "file" in fields:
        fields = fields | {"file": SimpleUploadedFile(*fields["file"])}
    response = login(marketer).post(url(team), fields)
    assert response.status_code == 200
    assert instruction in response.content.decode()
    assert not OptOut.objects.exists()


def test_a_long_list_is_written_in_few_queries(team, marketer, django_assert_max_num_queries):
    numbers = [f"+2332441{n:05}" for n in range(2500)]
    with django_assert_max_num_queries(60):
        assert services.opt_out_all(team, numbers, source="import", by=marketer) == 2500
    with django_assert_max_num_queries(12):
        assert services.opt_out_all(team, numbers, source="import", by=marketer) == 0
    assert OptOut.objects.count() == 2500


def test_the_first_of_many_unreadable_entries_are_shown(team, marketer, login):
    page = paste(login(marketer), team, "Ama\n" * 230).content.decode()
    assert "230 entries to fix" in page
    assert "And 30 more" in page


def test_refused_to_a_viewer(team, viewer, login):
    client = login(viewer)
    assert client.get(url(team)).status_code == 403
    assert paste(client, team, "0244123456").status_code == 403
    assert not OptOut.objects.exists()


def test_invisible_to_a_stranger(team, outsider, login):
    assert paste(login(outsider), team, "0244123456").status_code == 404
    assert not OptOut.objects.exists()
