"""Labels for messages, and the folded words of the search."""

import re
import unicodedata
from datetime import timedelta

from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

KINDS = {
    "image": gettext_lazy("Image"),
    "video": gettext_lazy("Video"),
    "audio": gettext_lazy("Audio"),
    "voice": gettext_lazy("Voice message"),
    "document": gettext_lazy("Document"),
    "sticker": gettext_lazy("Sticker"),
    "location": gettext_lazy("Location"),
    "contacts": gettext_lazy("Contact"),
    "order": gettext_lazy("Order"),
    "reaction": gettext_lazy("Reaction"),
    "template": gettext_lazy("Template"),
}
TEXT_KINDS = ("text", "button", "interactive", "list_reply", "button_reply")
SUMMARY_LENGTH = 200
# Longer sequences of letters are no words that a person types, and no database indexes them.
MAX_WORD_LENGTH = 40
MAX_WORDS = 1_000
# Starts the word that names the team: a private-use letter, which no folded word contains.
TEAM_MARK = "\ue000"


def kind_name(kind: str) -> str:
    """Return the label of a message's kind, '' for plain text."""
    if kind in TEXT_KINDS:
        return ""
    return str(KINDS[kind]) if kind in KINDS else _("Unsupported message")


def summary(*, kind: str, text: str, media_name: str = "", template: str = "") -> str:
    """Describe a message in one line of at most 200 characters, '' if nothing is known of it."""
    line = " ".join(text.split())
    if not kind and not line:
        line = media_name
    elif kind == "reaction":
        line = _("Reacted with {emoji}").format(emoji=line) if line else _("Removed a reaction")
    elif kind not in TEXT_KINDS and kind != "template":
        detail = line or media_name
        line = f"{kind_name(kind)}: {detail}" if detail else kind_name(kind)
    if not line and template:
        line = _("Template {name}").format(name=template)
    return line[:SUMMARY_LENGTH]


def fold(text: str) -> list[str]:
    """Return the distinct words of a text as the search compares them: no case, no accents."""
    plain = unicodedata.normalize("NFKD", text).casefold()
    plain = "".join(c for c in plain if not unicodedata.combining(c))
    found = re.findall(r"[^\W_]+", unicodedata.normalize("NFKC", plain))
    return list(dict.fromkeys(word[:MAX_WORD_LENGTH] for word in found))[:MAX_WORDS]


def folded(team_id: int, text: str) -> str:
    """Return what the search index stores for a text, '' if it has no words."""
    found = fold(text)
    return " ".join([f"{TEAM_MARK}{team_id}", *found]) if found else ""


def rounded_time(left: timedelta) -> tuple[int, int]:
    """Return (hours, 0) from two hours on, else (0, minutes) with at least one minute."""
    minutes = max(int(left.total_seconds() // 60), 0)
    return (minutes // 60, 0) if minutes >= 120 else (0, max(minutes, 1))


def time_left(left: timedelta) -> str:
    """Return a remaining time: `21 h`, `40 min`."""
    hours, minutes = rounded_time(left)
    return (
        _("{hours} h").format(hours=hours) if hours else _("{minutes} min").format(minutes=minutes)
    )
