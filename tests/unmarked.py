"""Find the sentences for people that gettext does not know: python -m tests.unmarked [room …]"""

import ast
import re
import sys
from html.parser import HTMLParser

from django.template.base import Lexer, TokenType

from tests.messages import KEYWORDS, sources
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
# Two words or more, the first with a capital; a statement in SQL or a CSS class is none.
PYTHON_SENTENCE = re.compile(r"(?!(?:[A-Z]{2,} )+)[A-Z“][^\n]* \S")
# What their texts say is read by developers or is no text at all.
SILENT_CALLS = {
    *("debug", "info", "warning", "error", "exception"),
    *("ValueError", "TypeError", "KeyError", "LookupError", "RuntimeError", "AssertionError"),
    *("NotImplementedError", "ImproperlyConfigured", "CommandError"),
    *("HttpResponse", "compile", "format_date", "strftime"),
}


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


def unmarked_in_python(source):
    """Return [(line, text)] for each sentence of a module that no call marks for translation.

    Docstrings, logs, errors for developers and names of rows in the admin don't count.
    """
    tree = ast.parse(source)
    parents = {child: node for node in ast.walk(tree) for child in ast.iter_child_nodes(node)}

    def is_silent(node):
        if isinstance(parents.get(node), ast.Expr):
            return True
        while node := parents.get(node):
            if isinstance(node, ast.Call):
                name = getattr(node.func, "id", getattr(node.func, "attr", ""))
                if name in KEYWORDS or name in SILENT_CALLS:
                    return True
            if isinstance(node, ast.FunctionDef):
                return node.name == "__str__"
        return False

    return [
        (node.lineno, node.value)
        for node in ast.walk(tree)
        if isinstance(node, ast.Constant)
        and isinstance(node.value, str)
        and PYTHON_SENTENCE.match(node.value)
        and not is_silent(node)
    ]


def everywhere():
    """Yield (place, text) for each unmarked text of the product's pages and modules.

    The commands, the settings and the client speak to administrators and developers.
    """
    for path in sources():
        name = str(path.relative_to(ROOT))
        if path.suffix != ".py":
            found = unmarked(path.read_text(encoding="utf-8"))
        elif re.match(r"chumi_admin/|chumi_api/|.*/management/", name):
            continue
        else:
            found = unmarked_in_python(path.read_text(encoding="utf-8"))
        for line, text in found:
            yield f"{name}:{line}", text


def main(*rooms):
    places = [
        (place, text)
        for place, text in everywhere()
        if not rooms or place.removeprefix("templates/").startswith(rooms)
    ]
    for place, text in places:
        print(f"{place}: {text[:100]}")
    print(f"{len(places)} texts")


if __name__ == "__main__":
    main(*sys.argv[1:])
