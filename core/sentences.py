"""Sentences for people in modules that don't import Django.

makemessages finds the sentences by the names `gettext_noop` and `ngettext_noop`;
`core.formats.sentence` translates them where they are shown.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

Params = dict[str, str | int]


def gettext_noop(message: str) -> str:
    """Mark a sentence for translation and return it unchanged."""
    return message


def ngettext_noop(singular: str, plural: str) -> tuple[str, str]:
    """Mark both forms of a sentence whose value `count` chooses the form, and return them."""
    return singular, plural


class Sentence(str):
    """A sentence with values: the text is its English form, message and values are kept apart.

    `message` names each value in braces; with the two forms of `ngettext_noop`, the value `count`
    chooses one. An int is a count and gets thousands separators; pass any other number as text.
    Two sentences are equal if their messages and values are.
    """

    message: str
    plural: str
    params: Params

    def __new__(cls, message: str | tuple[str, str], params: Mapping[str, str | int]) -> Sentence:
        singular, plural = (message, "") if isinstance(message, str) else message
        shown = {k: f"{v:,}" if isinstance(v, int) else v for k, v in params.items()}
        form = plural if plural and params["count"] != 1 else singular
        sentence = super().__new__(cls, form.format(**shown))
        sentence.message, sentence.plural, sentence.params = singular, plural, dict(params)
        return sentence

    def __eq__(self, other: object) -> bool:
        if isinstance(other, Sentence):
            return self.__getnewargs__() == other.__getnewargs__()
        return super().__eq__(other)

    def __ne__(self, other: object) -> bool:
        return not self == other

    __hash__ = str.__hash__

    def __getnewargs__(self) -> tuple[str | tuple[str, str], Params]:  # type: ignore[override]
        return (self.message, self.plural) if self.plural else self.message, self.params


def to_json(text: str) -> str | list[Any]:
    """Return the stored form: a sentence without values as it is, else [message, params, plural].

    The plural is left out where there is none.
    """
    if not isinstance(text, Sentence):
        return str(text)
    stored: list[Any] = [text.message, text.params]
    return [*stored, text.plural] if text.plural else stored


def from_json(stored: str | list[Any]) -> str:
    """Return the sentence of a stored form."""
    if isinstance(stored, str):
        return stored
    message, params, *plural = stored
    return Sentence((message, plural[0]) if plural else message, params)
