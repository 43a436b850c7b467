"""Find the sentences of templates that gettext does not know: python -m tests.unmarked [folder]"""

import re
import sys
from html.parser import HTMLParser

from django.template.base import Lexer, TokenType

from tests.processes import ROOT

# What a person reads although it stands in an attribute.
ATTRIBUTES = re.compile(
    r"aria-label|title|alt|placeholder|data-label|data-confirm(-title|-action)?|data-done|summary"
)
# Names, which are the same in every language.
NAMES = re.compile(r"\b(Chumi|Admin|ChumiAI|WhatsApp|Excel|CSV|API|ID|OTP|GHS)\b")
WORD = re.compile(r"[^\W\d_]{2,}")
QUOTED = re.compile(r"""(_\()?(["'])(.*?)\2""")
# Tags whose words in quotes are shown, and filters that make words.
SHOWN = re.compile(r"^(include|with|status_badge|slot|person_name|firstof|now)\b")
FILTERS = re.compile(
    r"\|(pluralize|yesno)\b|\|default(_if_none)?:[\"']([^\"']*[^\W\d_]{2}[^\"']*)[\"']"
)


class _Texts(HTMLParser):
    """Collect the words of a page with their lines."""

    def __init__(self):
        super().__init__()
        self.found, self.silent = [], 0

    def handle_starttag(self, tag, attrs):
        self.silent += tag in {"script", "style", "code", "kbd"}
        for name, value in attrs:
            if value and ATTRIBUTES.fullmatch(name):
                self._add(value)

    def handle_endtag(self, tag):
        self.silent -= tag in {"script", "style", "code", "kbd"}

    def handle_data(self, data):
        if not self.silent:
            self._add(data)

    def _add(self, text):
        if WORD.search(NAMES.sub("", text)):
            line = self.getpos()[0] + text[: len(text) - len(text.lstrip())].count("\n")
            self.found.append((line, " ".join(text.split())))


def is_sentence(text):
    """Say whether a person may read the text, unlike `fold-up`, `a/b.html` or `app:name`."""
    has_words = WORD.search(NAMES.sub("", text))
    are_urls = all(":" in word for word in text.split())
    return bool(has_words) and not are_urls and (" " in text.strip() or text[0].isupper())


def unmarked(source):
    """Return [(line, text)] for each text of a template that is not marked for translation."""
    html, found, inside = [], [], ""
    for token in Lexer(source).tokenize():
        tag = token.contents.split(maxsplit=1)[0] if token.contents.strip() else ""
        if token.token_type == TokenType.TEXT:
            html.append("\n" * token.contents.count("\n") if inside else token.contents)
        elif token.token_type == TokenType.BLOCK and inside:
            inside = "" if tag == f"end{inside}" else inside
        elif token.token_type == TokenType.BLOCK and tag in {"blocktranslate", "comment"}:
            inside = tag
        elif inside:
            continue
        if token.token_type in (TokenType.BLOCK, TokenType.VAR) and tag != "translate":
            found += [(token.lineno, match[0]) for match in FILTERS.finditer(token.contents)]
            if SHOWN.search(token.contents):
                found += [
                    (token.lineno, text)
                    for is_marked, _, text in QUOTED.findall(token.contents)
                    if not is_marked and is_sentence(text)
                ]
    parser = _Texts()
    parser.feed("".join(html))
    parser.close()
    return sorted(found + parser.found)


def main(folder=""):
    paths = sorted((ROOT / "templates" / folder).rglob("*.html"))
    count = 0
    for path in paths:
        for line, text in unmarked(path.read_text(encoding="utf-8")):
            print(f"{path.relative_to(ROOT)}:{line}: {text[:100]}")
            count += 1
    print(f"{count} in {len(paths)} templates")


if __name__ == "__main__":
    main(*sys.argv[1:])
