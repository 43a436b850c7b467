"""Read a list of phone numbers, pasted or from a text or CSV file.

Problems are sentences; `core.formats.sentence` translates them.
"""

import csv
import io
import re
from dataclasses import dataclass, field

from core import phones
from core.sentences import Sentence, gettext_noop

MOST_NUMBERS = 50_000
MOST_BYTES = 5 * 1024 * 1024
WORKBOOK = gettext_noop(
    "This is an Excel workbook. Save it as CSV in Excel, or copy the column of numbers and paste "
    "it here."
)
NOT_TEXT = gettext_noop(
    "This is not a text or CSV file. Save the list as CSV, or paste the numbers here."
)
WHICH_COLUMN = gettext_noop(
    "The file has several columns, and none is named “Phone”. Name the number column “Phone” in "
    "the first line, or keep only that column."
)
TOO_MANY = gettext_noop(
    "The list has more than {count} numbers. Split it, and import one list after the other."
)
NOTHING = gettext_noop("There is no phone number in this list.")
# Names of a number column, without spaces and signs.
HEADING = re.compile(r"(?=..)(tele|cell|mobile|whatsapp)?(phone)?(number)?s?|tel|msisdn")
DELIMITERS = ",;\t|"


class NotAList(ValueError):
    """The text is not a list of numbers; `message` says what to do."""

    def __init__(self, message: str) -> None:
        super().__init__(message)
        self.message = message


@dataclass(frozen=True, slots=True)
class Unreadable:
    """A text that is not a number, with its line and the problem."""

    line: int
    text: str = field(repr=False)
    problem: str


@dataclass(frozen=True, slots=True)
class NumberList:
    """The numbers (E.164) of a list, each once and in order, and its unreadable texts."""

    numbers: tuple[str, ...] = field(repr=False)
    unreadable: tuple[Unreadable, ...]


def read_text(text: str, *, region: str) -> NumberList:
    """Return the numbers of a pasted text: one on each line, or separated by commas."""
    cells: list[tuple[int, str | None]] = [
        (number, cell.strip())
        for number, line in enumerate(text.splitlines(), start=1)
        for cell in re.split(f"[{DELIMITERS}]", line)
    ]
    return _read(cells, region)


def read_file(content: bytes, *, region: str) -> NumberList:
    """Return the numbers of a text or CSV file, from its only column or those named Phone.

    Raise `NotAList`.
    """
    if content.startswith((b"PK\x03\x04", b"\xd0\xcf\x11\xe0")):
        raise NotAList(WORKBOOK)
    text = _decode(content)
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=_delimiter(text))
    try:
        rows = [(reader.line_num, [cell.strip() for cell in row]) for row in reader]
    except csv.Error:
        raise NotAList(NOT_TEXT) from None
    rows = [(line, row) for line, row in rows if any(row)]
    columns = [0]
    if rows and (named := [n for n, cell in enumerate(rows[0][1]) if _is_heading(cell)]):
        columns, rows = named, rows[1:]
    elif any(sum(map(bool, row)) > 1 or not row[0] for _, row in rows):
        raise NotAList(WHICH_COLUMN)
    cells: list[tuple[int, str | None]] = []
    for line, row in rows:
        found = [row[n] for n in columns if n < len(row) and row[n]]
        cells += [(line, cell) for cell in found]
        if not found:
            cells.append((line, None))
    return _read(cells, region)


def _decode(content: bytes) -> str:
    if content.startswith((b"\xff\xfe", b"\xfe\xff")):
        encodings = ["utf-16"]
    else:
        encodings = ["utf-8-sig", "cp1252"]
    for encoding in encodings:
        try:
            text = content.decode(encoding)
        except UnicodeDecodeError:
            continue
        if "\0" not in text:
            return text
    raise NotAList(NOT_TEXT)


def _delimiter(text: str) -> str:
    first = next((line for line in text.splitlines() if line.strip()), "")
    return max(DELIMITERS, key=first.count)


def _is_heading(cell: str) -> bool:
    return HEADING.fullmatch(re.sub(r"[\W_]", "", cell).lower()) is not None


def _read(cells: list[tuple[int, str | None]], region: str) -> NumberList:
    """Return the numbers of (line, cell) pairs; None is a line without a number."""
    cells = [(line, cell) for line, cell in cells if cell != ""]
    if cells and cells[0][1] is not None and _is_heading(cells[0][1]):
        cells = cells[1:]
    if not cells:
        raise NotAList(NOTHING)
    if len(cells) > MOST_NUMBERS:
        raise NotAList(Sentence(TOO_MANY, {"count": MOST_NUMBERS}))
    numbers: dict[str, None] = {}
    unreadable = []
    for line, cell in cells:
        found = phones.parse(cell or "", region=region)
        if isinstance(found, phones.Phone):
            numbers[found.e164] = None
        else:
            unreadable.append(Unreadable(line, (cell or "")[:80], found.problem))
    return NumberList(tuple(numbers), tuple(unreadable))
