"""Write CSV that opens safely in Excel: no cell is a formula, and long numbers keep all digits."""

import csv
import io
import re
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
    """Return the text so that Excel neither runs it as a formula nor rounds its digits."""
    text = text.replace("\0", "")
    if text[:1] in ("\t", "\r", "\n") or text.lstrip()[:1] in _FORMULA_STARTS:
        return "'" + text
    return "'" + text if _CHANGED_BY_EXCEL.match(text) else text


# In some locales the full-width signs start a formula, too.
_FORMULA_STARTS = tuple("=+-@＝＋－＠")
_CHANGED_BY_EXCEL = re.compile(r"\s*(0\d+|\d{12,}|\d+[eE]\d+)\s*$")
