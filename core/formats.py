"""How numbers and sentences of the pure packages are written in the language of the page."""

from collections.abc import Mapping

from django.utils import formats
from django.utils.translation import gettext

from core.sentences import Sentence


def number(value: int) -> str:
    """Write a count with the separators of the language: `1,204`."""
    return formats.number_format(value, force_grouping=True)


def sentence(text: str, params: Mapping[str, object] | None = None) -> str:
    """Translate a sentence that a pure package marked, and fill its values in.

    `params` are the values by name; a `Sentence` carries its own.
    """
    if isinstance(text, Sentence):
        return sentence(text.message, text.params)
    if not params:
        return gettext(text)
    shown = {k: number(v) if isinstance(v, int) else v for k, v in params.items()}
    return gettext(text).format(**shown)
