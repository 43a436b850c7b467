"""Read the sheets of an .xlsx: its structure, its number formats, and its rows of cells."""

from __future__ import annotations

import math
import posixpath
from collections.abc import Generator
from functools import lru_cache
from pathlib import Path

from core.sentences import Sentence, gettext_noop, ngettext_noop
from spreadsheets import number_formats
from spreadsheets.cells import (
    CHUNK,
    DAMAGED,
    EMPTY,
    NOT_A_SPREADSHEET,
    Cell,
    Limits,
    Row,
    SpreadsheetError,
    too_wide,
)
from spreadsheets.xlsx_parts import Archive, Elements, Part, SharedStrings, integer, unescape

_LAST_ROW, _LAST_COLUMN = 1_048_576, 16_384

_NO_SUCH_SHEET = gettext_noop("This file no longer has the sheet that was chosen.")
_NO_SHEETS = gettext_noop("This file has no sheet with cells. Check the file.")
_OTHER_OFFICE = gettext_noop(
    "This is a file of LibreOffice or Numbers. Save it as .xlsx there. "
    "Upload an .xlsx or a .csv file."
)
_BINARY_EXCEL = gettext_noop(
    "This is a binary Excel file (.xlsb). Open it in Excel, save it as .xlsx and upload it again."
)
_WORD = gettext_noop(
    "This is a Word or PowerPoint document, not a spreadsheet. Upload an .xlsx or a .csv file."
)
_ZIP = gettext_noop("This is a zip folder. Unpack it and upload the spreadsheet that is inside.")
_CELL_TOO_LONG = ngettext_noop(
    "Row {row} has a cell of more than {count} character. Shorten it.",
    "Row {row} has a cell of more than {count} characters. Shorten it.",
)


class Workbook:
    """An open .xlsx: its visible sheets, and the formats that show a cell."""

    sheets: dict[str, str]

    def __init__(self, path: Path, limits: Limits) -> None:
        self._limits = limits
        self._archive = Archive(path, limits)
        try:
            self._read_structure()
        except BaseException:
            self._archive.close()
            raise

    def __enter__(self) -> Workbook:
        return self

    def __exit__(self, *error: object) -> None:
        self._archive.close()

    def rows(self, sheet: str, enough: float = math.inf) -> Generator[Row, None, None]:
        """Yield the rows that are not blank; stop after `enough` bytes if there was one."""
        name = sheet or next(iter(self.sheets))
        if name not in self.sheets:
            raise SpreadsheetError(_NO_SUCH_SHEET)
        strings = SharedStrings(self._archive, self._strings) if self._strings else None
        part = _Sheet(self._archive, self.sheets[name], strings, self._formatters, self._limits)
        read, some = 0, False
        while part.pump():
            for row in part.take():
                some = True
                yield row
            read += CHUNK
            if some and read >= enough:
                return
        yield from part.take()

    def _read_structure(self) -> None:
        book = self._targets("", "officedocument").get("", "")
        if not book or book not in self._archive or book.lower().endswith(".bin"):
            raise SpreadsheetError(self._what_is_it())
        sheets: dict[str, str] = {}
        visible: dict[str, bool] = {}
        targets = self._targets(book, "worksheet")
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
            raise SpreadsheetError(_NO_SHEETS)
        strings = self._targets(book, "sharedstrings").get("", "")
        styles = self._targets(book, "styles").get("", "")
        self._strings = strings if strings in self._archive else ""
        self._formatters = self._read_formatters(styles)

    def _targets(self, source: str, kind: str) -> dict[str, str]:
        """Map relation ids to the parts of a kind; the first one also under ""."""
        folder, _, name = source.rpartition("/")
        part = posixpath.join(folder, "_rels", f"{name}.rels")
        found: dict[str, str] = {}
        if part not in self._archive:
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
        elements = Elements(self._archive, part)
        while elements.pump():
            pass
        return elements.found

    def _read_formatters(self, part: str) -> list[number_formats.Formatter]:
        codes = dict(number_formats.BUILT_IN)
        used: list[int] = []
        if part in self._archive:
            for parent, tag, attributes in self._elements(part):
                if tag == "numFmt" and parent == "numFmts":
                    codes[integer(attributes.get("numFmtId"))] = attributes.get("formatCode", "")
                elif tag == "xf" and parent == "cellXfs":
                    used.append(integer(attributes.get("numFmtId")))
        return [
            number_formats.formatter(codes.get(number) or "General", date1904=self._date1904)
            for number in used or [0]
        ]

    def _what_is_it(self) -> str:
        names = self._archive.names
        if "mimetype" in names or "index/document.iwa" in names:
            return _OTHER_OFFICE
        if "xl/workbook.bin" in names:
            return _BINARY_EXCEL
        if "word/document.xml" in names or "ppt/presentation.xml" in names:
            return _WORD
        if any(name.endswith((".xlsx", ".csv", ".xls")) for name in names):
            return _ZIP
        if "[content_types].xml" in names:
            return DAMAGED
        return NOT_A_SPREADSHEET


