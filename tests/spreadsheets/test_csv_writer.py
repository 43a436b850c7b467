"""CSV files open safely with any content."""

import csv
import io

import pytest

from spreadsheets.csv_writer import safe_cell, safe_csv

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


@pytest.mark.parametrize("payload", PAYLOADS)
@pytest.mark.parametrize("column", [0, 1, 2])
def test_no_cell_starts_a_formula(payload, column):
    row = ["a", "b", "c"]
    row[column] = payload
    text = "".join(safe_csv([row]))
    (found,) = csv.reader(io.StringIO(text.removeprefix("\ufeff"), newline=""))
    assert found[column].startswith("'")


@pytest.mark.parametrize("text", ["0244123456", "233244123456", "+233244123456", "00", "12E5"])
def test_numbers_keep_all_digits_in_excel(text):
    assert safe_cell(text) == "'" + text


@pytest.mark.parametrize("text", ["", "0", "12", "1500.50", "Ama", "2025-11-22", "12345678901"])
def test_other_texts_are_unchanged(text):
    assert safe_cell(text) == text
