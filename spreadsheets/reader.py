"""Read an .xlsx or .csv file as rows of cells, numbered and shown as the user sees them.

The type is decided by the content, never by the name. Rows are streamed, and every limit
is counted on what was really unpacked: declared sizes and dimensions are never believed.
Whatever is wrong with a file becomes one `SpreadsheetError` with a sentence for the user.
"""

from __future__ import annotations

import codecs
import csv
import math
import posixpath
import re
import zipfile
import zlib
from collections.abc import Generator, Iterator
from contextlib import ExitStack, closing
from dataclasses import dataclass, field
from functools import lru_cache
from io import StringIO
from itertools import islice
from pathlib import Path
from typing import IO, Literal, NamedTuple
from xml.parsers import expat

from spreadsheets import number_formats

Kind = Literal["text", "number", "date", "bool", "error", "formula", "empty"]


class SpreadsheetError(Exception):
    """A file that cannot be used; its text is the sentence for the user."""


class Cell(NamedTuple):
    """One cell: `text` as Excel shows it, `raw` without format.

    A `formula` is one whose result the file does not hold: its text is empty.
    """

    text: str
    raw: str
    kind: Kind

    def __repr__(self) -> str:
        return f"<{self.kind} cell>"


class Row(NamedTuple):
    """One row that holds something, under the number that the user's program shows for it."""

    number: int
    cells: tuple[Cell, ...]
    hidden: bool = False

    def __repr__(self) -> str:
        return f"<row {self.number}>"


@dataclass(frozen=True, slots=True)
class Limits:
    """What a file may cost: rows that hold something, and sizes in characters and bytes."""

    rows: int = 10_000
    columns: int = 200
    cell_length: int = 32_767
    unpacked_bytes: int = 200_000_000
    ratio: int = 200
    parts: int = 2_000


@dataclass(frozen=True, slots=True)
class Head:
    """The beginning of a file; `sheets` names the visible ones, and is empty for a csv."""

    format: Literal["xlsx", "csv"]
    sheets: tuple[str, ...]
    sheet: str
    rows: tuple[Row, ...] = field(repr=False)


EMPTY = Cell("", "", "empty")
DEFAULT_LIMITS = Limits()

_SAVE_AS = "Open it in Excel, save it as .xlsx and upload it again."
_DAMAGED = f"This file is damaged or incomplete. {_SAVE_AS}"
_NOT_A_SPREADSHEET = "This is not a spreadsheet. Upload an .xlsx or a .csv file."
_TOO_BIG = (
    "This file unpacks to far more than a list of people needs. "
    "Copy only the list into a new sheet, save it as .xlsx and upload that."
)
_LAST_ROW, _LAST_COLUMN = 1_048_576, 16_384
_CHUNK = 65_536
_HEAD = 4_000_000
_LONGEST_TAG = 2_000_000


def read_head(
    path: Path | str, *, rows: int = 50, sheet: str = "", limits: Limits = DEFAULT_LIMITS
) -> Head:
    """Read the first rows only, whatever the length of the file."""
    path = Path(path)
    if _format(path) == "csv":
        with closing(_csv_rows(path, limits)) as found:
            return Head("csv", (), "", tuple(islice(found, rows)))
    with _Workbook(path, limits) as workbook, closing(workbook.rows(sheet, _HEAD)) as found:
        names = tuple(workbook.sheets)
        return Head("xlsx", names, sheet or names[0], tuple(islice(found, rows)))


def read_rows(
    path: Path | str, *, sheet: str = "", limits: Limits = DEFAULT_LIMITS
) -> Iterator[Row]:
    """Yield the rows that hold something, of the named or else the first visible sheet."""
    path = Path(path)
    if _format(path) == "csv":
        yield from _at_most(limits.rows, _csv_rows(path, limits))
        return
    with _Workbook(path, limits) as workbook:
        yield from _at_most(limits.rows, workbook.rows(sheet))


def _at_most(most: int, rows: Iterator[Row]) -> Iterator[Row]:
    for count, row in enumerate(rows, start=1):
        if count > most:
            raise SpreadsheetError(
                f"This file has more than {most:,} rows. Split it into smaller files."
            )
        yield row


