"""Show a number as Excel does: the common format codes, and dates.

The text is what the user sees in the spreadsheet: `45982` is a date, `0.15` is 15%.
There are two deliberate differences. With the format General, a whole number keeps all its digits
instead of 2.33E+11. Excel's locale-dependent short date has the day first, as in Ghana.
"""

import re
from collections.abc import Callable
from datetime import datetime, timedelta
from decimal import ROUND_HALF_UP, Decimal
from functools import lru_cache
from typing import Literal

Shown = tuple[str, Literal["number", "date"]]
Formatter = Callable[[float], Shown]

BUILT_IN = {
    0: "General", 1: "0", 2: "0.00", 3: "#,##0", 4: "#,##0.00",
    5: "$#,##0;-$#,##0", 6: "$#,##0;-$#,##0", 7: "$#,##0.00;-$#,##0.00", 8: "$#,##0.00;-$#,##0.00",
    9: "0%", 10: "0.00%", 11: "0.00E+00", 12: "General", 13: "General",
    14: "dd/mm/yyyy", 15: "d-mmm-yy", 16: "d-mmm", 17: "mmm-yy",
    18: "h:mm AM/PM", 19: "h:mm:ss AM/PM", 20: "h:mm", 21: "h:mm:ss", 22: "dd/mm/yyyy h:mm",
    37: "#,##0;-#,##0", 38: "#,##0;-#,##0", 39: "#,##0.00;-#,##0.00", 40: "#,##0.00;-#,##0.00",
    41: "#,##0;-#,##0;-", 42: "$#,##0;-$#,##0;-", 43: "#,##0.00;-#,##0.00;-",
    44: "$#,##0.00;-$#,##0.00;-",
    45: "mm:ss", 46: "[h]:mm:ss", 47: "mm:ss.0", 48: "##0.0E+0", 49: "@",
}  # fmt: skip

_LONG_DATE, _LONG_TIME = "dddd, d mmmm yyyy", "h:mm:ss"
_TOKEN = re.compile(
    r'"(?P<quoted>[^"]*)"?|\\(?P<escaped>.)|[_*](?P<padding>.)|\[(?P<bracket>[^\]]*)\]'
    r"|(?P<general>General)|(?P<clock>AM/PM|A/P)|(?P<exponent>E[+-]0+)"
    r"|(?P<date>y+|m+|d+|h+|s+(?:\.0+)?)|(?P<digit>[0#?])|(?P<other>.)",
    re.IGNORECASE | re.DOTALL,
)
_ELAPSED = re.compile(r"(h+|m+|s+)$", re.IGNORECASE)
_MONTHS = (
    "January", "February", "March", "April", "May", "June",
    "July", "August", "September", "October", "November", "December",
)  # fmt: skip
_DAYS = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")
_LAST_SERIAL = 2_958_465  # 31 December 9999

Token = tuple[str, str]


@lru_cache(maxsize=512)
def formatter(code: str, *, date1904: bool = False) -> Formatter:
    """Return the function that shows a number with a format code.

    An unknown code shows the number as General does; it is never an error.
    """
    if code[:8].upper() == "[$-F800]":
        code = _LONG_DATE
    elif code[:8].upper() == "[$-F400]":
        code = _LONG_TIME
    sections = _sections(code[:1000])
    if any(_is_date(section) for section in sections):
        tokens = sections[0]
        return lambda number: _show_date(number, tokens, date1904)
    if len(sections) > 4 or any(_is_unknown(section) for section in sections):
        return lambda number: (general(number), "number")
    return lambda number: (_show_number(number, sections), "number")


def general(number: float) -> str:
    """Show a number as Excel's General does, but whole numbers with all digits."""
    if number == 0:
        return "0"
    size = abs(number)
    if size >= 1e15 or size < 1e-4:
        digits, _, exponent = f"{number:.5E}".partition("E")
        return f"{digits.rstrip('0').rstrip('.')}E{exponent}"
    if number == int(number):
        return str(int(number))
    places = max(0, 10 - len(str(int(size))))
    shown = format(_rounded(number, places), "f")
    return shown.rstrip("0").rstrip(".") if "." in shown else shown


def plain(number: float) -> str:
    """Write a number without format, and without exponent while a double is exact."""
    if number == int(number) and abs(number) < 1e15:
        return str(int(number))
    return repr(number)


