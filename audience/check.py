"""Turn a file's rows into recipients: which column is what, and which rows can be sent.

Pure: rows and rules go in, verdicts come out, one for every row and in the rows' order.
Whatever is wrong with a row is data, worded as an instruction.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Container, Iterable, Iterator, Sequence
from collections.abc import Mapping as MappingType
from dataclasses import dataclass, field
from enum import StrEnum
from functools import cached_property
from typing import Any, NamedTuple

from core import phones
from spreadsheets.reader import EMPTY, Cell, Row

# Columns


@dataclass(frozen=True, slots=True)
class Column:
    """A value comes from a column, counted from 0; `fallback` stands in for an empty cell."""

    index: int
    fallback: str = ""


@dataclass(frozen=True, slots=True)
class Fixed:
    """A value is the same text for everyone."""

    text: str


@dataclass(frozen=True, slots=True)
class Field:
    """A value comes from a field of the contact with the row's phone; see `contact_fields`."""

    name: str
    fallback: str = ""


Source = Column | Fixed | Field


@dataclass(frozen=True, slots=True)
class Mapping:
    """Where each recipient's phone and values come from."""

    phone_column: int
    values: dict[str, Source]

    def to_json(self) -> dict[str, Any]:
        """Give the form that is stored."""
        return {
            "phone_column": self.phone_column,
            "values": {name: _source_to_json(source) for name, source in self.values.items()},
        }

    @classmethod
    def from_json(cls, data: MappingType[str, Any]) -> Mapping:
        """Read the stored form."""
        return cls(
            phone_column=int(data["phone_column"]),
            values={name: _source_from_json(source) for name, source in data["values"].items()},
        )


@dataclass(frozen=True, slots=True)
class Suggestion:
    """A mapping with gaps: None where no column fits."""

    phone_column: int | None
    values: dict[str, Column | None]

    def to_json(self) -> dict[str, Any]:
        """Give the form of a stored mapping, with null for each gap."""
        return {
            "phone_column": self.phone_column,
            "values": {
                name: source and _source_to_json(source) for name, source in self.values.items()
            },
        }


def _source_to_json(source: Source) -> dict[str, Any]:
    if isinstance(source, Fixed):
        return {"text": source.text}
    if isinstance(source, Field):
        return {"field": source.name, "fallback": source.fallback}
    return {"column": source.index, "fallback": source.fallback}


def _source_from_json(data: MappingType[str, Any]) -> Source:
    if "text" in data:
        return Fixed(str(data["text"]))
    if "field" in data:
        return Field(str(data["field"]), str(data.get("fallback", "")))
    return Column(int(data["column"]), str(data.get("fallback", "")))


def has_header(rows: Sequence[Row]) -> bool:
    """Tell whether the first row names columns: a row with a phone number doesn't."""
    return bool(rows) and not any(_looks_like_phone(cell) for cell in rows[0].cells)


def suggest_mapping(
    header: Sequence[str],
    sample: Sequence[Row],
    placeholders: Sequence[str],
    hints: MappingType[str, str] | None = None,
    *,
    region: str = "GH",
    takes_the_rest: bool = True,
) -> Suggestion:
    """Guess the columns from their names, their content and the words before each placeholder.

    `header` is empty for a file without one; `hints` are the words before each placeholder.
    `takes_the_rest` gives columns that are left to numbered placeholders that are left.
    """
    width = max([len(header), *(len(row.cells) for row in sample)], default=0)
    names = [_words(header[i]) if i < len(header) else () for i in range(width)]
    phone_column = _phone_column(names, sample, region)
    free = [i for i in range(width) if i != phone_column and _is_used(i, names, sample)]

    scored = sorted(
        (
            (-_fit(name, (hints or {}).get(name, ""), names[column]), order, column)
            for order, name in enumerate(placeholders)
            for column in free
        ),
    )
    chosen: dict[str, Column | None] = dict.fromkeys(placeholders)
    for score, order, column in scored:
        if score < 0 and column in free and chosen[placeholders[order]] is None:
            chosen[placeholders[order]] = Column(column)
            free.remove(column)
    # Numbers have no names to match: what is left is taken in the order of the sheet.
    for name in placeholders:
        if takes_the_rest and chosen[name] is None and name.isdecimal() and free:
            chosen[name] = Column(free.pop(0))
    return Suggestion(phone_column, chosen)


