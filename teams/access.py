"""What the test of a connection asked, what the answers were, and what it could not ask."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from django.utils.functional import Promise
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext

from chumi_api.client import ACCESS_QUESTIONS
from chumi_api.errors import ChumiError, Forbidden, NotFound
from chumi_api.types import AccessCheck, AccessReport
from core.formats import number, sentence
from core.sentences import to_json
from teams.watch import words_of


class Outcome(StrEnum):
    ANSWERED = "answered"
    MISSING = "missing"
    NOT_OFFERED = "not_offered"
    FAILED = "failed"
    NOT_ASKED = "not_asked"


# The documented addresses that the test asks, in its order.
QUESTIONS: dict[str, str | Promise] = {
    "/api/v1/whatsapp/templates": gettext_lazy("Templates"),
    "/api/v1/contacts": gettext_lazy("Contacts"),
    "/api/v1/whatsapp/bulk-jobs": gettext_lazy("Bulk jobs"),
}
assert list(QUESTIONS) == [path for path, *_rest in ACCESS_QUESTIONS]
# What no test can ask, by its scope.
NEVER_ASKED: dict[str, tuple[str | Promise, str | Promise]] = {
    "whatsapp:send": (
        gettext_lazy("Sending"),
        gettext_lazy("Could not be asked: only a message shows it."),
    ),
    "whatsapp:read": (
        gettext_lazy("Conversations"),
        gettext_lazy("Could not be asked: ChumiAI documents no address for it."),
    ),
}


@dataclass(frozen=True, slots=True)
class Answer:
    """One question of the test, and what came back, for people."""

    title: str
    tone: str
    text: str


def stored(report: AccessReport) -> list[dict[str, Any]]:
    """Return the answers as the connection keeps them."""
    asked = {check.path: check for check in report.checks}
    return [_stored(path, asked.get(path)) for path in QUESTIONS]


def _stored(path: str, check: AccessCheck | None) -> dict[str, Any]:
    if check is None:
        return {"path": path, "outcome": Outcome.NOT_ASKED}
    if check.ok:
        return {"path": path, "outcome": Outcome.ANSWERED, "items": check.items}
    problem = check.problem
    assert problem is not None
    outcome = Outcome.FAILED
    if isinstance(problem, Forbidden):
        outcome = Outcome.MISSING
    elif isinstance(problem, NotFound):
        outcome = Outcome.NOT_OFFERED
    return {
        "path": path,
        "outcome": outcome,
        "status": problem.status,
        "why": to_json(words_of(problem)),
    }


def key_problem(report: AccessReport) -> ChumiError | None:
    """Return why the key can't be used at all, None if anything was answered.

    A missing permission, or one address that fails while others answer, says nothing about the
    key.
    """
    problems = [check.problem for check in report.checks if check.problem]
    if any(check.ok for check in report.checks):
        return None
    others = [it for it in problems if not (isinstance(it, Forbidden) and it.required_scope)]
    return others[0] if others else None


def answers(checks: Iterable[Mapping[str, Any]], scopes: Mapping[str, str]) -> Iterator[Answer]:
    """Yield what the test asked, and what neither the test nor a use has shown yet."""
    for check in checks:
        yield Answer(str(QUESTIONS.get(check["path"], check["path"])), *_words(check))
    for scope, (title, text) in NEVER_ASKED.items():
        if scopes.get(scope, "untested") == "untested":
            yield Answer(str(title), "idle", str(text))


def has_gaps(checks: Iterable[Mapping[str, Any]]) -> bool:
    """Return True if a documented address could not be asked."""
    return any(
        check["outcome"] in (Outcome.NOT_OFFERED, Outcome.FAILED, Outcome.NOT_ASKED)
        for check in checks
    )


def has_no_answer(checks: Iterable[Mapping[str, Any]]) -> bool:
    """Return True if ChumiAI said neither yes nor no to anything."""
    return all(check["outcome"] in (Outcome.FAILED, Outcome.NOT_ASKED) for check in checks)


def why_of_first(checks: Iterable[Mapping[str, Any]]) -> str:
    """Return why the first address that failed did."""
    return next((sentence(check["why"]) for check in checks if check.get("why")), "")


def _words(check: Mapping[str, Any]) -> tuple[str, str]:
    """Return the tone and the words of one answer."""
    status = f" (HTTP {check['status']})" if check.get("status") else ""
    match check["outcome"]:
        case Outcome.ANSWERED if check["items"] is None:
            return "ok", _("Answered.")
        case Outcome.ANSWERED:
            items = check["items"]
            text = ngettext("Answered: {count} listed.", "Answered: {count} listed.", items)
            return "ok", text.format(count=number(items))
        case Outcome.MISSING:
            return "bad", sentence(check["why"]) + status
        case Outcome.NOT_OFFERED:
            return "idle", _("Could not be asked: ChumiAI does not offer this.") + status
        case Outcome.FAILED:
            text = _("Could not be asked: {why}").format(why=sentence(check["why"]))
            return "idle", text + status
    return "idle", _("Not asked: the answer would be the same.")
