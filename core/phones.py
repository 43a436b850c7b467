"""Phone numbers: what people and spreadsheets write, as E.164 with `+`, or a plain reason why not.

A number is repaired only where the repair is provable, and every repair is told.
libphonenumber is imported on first use: a process that reads no numbers doesn't pay for it.
"""

import re
import unicodedata
from dataclasses import dataclass, field
from functools import lru_cache

MISSING = "The phone number is missing."
SHORTENED = "Excel shortened this number. Format the column as Text and export again."
ROUNDED = (
    "This number ends in six zeros, so Excel probably rounded it. "
    "Format the column as Text and type the number again."
)
TWO_NUMBERS = "There are two numbers in this cell. Keep one."
NOT_A_PHONE = "This is not a phone number."
TOO_SHORT = "This number is too short. Look for missing digits."
TOO_LONG = "This number is too long. Look for extra digits."
UNKNOWN_COUNTRY = "No country uses this number. Write it with + and the country code."
UNUSED = "No network uses this number. Check the digits."

REMOVED_POINT_ZERO = "Removed a trailing .0 from the phone number."
RESTORED_ZERO = "Restored the leading zero that Excel removed from the phone number."
REMOVED_TRUNK_ZERO = "Removed the 0 after the country code."

LANDLINE = "This looks like a landline, which may not be on WhatsApp."
NOT_A_MOBILE = "This looks like a service number, which may not be on WhatsApp."
OTHER_COUNTRY = "Written without +, read as a number of another country."
MANY_ZEROS = "This number ends in six zeros. Check that Excel has not rounded it."


@dataclass(frozen=True, slots=True)
class Phone:
    """A valid number, with what was repaired and what looks doubtful, as sentences."""

    e164: str = field(repr=False)
    repairs: tuple[str, ...] = ()
    warnings: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class PhoneProblem:
    """Why a text is no usable number: one plain instruction."""

    problem: str


def parse(text: str, *, region: str = "GH", number: bool = False) -> Phone | PhoneProblem:
    """Read one number; `number` says that it stood in a numeric cell, given as plain decimals."""
    text = _plain(text)
    if not text:
        return PhoneProblem(MISSING)
    if _SCIENTIFIC.match(text):
        return PhoneProblem(SHORTENED)
    repairs: list[str] = []
    if (match := _POINT_ZERO.match(text)) is not None:
        text = match[1]
        repairs.append(REMOVED_POINT_ZERO)
    if any(letter.isalpha() for letter in text) or _DECIMAL.match(text):
        return PhoneProblem(TWO_NUMBERS if _OR.search(text) else NOT_A_PHONE)
    if number and not text.lstrip("+").isdecimal():
        return PhoneProblem(NOT_A_PHONE)
    if _SEVERAL.search(text) and not _THOUSANDS.match(text):
        return PhoneProblem(TWO_NUMBERS)

    digits = _NOT_DIGITS.sub("", text)
    international = text.lstrip("(").startswith("+")
    if not international and digits.startswith("00"):
        digits, international = digits[2:], True
    if not digits:
        return PhoneProblem(NOT_A_PHONE)
    rounded = not international and len(digits) >= 12 and digits.endswith("000000")
    if rounded and number:
        return PhoneProblem(ROUNDED)

    found = _recognise(digits, region, international, number)
    if isinstance(found, PhoneProblem):
        return found
    warnings = (*found.warnings, MANY_ZEROS) if rounded else found.warnings
    if not repairs and warnings is found.warnings:
        return found
    return Phone(found.e164, (*repairs, *found.repairs), warnings)


def wire(phone: str) -> str:
    """Write an E.164 number as ChumiAI wants it: digits only."""
    return phone.removeprefix("+")


def country_prefix(region: str) -> str:
    """Return how the numbers of a region begin: `+233`."""
    import phonenumbers

    return f"+{phonenumbers.country_code_for_region(region)}"


def beginnings(text: str, region: str) -> tuple[str, ...]:
    """Return how E.164 numbers begin whose first digits somebody typed, in either way to write."""
    local = re.sub(r"\D", "", text).lstrip("0")
    if not local:
        return ()
    if text.lstrip().startswith("+"):
        return (f"+{local}",)
    return (f"+{local}", f"{country_prefix(region)}{local}")


def display(phone: str) -> str:
    """Write an E.164 number for people: `+233 24 412 3456`."""
    import phonenumbers

    try:
        parsed = phonenumbers.parse(phone)
    except phonenumbers.NumberParseException:
        return phone
    return phonenumbers.format_number(parsed, phonenumbers.PhoneNumberFormat.INTERNATIONAL)


def mask(phone: str) -> str:
    """Write an E.164 number so that nobody can call it: `+233 24 *** 3456`."""
    import phonenumbers

    try:
        parsed = phonenumbers.parse(phone)
    except phonenumbers.NumberParseException:
        return "***"
    national = phonenumbers.national_significant_number(parsed)
    if len(national) < 9:
        return f"+{parsed.country_code} *** {national[-2:]}"
    return f"+{parsed.country_code} {national[:2]} *** {national[-4:]}"


_SCIENTIFIC = re.compile(r"[+-]?\d+([.,]\d+)?E[+-]?\d+$", re.IGNORECASE)
_POINT_ZERO = re.compile(r"(\+?\d{7,})\.0+$")
# One point with digits on both sides is a quantity, unless a 0 or + says that it is a phone.
_DECIMAL = re.compile(r"[1-9]\d*\.\d+$")
_OR = re.compile(r"\d\s*(or|and)\s*\+?\d", re.IGNORECASE)
_SEVERAL = re.compile(r"\d[^\d]*[/,;|&\n\r][^\d]*\d|\d[^\d]*\+")
_THOUSANDS = re.compile(r"\d{1,3}(,\d{3})+$")
_NOT_DIGITS = re.compile(r"\D")
# Facebook writes `p:` before the phones of its lead forms.
_SCHEME = re.compile(r"(tel|whatsapp|phone|mobile|p)\s*:\s*", re.IGNORECASE)