PLACEHOLDER = re.compile(r"\{\{\s*([A-Za-z0-9_]+)\s*\}\}")

_PHONE_WORDS = {
    "whatsapp": 5, "phone": 4, "phones": 4, "mobile": 4, "msisdn": 4, "tel": 4, "telephone": 4,
    "cell": 4, "cellphone": 4, "momo": 3, "gsm": 3, "contact": 2, "contacts": 2, "number": 2,
    "numbers": 2, "no": 1,
}  # fmt: skip
_MEANINGS = (
    {"name", "names", "firstname", "fullname", "first", "customer", "client", "recipient",
     "member", "hi", "hello", "dear", "hey", "welcome", "morning", "afternoon", "evening",
     "akwaaba", "thanks", "mr", "mrs", "madam", "guest", "student", "parent"},
    {"code", "coupon", "voucher", "promo", "pin", "token", "discount"},
    {"date", "day", "due", "expires", "expiry", "until", "by", "before", "on", "deadline"},
    {"time", "hour", "at", "from"},
    {"amount", "balance", "price", "total", "fee", "fees", "cost", "sum", "ghs", "cedis", "usd",
     "owe", "pay", "paid", "owing", "arrears"},
    {"order", "invoice", "ref", "reference", "receipt", "booking", "ticket", "policy",
     "account", "tracking"},
    {"branch", "location", "shop", "store", "city", "town", "address", "venue", "region"},
    {"product", "item", "package", "plan", "service", "course", "model"},
    {"link", "url", "website", "site"},
    {"email", "mail"},
)  # fmt: skip


def _words(text: str) -> tuple[str, ...]:
    # Two capitals, but one word: the one that names the phone column most often.
    text = text.replace("WhatsApp", "Whatsapp")
    spaced = re.sub(r"([a-z])([A-Z])", r"\1 \2", text)
    return tuple(re.findall(r"[^\W_]+", spaced.casefold()))


def _looks_like_phone(cell: Cell) -> bool:
    digits = sum(letter.isdecimal() for letter in cell.text)
    return cell.kind != "date" and digits >= 7 and digits * 2 > len(cell.text.strip())


def _is_used(column: int, names: Sequence[tuple[str, ...]], sample: Sequence[Row]) -> bool:
    return bool(names[column]) or any(
        column < len(row.cells) and row.cells[column].text.strip() for row in sample
    )


def _phone_column(
    names: Sequence[tuple[str, ...]], sample: Sequence[Row], region: str
) -> int | None:
    best: tuple[float, int | None] = (0, None)
    for column, words in enumerate(names):
        named = max((_PHONE_WORDS.get(word, 0) for word in words), default=0)
        cells = [row.cells[column] for row in sample[:30] if column < len(row.cells)]
        filled = [cell for cell in cells if cell.text.strip()]
        good = sum(isinstance(_phone_of(cell, region), phones.Phone) for cell in filled)
        share = good / len(filled) if filled else 0
        if share >= 0.3 or named >= 4:
            score = share * 10 + named
            if score > best[0]:
                best = (score, column)
    return best[1]


def _fit(placeholder: str, hint: str, column: tuple[str, ...]) -> float:
    """Score how well a column's name fits a placeholder; 0 is not at all."""
    own = () if placeholder.isdecimal() else _words(placeholder)
    if own and "".join(own) == "".join(column):
        return 100
    if column and column[-1] == placeholder and column[:-1] in ((), ("value",), ("placeholder",)):
        return 100
    score = 0.0
    if own and column:
        shared = set(own) & set(column)
        score += 20 * len(shared) / max(len(own), len(column))
        score += 8 * bool(_meanings(own) & _meanings(column))
    # The word next to the placeholder says most, "your balance for order {{1}}": it outweighs
    # all those before it. What stands before another placeholder is about that one.
    for distance, word in enumerate(reversed(_words(hint.rpartition("}}")[2]))):
        weight = 4 / (1 + distance) ** 2
        if word in column and len(word) > 2:
            score += 2 * weight
        elif distance < 3 and _meanings((word,)) & _meanings(column):
            # A word that only means something alike is taken from nearby.
            score += weight
    return score


