"""How numbers and sentences of the pure packages are written in the language of the page."""

from collections.abc import Mapping
from typing import Any

from django.utils import formats
from django.utils.translation import gettext, ngettext

from core.sentences import Sentence, from_json


def number(value: int) -> str:
    """Write a count with the separators of the language: `1,204`."""
    return formats.number_format(value, force_grouping=True)


def sentence(text: str | list[Any], params: Mapping[str, object] | None = None) -> str:
    """Translate a sentence that a pure package marked, and fill its values in.

    `text` may be the stored form of a sentence (see `core.sentences.to_json`). `params` are the
    values by name; a `Sentence` carries its own.
    """
    if isinstance(text, list):
        text = from_json(text)
    if isinstance(text, Sentence):
        if text.plural:
            translated = ngettext(text.message, text.plural, int(text.params["count"]))
        else:
            translated = gettext(text.message)
        return _filled(translated, text.params)
    return _filled(gettext(text), params) if params else gettext(text)


def _filled(text: str, params: Mapping[str, object]) -> str:
    shown = {k: number(v) if isinstance(v, int) else v for k, v in params.items()}
    return text.format(**shown)
