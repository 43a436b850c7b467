"""The file for ChumiAI: texts only, and the same bytes for the same rows."""

import hashlib
import io
import time

import openpyxl
import pytest

from spreadsheets.csv_writer import safe_csv
from spreadsheets.reader import read_rows
from spreadsheets.xlsx_writer import write_clean_xlsx

HEADER = ["phone", "1", "2"]
PAYLOADS = [
    "=1+1",
    "+1",
    "-1",
    "@SUM(A1)",
    "\t=1",
    "\r=1",
    "\n=1",
    " =1+1",
    "=cmd|' /C calc'!A0",
    '=HYPERLINK("http://x")',
    "\uff1d1+1",
    "\0=1",
]


def cells(path):
    sheet = openpyxl.load_workbook(path).active
    return [list(row) for row in sheet.iter_rows()]


def test_other_programs_read_the_same_texts(tmp_path):
    people = [["233244123456", "Ama & <Kofi>", "0123"], ["233201234567", "  Ɔ 👩‍👧  ", "1e5"]]
    write_clean_xlsx(tmp_path / "a.xlsx", HEADER, people)
    found = cells(tmp_path / "a.xlsx")
    assert [[cell.value for cell in row] for row in found] == [HEADER, *people]
    assert {cell.data_type for row in found for cell in row} == {"s"}
    assert found[1][0].number_format == "@"
    ours = [[cell.text for cell in row.cells] for row in read_rows(tmp_path / "a.xlsx")]
    assert ours == [HEADER, *people]


@pytest.mark.parametrize("payload", PAYLOADS)
def test_no_cell_is_a_formula(tmp_path, payload):
    write_clean_xlsx(tmp_path / "a.xlsx", HEADER, [["233244123456", payload, "x"]])
    cell = cells(tmp_path / "a.xlsx")[1][1]
    assert cell.data_type == "s"
    assert (cell.value or "").replace("\r", "").strip() == payload.replace("\0", "").strip()


def test_characters_that_xml_cannot_hold_are_removed_and_escapes_stay(tmp_path):
    texts = ["a\x00\x07\ufffe\uffff\ud800b", "_x0041_", "_x000D_"]
    write_clean_xlsx(tmp_path / "a.xlsx", texts, [])
    (row,) = read_rows(tmp_path / "a.xlsx")
    assert [cell.text for cell in row.cells] == ["ab", "_x0041_", "_x000D_"]


def test_the_same_rows_give_the_same_bytes_at_any_time(tmp_path, monkeypatch):
    digests = set()
    for zone in ("UTC", "Pacific/Auckland"):
        monkeypatch.setenv("TZ", zone)
        time.tzset()
        digests.add(write_clean_xlsx(tmp_path / "a.xlsx", HEADER, [["233244123456", "Ama", "1"]]))
    monkeypatch.undo()
    time.tzset()
    assert digests == {hashlib.sha256((tmp_path / "a.xlsx").read_bytes()).hexdigest()}
    assert write_clean_xlsx(tmp_path / "b.xlsx", HEADER, [["1", "Ama", "1"]]) not in digests


def test_an_open_file_can_be_the_target():
    file = io.BytesIO()
    digest = write_clean_xlsx(file, HEADER, [])
    assert digest == hashlib.sha256(file.getvalue()).hexdigest()


def test_many_columns_have_their_letters(tmp_path):
    header = [str(i) for i in range(60)]
    write_clean_xlsx(tmp_path / "a.xlsx", header, [])
    assert [cell.value for cell in cells(tmp_path / "a.xlsx")[0]] == header


def test_a_download_can_be_uploaded_again(tmp_path):
    rows = [["Phone", "Name"], ["+233244123456", "Zoë, the\nfirst"]]
    path = tmp_path / "again.csv"
    path.write_text("".join(safe_csv(rows)), encoding="utf-8", newline="")
    assert path.read_bytes().startswith(b"\xef\xbb\xbf")
    found = [[cell.text for cell in row.cells] for row in read_rows(path)]
    assert found == [["Phone", "Name"], ["'+233244123456", "Zoë, the\nfirst"]]
