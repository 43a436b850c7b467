"""What a spreadsheet is made of: cells and rows, limits, and the errors of a file."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal, NamedTuple

from core.sentences import Sentence, gettext_noop

Kind = Literal["text", "number", "date", "bool", "error", "formula", "empty"]


class SpreadsheetError(Exception):
    """A file that can't be used; `sentence` says why and what to do."""

    def __init__(self, sentence: str) -> None:
        super().__init__(sentence)
        self.sentence = sentence


class Cell(NamedTuple):
    """One cell: `text` as Excel shows it, `raw` without format.

    The kind `formula` means that the file does not hold the result: the text is empty.
    """

    text: str
    raw: str
    kind: Kind

    def __repr__(self) -> str:
        return f"<{self.kind} cell>"


class Row(NamedTuple):
    """One row that is not blank, with the number that the user's program shows for it."""

    number: int
    cells: tuple[Cell, ...]
    hidden: bool = False

    def __repr__(self) -> str:
        return f"<row {self.number}>"


@dataclass(frozen=True, slots=True)
class Limits:
    """What a file may cost: rows that are not blank, and sizes in characters and bytes.

    `ratio` is unpacked to packed bytes; `parts` are files in the archive of an .xlsx.
    """

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
# Bytes or characters per read.
CHUNK = 65_536

DAMAGED = gettext_noop(
    "This file is damaged or incomplete. Open it in Excel, save it as .xlsx and upload it again."
)
NOT_A_SPREADSHEET = gettext_noop("This is not a spreadsheet. Upload an .xlsx or a .csv file.")
PROTECTED = gettext_noop(
    "This file is protected by a password. "
    "Remove the password in Excel, save the file and upload it again."
)
TOO_BIG = gettext_noop(
    "This file unpacks to far more than a list of people needs. "
    "Copy only the list into a new sheet, save it as .xlsx and upload that."
)
TOO_WIDE = gettext_noop(
    "Row {row} has a cell to the right of column {column}. "
    "Delete what does not belong to the list, or copy the list into a new sheet."
)


def too_wide(number: int, limits: Limits) -> SpreadsheetError:
    """Return the error of a row with more columns than allowed."""
    params: dict[str, str | int] = {"row": str(number), "column": str(limits.columns)}
    return SpreadsheetError(Sentence(TOO_WIDE, params))