def _format(path: Path) -> Literal["xlsx", "csv"]:
    """Tell an .xlsx from text by the first bytes; anything else is refused by what it is."""
    with path.open("rb") as file:
        start = file.read(_CHUNK)
    if not start.strip():
        raise SpreadsheetError("This file is empty. Check that you chose the right file.")
    if start.startswith((b"PK\x03\x04", b"PK\x05\x06")):
        return "xlsx"
    if start.startswith(b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"):
        if "EncryptedPackage".encode("utf-16-le") in start or _is_encrypted(path):
            raise SpreadsheetError(
                "This file is protected by a password. "
                "Remove the password in Excel, save it and upload it again."
            )
        raise SpreadsheetError(f"This is an old Excel file (.xls). {_SAVE_AS}")
    if start.startswith((b"\x09\x08", b"\x09\x04", b"\x09\x02")):
        raise SpreadsheetError(f"This is an old Excel file (.xls). {_SAVE_AS}")
    for magic, what in _OTHER_FILES.items():
        if start.startswith(magic):
            raise SpreadsheetError(f"This is {what}, not a spreadsheet. {_UPLOAD}")
    if start[:1] == b"\0" and start[4:8] == b"ftyp":
        raise SpreadsheetError(f"This is a video or a photo, not a spreadsheet. {_UPLOAD}")
    beginning = start.replace(b"\0", b"").lstrip(b"\xef\xbb\xbf\xff\xfe \t\r\n")[:200].lower()
    if beginning.startswith((b"<!doctype", b"<html", b"<table", b"<?xml", b"<head", b"<meta")):
        raise SpreadsheetError(f"This is a web page that was saved as a spreadsheet. {_SAVE_AS}")
    if _encoding_of(start) is None:
        raise SpreadsheetError(_NOT_A_SPREADSHEET)
    return "csv"


_UPLOAD = "Upload an .xlsx or a .csv file."
_OTHER_FILES = {
    b"%PDF": "a PDF",
    b"\x89PNG": "a picture",
    b"\xff\xd8\xff": "a picture",
    b"GIF8": "a picture",
    b"RIFF": "a picture or a sound",
    b"{\\rtf": "a text document",
    b"\x1f\x8b": "a compressed file",
    b"7z\xbc\xaf": "a compressed file",
    b"Rar!": "a compressed file",
    b"SQLite format 3": "a database",
}


def _is_encrypted(path: Path) -> bool:
    """Look for the mark of a password in the directory of an OLE file, which may stand last."""
    with path.open("rb") as file:
        file.seek(max(0, path.stat().st_size - 4 * _CHUNK))
        return "EncryptedPackage".encode("utf-16-le") in file.read()


# Text files


def _csv_rows(path: Path, limits: Limits) -> Generator[Row, None, None]:
    if path.stat().st_size > limits.unpacked_bytes:
        raise SpreadsheetError(_TOO_BIG)
    with path.open(encoding=_encoding(path), errors="replace", newline="") as file:
        sample = file.read(_CHUNK)
        if not sample.endswith("\n"):
            # A record cut in two would mislead the search for the separator.
            sample = sample[: sample.rfind("\n") + 1] or sample
        file.seek(0)
        lines = _lines(file)
        told = re.match(r"sep=(.)\r?\n?$", sample.splitlines()[0] if sample else "", re.IGNORECASE)
        if told:
            next(lines)
        delimiter = told[1] if told else _delimiter(sample)
        number = 0
        try:
            for number, record in enumerate(
                csv.reader(lines, delimiter=delimiter, strict=True), start=1
            ):
                cells = _csv_cells(record, number, limits)
                if any(not cell.text.isspace() for cell in cells if cell.text):
                    yield Row(number, cells)
        except csv.Error:
            raise SpreadsheetError(
                f"Row {number + 1} or a later one has a quotation mark that does not close. "
                "Correct it, or save the list as .xlsx and upload that."
            ) from None


def _lines(file: IO[str]) -> Iterator[str]:
    longest = 1_000_000
    while line := file.readline(longest + 1):
        if len(line) > longest:
            raise SpreadsheetError(_NOT_A_SPREADSHEET)
        yield line


def _csv_cells(record: list[str], number: int, limits: Limits) -> tuple[Cell, ...]:
    while record and not record[-1]:
        record.pop()
    if len(record) > limits.columns:
        raise SpreadsheetError(_too_wide(number, limits))
    cells = []
    for text in record:
        if len(text) > limits.cell_length:
            raise SpreadsheetError(
                f"Row {number} has a cell of more than {limits.cell_length:,} characters. "
                "Look for a quotation mark that does not close."
            )
        if "\0" in text:
            text = text.replace("\0", "")
        if text.startswith('="') and text.endswith('"') and len(text) > 2:
            # Programs write ="0244…" so that Excel keeps the zero; it means the text inside.
            text = text[2:-1]
        cells.append(Cell(text, text, "text") if text else EMPTY)
    return tuple(cells)


def _too_wide(number: int, limits: Limits) -> str:
    return (
        f"Row {number} has something to the right of column {limits.columns}. "
        "Delete what does not belong to the list, or copy the list into a new sheet."
    )


def _encoding(path: Path) -> str:
    with path.open("rb") as file:
        encoding = _encoding_of(file.read(_CHUNK)) or "cp1252"
        if encoding != "utf-8":
            return encoding
        decoder = codecs.getincrementaldecoder("utf-8")()
        file.seek(0)
        try:
            while chunk := file.read(_CHUNK * 16):
                decoder.decode(chunk)
            decoder.decode(b"", final=True)
        except UnicodeDecodeError:
            return "cp1252"
    return "utf-8"


def _encoding_of(start: bytes) -> str | None:
    """Guess from the first bytes; None says that this is no text at all."""
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
    """Choose the separator that cuts the first records into equally many columns."""
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


# Excel files


class _Budget:
    """Counts the bytes that come out of an archive, and stops a bomb while it goes off."""

    def __init__(self, limits: Limits) -> None:
        self._limits = limits
        self._unpacked = 0
        self._packed = 0

    def open_part(self, packed: int) -> None:
        self._packed += packed

    def spend(self, size: int) -> None:
        self._unpacked += size
        suspicious = self._unpacked > max(10_000_000, self._limits.ratio * self._packed)
        if suspicious or self._unpacked > self._limits.unpacked_bytes:
            raise SpreadsheetError(_TOO_BIG)


class _Workbook:
    """An open .xlsx: its visible sheets, and what is needed to show a cell."""

    def __init__(self, path: Path, limits: Limits) -> None:
        self._limits = limits
        self._budget = _Budget(limits)
        self._size = path.stat().st_size
        try:
            self._archive = zipfile.ZipFile(path)
        except (zipfile.BadZipFile, OSError, ValueError, NotImplementedError):
            raise SpreadsheetError(_DAMAGED) from None
        # An archive stays open as long as any of its parts is.
        self._open = ExitStack()
        self._open.callback(self._archive.close)
        try:
            self._read_structure()
        except BaseException:
            self._open.close()
            raise

    def __enter__(self) -> _Workbook:
        return self

    def __exit__(self, *error: object) -> None:
        self._open.close()

    def rows(self, sheet: str, enough: float = math.inf) -> Generator[Row, None, None]:
        """Yield the rows that hold something; after `enough` bytes, some rows are all."""
        name = sheet or next(iter(self.sheets))
        if name not in self.sheets:
            raise SpreadsheetError("This file no longer has the sheet that was chosen.")
        strings = _SharedStrings(self, self._strings) if self._strings else None
        part = _Sheet(self, self.sheets[name], strings, self._formatters, self._limits)
        read, some = 0, False
        while part.pump():
            for row in part.take():
                some = True
                yield row
            read += _CHUNK
            if some and read >= enough:
                return
        yield from part.take()

    def open(self, name: str) -> IO[bytes]:
        info = self._parts.get(name.lower())
        if info is None:
            raise SpreadsheetError(_DAMAGED)
        if info.flag_bits & 1:
            raise SpreadsheetError(
                "This file is protected by a password. Remove it, save the file and upload again."
            )
        self._budget.open_part(min(info.compress_size, self._size))
        try:
            source = self._archive.open(info)
        except _ZIP_ERRORS:
            raise SpreadsheetError(_DAMAGED) from None
        self._open.callback(source.close)
        return source

    def spend(self, size: int) -> None:
        self._budget.spend(size)

    def _read_structure(self) -> None:
        infos = self._archive.infolist()
        if len(infos) > self._limits.parts:
            raise SpreadsheetError(_TOO_BIG)
        # Some programs write backslashes, a leading slash or another case.
        self._parts = {
            info.filename.replace("\\", "/").lstrip("/").lower(): info for info in infos
        }
        book = self._targets("", "officedocument").get("", "")
        if not book or book.lower() not in self._parts or book.lower().endswith(".bin"):
            raise SpreadsheetError(self._what_is_it())
        sheets, strings, styles = {}, "", ""
        targets = self._targets(book, "worksheet")
        visible: dict[str, bool] = {}
        self._date1904 = False
        for _, tag, attributes in self._elements(book):
            if tag == "workbookPr":
                self._date1904 = attributes.get("date1904") in ("1", "true")
            elif tag == "sheet":
                name, target = attributes.get("name", ""), targets.get(_relation(attributes))
                if target:
                    sheets[name] = target
                    visible[name] = attributes.get("state", "visible") == "visible"
        self.sheets = {name: sheets[name] for name in sheets if visible[name]} or sheets
        if not self.sheets:
            raise SpreadsheetError("This file has no sheet with cells. Check the file.")
        strings = self._targets(book, "sharedstrings").get("", "")
        styles = self._targets(book, "styles").get("", "")
        self._strings = strings if strings.lower() in self._parts else ""
        self._formatters = self._read_formatters(styles)

    def _targets(self, source: str, kind: str) -> dict[str, str]:
        """Map relation ids to the parts of a kind; the first one also stands under ""."""
        folder, _, name = source.rpartition("/")
        part = posixpath.join(folder, "_rels", f"{name}.rels")
        found: dict[str, str] = {}
        if part.lower() not in self._parts:
            return found
        for _, tag, attributes in self._elements(part):
            is_kind = attributes.get("Type", "").rpartition("/")[2].lower() == kind
            if tag == "Relationship" and is_kind and attributes.get("TargetMode") != "External":
                target = attributes.get("Target", "").replace("\\", "/")
                path = posixpath.normpath(posixpath.join("/", folder, target)).lstrip("/")
                found.setdefault("", path)
                found[attributes.get("Id", "")] = path
        return found

    def _elements(self, part: str) -> list[tuple[str, str, dict[str, str]]]:
        elements = _Elements(self, part)
        while elements.pump():
            pass
        return elements.found

    def _read_formatters(self, part: str) -> list[number_formats.Formatter]:
        codes = dict(number_formats.BUILT_IN)
        used: list[int] = []
        if part.lower() in self._parts:
            for parent, tag, attributes in self._elements(part):
                if tag == "numFmt" and parent == "numFmts":
                    codes[_integer(attributes.get("numFmtId"))] = attributes.get("formatCode", "")
                elif tag == "xf" and parent == "cellXfs":
                    used.append(_integer(attributes.get("numFmtId")))
        return [
            number_formats.formatter(codes.get(number) or "General", date1904=self._date1904)
            for number in used or [0]
        ]

    def _what_is_it(self) -> str:
        names = set(self._parts)
        if "mimetype" in names or "index/document.iwa" in names:
            return f"This is a file of LibreOffice or Numbers. Save it as .xlsx there. {_UPLOAD}"
        if "xl/workbook.bin" in names:
            return f"This is a binary Excel file (.xlsb). {_SAVE_AS}"
        if "word/document.xml" in names or "ppt/presentation.xml" in names:
            return f"This is a Word or PowerPoint document, not a spreadsheet. {_UPLOAD}"
        if any(name.endswith((".xlsx", ".csv", ".xls")) for name in names):
            return "This is a zip folder. Unpack it and upload the spreadsheet that is inside."
        if "[content_types].xml" in names:
            return _DAMAGED
        return _NOT_A_SPREADSHEET


_ZIP_ERRORS = (
    zipfile.BadZipFile, zlib.error, EOFError, OSError, NotImplementedError, RuntimeError,
    ValueError,
)  # fmt: skip


class _Part:
    """One XML part, parsed piece by piece as it is unpacked."""

    def __init__(self, workbook: _Workbook, name: str) -> None:
        self._workbook = workbook
        self._source = workbook.open(name)
        parser = expat.ParserCreate()
        parser.buffer_text = True
        parser.StartElementHandler = self._start
        parser.EndElementHandler = self._end
        parser.CharacterDataHandler = self._characters
        # Without a document type there are no entities to expand.
        parser.StartDoctypeDeclHandler = self._refuse
        self._parser = parser
        self._read = 0
        self._done = False

    def pump(self) -> bool:
        """Parse one more piece; False when the part is read."""
        try:
            chunk = self._source.read(_CHUNK)
        except _ZIP_ERRORS:
            raise SpreadsheetError(_DAMAGED) from None
        self._workbook.spend(len(chunk))
        try:
            self._parser.Parse(chunk, not chunk)
        except expat.ExpatError as error:
            if error.code == expat.errors.codes[expat.errors.XML_ERROR_NO_MEMORY]:
                raise MemoryError from None
            raise SpreadsheetError(_DAMAGED) from None
        except (LookupError, UnicodeError, ValueError):
            raise SpreadsheetError(_DAMAGED) from None
        # The parser starts again at an unfinished tag with every piece: no tag is that long.
        self._read += len(chunk)
        if self._read - self._parser.CurrentByteIndex > _LONGEST_TAG:
            raise SpreadsheetError(_DAMAGED)
        return bool(chunk) and not self._done

    def _refuse(self, *_: object) -> None:
        raise SpreadsheetError(_DAMAGED)

    def _start(self, name: str, attributes: dict[str, str]) -> None:
        pass

    def _end(self, name: str) -> None:
        pass

    def _characters(self, text: str) -> None:
        pass


class _Elements(_Part):
    """The elements of a small part, as (parent, tag, attributes)."""

    def __init__(self, workbook: _Workbook, name: str) -> None:
        super().__init__(workbook, name)
        self.found: list[tuple[str, str, dict[str, str]]] = []
        self._parents = [""]

    def _start(self, name: str, attributes: dict[str, str]) -> None:
        tag = name.rpartition(":")[2]
        self.found.append((self._parents[-1], tag, attributes))
        self._parents.append(tag)

    def _end(self, name: str) -> None:
        self._parents.pop()


class _SharedStrings(_Part):
    """The texts that cells point to, parsed only as far as they were asked for."""

    def __init__(self, workbook: _Workbook, name: str) -> None:
        super().__init__(workbook, name)
        self._texts: list[str] = []
        self._pieces: list[str] = []
        self._inside = False
        self._phonetic = False

    def get(self, index: int) -> str:
        while index >= len(self._texts):
            if not self.pump() and index >= len(self._texts):
                raise SpreadsheetError(_DAMAGED)
        return self._texts[index]

    def _start(self, name: str, attributes: dict[str, str]) -> None:
        tag = name.rpartition(":")[2]
        if tag == "t":
            self._inside = not self._phonetic
        elif tag == "rPh":
            self._phonetic = True

    def _end(self, name: str) -> None:
        tag = name.rpartition(":")[2]
        if tag == "t":
            self._inside = False
        elif tag == "rPh":
            self._phonetic = False
        elif tag == "si":
            self._texts.append(_unescape("".join(self._pieces)))
            self._pieces.clear()

    def _characters(self, text: str) -> None:
        if self._inside:
            self._pieces.append(text)


class _Sheet(_Part):
    """The rows of one sheet."""

    def __init__(
        self,
        workbook: _Workbook,
        name: str,
        strings: _SharedStrings | None,
        formatters: list[number_formats.Formatter],
        limits: Limits,
    ) -> None:
        super().__init__(workbook, name)
        self._strings = strings
        self._formatters = formatters
        self._limits = limits
        self._ready: list[Row] = []
        self._number = 0
        self._hidden = False
        self._cells: list[Cell] = []
        self._attributes: dict[str, str] = {}
        self._column = -1  # of the last cell that did not name its place
        self._named = ""  # the place of the last cell, such as B2, if it did
        self._pieces: list[str] | None = None
        self._length = 0
        self._inside = False
        self._phonetic = False
        self._formula = False

    def take(self) -> list[Row]:
        """Hand over the rows that are complete."""
        ready, self._ready = self._ready, []
        return ready

    def _start(self, name: str, attributes: dict[str, str]) -> None:
        tag = name.rpartition(":")[2] if ":" in name else name
        if tag == "c":
            # A sheet may hold a million rows of formats without content: what costs time
            # is left to the end of the cell, which knows whether anything is there.
            self._attributes = attributes
            self._pieces, self._length, self._formula = None, 0, False
            if "r" not in attributes:
                self._column = self._place() + 1
                if self._column >= _LAST_COLUMN:
                    raise SpreadsheetError(_DAMAGED)
            self._named = attributes.get("r", "")
        elif tag == "v" or tag == "t":
            self._inside = not self._phonetic
            if self._pieces is None:
                self._pieces = []
        elif tag == "f":
            self._formula = True
        elif tag == "row":
            number = _integer(attributes.get("r")) or self._number + 1
            if not self._number < number <= _LAST_ROW:
                raise SpreadsheetError(_DAMAGED)
            self._number = number
            self._hidden = attributes.get("hidden") in ("1", "true")
            self._cells, self._column, self._named = [], -1, ""
        elif tag == "rPh":
            self._phonetic = True

    def _end(self, name: str) -> None:
        tag = name.rpartition(":")[2] if ":" in name else name
        if tag == "c":
            if self._pieces or self._formula:
                self._put(self._cell())
        elif tag == "v" or tag == "t":
            self._inside = False
        elif tag == "row":
            self._end_row()
        elif tag == "rPh":
            self._phonetic = False
        elif tag == "sheetData":
            self._done = True

    def _characters(self, text: str) -> None:
        if self._inside and self._pieces is not None:
            self._pieces.append(text)
            self._length += len(text)
            if self._length > self._limits.cell_length:
                raise SpreadsheetError(
                    f"Row {self._number} has a cell of more than "
                    f"{self._limits.cell_length:,} characters. Shorten it."
                )

    def _place(self) -> int:
        return _column(self._named) if self._named else self._column

    def _put(self, cell: Cell) -> None:
        if cell.kind == "empty":
            return
        column, cells = self._place(), self._cells
        if column >= self._limits.columns:
            raise SpreadsheetError(_too_wide(self._number, self._limits))
        if column >= len(cells):
            cells.extend([EMPTY] * (column - len(cells)))
            cells.append(cell)
        else:
            cells[column] = cell

    def _end_row(self) -> None:
        if self._cells and any(
            cell.kind == "formula" or cell.text.strip() for cell in self._cells
        ):
            self._ready.append(Row(self._number, tuple(self._cells), self._hidden))
        self._cells = []

    def _cell(self) -> Cell:
        value = "".join(self._pieces) if self._pieces else ""
        kind = self._attributes.get("t", "n")
        if not value:
            # A formula that gives an empty text says so by its type.
            return Cell("", "", "formula") if self._formula and kind != "str" else EMPTY
        if kind == "s":
            if self._strings is None or not value.strip().isdecimal():
                raise SpreadsheetError(_DAMAGED)
            text = self._strings.get(int(value))
            return Cell(text, text, "text") if text else EMPTY
        if kind == "n":
            return self._numeric(value)
        if kind == "b":
            text = "TRUE" if value.strip() in ("1", "true") else "FALSE"
            return Cell(text, text, "bool")
        if kind == "e":
            return Cell(value, value, "error")
        if kind == "d":
            return Cell(value, value, "date")
        text = _unescape(value)
        return Cell(text, text, "text")

    def _numeric(self, value: str) -> Cell:
        try:
            number = float(value)
        except ValueError:
            raise SpreadsheetError(_DAMAGED) from None
        if not math.isfinite(number):
            raise SpreadsheetError(_DAMAGED)
        style = _integer(self._attributes.get("s"))
        formatter = self._formatters[style if style < len(self._formatters) else 0]
        text, kind = formatter(number)
        return Cell(text, number_formats.plain(number), kind)


@lru_cache(maxsize=4096)
def _letters(letters: str) -> int:
    """Count columns from 0: A is 0, XFD is 16383."""
    if not (letters.isascii() and letters.isalpha() and len(letters) <= 3):
        raise SpreadsheetError(_DAMAGED)
    column = 0
    for letter in letters.upper():
        column = column * 26 + ord(letter) - 64
    return column - 1


def _column(place: str) -> int:
    return _letters(place.rstrip("0123456789"))


def _integer(text: str | None) -> int:
    if not text:
        return 0
    if not (text.isascii() and text.isdecimal() and len(text) <= 9):
        raise SpreadsheetError(_DAMAGED)
    return int(text)


def _relation(attributes: dict[str, str]) -> str:
    return next((value for name, value in attributes.items() if name.endswith(":id")), "-")


_ESCAPE = re.compile("_x([0-9A-Fa-f]{4})_")


def _unescape(text: str) -> str:
    """Undo the _xHHHH_ by which Excel writes what XML may not hold."""
    if "_x" not in text:
        return text
    return _ESCAPE.sub(
        lambda match: (
            match[0] if 0xD800 <= (code := int(match[1], 16)) <= 0xDFFF or not code else chr(code)
        ),
        text,
    )
