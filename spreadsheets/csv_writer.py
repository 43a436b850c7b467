"""Write CSV that opens safely in Excel: no cell is a formula, and long numbers keep all digits."""

import csv
import io
import re
import unicodedata
from collections.abc import Iterable, Iterator, Sequence


def safe_csv(rows: Iterable[Sequence[str]]) -> Iterator[str]:
    """Yield the lines of a UTF-8 CSV that starts with a byte order mark.

    A leading apostrophe tells Excel "this is text".
    """
    yield "\ufeff"
    line = io.StringIO()
    writer = csv.writer(line)
    for row in rows:
        writer.writerow([safe_cell(text) for text in row])
        yield line.getvalue()
        line.seek(0)
        line.truncate()


def safe_cell(text: str) -> str:
    """Return the text so that no program runs it as a formula or rounds its digits."""
    text = text.replace("\0", "")
    shown = _without_invisible_ends(text)
    # In some languages a sign in its wide, small or raised form starts a formula, too.
    first = unicodedata.normalize("NFKC", shown[:1])[:1]
    if text[:1] in _CONTROLS or first in _FORMULA_STARTS or _CHANGED_BY_EXCEL.fullmatch(shown):
        return "'" + text
    return text


def _without_invisible_ends(text: str) -> str:
    """Return what is left once a program drops the characters that show nothing."""
    first, last = 0, len(text)
    while first < last and _is_invisible(text[first]):
        first += 1
    while first < last and _is_invisible(text[last - 1]):
        last -= 1
    return text[first:last]


def _is_invisible(sign: str) -> bool:
    """Return True for controls, marks, joiners, spaces and blank letters."""
    return unicodedata.category(sign)[0] in "CMZ" or sign in _BLANK_LETTERS


# The last one is the true minus sign, by which some languages write numbers.
_FORMULA_STARTS = frozenset("=+-@\u2212")
_CONTROLS = frozenset("\t\r\n")
# Of Hangul and of Braille.
_BLANK_LETTERS = frozenset("\u115f\u1160\u3164\uffa0\u2800")
_CHANGED_BY_EXCEL = re.compile(r"0\d+|\d{12,}|\d+[eE]\d+")
