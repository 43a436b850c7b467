"""What is wrong with this installation, as one list: Home and `/health/` show it.

Each function of `CHECKS` reads rows or files only and returns a `Problem` or None. To add one: a
function, a row of `CHECKS`, and its case in tests/tasks/test_health.py.
"""

from collections.abc import Callable
from dataclasses import dataclass

from django.utils.functional import Promise


@dataclass(frozen=True, slots=True)
class Problem:
    """A fault of the installation: a stable code, and its words for the people of every team."""

    code: str
    title: str | Promise
    text: str | Promise


CHECKS: tuple[Callable[[], Problem | None], ...] = ()


def problems() -> list[Problem]:
    """Return what is wrong at the moment, the most important first."""
    return [problem for check in CHECKS if (problem := check())]
