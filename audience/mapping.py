"""Where the phone and the values of each recipient come from."""

from __future__ import annotations

from collections.abc import Mapping as MappingType
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class Column:
    """A value comes from a column, counted from 0; `fallback` replaces an empty cell."""

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
        """Return the stored form."""
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
        """Return the stored form of a mapping, with null for each gap."""
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