def _meanings(words: Sequence[str]) -> set[int]:
    return {i for i, group in enumerate(_MEANINGS) if any(word in group for word in words)}


# Rows


class Outcome(StrEnum):
    """What becomes of a row; READY and REPAIRED are sent."""

    READY = "ready"
    REPAIRED = "repaired"
    DUPLICATE = "duplicate"
    INVALID = "invalid"
    OPTED_OUT = "opted_out"
    EXCLUDED = "excluded"
    RECENT = "recent"

    @property
    def is_sendable(self) -> bool:
        """Whether rows with this outcome become recipients."""
        return self in (Outcome.READY, Outcome.REPAIRED)


class Exclusion(NamedTuple):
    """People who are left out for a reason other than their row."""

    outcome: Outcome
    phones: Container[str]
    problem: str


@dataclass(frozen=True)
class Rules:
    """What the template asks for: placeholders in the order of sending, and its body.

    A rendered body longer than `body_warn` characters is doubtful, than `body_limit` refused.
    """

    placeholders: tuple[str, ...]
    body: str = field(default="", repr=False)
    body_warn: int = 1024
    body_limit: int = 1024

    @cached_property
    def uses(self) -> tuple[int, ...]:
        """How often each placeholder stands in the body."""
        found = Counter(match[1] for match in PLACEHOLDER.finditer(self.body))
        return tuple(found[name] for name in self.placeholders)

    @cached_property
    def fixed_length(self) -> int:
        """The length of the body without its placeholders."""
        return len(PLACEHOLDER.sub("", self.body))

    def length(self, values: Sequence[str]) -> int:
        """Count the characters of the body with these values."""
        filled = sum(len(value) * uses for value, uses in zip(values, self.uses, strict=True))
        return self.fixed_length + filled


# Takes a row, its phone and the name of a field; gives the contact's text, '' for nothing.
FieldOf = Callable[[Row, str, str], str]


class Checked(NamedTuple):
    """The verdict on one row. `notes` tell of repairs first, then of doubts."""

    row: Row
    outcome: Outcome
    phone: str | None
    values: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()
    problem: str = ""
    first_row: int | None = None
    # The name of the placeholder whose value is refused, '' where the problem is another.
    placeholder: str = ""

    def __repr__(self) -> str:
        return f"<row {self.row.number}: {self.outcome}>"


@dataclass(slots=True)
class Summary:
    """How many rows came to which outcome; the outcomes add up to the rows."""

    counts: Counter[Outcome] = field(default_factory=Counter)
    notes: Counter[str] = field(default_factory=Counter)
    problems: Counter[str] = field(default_factory=Counter)
    hidden: int = 0

    def add(self, checked: Checked) -> None:
        """Count one more row."""
        self.counts[checked.outcome] += 1
        self.notes.update(checked.notes)
        self.hidden += checked.row.hidden
        if checked.outcome is Outcome.INVALID:
            self.problems[checked.problem] += 1

    @property
    def total(self) -> int:
        """All rows that were read."""
        return self.counts.total()

    @property
    def sendable(self) -> int:
        """The rows that become recipients."""
        return sum(count for outcome, count in self.counts.items() if outcome.is_sendable)


def check_mapping(mapping: Mapping, *, rules: Rules, width: int) -> list[str]:
    """List what is wrong with the columns themselves, for a sheet of `width` columns."""
    errors = []
    if not 0 <= mapping.phone_column < width:
        errors.append("The phone column is not in this sheet. Choose it again.")
    for name in rules.placeholders:
        source = mapping.values.get(name)
        shown = f"{{{{{name}}}}}"
        if source is None:
            errors.append(f"{shown} has no column yet. Choose one, or type a text for everyone.")
        elif isinstance(source, Column) and not 0 <= source.index < width:
            errors.append(f"The column for {shown} is not in this sheet. Choose it again.")
        elif isinstance(source, Fixed):
            value = _check_value(Cell(source.text, source.text, "text"), shown, "")
            if isinstance(value, _Refused):
                errors.append(value.problem)
    return errors