class _Sheet(Part):
    """The rows of one sheet, and the state of the row and cell that are being parsed."""

    def __init__(
        self,
        archive: Archive,
        name: str,
        strings: SharedStrings | None,
        formatters: list[number_formats.Formatter],
        limits: Limits,
    ) -> None:
        super().__init__(archive, name)
        self._strings = strings
        self._formatters = formatters
        self._limits = limits
        self._ready: list[Row] = []
        self._number = 0
        self._hidden = False
        self._cells: list[Cell] = []
        self._attributes: dict[str, str] = {}
        self._column = -1  # of the last cell without a reference
        self._reference = ""  # the reference of the last cell, such as B2, or ''
        self._pieces: list[str] | None = None
        self._length = 0
        self._inside = False
        self._phonetic = False
        self._formula = False

    def take(self) -> list[Row]:
        """Return the complete rows, each once."""
        ready, self._ready = self._ready, []
        return ready

    def _start(self, name: str, attributes: dict[str, str]) -> None:
        tag = name.rpartition(":")[2] if ":" in name else name
        if tag == "c":
            # A sheet may hold a million cells with a format and no content, so the expensive work
            # waits for the end of the cell, where the content is known.
            self._attributes = attributes
            self._pieces, self._length, self._formula = None, 0, False
            if "r" not in attributes:
                self._column = self._place() + 1
                if self._column >= _LAST_COLUMN:
                    raise SpreadsheetError(DAMAGED)
            self._reference = attributes.get("r", "")
        elif tag == "v" or tag == "t":
            self._inside = not self._phonetic
            if self._pieces is None:
                self._pieces = []
        elif tag == "f":
            self._formula = True
        elif tag == "row":
            number = integer(attributes.get("r")) or self._number + 1
            if not self._number < number <= _LAST_ROW:
                raise SpreadsheetError(DAMAGED)
            self._number = number
            self._hidden = attributes.get("hidden") in ("1", "true")
            self._cells, self._column, self._reference = [], -1, ""
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
                    Sentence(
                        _CELL_TOO_LONG,
                        {"row": str(self._number), "count": self._limits.cell_length},
                    )
                )

    def _place(self) -> int:
        return _column(self._reference) if self._reference else self._column

    def _put(self, cell: Cell) -> None:
        if cell.kind == "empty":
            return
        column, cells = self._place(), self._cells
        if column >= self._limits.columns:
            raise too_wide(self._number, self._limits)
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
            # The type of a formula whose result is an empty text is "str".
            return Cell("", "", "formula") if self._formula and kind != "str" else EMPTY
        if kind == "s":
            if self._strings is None or not value.strip().isdecimal():
                raise SpreadsheetError(DAMAGED)
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
        text = unescape(value)
        return Cell(text, text, "text")

    def _numeric(self, value: str) -> Cell:
        try:
            number = float(value)
        except ValueError:
            raise SpreadsheetError(DAMAGED) from None
        if not math.isfinite(number):
            raise SpreadsheetError(DAMAGED)
        style = integer(self._attributes.get("s"))
        formatter = self._formatters[style if style < len(self._formatters) else 0]
        text, kind = formatter(number)
        return Cell(text, number_formats.plain(number), kind)


@lru_cache(maxsize=4096)
def _letters(letters: str) -> int:
    """Count columns from 0: A is 0, XFD is 16383."""
    if not (letters.isascii() and letters.isalpha() and len(letters) <= 3):
        raise SpreadsheetError(DAMAGED)
    column = 0
    for letter in letters.upper():
        column = column * 26 + ord(letter) - 64
    return column - 1


def _column(reference: str) -> int:
    return _letters(reference.rstrip("0123456789"))


def _relation(attributes: dict[str, str]) -> str:
    return next((value for name, value in attributes.items() if name.endswith(":id")), "-")