def _plain(text: str) -> str:
    """Bring any alphabet's digits to ASCII and drop what can't be seen."""
    if not text.isascii():
        folded = unicodedata.normalize("NFKC", text)
        text = "".join(
            str(unicodedata.decimal(letter)) if letter.isdecimal() else letter
            for letter in folded
            if unicodedata.category(letter) != "Cf"
        )
    text = text.strip().lstrip("'`\u2018\u2019").strip()
    return _SCHEME.sub("", text, count=1) if text[:1].isalpha() else text


def _recognise(
    digits: str, region: str, international: bool, number: bool
) -> Phone | PhoneProblem:
    """Find the one number that these digits can mean in this region."""
    quick = _quick(region)
    if quick is not None and (match := quick.pattern.fullmatch(digits)) is not None:
        code, zero, national = match["code"], match["zero"], match["national"]
        if code is not None or not international:
            repairs: tuple[str, ...] = ()
            if code is not None and zero:
                repairs = (REMOVED_TRUNK_ZERO,)
            elif code is None and not zero:
                repairs = (RESTORED_ZERO if number else quick.added,)
            return Phone(f"+{quick.code}{national}", repairs)
    return _ask_library(digits, region, international, number)


@dataclass(frozen=True, slots=True)
class _Quick:
    """What is surely a mobile number of a region, as one pattern."""

    code: str
    pattern: re.Pattern[str]
    added: str


@lru_cache
def _quick(region: str) -> _Quick | None:
    """Build the pattern from the library's own metadata; it only accepts, doubt is the library's.

    Only for regions with a country code of their own and a plain trunk 0; a library call
    takes some 30 µs, which is most of the time of a check.
    """
    import phonenumbers

    meta = phonenumbers.PhoneMetadata.metadata_for_region(region)
    code = phonenumbers.country_code_for_region(region)
    if meta is None or meta.national_prefix_for_parsing != "0" or meta.leading_zero_possible:
        return None
    if len(phonenumbers.region_codes_for_country_code(code)) != 1:
        return None
    mobile = meta.mobile.national_number_pattern if meta.mobile else None
    general = meta.general_desc.national_number_pattern if meta.general_desc else None
    others = [
        kind.national_number_pattern
        for kind in (meta.fixed_line, meta.premium_rate, meta.toll_free, meta.shared_cost)
        + (meta.voip, meta.personal_number, meta.pager, meta.uan, meta.voicemail)
        if kind is not None and kind.national_number_pattern
    ]
    if not mobile or not general:
        return None
    none_of = "".join(f"(?!(?:{other})$)" for other in others)
    # Where the country code may also begin a national number, the library decides.
    pattern = re.compile(
        rf"(?P<code>(?!(?:{general})$){code})?(?P<zero>0)?"
        rf"(?P<national>(?!0|{code})(?=(?:{general})$){none_of}(?:{mobile}))"
    )
    return _Quick(str(code), pattern, f"Added the country code {code}.")


def _ask_library(
    digits: str, region: str, international: bool, number: bool
) -> Phone | PhoneProblem:
    import phonenumbers
    from phonenumbers import PhoneNumberType, ValidationResult

    own_code = phonenumbers.country_code_for_region(region)
    readings = ["+" + digits] if international else [digits]
    if not international and 11 <= len(digits) <= 15:
        readings.append("+" + digits)
    reason = None
    for reading in readings:
        try:
            parsed = phonenumbers.parse(reading, None if reading[0] == "+" else region)
        except phonenumbers.NumberParseException as error:
            if error.error_type == phonenumbers.NumberParseException.INVALID_COUNTRY_CODE:
                reason = reason or ValidationResult.INVALID_COUNTRY_CODE
            continue
        if not phonenumbers.is_valid_number(parsed):
            reason = reason or phonenumbers.is_possible_number_with_reason(parsed)
            continue

        code = str(parsed.country_code)
        national = phonenumbers.national_significant_number(parsed)
        repairs: tuple[str, ...] = ()
        warnings: tuple[str, ...] = ()
        if parsed.country_code != own_code and not international:
            warnings += (OTHER_COUNTRY,)
        if digits == national and not international:
            # Where people dial no trunk 0, a bare national number is how it is written.
            if phonenumbers.ndd_prefix_for_region(region, True) == "0":
                repairs += (RESTORED_ZERO if number else f"Added the country code {code}.",)
        elif digits.startswith(code) and digits != code + national:
            repairs += (REMOVED_TRUNK_ZERO,)
        kind = phonenumbers.number_type(parsed)
        if kind == PhoneNumberType.FIXED_LINE:
            warnings += (LANDLINE,)
        elif kind not in (PhoneNumberType.MOBILE, PhoneNumberType.FIXED_LINE_OR_MOBILE):
            warnings += (NOT_A_MOBILE,)
        return Phone(f"+{code}{national}", repairs, warnings)

    if reason == ValidationResult.TOO_SHORT or len(digits) < 7:
        return PhoneProblem(TOO_SHORT)
    if len(digits) > 15 or (reason == ValidationResult.TOO_LONG and len(digits) <= 12):
        return PhoneProblem(TOO_LONG)
    if reason == ValidationResult.INVALID_COUNTRY_CODE or len(digits) >= 11:
        return PhoneProblem(UNKNOWN_COUNTRY)
    return PhoneProblem(UNUSED)
