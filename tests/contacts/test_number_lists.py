"""Lists of numbers, pasted or from a file."""

import csv
import io

import pytest

from contacts import number_lists
from contacts.number_lists import NotAList, read_file, read_text
from core import phones
from spreadsheets.csv_writer import safe_csv

AMA, KOFI = "+233244123456", "+233201234567"


def text(given):
    found = read_text(given, region="GH")
    return list(found.numbers), [(bad.line, bad.text) for bad in found.unreadable]


def file(content):
    content = content if isinstance(content, bytes) else content.encode()
    found = read_file(content, region="GH")
    return list(found.numbers), [(bad.line, bad.text) for bad in found.unreadable]


@pytest.mark.parametrize(
    "given",
    [
        "0244123456\n0201234567",
        "0244123456\r\n\r\n0201234567\r\n",
        "024 412 3456, 020 123 4567",
        "+233 24 412 3456;+233201234567",
        "Phone\n0244123456\n0201234567",
        "0244123456\n233244123456\n0201234567,,\n0244123456",
    ],
)
def test_pasted(given):
    assert text(given) == ([AMA, KOFI], [])


def test_unreadable_texts_come_with_their_line():
    found = read_text("0244123456\n\nAma\n2.33E+11, 0201234567\n12", region="GH")
    assert found.numbers == (AMA, KOFI)
    assert [(bad.line, bad.text, bad.problem) for bad in found.unreadable] == [
        (3, "Ama", phones.NOT_A_PHONE),
        (4, "2.33E+11", phones.SHORTENED),
        (5, "12", phones.TOO_SHORT),
    ]


@pytest.mark.parametrize("given", ["\n", " , ;", "Phone"])
def test_an_empty_list_is_refused(given):
    with pytest.raises(NotAList, match="no phone number"):
        text(given)


@pytest.mark.parametrize(
    "content",
    [
        "0244123456\n0201234567\n",
        "Name,Phone number,When\nAma,0244123456,2026-11-24\nKofi,020 123 4567,\n",
        "PHONE;Name\r\n0244123456;Ama\r\n0201234567;Kofi\r\n",
        "phone\tname\n'0244123456\tAma\n0201234567\tKofi\n",
        b"\xef\xbb\xbfPhone\n0244123456\n0201234567",
        "Phone\n0244123456\n0201234567".encode("utf-16"),
        "Phone,Name\n0244123456,Zo\u00eb\n0201234567,Ama".encode("cp1252"),
        'Name,Phone\n"Ama,\nthe first",0244123456\nKofi,0201234567',
        "Phone,Mobile\n0244123456,\n,0201234567\n",
        "\n\n0244123456\n0201234567",
    ],
)
def test_files(content):
    assert file(content) == ([AMA, KOFI], [])


def test_a_row_without_a_number_is_unreadable():
    assert file("Name,Phone\nAma,0244123456\nKofi,\n") == ([AMA], [(3, "")])


@pytest.mark.parametrize(
    "content", ["Ama,0244123456\nKofi,0201234567", "0244123456,0201234567", ",0244123456"]
)
def test_a_column_is_never_guessed(content):
    with pytest.raises(NotAList, match="named “Phone”"):
        file(content)


@pytest.mark.parametrize(
    "content", [b"PK\x03\x04rest", b"\xd0\xcf\x11\xe0rest", b"\0\1\2", b"\xff\xfe\0", b"\x81\xff"]
)
def test_a_file_that_is_not_text_gets_an_instruction(content):
    with pytest.raises(NotAList, match="paste"):
        file(content)


def test_a_huge_cell_gets_an_instruction():
    with pytest.raises(NotAList):
        file("Phone\n" + "1" * (csv.field_size_limit() + 1))


def test_the_length_is_bounded(monkeypatch):
    monkeypatch.setattr(number_lists, "MOST_NUMBERS", 2)
    assert len(text("0244123456,0201234567")[0]) == 2
    with pytest.raises(NotAList, match="Split it"):
        text("0244123456,0201234567,0244123457")


def test_our_own_download_can_be_imported_again():
    rows = [["Phone", "Added", "Reason"], [AMA, "2026-11-24 10:00:00+00:00", "Rang us, twice"]]
    assert file("".join(safe_csv(rows))) == ([AMA], [])
    assert io.StringIO("".join(safe_csv(rows))).readlines()[1].startswith("'+233")
