"""What is around the values of an answer: envelopes, and the list inside one."""

from __future__ import annotations

from dataclasses import dataclass

from chumi_api.parsing.json_values import JSON, Object, aliases, filled, fold, pick
from chumi_api.types import ContactGroup

# --- Assumed: the names of envelopes ----------------------------------------------------------

ENVELOPES = ("data", "result", "results", "payload", "response", "body")
LISTS = ("items", "docs", "rows", "records", "list", "content", "edges")
MAX_ENVELOPES = 3


def levels(body: JSON, names: tuple[str, ...]) -> list[Object]:
    """Return the objects of an answer, from the outermost envelope inwards.

    One object alone in a list counts as that object.
    """
    found: list[Object] = []
    keys = aliases(" ".join((*ENVELOPES, *names)))
    for _ in range(MAX_ENVELOPES + 1):
        if isinstance(body, list) and len(body) == 1:
            body = body[0]
        if not isinstance(body, dict):
            break
        found.append(body)
        # Only `data` may hold its object in a list: the one entry of a job's `results` is a row.
        body = pick(body, keys, filled) or pick(body, aliases("data"), _only_entry)
    return found


def _only_entry(value: JSON) -> Object | None:
    return filled(value[0]) if isinstance(value, list) and len(value) == 1 else None


@dataclass(frozen=True, slots=True)
class Entries:
    """The list inside an answer, the objects around it, and the names of the envelopes."""

    items: list[JSON]
    around: tuple[Object, ...]
    envelope: str
    group: ContactGroup | None = None


def find_list(body: JSON, names: tuple[str, ...]) -> Entries | None:
    """Find the list of a resource in any envelope; None where there is no list."""
    keys = aliases(" ".join((*ENVELOPES, *names, *LISTS)))

    def search(value: JSON, around: tuple[Object, ...], path: str, left: int) -> Entries | None:
        if isinstance(value, list):
            items = [_node(item) for item in value]
            return Entries(items, around, path or "none")
        if not isinstance(value, dict) or left < 0:
            return None
        return pick(
            {fold(key): (key, item) for key, item in value.items()},
            keys,
            lambda pair: search(
                pair[1], (*around, value), f"{path}.{pair[0]}".lstrip("."), left - 1
            ),
        )

    return search(body, (), "", MAX_ENVELOPES)


def _node(item: JSON) -> JSON:
    """Unwrap GraphQL's {"node": …}."""
    return item["node"] if isinstance(item, dict) and isinstance(item.get("node"), dict) else item
