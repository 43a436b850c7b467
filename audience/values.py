"""What a cell becomes: a phone number, or a value that WhatsApp accepts, or the problem with it.

A value is repaired where that is safe, and every repair is reported.
"""

import re
from typing import NamedTuple

from core import phones
from core.sentences import Sentence, gettext_noop
from spreadsheets.cells import Cell

NO_RESULT = gettext_noop(
    "This cell holds a formula without its result. Open the file in Excel and save it."
)
NO_PHONE = gettext_noop("This cell holds no phone number. Format the column as Text.")

FORMULA = gettext_noop(
    "{placeholder} is a formula without its result. Open the file in Excel and save it."
)
EXCEL_ERROR = gettext_noop("{placeholder} is an Excel error ({error}). Fix the cell.")
UNFILLED = gettext_noop("{placeholder} contains {{{{, like an unfilled placeholder. Fix the cell.")
EMPTY_CELL = gettext_noop("{placeholder} is empty. Fill the cell, or set a fallback.")
EMPTY_FIELD = gettext_noop(
    "{placeholder} is empty. Add it to the contact in ChumiAI, or set a fallback."
)
REMOVED_CONTROL = gettext_noop("Removed control characters from {placeholder}.")
REPLACED_BREAKS = gettext_noop("Replaced line breaks or tabs in {placeholder} with spaces.")
SHORTENED_GAPS = gettext_noop("Shortened long gaps in {placeholder} to one space.")
USED_FALLBACK = gettext_noop("{placeholder} is empty: “{fallback}” is used.")
LEFTOVER = gettext_noop("{placeholder} is “{value}”. Check that this is meant.")
UNREADABLE = gettext_noop(
    "{placeholder} has a character that could not be read. Save the file as .xlsx."
)


def phone_of(cell: Cell, region: str) -> phones.Phone | phones.PhoneProblem:
    """Read the phone number in a cell."""
    if cell.kind in ("text", "empty"):
        return phones.parse(cell.text, region=region)
    if cell.kind != "number":
        return phones.PhoneProblem(NO_RESULT if cell.kind == "formula" else NO_PHONE)
    # A format may show a leading zero or a plus; other formats may hide digits.
    shown = re.sub(r"[\s().,\u00a0-]", "", cell.text)
    is_whole = shown.lstrip("+0") == cell.raw and shown.isascii()
    return phones.parse(shown if is_whole else cell.raw, region=region, number=True)


class Value(NamedTuple):
    """A value for a placeholder, with sentences on what was repaired and what looks doubtful."""

    text: str
    repairs: tuple[str, ...] = ()
    warnings: tuple[str, ...] = ()


class BadValue(NamedTuple):
    """Why a cell can't fill a placeholder: one instruction."""

    problem: str


_EXCEL_ERROR = re.compile(r"#(N/A|REF!|VALUE!|DIV/0!|NAME\?|NULL!|NUM!|SPILL!|CALC!|FIELD!)$")
_LEFTOVERS = {"nan", "none", "null", "undefined", "n/a", "na", "nil", "0", "-", "nat", "#"}
# What XML can't hold or a person can't see; a joiner stays, as it makes one emoji of several.
_CONTROL = re.compile(r"[\x00-\x08\x0e-\x1f\x7f-\x84\x86-\x9f\ufeff\ufffe\uffff\ud800-\udfff]")
_BREAK = re.compile(r"[ \u00a0]*[\t\n\x0b\x0c\r\x85\u2028\u2029][\s\u00a0]*")
_SPACES = re.compile(r"[ \u00a0]{5,}")
_INVISIBLE = re.compile(r"[\s\u00a0\u00ad\u180e\u200b-\u200f\u202a-\u202e\u2060-\u2069]*")
_NEEDS_CARE = re.compile(r"[^ -~\u00a1-\u1fff\u2070-\ud7ff\ue000-\ufefe]|\{\{| {5}|[\u00ad\u180e]")


def value_of(
    cell: Cell, placeholder: str, fallback: str, if_empty: str = EMPTY_CELL
) -> Value | BadValue:
    """Make a cell into a value that WhatsApp accepts, or return why it can't be one.

    WhatsApp refuses an empty value, line breaks, tabs, and more than four spaces in a row.
    `placeholder` is how people see it, `{{1}}`; `if_empty` is the problem of an empty cell.
    """

    def say(message: str, **others: str) -> Sentence:
        return Sentence(message, {"placeholder": placeholder, **others})

    text = cell.text.strip()
    repairs: list[str] = []
    if cell.kind == "formula":
        return BadValue(say(FORMULA))
    if cell.kind == "error" or (text.startswith("#") and _EXCEL_ERROR.match(text)):
        return BadValue(say(EXCEL_ERROR, error=text[:20]))
    if _NEEDS_CARE.search(text):
        if _CONTROL.search(text):
            text = _CONTROL.sub("", text)
            repairs.append(say(REMOVED_CONTROL))
        if _BREAK.search(text):
            text = _BREAK.sub(" ", text)
            repairs.append(say(REPLACED_BREAKS))
        if _SPACES.search(text):
            text = _SPACES.sub(" ", text)
            repairs.append(say(SHORTENED_GAPS))
        text = text.strip()
        if "{{" in text:
            return BadValue(say(UNFILLED))
    if not text or _INVISIBLE.fullmatch(text):
        if not fallback.strip():
            return BadValue(say(if_empty))
        kept = value_of(Cell(fallback, fallback, "text"), placeholder, "")
        if isinstance(kept, BadValue):
            return kept
        return Value(kept.text, (), (say(USED_FALLBACK, fallback=kept.text),))
    warnings: tuple[str, ...] = ()
    if text.casefold() in _LEFTOVERS:
        warnings = (say(LEFTOVER, value=text),)
    elif "\ufffd" in text:
        warnings = (say(UNREADABLE),)
    return Value(text, tuple(repairs), warnings)
