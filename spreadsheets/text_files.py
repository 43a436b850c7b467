"""Read text files: encodings, separators, and csv records as rows."""

import codecs
import csv
import re
from collections.abc import Generator, Iterator
from io import StringIO
from itertools import islice
from pathlib import Path
from typing import IO

from core.sentences import Sentence, gettext_noop, ngettext_noop
from spreadsheets.cells import (
    CHUNK,
    EMPTY,
    NOT_A_SPREADSHEET,
    TOO_BIG,
    Cell,
    Limits,
    Row,
    SpreadsheetError,
    too_wide,
)

# Characters. A longer line is no line of a list.
_LONGEST_LINE = 1_000_000

_UNCLOSED_QUOTE = gettext_noop(
    "Row {row} or a later one has a quotation mark that does not close. "
    "Correct it, or save the list as .xlsx and upload that."
)
_CELL_TOO_LONG = ngettext_noop(
    "Row {row} has a cell of more than {count} character. "
    "Look for a quotation mark that does not close.",
    "Row {row} has a cell of more than {count} characters. "
    "Look for a quotation mark that does not close.",
)


def csv_rows(path: Path, limits: Limits) -> Generator[Row, None, None]:
    """Yield the records that are not blank, numbered from 1 with blank ones counted."""
    if path.stat().st_size > limits.unpacked_bytes:
        raise SpreadsheetError(TOO_BIG)
    with path.open(encoding=_encoding(path), errors="replace", newline="") as file:
        sample = file.read(CHUNK)
        if not sample.endswith("\n"):
            # Half a record would mislead the search for the separator.
            sample = sample[: sample.rfind("\n") + 1] or sample
        file.seek(0)
        lines = _lines(file)
        declared = re.match(
            r"sep=(.)\r?\n?$", sample.splitlines()[0] if sample else "", re.IGNORECASE
        )
        if declared:
            next(lines)
        delimiter = declared[1] if declared else _delimiter(sample)
        number = 0
        try:
            for number, record in enumerate(
                csv.reader(lines, delimiter=delimiter, strict=True), start=1
            ):
                cells = _csv_cells(record, number, limits)
                if any(not cell.text.isspace() for cell in cells if cell.text):
                    yield Row(number, cells)
        except csv.Error:
            sentence = Sentence(_UNCLOSED_QUOTE, {"row": str(number + 1)})
            raise SpreadsheetError(sentence) from None


def _lines(file: IO[str]) -> Iterator[str]:
    while line := file.readline(_LONGEST_LINE + 1):
        if len(line) > _LONGEST_LINE:
            raise SpreadsheetError(NOT_A_SPREADSHEET)
        yield line


def _csv_cells(record: list[str], number: int, limits: Limits) -> tuple[Cell, ...]:
    while record and not record[-1]:
        record.pop()
    if len(record) > limits.columns:
        raise too_wide(number, limits)
    cells = []
    for text in record:
        if len(text) > limits.cell_length:
            raise SpreadsheetError(
                Sentence(_CELL_TOO_LONG, {"row": str(number), "count": limits.cell_length})
            )
        if "\0" in text:
            text = text.replace("\0", "")
        if text.startswith('="') and text.endswith('"') and len(text) > 2:
            # Programs write ="0244…" so that Excel keeps the zero; the text inside is meant.
            text = text[2:-1]
        cells.append(Cell(text, text, "text") if text else EMPTY)
    return tuple(cells)


def _encoding(path: Path) -> str:
    with path.open("rb") as file:
        encoding = encoding_of(file.read(CHUNK)) or "cp1252"
        if encoding != "utf-8":
            return encoding
        decoder = codecs.getincrementaldecoder("utf-8")()
        file.seek(0)
        try:
            while chunk := file.read(CHUNK * 16):
                decoder.decode(chunk)
            decoder.decode(b"", final=True)
        except UnicodeDecodeError:
            return "cp1252"
    return "utf-8"


def encoding_of(start: bytes) -> str | None:
    """Guess the encoding from the first bytes; None if this is not text."""
    if start.startswith(codecs.BOM_UTF8):
        return "utf-8-sig"
    if start.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        return "utf-16"
    # Western text in UTF-16 has a zero in every second byte.
    even, odd = start[::2].count(0), start[1::2].count(0)
    if odd > len(start) // 5 and even < odd // 10:
        return "utf-16-le"
    if even > len(start) // 5 and odd < even // 10:
        return "utf-16-be"
    strange = len(start.translate(None, _ORDINARY_BYTES))
    if strange > max(2, len(start) // 500):
        return None
    return "utf-8"


_ORDINARY_BYTES = bytes([9, 10, 11, 12, 13, 26, *range(32, 256)])


def _delimiter(sample: str) -> str:
    """Return the separator that splits the first records into the same number of columns."""
    best, choice = (0.0, 0), ","
    for delimiter in ",;\t|":
        try:
            widths = [
                len(record)
                for record in islice(csv.reader(StringIO(sample, ""), delimiter=delimiter), 50)
                if record
            ]
        except csv.Error:
            continue
        usual = max(set(widths), key=widths.count, default=0)
        if usual > 1:
            score = (widths.count(usual) / len(widths), usual)
            if score > best:
                best, choice = score, delimiter
    return choice
