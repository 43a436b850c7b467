"""Recognise messages and buttons that ask for no more messages. Pure."""

import unicodedata

# Whole messages that mean "stop", one per line; a team can change them.
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
# A button whose text contains one of these is a stop button.
ON_BUTTONS = ("stop", "unsubscribe", "opt out", "optout")


def fold(text: str) -> str:
    """Return the text in lower case, without accents and punctuation, with single spaces."""
    plain = unicodedata.normalize("NFKD", text.casefold())
    kept = "".join(
        letter if letter.isalnum() else "" if unicodedata.combining(letter) else " "
        for letter in plain
    )
    return " ".join(kept.split())


def read_words(text: str) -> frozenset[str]:
    """Return the folded words of a list with one per line."""
    return frozenset(filter(None, map(fold, text.splitlines())))


def is_stop_word(message: str, words: frozenset[str]) -> bool:
    """Return True if the whole message is one of the words, as `read_words` returns them."""
    return fold(message) in words


def is_stop_button(text: str) -> bool:
    """Return True if a button with this text asks for no more messages."""
    return any(word in fold(text) for word in ON_BUTTONS)
