"""Sentences for people in modules that don't import Django.

makemessages finds the sentences by the name `gettext_noop`; `core.formats.sentence` translates
them where they are shown.
"""


def gettext_noop(message: str) -> str:
    """Mark a sentence for translation and return it unchanged."""
    return message


class Sentence(str):
    """A sentence with values: the text is its English form, message and values are kept apart.

    `message` names each value in braces. An int is a count and gets thousands separators; pass
    any other number as text.
    """

    message: str
    params: dict[str, str | int]

    def __new__(cls, message: str, params: dict[str, str | int]) -> "Sentence":
        shown = {k: f"{v:,}" if isinstance(v, int) else v for k, v in params.items()}
        sentence = super().__new__(cls, message.format(**shown))
        sentence.message, sentence.params = message, params
        return sentence

    def __getnewargs__(self) -> tuple[str, dict[str, str | int]]:  # type: ignore[override]
        return self.message, self.params
