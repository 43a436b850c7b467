"""Read what a client uploads: multipart forms, and the rows of a .csv or .xlsx file."""

import csv
import io
import zipfile
import zlib
from collections.abc import Iterable, Iterator
from email.message import Message
from typing import Any, NamedTuple

from openpyxl import load_workbook

from sandbox.outcomes import is_phone
from sandbox.shapes import Problem

# What openpyxl raises for files that are no workbooks; XML errors are SyntaxErrors.
UNREADABLE = (zipfile.BadZipFile, zlib.error, KeyError, ValueError, IndexError, SyntaxError)
BAD_FILE = ["file must be .xlsx, .xls or .csv"]


class Upload(NamedTuple):
    """A file field of a form."""

    name: str
    content: bytes


class Row(NamedTuple):
    """One recipient of a file; `number` is the row as a spreadsheet shows it, from 1."""

    number: int
    phone: str
    values: list[str]


def read_form(content_type: str, body: bytes) -> dict[str, str | Upload]:
    """Return the fields of a multipart/form-data body."""
    header = Message()
    header["Content-Type"] = content_type
    boundary = header.get_param("boundary")
    if header.get_content_type() != "multipart/form-data" or not isinstance(boundary, str):
        raise Problem(400, ["body must be multipart/form-data"])
    fields: dict[str, str | Upload] = {}
    for part in (b"\r\n" + body).split(b"\r\n--" + boundary.encode())[1:-1]:
        head, _, content = part.partition(b"\r\n\r\n")
        about = Message()
        for line in head.decode("utf-8", "replace").strip().splitlines():
            name, _, value = line.partition(":")
            about[name] = value.strip()
        field = about.get_param("name", header="Content-Disposition")
        filename = about.get_filename()
        if not isinstance(field, str):
            continue
        if filename is None:
            fields[field] = content.decode("utf-8", "replace")
        else:
            fields[field] = Upload(filename, content)
    return fields


def read_rows(upload: Upload, *, header_row: str, limit: int) -> list[Row]:
    """Return the recipients of a file: first column the phone, then the values in order.

    `header_row` is auto (row 1 is a header unless it starts with a phone), always or never.
    Blank rows are skipped. Rows shorter than the widest get empty values.
    """
    rows: list[Row] = []
    for number, cells in enumerate(_read_cells(upload), start=1):
        texts = [_as_text(cell) for cell in cells]
        if not any(text.strip() for text in texts):
            continue
        phone = texts[0].strip()
        if number == 1 and _is_header(phone, header_row):
            continue
        rows.append(Row(number, phone, texts[1:]))
        if len(rows) > limit:
            raise Problem(413, f"A file may hold at most {limit} recipients")
    if not rows:
        raise Problem(400, ["file has no recipients"])
    width = max(len(row.values) for row in rows)
    return [row._replace(values=row.values + [""] * (width - len(row.values))) for row in rows]


def _is_header(first_cell: str, header_row: str) -> bool:
    return header_row == "always" or (header_row == "auto" and not is_phone(first_cell))


def _read_cells(upload: Upload) -> Iterator[Iterable[Any]]:
    kind = upload.name.lower().rpartition(".")[2]
    if kind == "csv":
        try:
            text = upload.content.decode("utf-8-sig")
            yield from csv.reader(io.StringIO(text, newline=""), strict=True)
        except (UnicodeDecodeError, csv.Error):
            raise Problem(400, BAD_FILE) from None
    elif kind == "xlsx":
        try:
            book = load_workbook(io.BytesIO(upload.content), read_only=True, data_only=True)
            sheet = book.worksheets[0]
            # A file may declare a wrong size for its sheet.
            sheet.reset_dimensions()
            yield from sheet.iter_rows(values_only=True)
        except UNREADABLE:
            raise Problem(400, BAD_FILE) from None
    else:
        raise Problem(400, BAD_FILE)


def _as_text(cell: Any) -> str:
    """Return a cell as WhatsApp gets it: a whole float loses its `.0`."""
    if cell is None:
        return ""
    if isinstance(cell, float) and cell.is_integer():
        return str(int(cell))
    return str(cell)
