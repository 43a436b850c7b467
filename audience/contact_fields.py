"""The fields of a contact that can fill a placeholder: their names, labels and texts.

A field is named `name`, `first_name`, `email`, or `custom:` and its name in ChumiAI. Mappings are
in their stored form (see `audience.mapping`), None for one that was never saved.
"""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from audience.suggest import suggest_mapping
from core.sentences import gettext_noop

CUSTOM = "custom:"
BUILT_IN = {
    "name": gettext_noop("Name"),
    "first_name": gettext_noop("First name"),
    "email": gettext_noop("E-mail"),
}

Stored = dict[str, Any]


def offered(custom: Iterable[str]) -> dict[str, str]:
    """Return {field: label} of all fields, given the names of the custom ones."""
    return BUILT_IN | {f"{CUSTOM}{name}": name for name in custom}


def label_of(field: str) -> str:
    """Return the label of the field."""
    return BUILT_IN.get(field) or field.removeprefix(CUSTOM)


def text_of(contact: Any, field: str) -> str:
    """Return the contact's text in the field, '' for none."""
    if field.startswith(CUSTOM):
        return str(contact.custom.get(field.removeprefix(CUSTOM), ""))
    return str(getattr(contact, field))


def used_in(mapping: Stored | None) -> list[str]:
    """Return the fields that the mapping takes values from, sorted."""
    sources = _values(mapping).values()
    return sorted({source["field"] for source in sources if source and "field" in source})


def labels_of_used(mapping: Stored | None) -> dict[str, str]:
    """Return {field: label} of the fields that the mapping takes values from."""
    return {field: label_of(field) for field in used_in(mapping)}


def suggest(
    placeholders: Sequence[str], hints: Mapping[str, str], fields: Mapping[str, str]
) -> Stored:
    """Return a mapping to the fields {field: label}, with None where no field fits.

    `hints` are the words before each placeholder. Unlike the columns of a file made for this
    message, fields without a match are not used in their order.
    """
    names = list(fields)
    found = suggest_mapping(
        list(fields.values()), [], placeholders, hints, takes_the_rest=False
    ).values
    return {
        "phone_column": 0,
        "values": {
            name: {"field": names[column.index], "fallback": ""} if column else None
            for name, column in found.items()
        },
    }


def only_fixed(mapping: Stored | None) -> Stored:
    """Return the mapping with only the values that are the same for everyone."""
    return {
        "phone_column": 0,
        "values": {
            name: source if source and "text" in source else None
            for name, source in _values(mapping).items()
        },
    }


def is_fixed(mapping: Stored | None, placeholders: Iterable[str]) -> bool:
    """Return True if everyone gets the same message."""
    values = _values(mapping)
    return all("text" in (values.get(name) or {}) for name in placeholders)


def _values(mapping: Stored | None) -> Stored:
    return mapping["values"] if mapping else {}