def check_recipients(
    rows: Iterable[Row],
    mapping: Mapping,
    *,
    rules: Rules,
    region: str = "GH",
    opted_out: Container[str] = (),
    exclusions: Sequence[Exclusion] = (),
    header: bool = True,
    field_of: FieldOf = lambda row, phone, field: "",
    noun: str = "row",
) -> Iterator[Checked]:
    """Give a verdict on every row below the header, in order.

    `opted_out` and `exclusions` hold phones in E.164. Of several rows with one phone, the first
    that can be sent is kept. `field_of` gives the text of a contact's field; `noun` is what a
    person calls a row.
    """
    sources = [(name, f"{{{{{name}}}}}", mapping.values[name]) for name in rules.placeholders]
    first_rows: dict[str, int] = {}
    rows = iter(rows)
    if header:
        next(rows, None)
    for row in rows:
        cells = row.cells
        phone_cell = cells[mapping.phone_column] if mapping.phone_column < len(cells) else EMPTY
        parsed = _phone_of(phone_cell, region)
        if isinstance(parsed, phones.PhoneProblem):
            yield Checked(row, Outcome.INVALID, None, problem=parsed.problem)
            continue
        phone = parsed.e164
        if phone in opted_out:
            yield Checked(row, Outcome.OPTED_OUT, phone, problem=OPTED_OUT)
            continue
        if out := next((out for out in exclusions if phone in out.phones), None):
            yield Checked(row, out.outcome, phone, problem=out.problem)
            continue
        if phone in first_rows:
            first = first_rows[phone]
            problem = f"Same number as {noun} {first}, which is sent."
            yield Checked(row, Outcome.DUPLICATE, phone, problem=problem, first_row=first)
            continue

        repairs, warnings = list(parsed.repairs), list(parsed.warnings)
        if row.hidden:
            warnings.append(HIDDEN)
        values: list[str] = []
        problem = refused = ""
        for name, shown, source in sources:
            if isinstance(source, Fixed):
                cell, fallback = Cell(source.text, source.text, "text"), ""
            elif isinstance(source, Field):
                text = field_of(row, phone, source.name)
                cell, fallback = Cell(text, text, "text"), source.fallback
            else:
                cell = cells[source.index] if source.index < len(cells) else EMPTY
                fallback = source.fallback
            remedy = NO_FIELD if isinstance(source, Field) else NO_CELL
            value = _check_value(cell, shown, fallback, remedy)
            if isinstance(value, _Refused):
                problem, refused = value.problem, name
                break
            values.append(value.text)
            repairs += value.repairs
            warnings += value.warnings
        length = 0 if problem else rules.length(values)
        if length > rules.body_limit:
            problem = (
                f"The message has {length:,} characters; WhatsApp allows {rules.body_limit:,}. "
                "Shorten a value."
            )
        elif length > rules.body_warn:
            warnings.append(
                f"The message is longer than {rules.body_warn:,} characters. "
                "WhatsApp may refuse it."
            )
        if problem:
            yield Checked(row, Outcome.INVALID, phone, problem=problem, placeholder=refused)
            continue
        notes = (*repairs, *warnings)
        first_rows[phone] = row.number
        outcome = Outcome.REPAIRED if repairs else Outcome.READY
        yield Checked(row, outcome, phone, tuple(values), notes)


OPTED_OUT = "This person opted out."
NO_CELL = "Fill the cell, or give a text to use instead."
NO_FIELD = "Fill it in at ChumiAI's contact, or give a text to use instead."
HIDDEN = "This row is hidden in the sheet."


