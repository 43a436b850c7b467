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
    # Characters that show nothing, and that a program may drop.
    "\ufeff=1",
    "\u200b=1",
    "\u200e\u202a=1",
    "\u2060@SUM(A1)",
    "\u00ad-1",
    "\u00a0=1",
    "\u3000+1",
    "\x1f=1",
    "\ufe0f=1",
    "\u3164=1",
    "\u2800=1",
    "\U000e0020=1",
    "\ufeff\t \u200b=1",
    # The signs in other forms.
    "\ufe66" + "1",
    "\ufe62" + "1",
    "\ufe63" + "1",
    "\ufe6bSUM(A1)",
    "\uff0b1",
    "\uff0d1",
    "\uff20SUM(A1)",
    "\u207c1",
    "\u208a1",
    "\u2212" + "1",
    "\u200b\ufe66" + "1",
]


@pytest.mark.parametrize("payload", PAYLOADS)
@pytest.mark.parametrize("column", [0, 1, 2])
def test_no_cell_starts_a_formula(payload, column):
    row = ["a", "b", "c"]
    row[column] = payload
    text = "".join(safe_csv([row]))
    (found,) = csv.reader(io.StringIO(text.removeprefix("\ufeff"), newline=""))
    assert found[column].startswith("'")


@pytest.mark.parametrize(
    "text",
    [
        "0244123456",
        "233244123456",
        "+233244123456",
        "00",
        "12E5",
        "\ufeff0244123456",
        "\u200e233244123456\u202c",
    ],
)
def test_numbers_keep_all_digits_in_excel(text):
    assert safe_cell(text) == "'" + text


@pytest.mark.parametrize(
    "text",
    [
        "",
        "\u200b",
        "0",
        "12",
        "1500.50",
        "Ama",
        "2025-11-22",
        "12345678901",
        "– and then",
        "\u200fشكرا",
        "👩‍👩‍👧 a = b",
    ],
)
def test_other_texts_are_unchanged(text):
    assert safe_cell(text) == text
