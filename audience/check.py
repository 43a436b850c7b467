"""Check the rows of a file: which ones become recipients, and why the others don't.

Rows and rules go in, verdicts come out: one per row, in the order of the rows. Each problem is
data, worded as an instruction.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Container, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from functools import cached_property
from typing import NamedTuple

from audience.mapping import Column, Field, Fixed, Mapping, Source
from audience.values import EMPTY_CELL, EMPTY_FIELD, BadValue, Value, phone_of, value_of
from core import phones
from core.sentences import Sentence, gettext_noop, ngettext_noop
from spreadsheets.cells import EMPTY, Cell, Row

PLACEHOLDER = re.compile(r"\{\{\s*([A-Za-z0-9_]+)\s*\}\}")

OPTED_OUT = gettext_noop("This person opted out.")
HIDDEN = gettext_noop("This row is hidden in the sheet.")
SAME_AS_ROW = gettext_noop("Same number as row {row}, which is sent.")
SAME_AS_MEMBER = gettext_noop("Same number as member {row}, which is sent.")
TOO_LONG = ngettext_noop(
    "The message has {count} character; WhatsApp allows {limit}. Shorten a value.",
    "The message has {count} characters; WhatsApp allows {limit}. Shorten a value.",
)
LONG = ngettext_noop(
    "The message is longer than {count} character. WhatsApp may refuse it.",
    "The message is longer than {count} characters. WhatsApp may refuse it.",
)

NO_PHONE_COLUMN = gettext_noop("The phone column is not in this sheet. Choose it again.")
NO_SOURCE = gettext_noop(
    "{placeholder} has no column yet. Choose one, or type a text for everyone."
)
NO_COLUMN = gettext_noop("The column for {placeholder} is not in this sheet. Choose it again.")


class Outcome(StrEnum):
    """The result of the check of a row; READY and REPAIRED rows are sent."""

    READY = "ready"
    REPAIRED = "repaired"
    DUPLICATE = "duplicate"
    INVALID = "invalid"
    OPTED_OUT = "opted_out"
    EXCLUDED = "excluded"
    FREQUENCY_CAP = "frequency_cap"

    @property
    def is_sendable(self) -> bool:
        """True if rows with this outcome become recipients."""
        return self in (Outcome.READY, Outcome.REPAIRED)


class Exclusion(NamedTuple):
    """People who are skipped for a reason other than their row; `problem` is the sentence."""

    outcome: Outcome
    phones: Container[str]
    problem: str


@dataclass(frozen=True)
class Rules:
    """What the template needs: its placeholders in the order of sending, and its body.

    A filled body longer than `body_warn` characters gives a warning, longer than `body_limit` a
    problem.
    """

    placeholders: tuple[str, ...]
    body: str = field(default="", repr=False)
    body_warn: int = 1024
    body_limit: int = 1024

    @cached_property
    def uses(self) -> tuple[int, ...]:
        """How often each placeholder occurs in the body."""
        found = Counter(match[1] for match in PLACEHOLDER.finditer(self.body))
        return tuple(found[name] for name in self.placeholders)

    @cached_property
    def fixed_length(self) -> int:
        """The length of the body without its placeholders."""
        return len(PLACEHOLDER.sub("", self.body))

    def length(self, values: Sequence[str]) -> int:
        """Return the number of characters of the body with these values."""
        filled = sum(len(value) * uses for value, uses in zip(values, self.uses, strict=True))
        return self.fixed_length + filled


# Takes a row, its phone and the name of a field; returns the contact's text, '' for none.
FieldOf = Callable[[Row, str, str], str]


class Checked(NamedTuple):
    """The result for one row. `notes` are the repairs, then the warnings."""

    row: Row
    outcome: Outcome
    phone: str | None
    values: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()
    problem: str = ""
    first_row: int | None = None
    # The name of the placeholder with a bad value, '' for any other problem.
    placeholder: str = ""

    def __repr__(self) -> str:
        return f"<row {self.row.number}: {self.outcome}>"


@dataclass(slots=True)
class Summary:
    """The number of rows by outcome, note and problem; the outcomes add up to the rows."""

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
    """Return the problems with the columns, for a sheet of `width` columns."""
    errors: list[str] = []
    if not 0 <= mapping.phone_column < width:
        errors.append(NO_PHONE_COLUMN)
    for name in rules.placeholders:
        source = mapping.values.get(name)
        shown = f"{{{{{name}}}}}"
        if source is None:
            errors.append(Sentence(NO_SOURCE, {"placeholder": shown}))
        elif isinstance(source, Column) and not 0 <= source.index < width:
            errors.append(Sentence(NO_COLUMN, {"placeholder": shown}))
        elif isinstance(source, Fixed):
            value = value_of(Cell(source.text, source.text, "text"), shown, "")
            if isinstance(value, BadValue):
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
    same_number: str = SAME_AS_ROW,
) -> Iterator[Checked]:
    """Yield the result for every row below the header, in order.

    `opted_out` and `exclusions` hold phones in E.164. Of several rows with one phone, the first
    that can be sent is kept; `same_number` is the problem of the others. `field_of` returns the
    text of a contact's field.
    """
    sources = [(name, f"{{{{{name}}}}}", mapping.values[name]) for name in rules.placeholders]
    first_rows: dict[str, int] = {}
    rows = iter(rows)
    if header:
        next(rows, None)
    for row in rows:
        cells = row.cells
        phone_cell = cells[mapping.phone_column] if mapping.phone_column < len(cells) else EMPTY
        parsed = phone_of(phone_cell, region)
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
            same = Sentence(same_number, {"row": str(first)})
            yield Checked(row, Outcome.DUPLICATE, phone, problem=same, first_row=first)
            continue

        checked = _check_values(row, parsed, sources, rules, field_of)
        if checked.outcome.is_sendable:
            first_rows[phone] = row.number
        yield checked


def _check_values(
    row: Row,
    parsed: phones.Phone,
    sources: Iterable[tuple[str, str, Source]],
    rules: Rules,
    field_of: FieldOf,
) -> Checked:
    """Return the result for a row whose phone may get the message.

    `sources` are (placeholder, how people see it, where its value comes from).
    """
    phone = parsed.e164
    repairs, warnings = list(parsed.repairs), list(parsed.warnings)
    if row.hidden:
        warnings.append(HIDDEN)
    values: list[str] = []
    for name, shown, source in sources:
        value = _value(row, phone, source, shown, field_of)
        if isinstance(value, BadValue):
            problem = value.problem
            return Checked(row, Outcome.INVALID, phone, problem=problem, placeholder=name)
        values.append(value.text)
        repairs += value.repairs
        warnings += value.warnings
    length = rules.length(values)
    if length > rules.body_limit:
        too_long = Sentence(TOO_LONG, {"count": length, "limit": rules.body_limit})
        return Checked(row, Outcome.INVALID, phone, problem=too_long)
    if length > rules.body_warn:
        warnings.append(Sentence(LONG, {"count": rules.body_warn}))
    outcome = Outcome.REPAIRED if repairs else Outcome.READY
    return Checked(row, outcome, phone, tuple(values), (*repairs, *warnings))


def _value(
    row: Row, phone: str, source: Source, shown: str, field_of: FieldOf
) -> Value | BadValue:
    if isinstance(source, Fixed):
        return value_of(Cell(source.text, source.text, "text"), shown, "")
    if isinstance(source, Field):
        text = field_of(row, phone, source.name)
        return value_of(Cell(text, text, "text"), shown, source.fallback, EMPTY_FIELD)
    cell = row.cells[source.index] if source.index < len(row.cells) else EMPTY
    return value_of(cell, shown, source.fallback, EMPTY_CELL)