def _phone_of(cell: Cell, region: str) -> phones.Phone | phones.PhoneProblem:
    if cell.kind in ("text", "empty"):
        return phones.parse(cell.text, region=region)
    if cell.kind != "number":
        problem = "This cell holds no phone number. Format the column as Text."
        return phones.PhoneProblem(_NO_RESULT if cell.kind == "formula" else problem)
    # A format may show a leading zero or a plus; other formats may hide digits.
    shown = re.sub(r"[\s().,\u00a0-]", "", cell.text)
    is_whole = shown.lstrip("+0") == cell.raw and shown.isascii()
    return phones.parse(shown if is_whole else cell.raw, region=region, number=True)


# Values


class _Value(NamedTuple):
    text: str
    repairs: tuple[str, ...] = ()
    warnings: tuple[str, ...] = ()


class _Refused(NamedTuple):
    problem: str


_NO_RESULT = "This cell holds a formula without its result. Open the file in Excel and save it."
_EXCEL_ERROR = re.compile(r"#(N/A|REF!|VALUE!|DIV/0!|NAME\?|NULL!|NUM!|SPILL!|CALC!|FIELD!)$")
_LEFTOVERS = {"nan", "none", "null", "undefined", "n/a", "na", "nil", "0", "-", "nat", "#"}
# What XML cannot hold or nobody can see; a joiner stays, for it makes one emoji of several.
_CONTROL = re.compile(r"[\x00-\x08\x0e-\x1f\x7f-\x84\x86-\x9f\ufeff\ufffe\uffff\ud800-\udfff]")
_BREAK = re.compile(r"[ \u00a0]*[\t\n\x0b\x0c\r\x85\u2028\u2029][\s\u00a0]*")
_SPACES = re.compile(r"[ \u00a0]{5,}")
_INVISIBLE = re.compile(r"[\s\u00a0\u00ad\u180e\u200b-\u200f\u202a-\u202e\u2060-\u2069]*")
_NEEDS_CARE = re.compile(r"[^ -~\u00a1-\u1fff\u2070-\ud7ff\ue000-\ufefe]|\{\{| {5}|[\u00ad\u180e]")


def _check_value(
    cell: Cell, shown: str, fallback: str, remedy: str = NO_CELL
) -> _Value | _Refused:
    """Make a cell into a value that WhatsApp accepts, or say why it can't be one.

    WhatsApp refuses an empty value, line breaks, tabs, and more than four spaces in a row.
    """
    text = cell.text.strip()
    repairs: list[str] = []
    if cell.kind == "formula":
        return _Refused(f"{shown}: {_NO_RESULT}")
    if cell.kind == "error" or (text.startswith("#") and _EXCEL_ERROR.match(text)):
        return _Refused(f"{shown} is an Excel error ({text[:20]}). Correct the cell.")
    if _NEEDS_CARE.search(text):
        if _CONTROL.search(text):
            text = _CONTROL.sub("", text)
            repairs.append(f"Removed control characters from {shown}.")
        if _BREAK.search(text):
            text = _BREAK.sub(" ", text)
            repairs.append(f"Replaced line breaks or tabs in {shown} by spaces.")
        if _SPACES.search(text):
            text = _SPACES.sub(" ", text)
            repairs.append(f"Shortened long gaps in {shown} to one space.")
        text = text.strip()
        if "{{" in text:
            return _Refused(f"{shown} contains {{{{, like an unfilled placeholder. Correct it.")
    if not text or _INVISIBLE.fullmatch(text):
        if not fallback.strip():
            return _Refused(f"{shown} is empty. {remedy}")
        kept = _check_value(Cell(fallback, fallback, "text"), shown, "")
        if isinstance(kept, _Refused):
            return kept
        return _Value(kept.text, (), (f"{shown} is empty: “{kept.text}” is used.",))
    warnings: tuple[str, ...] = ()
    if text.casefold() in _LEFTOVERS:
        warnings = (f"{shown} is “{text}”. Check that this is meant.",)
    elif "\ufffd" in text:
        warnings = (f"{shown} has a character that could not be read. Save the file as .xlsx.",)
    return _Value(text, tuple(repairs), warnings)
