"""Single values out of JSON: keys under any of their names, each converted or None.

Nothing here raises, for any JSON.
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Callable, Iterable, Iterator
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from typing import Any, TypeAlias, TypeVar

# JSON after `load`: no NaN, no NUL, no lone surrogate, and nothing deeper than MAX_DEPTH.
JSON: TypeAlias = Any
Object: TypeAlias = dict[str, Any]
Path: TypeAlias = tuple[str, ...]
T = TypeVar("T")

MAX_DEPTH = 24
MAX_NAME = 512
# A longer id is none: cut, it would be the id of something else.
MAX_ID = 200
MAX_COUNT = 2_000_000_000


# --- Names ------------------------------------------------------------------------------------


@lru_cache(maxsize=4096)
def fold(key: str) -> str:
    """Fold a key for comparison: `job_id`, `jobId` and `Job-ID` are the same."""
    return re.sub(r"[_\- ]", "", key).lower()


@lru_cache(maxsize=256)
def aliases(words: str) -> tuple[Path, ...]:
    """Split a line of aliases into folded paths: "data.messages.0.id" descends."""
    paths = (tuple(fold(step) for step in word.split(".")) for word in words.split())
    return tuple(dict.fromkeys(paths))


def word_set(words: str) -> frozenset[str]:
    """Split a line of words into a set."""
    return frozenset(words.split())


def by_word(table: dict[T, str]) -> dict[str, T]:
    """Turn {value: "several words"} round, into {word: value}."""
    return {word: value for value, words in table.items() for word in words.split()}


# --- Text -> JSON -----------------------------------------------------------------------------


def load(text: str | None) -> JSON:
    """Read JSON into clean values; None for anything that is not JSON."""
    if text is None:
        return None
    try:
        return _clean(json.loads(text, parse_constant=_nothing), MAX_DEPTH)
    except (json.JSONDecodeError, RecursionError):
        return None
    except ValueError:
        # An integer of thousands of digits; the rest of the answer is as good as ever.
        return _clean(json.loads(text, parse_constant=_nothing, parse_int=_as_integer), MAX_DEPTH)


def _nothing(word: str) -> None:
    """Stand in for NaN and Infinity, which are no JSON."""


def _as_integer(digits: str) -> int | None:
    return int(digits) if len(digits) <= MAX_NAME else None


def _clean(value: JSON, depth: int) -> JSON:
    """Drop what no database stores (NUL, lone surrogates, infinities) and what is too deep."""
    if isinstance(value, str):
        return clean_text(value)
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if isinstance(value, (dict, list)) and depth <= 0:
        return None
    if isinstance(value, dict):
        return {clean_text(str(k)): _clean(v, depth - 1) for k, v in value.items()}
    if isinstance(value, list):
        return [_clean(item, depth - 1) for item in value]
    return value if isinstance(value, (bool, int)) else None


def clean_text(text: str) -> str:
    """Return text that any database stores: no NUL, no lone surrogate."""
    return text.replace("\x00", "").encode("utf-8", "replace").decode("utf-8")


# --- Finding ----------------------------------------------------------------------------------


def pick(value: JSON, paths: Iterable[Path], convert: Callable[[JSON], T | None]) -> T | None:
    """Return the first value under one of the paths that converts to something."""
    if not isinstance(value, dict):
        return None
    folded: Object = {}
    for key, item in value.items():
        folded.setdefault(fold(key), item)
    for head, *rest in paths:
        if head in folded:
            found = convert(_walk(folded[head], tuple(rest)) if rest else folded[head])
            if found is not None:
                return found
    return None


def picks(value: JSON, paths: Iterable[Path], convert: Callable[[JSON], T | None]) -> Iterator[T]:
    """Yield what each path finds, in the order of the paths."""
    for path in paths:
        found = pick(value, (path,), convert)
        if found is not None:
            yield found


def first(values: Iterable[T | None]) -> T | None:
    """Return the first value that is not None."""
    return next((value for value in values if value is not None), None)


def _walk(value: JSON, path: Path) -> JSON:
    """Follow a folded path; "length" of a list is its length."""
    for step in path:
        if isinstance(value, list):
            if step == "length":
                value = len(value)
            elif step.isdigit() and int(step) < len(value):
                value = value[int(step)]
            else:
                return None
        elif isinstance(value, dict):
            value = next((v for k, v in value.items() if fold(k) == step), None)
        else:
            return None
    return value


# --- Converting -------------------------------------------------------------------------------


def as_text(value: JSON) -> str | None:
    """Return text, or a whole number as its digits; None for anything else and for blanks."""
    if isinstance(value, str):
        return value if value.strip() else None
    if isinstance(value, bool):
        return None
    if isinstance(value, float) and value.is_integer() and abs(value) < 1e15:
        value = int(value)
    return str(value) if isinstance(value, int) and abs(value) < 10**18 else None


def as_string(value: JSON) -> str | None:
    """Return text that was text in the JSON, and not blank."""
    return value if isinstance(value, str) and value.strip() else None


def as_name(value: JSON) -> str | None:
    """Return text short enough to be a name."""
    text = as_text(value)
    return text if text is not None and len(text) <= MAX_NAME else None


def as_id(value: JSON) -> str | None:
    """Return an opaque id, whole; Mongo's {"$oid": …} counts."""
    if isinstance(value, dict):
        value = value.get("$oid")
    text = as_text(value)
    return text if text is not None and len(text) <= MAX_ID else None