def _rounded(number: float, places: int) -> Decimal:
    # Excel rounds the 15 decimal digits that it shows, half away from zero, not the double.
    exact = Decimal(f"{number:.15g}")
    if exact.adjusted() + places > 300:
        return exact
    return exact.quantize(Decimal(1).scaleb(-places), rounding=ROUND_HALF_UP)


def _sections(code: str) -> list[list[Token]]:
    sections: list[list[Token]] = [[]]
    for match in _TOKEN.finditer(code):
        kind = match.lastgroup or "other"
        text = match[kind]
        if kind == "other" and text == ";":
            sections.append([])
        elif kind in ("quoted", "escaped"):
            sections[-1].append(("literal", text))
        elif kind == "bracket" and text.startswith("$"):
            sections[-1].append(("literal", text[1:].partition("-")[0]))
        elif kind == "bracket" and _ELAPSED.match(text):
            sections[-1].append(("elapsed", text.lower()))
        elif kind == "bracket" and text[:1] in ("<", ">", "="):
            sections[-1].append(("condition", text))
        elif kind not in ("padding", "bracket"):
            sections[-1].append((kind, text.lower() if kind == "date" else text))
    return sections


def _is_date(section: list[Token]) -> bool:
    kinds = {kind for kind, _ in section}
    return bool(kinds & {"date", "elapsed"}) and "general" not in kinds


def _is_unknown(section: list[Token]) -> bool:
    has_digits = any(kind == "digit" for kind, _ in section)
    return any(
        kind == "condition" or (kind == "other" and (text == "[" or (text == "/" and has_digits)))
        for kind, text in section
    )


def _show_number(number: float, sections: list[list[Token]]) -> str:
    numeric = sections[:3]
    section, sign = numeric[0], "-" if number < 0 else ""
    if number < 0 and len(numeric) > 1:
        section, sign = numeric[1], ""
    elif number == 0 and len(numeric) > 2:
        section = numeric[2]
    kinds = {kind for kind, _ in section}
    texts = {text for kind, text in section if kind == "other"}
    if not section:
        return "" if len(sections) > 1 else general(number)
    if "general" in kinds or "@" in texts:
        size = general(abs(number))
        shown = "".join(
            size if kind == "general" or text == "@" else text for kind, text in section
        )
        return sign + shown
    if "digit" not in kinds:
        return sign + "".join(text for _, text in section)
    shown, is_zero = _fill(abs(number), section)
    return shown if is_zero else sign + shown


def _fill(size: float, section: list[Token]) -> tuple[str, bool]:
    """Put the digits of a number into a section. Return the text, and True if it shows zero."""
    digits = [i for i, (kind, _) in enumerate(section) if kind == "digit"]
    point = next((i for i, token in enumerate(section) if token == ("other", ".")), None)
    whole = [i for i in digits if point is None or i < point]
    exponent = next((text for kind, text in section if kind == "exponent"), None)
    places = sum(1 for i in digits if point is not None and i > point)
    commas = [i for i, token in enumerate(section) if token == ("other", ",")]
    last = whole[-1] if whole else -1
    grouped = any(whole and whole[0] < i < last for i in commas)
    scale = sum(1 for i in commas if i > last and (point is None or i < point))
    percents = sum(1 for token in section if token == ("other", "%"))

    if exponent is not None:
        mantissa, _, power = f"{size:.{places}E}".partition("E")
        integer, _, fraction = mantissa.partition(".")
        signed = f"{int(power):+0{len(exponent) - 1}d}"
        power_text = "E" + (signed if exponent[1] == "+" else signed.lstrip("+"))
        is_zero = size == 0
    else:
        value = Decimal(f"{size:.15g}").scaleb(2 * percents - 3 * scale)
        value = value.quantize(Decimal(1).scaleb(-places), rounding=ROUND_HALF_UP)
        integer, _, fraction = format(value, "f").partition(".")
        integer = integer.lstrip("0")
        power_text, is_zero = "", not value

    wanted = len(whole)
    padded = integer.rjust(wanted, "\0")
    lead = padded[: len(padded) - wanted]
    shown: list[str] = []
    position = len(padded)  # digits of the whole part that remain
    taken = 0

    def group(digit: str) -> str:
        nonlocal position
        position -= 1
        comma = "," if grouped and digit and position and position % 3 == 0 else ""
        return digit + comma

    fraction_kept = _kept_places(
        fraction, [section[i][1] for i in digits if point is not None and i > point]
    )
    fraction_at = 0
    if not whole:
        shown.append("")
    for i, (kind, text) in enumerate(section):
        if kind == "digit" and i in whole:
            if taken == 0:
                shown.extend(group(digit) for digit in lead)
            digit = padded[len(lead) + taken]
            taken += 1
            if digit == "\0":
                digit = "0" if text == "0" else ""
            shown.append(group(digit))
        elif kind == "digit":
            if fraction_at < fraction_kept:
                shown.append(fraction[fraction_at])
            fraction_at += 1
        elif kind == "exponent":
            shown.append(power_text)
        elif kind == "other" and text == ",":
            continue
        elif kind == "other" and text == "." and i == point:
            if not whole:
                shown.append(integer)
            if fraction_kept:
                shown.append(".")
        else:
            shown.append(text)
    return "".join(shown), is_zero


