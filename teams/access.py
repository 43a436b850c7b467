"""What the test of a connection asked, what the answers were, and what it could not ask."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
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

ANSWERED, MISSING, NOT_OFFERED, FAILED = "answered", "missing", "not_offered", "failed"
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
        return {"path": path, "outcome": NOT_ASKED}
    if check.ok:
        return {"path": path, "outcome": ANSWERED, "items": check.items}
    problem = check.problem
    assert problem is not None
    outcome = FAILED
    if isinstance(problem, Forbidden):
        outcome = MISSING
    elif isinstance(problem, NotFound):
        outcome = NOT_OFFERED
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
    return any(check["outcome"] in (NOT_OFFERED, FAILED, NOT_ASKED) for check in checks)


def has_no_answer(checks: Iterable[Mapping[str, Any]]) -> bool:
    """Return True if ChumiAI said neither yes nor no to anything."""
    return all(check["outcome"] in (FAILED, NOT_ASKED) for check in checks)


def why_of_first(checks: Iterable[Mapping[str, Any]]) -> str:
    """Return why the first address that failed did."""
    return next((sentence(check["why"]) for check in checks if check.get("why")), "")


def _words(check: Mapping[str, Any]) -> tuple[str, str]:
    """Return the tone and the words of one answer."""
    status = f" (HTTP {check['status']})" if check.get("status") else ""
    match check["outcome"]:
        case "answered" if check["items"] is None:
            return "ok", _("Answered.")
        case "answered":
            items = check["items"]
            text = ngettext("Answered: {count} listed.", "Answered: {count} listed.", items)
            return "ok", text.format(count=number(items))
        case "missing":
            return "bad", sentence(check["why"]) + status
        case "not_offered":
            return "idle", _("Could not be asked: ChumiAI does not offer this.") + status
        case "failed":
            text = _("Could not be asked: {why}").format(why=sentence(check["why"]))
            return "idle", text + status
    return "idle", _("Not asked: the answer would be the same.")
