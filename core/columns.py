"""Values from outside that fit their columns, on every database.

SQLite stores a text or a number of any size. PostgreSQL raises an error, which would end a whole
sync for one value.
"""

from collections.abc import Mapping
from hashlib import sha256
from typing import Any

from django.db import models

# The largest value of each kind of column, on the database with the smallest.
LARGEST = {
    "PositiveSmallIntegerField": 32_767,
    "PositiveIntegerField": 2_147_483_647,
    "PositiveBigIntegerField": 9_223_372_036_854_775_807,
    "IntegerField": 2_147_483_647,
}
# Stands in a text that was cut and in no identity of ChumiAI's.
CUT = "…"
HASH_LENGTH = 8


def fit(model: type[models.Model], values: Mapping[str, Any]) -> dict[str, Any]:
    """Return the values by column, with texts cut and numbers brought into range.

    Only for what people read: a text that identifies something goes through `fit_identity`.
    """
    return {name: _fit(model._meta.get_field(name), value) for name, value in values.items()}


def _fit(field: Any, value: Any) -> Any:
    if isinstance(value, str):
        return _storable(value)[: field.max_length]
    largest = LARGEST.get(field.get_internal_type())
    if largest is None or isinstance(value, bool) or not isinstance(value, int):
        return value
    smallest = 0 if field.get_internal_type().startswith("Positive") else -largest
    return min(max(value, smallest), largest)


def fit_identity(model: type[models.Model], name: str, text: str) -> str:
    """Return a text that identifies something, or a short one that says that it is cut.

    Of two texts that begin alike, each has a short one of its own (see `is_cut`).
    """
    text = _storable(text)
    field: Any = model._meta.get_field(name)
    longest = field.max_length
    if longest is None or len(text) <= longest:
        return text
    digest = sha256(text.encode()).hexdigest()[:HASH_LENGTH]
    return f"{text[: longest - HASH_LENGTH - 1]}{CUT}{digest}"


def is_cut(text: str) -> bool:
    """Return True if `fit_identity` made the text: never send it, nor ask ChumiAI for it."""
    return CUT in text


def _storable(text: str) -> str:
    """Return the text without NUL and lone surrogates, which PostgreSQL refuses."""
    return text.replace("\0", "").encode("utf-8", "replace").decode()
