"""The words of a conversation, for people and for the search. Pure."""

import re
import unicodedata
from datetime import timedelta

KINDS = {
    "image": "Picture",
    "video": "Video",
    "audio": "Audio",
    "voice": "Voice message",
    "document": "Document",
    "sticker": "Sticker",
    "location": "Place",
    "contacts": "Contact",
    "order": "Order",
    "reaction": "Reaction",
    "template": "Template",
}
TEXT_KINDS = ("text", "button", "interactive", "list_reply", "button_reply")
# A person types words; what is longer is none, and no database would index it.
LONGEST_WORD = 40
MOST_WORDS = 1_000
# Begins the word that names the team: a letter that no typed word can have.
TEAM_MARK = "\ue000"


def kind_name(kind: str) -> str:
    """Name a kind as people do; a message of a kind that nobody knows is just that."""
    return KINDS.get(
        kind, "" if kind in TEXT_KINDS else "Message of a kind that is not known here"
    )


def summary(*, kind: str, text: str, media_name: str = "", template: str = "") -> str:
    """Say in a line of at most 200 characters what a message is, '' where nobody knows."""
    line = " ".join(text.split())
    if not kind and not line:
        line = media_name
    elif kind == "reaction":
        line = f"Reacted with {line}" if line else "Took a reaction back"
    elif kind not in TEXT_KINDS and kind != "template":
        line = (
            f"{kind_name(kind)}: {line or media_name}" if line or media_name else kind_name(kind)
        )
    if not line and template:
        line = f"Template {template}"
    return line[:200]


def fold(text: str) -> list[str]:
    """Return the words of a text as the search compares them: no case, no accents, each once."""
    plain = unicodedata.normalize("NFKD", text).casefold()
    plain = "".join(c for c in plain if not unicodedata.combining(c))
    found = re.findall(r"[^\W_]+", unicodedata.normalize("NFKC", plain))
    return list(dict.fromkeys(word[:LONGEST_WORD] for word in found))[:MOST_WORDS]


def folded(team_id: int, text: str) -> str:
    """Return what the index takes of a text, or '' where there is no word in it."""
    found = fold(text)
    return " ".join([f"{TEAM_MARK}{team_id}", *found]) if found else ""


def time_left(left: timedelta) -> str:
    """Say how long something is open still: `21 h`, `40 min`."""
    minutes = max(int(left.total_seconds() // 60), 0)
    return f"{minutes // 60} h" if minutes >= 120 else f"{max(minutes, 1)} min"
