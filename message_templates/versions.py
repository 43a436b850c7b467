"""What of a template a recipient sees and our values are filled into; and what changed of it.

Two versions of a template are compared wherever something is handed over, so that what is sent
is what was checked. Examples, ids of media, the quality and the order of keys are no part of it.
Pure functions; a version is fit for JSON and stands in the snapshot of a campaign.
"""

import json
import re
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from difflib import SequenceMatcher
from enum import StrEnum
from hashlib import sha256
from typing import Any, TypedDict

from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from message_templates import labels
from message_templates.components import Button, Content, constant, parse, placeholders

# Longer texts are not compared word by word: the time grows with the square of the length.
MOST_WORDS = 3000
# Keys of a component that a recipient does not see.
UNSEEN = frozenset(("example", "examples"))
READ = frozenset(("HEADER", "BODY", "FOOTER", "BUTTONS"))


class Version(TypedDict):
    """The parts of a template that count; `placeholders` in the order of their values."""

    category: str
    components: Any
    parameter_format: str
    placeholders: list[str]


def version_of(*, category: str, components: Any, parameter_format: str) -> Version:
    return {
        "category": category,
        "components": components,
        "parameter_format": parameter_format,
        "placeholders": placeholders(components, parameter_format),
    }


def hash_of(version: Mapping[str, Any]) -> str:
    """Return the SHA-256 of all that counts of a version."""
    parts = [
        constant(version["category"]),
        version["placeholders"],
        asdict(parse(version["components"])),
        _others(version["components"]),
    ]
    text = json.dumps(parts, sort_keys=True)
    return sha256(text.encode(errors="surrogatepass")).hexdigest()


def _others(given: object) -> list[Any]:
    """Return the components that `parse` does not read, as far as they are seen."""
    listed = given if isinstance(given, list) else []
    return [
        _seen(component)
        for component in listed
        if not (isinstance(component, dict) and constant(component.get("type")) in READ)
    ]


def _seen(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _seen(inner) for key, inner in value.items() if key not in UNSEEN}
    return [_seen(inner) for inner in value] if isinstance(value, list) else value


class Part(StrEnum):
    BODY = "body"
    HEADER = "header"
    FOOTER = "footer"
    BUTTONS = "buttons"
    CATEGORY = "category"
    PLACEHOLDERS = "placeholders"
    OTHERS = "others"


LABELS = {
    Part.BODY: gettext_lazy("Text"),
    Part.HEADER: gettext_lazy("Header"),
    Part.FOOTER: gettext_lazy("Footer"),
    Part.BUTTONS: gettext_lazy("Buttons"),
    Part.CATEGORY: gettext_lazy("Category"),
    Part.PLACEHOLDERS: gettext_lazy("Placeholders"),
    Part.OTHERS: gettext_lazy("Other parts"),
}


@dataclass(frozen=True, slots=True)
class Piece:
    """Some words of a text; `differs` if the other version does not have them here."""

    text: str
    differs: bool


@dataclass(frozen=True, slots=True)
class Change:
    """A part of a template that differs, as texts for people, '' for a part that is missing."""

    part: Part
    old: str
    new: str

    @property
    def label(self) -> str:
        return str(LABELS[self.part])

    @property
    def is_shown(self) -> bool:
        """Return False if all that is known is that something differs."""
        return bool(self.old or self.new)

    @property
    def old_html(self) -> SafeString:
        """Return the old text with the words marked that the new one does not have."""
        return _marked(pieces(self.old, self.new)[0], "del", _("removed:"))

    @property
    def new_html(self) -> SafeString:
        """Return the new text with the words marked that the old one does not have."""
        return _marked(pieces(self.old, self.new)[1], "ins", _("added:"))

    def __str__(self) -> str:
        """Return both versions in a line: `Text: “Hello {{1}}” → “Dear {{1}}”`."""
        old, new = (f"“{text}”" if text else _("nothing") for text in (self.old, self.new))
        return _("{part}: {old} → {new}").format(part=self.label, old=old, new=new)


def changes(old: Mapping[str, Any], new: Mapping[str, Any]) -> list[Change]:
    """Return what differs, in the order in which a person reads a message."""
    if hash_of(old) == hash_of(new):
        return []
    before, after = (parse(version["components"]) for version in (old, new))
    texts = {
        Part.BODY: (before.body, after.body),
        Part.HEADER: (_header(before), _header(after)),
        Part.FOOTER: (before.footer, after.footer),
        Part.BUTTONS: (_buttons(before), _buttons(after)),
        Part.CATEGORY: (_category(old), _category(new)),
        Part.PLACEHOLDERS: (_names(old), _names(new)),
        Part.OTHERS: (", ".join(before.others), ", ".join(after.others)),
    }
    found = [Change(part, was, now) for part, (was, now) in texts.items() if was != now]
    return found or [Change(Part.OTHERS, "", "")]


def fits(old: Mapping[str, Any], new: Mapping[str, Any]) -> bool:
    """Return True if the values and the media of the old version can fill the new one.

    That is so where the placeholders have the same names in the same order. Whether they still
    mean the same, only a person can tell.
    """
    before, after = (parse(version["components"]).header for version in (old, new))
    media = [header.format if header and header.media else "" for header in (before, after)]
    return list(old["placeholders"]) == list(new["placeholders"]) and media[0] == media[1]


def pieces(old: str, new: str) -> tuple[list[Piece], list[Piece]]:
    """Cut both texts into what they share and what differs, word by word."""
    before, after = (re.findall(r"\S+\s*|\s+", text) for text in (old, new))
    if max(len(before), len(after)) > MOST_WORDS:
        return [Piece(old, True)] * bool(old), [Piece(new, True)] * bool(new)
    cut_old, cut_new = [], []
    matcher = SequenceMatcher(None, before, after, autojunk=False)
    for kind, old_start, old_end, new_start, new_end in matcher.get_opcodes():
        differs = kind != "equal"
        if old_start < old_end:
            cut_old.append(Piece("".join(before[old_start:old_end]), differs))
        if new_start < new_end:
            cut_new.append(Piece("".join(after[new_start:new_end]), differs))
    return cut_old, cut_new


def _marked(cut: list[Piece], tag: str, spoken: str) -> SafeString:
    """Return the pieces as HTML. Screen readers don't read the tag, so it is spoken as well."""
    tags = (
        format_html(
            '<{tag}><span class="visually-hidden">{spoken} </span>{text}</{tag}>',
            tag=tag,
            spoken=spoken,
            text=piece.text,
        )
        if piece.differs and piece.text.strip()
        else format_html("{}", piece.text)
        for piece in cut
    )
    return format_html_join("", "{}", ((tag,) for tag in tags)) or format_html("{}", _("nothing"))


def _header(content: Content) -> str:
    header = content.header
    if header is None:
        return ""
    return header.text or str(header.media_name).capitalize() or header.format.capitalize()


def _buttons(content: Content) -> str:
    return "\n".join(map(_button, content.buttons))


def _button(button: Button) -> str:
    target = button.url or button.phone_number
    kind = button.kind.replace("_", " ").lower()
    return f"{button.text} ({target or kind})" if button.text else target or kind


def _category(version: Mapping[str, Any]) -> str:
    return labels.label(labels.CATEGORIES, constant(version["category"]))


def _names(version: Mapping[str, Any]) -> str:
    return ", ".join(f"{{{{{name}}}}}" for name in version["placeholders"])