def as_number(value: JSON) -> float | None:
    """Return a number, also from "120", "1,200" or "45%"; never from a boolean."""
    if isinstance(value, str):
        try:
            value = float(value.strip().rstrip("%").replace(",", "")[:40])
        except ValueError:
            return None
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        return None
    # The bound comes first: an int beyond it may not even fit a float.
    return float(value) if abs(value) <= MAX_COUNT and math.isfinite(value) else None


def as_count(value: JSON) -> int | None:
    """Return a whole number from 0 to MAX_COUNT."""
    number = as_number(value)
    return int(number) if number is not None and number >= 0 else None


def as_code(value: JSON) -> int | None:
    """Return an error code; codes have at most seven digits."""
    number = as_count(value)
    return number if number is not None and number < 10_000_000 else None


def as_bool(value: JSON) -> bool | None:
    """Return a truth value, also from 1, "0" or "true"."""
    if isinstance(value, bool):
        return value
    return {"true": True, "yes": True, "1": True, "false": False, "no": False, "0": False}.get(
        (as_text(value) or "").strip().lower()
    )


def as_flag(value: JSON) -> bool | None:
    """Return a plain true or false; a number is a counter (`success: 0`), never a flag."""
    return value if isinstance(value, bool) else {"true": True, "false": False}.get(str(value))


def as_time(value: JSON) -> datetime | None:
    """Return a moment in UTC from ISO 8601 (no zone means UTC), epoch seconds, ms or $date."""
    if isinstance(value, dict):
        value = value.get("$date", value.get("$numberLong"))
        if isinstance(value, dict):
            value = value.get("$numberLong")
    if isinstance(value, bool) or not isinstance(value, (str, int, float)):
        return None
    try:
        if isinstance(value, str) and not re.fullmatch(r"\d{10}(\d{3})?(\.\d+)?", value.strip()):
            moment = datetime.fromisoformat(value.strip())
        else:
            seconds = float(value)
            seconds = seconds / 1000 if seconds >= 1e11 else seconds
            moment = datetime(1970, 1, 1, tzinfo=UTC) + timedelta(seconds=seconds)
        moment = moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)
    except (ValueError, OverflowError):
        return None
    return moment if 2000 <= moment.year <= 2100 else None


def filled(value: JSON) -> Object | None:
    """Return an object that has something in it."""
    return value if isinstance(value, dict) and value else None


# --- Spelling ---------------------------------------------------------------------------------


def constant(word: str | None) -> str:
    """Return a word as Meta writes its constants: IN_REVIEW."""
    return re.sub(r"[\s\-]+", "_", (word or "").strip()).upper()


def shorten(text: str, limit: int = 300) -> str:
    """Return the first line, cut to `limit`: a stack trace may follow it."""
    return text.strip().split("\n", 1)[0][:limit]