def _kept_places(fraction: str, places: list[str]) -> int:
    """Count the decimals to show: `0` always, `#` and `?` without trailing zeros."""
    kept = len(places)
    while kept and places[kept - 1] != "0" and fraction[kept - 1 : kept] in ("0", ""):
        kept -= 1
    return kept


def _show_date(number: float, tokens: list[Token], date1904: bool) -> Shown:
    if not 0 <= number <= _LAST_SERIAL:
        return general(number), "number"
    try:
        return _date_text(number, tokens, date1904), "date"
    except (OverflowError, ValueError):
        return general(number), "number"


def _date_text(number: float, tokens: list[Token], date1904: bool) -> str:
    finest = max(
        (len(text.partition(".")[2]) for kind, text in tokens if kind == "date"), default=0
    )
    unit = 10**finest
    ticks = int(Decimal(f"{number:.15g}") * 86_400 * unit + Decimal("0.5"))
    seconds, part = divmod(ticks, unit)
    days, second_of_day = divmod(seconds, 86_400)
    if date1904:
        epoch = datetime(1904, 1, 1)
    else:
        # Excel has a false 29 February 1900 (serial 60), so earlier days are one lower.
        epoch = datetime(1899, 12, 31) if days < 60 else datetime(1899, 12, 30)
    moment = epoch + timedelta(days=days, seconds=second_of_day)

    parts = [token for token in tokens if token[0] in ("date", "elapsed")]
    half_day = any(kind == "clock" for kind, _ in tokens)
    shown: list[str] = []
    at = 0
    for kind, text in tokens:
        if kind == "elapsed":
            total = {"h": seconds // 3600, "m": seconds // 60, "s": seconds}[text[0]]
            shown.append(str(total).zfill(len(text)))
            at += 1
        elif kind == "date":
            before = parts[at - 1][1] if at else ""
            after = parts[at + 1][1] if at + 1 < len(parts) else ""
            at += 1
            is_minute = text[0] == "m" and (before[:1] == "h" or after[:1] == "s")
            shown.append(_date_part(moment, text, is_minute, half_day, part, finest))
        elif kind == "clock":
            word = ("AM", "PM")[moment.hour >= 12]
            shown.append(word if "M" in text.upper() else word[0])
        elif kind == "digit":
            continue
        else:
            shown.append(text if text != "@" else "")
    return "".join(shown).strip()


def _date_part(
    moment: datetime, text: str, is_minute: bool, half_day: bool, part: int, finest: int
) -> str:
    letter, size = text[0], len(text)
    if letter == "y":
        return f"{moment.year % 100:02d}" if size <= 2 else f"{moment.year:04d}"
    if letter == "d":
        if size <= 2:
            return str(moment.day).zfill(size)
        day = _DAYS[moment.weekday()]
        return day[:3] if size == 3 else day
    if letter == "h":
        hour = (moment.hour % 12 or 12) if half_day else moment.hour
        return str(hour).zfill(min(size, 2))
    if letter == "s":
        whole, _, fraction = text.partition(".")
        tail = f".{part:0{finest}d}"[: len(fraction) + 1] if fraction else ""
        return str(moment.second).zfill(min(len(whole), 2)) + tail
    if is_minute:
        return str(moment.minute).zfill(min(size, 2))
    if size <= 2:
        return str(moment.month).zfill(size)
    month = _MONTHS[moment.month - 1]
    return {3: month[:3], 5: month[0]}.get(size, month)
