"""Who asks not to be written to any more, by what they wrote or pressed. Pure."""

import unicodedata

# Whole messages that mean "stop", one a line; a team changes them as it likes.
DEFAULT = """\
stop
stop all
stopall
stop promotions
unsubscribe
opt out
optout
cancel
end
quit
remove me
not interested
no more
arrêt
arrêter
désabonner
me désabonner
baja
cancelar
parar
sair
abmelden
acha
gyae
daina
إيقاف
توقف
"""
# A button is a stop button if its text holds one of these.
ON_BUTTONS = ("stop", "unsubscribe", "opt out", "optout")


def fold(text: str) -> str:
    """Return the words alone: no case, no accents, no punctuation, single spaces."""
    plain = unicodedata.normalize("NFKD", text.casefold())
    kept = "".join(
        letter if letter.isalnum() else "" if unicodedata.combining(letter) else " "
        for letter in plain
    )
    return " ".join(kept.split())


def read_words(text: str) -> frozenset[str]:
    """Return the folded words of a list that has one a line."""
    return frozenset(filter(None, map(fold, text.splitlines())))


def is_stop_word(message: str, words: frozenset[str]) -> bool:
    """Tell whether the whole message is one of the words, given as `read_words` returns them."""
    return fold(message) in words


def is_stop_button(text: str) -> bool:
    """Tell whether a button of this text asks for no more messages."""
    return any(word in fold(text) for word in ON_BUTTONS)
