"""The rows that the child process writes, each a JSON array in the order of these fields.

Notes and sentences are in their stored form (see `core.sentences.to_json`).
"""

from typing import Any, NamedTuple

Stored = str | list[Any]


class ReadyRow(NamedTuple):
    """A row to send: its number in the file, the phone in E.164, the values in order."""

    number: int
    phone: str
    values: list[str]
    notes: list[Stored]


class ReportRow(NamedTuple):
    """A checked row: `written` is the phone as in the file, `phone` in E.164 or None."""

    number: int
    outcome: str
    written: str
    phone: str | None
    sentences: list[Stored]
    cells: list[str]
