"""Read an .xlsx or .csv file as rows of cells, numbered and shown as the user sees them.

The content decides the type, never the name. Rows are streamed, and limits count what was really
unpacked: declared sizes and dimensions are never trusted. Every problem with a file is one
`SpreadsheetError` with a sentence for the user.
"""

from collections.abc import Iterator
from contextlib import closing
from itertools import islice
from pathlib import Path
from typing import Literal

from core.sentences import Sentence, gettext_noop, ngettext_noop
from spreadsheets.cells import (
    CHUNK,
    DEFAULT_LIMITS,
    NOT_A_SPREADSHEET,
    PROTECTED,
    Head,
    Limits,
    Row,
    SpreadsheetError,
)
from spreadsheets.text_files import csv_rows, encoding_of
from spreadsheets.xlsx_reader import Workbook

# A head has at most this many unpacked bytes of a sheet.
_HEAD_BYTES = 4_000_000

_FILE_IS_EMPTY = gettext_noop("This file is empty. Check that you chose the right file.")
_TOO_MANY_ROWS = ngettext_noop(
    "This file has more than {count} row. Split it into smaller files.",
    "This file has more than {count} rows. Split it into smaller files.",
)
_OLD_EXCEL = gettext_noop(
    "This is an old Excel file (.xls). Open it in Excel, save it as .xlsx and upload it again."
)
_WEB_PAGE = gettext_noop(
    "This is a web page that was saved as a spreadsheet. "
    "Open it in Excel, save it as .xlsx and upload it again."
)
_VIDEO_OR_PHOTO = gettext_noop(
    "This is a video or a photo, not a spreadsheet. Upload an .xlsx or a .csv file."
)
_IMAGE = gettext_noop("This is an image, not a spreadsheet. Upload an .xlsx or a .csv file.")
_COMPRESSED = gettext_noop(
    "This is a compressed file, not a spreadsheet. Upload an .xlsx or a .csv file."
)
_OTHER_FILES = {
    b"%PDF": gettext_noop("This is a PDF, not a spreadsheet. Upload an .xlsx or a .csv file."),
    b"\x89PNG": _IMAGE,
    b"\xff\xd8\xff": _IMAGE,
    b"GIF8": _IMAGE,
    b"RIFF": gettext_noop(
        "This is an image or a sound, not a spreadsheet. Upload an .xlsx or a .csv file."
    ),
    b"{\\rtf": gettext_noop(
        "This is a text document, not a spreadsheet. Upload an .xlsx or a .csv file."
    ),
    b"\x1f\x8b": _COMPRESSED,
    b"7z\xbc\xaf": _COMPRESSED,
    b"Rar!": _COMPRESSED,
    b"SQLite format 3": gettext_noop(
        "This is a database, not a spreadsheet. Upload an .xlsx or a .csv file."
    ),
}
_OLE = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"
_XLS = (b"\x09\x08", b"\x09\x04", b"\x09\x02")
_ENCRYPTED = "EncryptedPackage".encode("utf-16-le")


def read_head(
    path: Path | str, *, rows: int = 50, sheet: str = "", limits: Limits = DEFAULT_LIMITS
) -> Head:
    """Read the first rows only, whatever the length of the file."""
    path = Path(path)
    if _format(path) == "csv":
        with closing(csv_rows(path, limits)) as found:
            return Head("csv", (), "", tuple(islice(found, rows)))
    with Workbook(path, limits) as workbook, closing(workbook.rows(sheet, _HEAD_BYTES)) as found:
        names = tuple(workbook.sheets)
        return Head("xlsx", names, sheet or names[0], tuple(islice(found, rows)))


def read_rows(
    path: Path | str, *, sheet: str = "", limits: Limits = DEFAULT_LIMITS
) -> Iterator[Row]:
    """Yield the rows that are not blank, of the named or else the first visible sheet."""
    path = Path(path)
    if _format(path) == "csv":
        yield from _at_most(limits.rows, csv_rows(path, limits))
        return
    with Workbook(path, limits) as workbook:
        yield from _at_most(limits.rows, workbook.rows(sheet))


def _at_most(most: int, rows: Iterator[Row]) -> Iterator[Row]:
    for count, row in enumerate(rows, start=1):
        if count > most:
            raise SpreadsheetError(Sentence(_TOO_MANY_ROWS, {"count": most}))
        yield row


def _format(path: Path) -> Literal["xlsx", "csv"]:
    """Return the format by the first bytes; refuse any other file by what it is."""
    with path.open("rb") as file:
        start = file.read(CHUNK)
    if not start.strip():
        raise SpreadsheetError(_FILE_IS_EMPTY)
    if start.startswith((b"PK\x03\x04", b"PK\x05\x06")):
        return "xlsx"
    if start.startswith(_OLE):
        is_encrypted = _ENCRYPTED in start or _ENCRYPTED in _end_of(path)
        raise SpreadsheetError(PROTECTED if is_encrypted else _OLD_EXCEL)
    if start.startswith(_XLS):
        raise SpreadsheetError(_OLD_EXCEL)
    for magic, sentence in _OTHER_FILES.items():
        if start.startswith(magic):
            raise SpreadsheetError(sentence)
    if start[:1] == b"\0" and start[4:8] == b"ftyp":
        raise SpreadsheetError(_VIDEO_OR_PHOTO)
    beginning = start.replace(b"\0", b"").lstrip(b"\xef\xbb\xbf\xff\xfe \t\r\n")[:200].lower()
    if beginning.startswith((b"<!doctype", b"<html", b"<table", b"<?xml", b"<head", b"<meta")):
        raise SpreadsheetError(_WEB_PAGE)
    if encoding_of(start) is None:
        raise SpreadsheetError(NOT_A_SPREADSHEET)
    return "csv"


def _end_of(path: Path) -> bytes:
    """Return the last bytes: the directory of an OLE file may be at its end."""
    with path.open("rb") as file:
        file.seek(max(0, path.stat().st_size - 4 * CHUNK))
        return file.read()
