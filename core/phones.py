"""Phone numbers: E.164 with `+` from what people and spreadsheets write, or the reason why not.

A number is repaired only where the repair is certain, and every repair is reported. Problems,
repairs and warnings are sentences; `core.formats.sentence` translates them.
libphonenumber is imported on first use: a process that reads no numbers doesn't pay for it.
"""

import re
import unicodedata
from dataclasses import dataclass, field
from functools import lru_cache

from core.sentences import Sentence, gettext_noop

MISSING = gettext_noop("The phone number is missing.")
SHORTENED = gettext_noop(
    "Excel shortened this number. Format the column as Text and export again."
)
ROUNDED = gettext_noop(
    "This number ends in six zeros, so Excel probably rounded it. "
    "Format the column as Text and type the number again."
)
TWO_NUMBERS = gettext_noop("There are two numbers in this cell. Keep one.")
NOT_A_PHONE = gettext_noop("This is not a phone number.")
TOO_SHORT = gettext_noop("This number is too short. Look for missing digits.")
TOO_LONG = gettext_noop("This number is too long. Look for extra digits.")
UNKNOWN_COUNTRY = gettext_noop(
    "No country uses this number. Write it with + and the country code."
)
UNUSED = gettext_noop("No network uses this number. Check the digits.")

REMOVED_POINT_ZERO = gettext_noop("Removed a trailing .0 from the phone number.")
RESTORED_ZERO = gettext_noop("Restored the leading zero that Excel removed from the phone number.")
ADDED_COUNTRY_CODE = gettext_noop("Added the country code {code}.")
REMOVED_TRUNK_ZERO = gettext_noop("Removed the 0 after the country code.")

LANDLINE = gettext_noop("This looks like a landline, which may not be on WhatsApp.")
NOT_A_MOBILE = gettext_noop("This looks like a service number, which may not be on WhatsApp.")
OTHER_COUNTRY = gettext_noop("Written without +, read as a number of another country.")
MANY_ZEROS = gettext_noop("This number ends in six zeros. Check that Excel has not rounded it.")


@dataclass(frozen=True, slots=True)
class Phone:
    """A valid number, with sentences on what was repaired and what looks doubtful."""

    e164: str = field(repr=False)
    repairs: tuple[str, ...] = ()
    warnings: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class PhoneProblem:
    """Why a text is no usable number: one instruction."""

    problem: str


def parse(text: str, *, region: str = "GH", number: bool = False) -> Phone | PhoneProblem:
    """Read one number. `number`: the text is the plain decimals of a numeric cell."""
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


def from_outside(text: str, *, region: str, is_typed: bool = False) -> str | None:
    """Return the E.164 of a number as WhatsApp and ChumiAI give it, None if it can't be read.

    Digits are read as they stand first: WhatsApp writes the country code without +. Only then
    are they a number of `region`; `is_typed`, in an address book, the other way round. A number
    that no network uses as far as we know, but whose country and length are right, is taken at
    WhatsApp's word.
    """
    text = _MEXICAN_ONE.sub("52", _ADDRESS.sub("", _plain(text)))
    if text.startswith("+0"):
        # No country code starts with 0: someone put the + before a local number.
        text = text[1:]
    as_it_stands = f"+{text}" if text.lstrip("(")[:1] in tuple("123456789") else text
    readings = (as_it_stands, text)
    for reading in reversed(readings) if is_typed else readings:
        found = parse(reading, region=region)
        if isinstance(found, Phone):
            return found.e164
        if found.problem in (TWO_NUMBERS, NOT_A_PHONE):
            return None
    return _possible(as_it_stands)


def _possible(text: str) -> str | None:
    """Return the E.164 of an international number that is possible, if not known to be used."""
    import phonenumbers

    digits = _NOT_DIGITS.sub("", text)
    if digits.startswith("00"):
        digits = digits[2:]
    elif not text.lstrip("(").startswith("+"):
        return None
    try:
        parsed = phonenumbers.parse(f"+{digits}")
    except phonenumbers.NumberParseException:
        return None
    e164 = phonenumbers.format_number(parsed, phonenumbers.PhoneNumberFormat.E164)
    return e164 if phonenumbers.is_possible_number(parsed) and _E164.fullmatch(e164) else None


def wire(phone: str) -> str:
    """Write an E.164 number as ChumiAI wants it: digits only."""
    return phone.removeprefix("+")


def country_prefix(region: str) -> str:
    """Return the country code of a region with its +: `+233`."""
    import phonenumbers

    return f"+{phonenumbers.country_code_for_region(region)}"


def prefixes(text: str, region: str) -> tuple[str, ...]:
    """Return the prefixes of E.164 numbers that start with the typed digits.

    Digits without + may start a local number or one with its country code.
    """
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
    """Hide digits of an E.164 number: `+233 24 *** 3456`."""
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
# As the check constraints of the columns (see `core.phone_columns`).
_E164 = re.compile(r"\+[1-9][0-9]{6,14}")
# WhatsApp's own libraries write a person's address: `233244123456:7@s.whatsapp.net`.
# WhatsApp keeps the 1 of mobile numbers that Mexico gave up in 2019.
_MEXICAN_ONE = re.compile(r"(?<![0-9])521(?=[0-9]{10}$)")
_ADDRESS = re.compile(r"(:\d+)?@(s\.whatsapp\.net|c\.us)$", re.IGNORECASE)
# Facebook writes `p:` before the phones of its lead forms.
_SCHEME = re.compile(r"(tel|whatsapp|phone|mobile|p)\s*:\s*", re.IGNORECASE)


def _plain(text: str) -> str:
    """Convert the digits of any alphabet to ASCII and drop invisible characters."""
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
    """Return the number that these digits mean in this region."""
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
    """A pattern that matches only mobile numbers of a region."""

    code: str
    pattern: re.Pattern[str]
    added: str


@lru_cache
def _quick(region: str) -> _Quick | None:
    """Build the pattern from the metadata of the library, which decides on what it doesn't match.

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
    return _Quick(str(code), pattern, _added_code(str(code)))


def _added_code(code: str) -> Sentence:
    return Sentence(ADDED_COUNTRY_CODE, {"code": code})


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
                repairs += (RESTORED_ZERO if number else _added_code(code),)
        elif digits.startswith(code) and digits != code + national:
            repairs += (REMOVED_TRUNK_ZERO,)
        if not _E164.fullmatch(f"+{code}{national}"):
            # Germany has valid numbers of more digits than the 15 of E.164.
            reason = ValidationResult.TOO_LONG
            continue
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
