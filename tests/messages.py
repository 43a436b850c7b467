"""Collect the sentences for people, and write the catalogs of translations.

script/messages                  update and compile every language in locale/
script/messages --locale fr      the same for one language, a new one included
script/messages --pseudo DIR     write the pseudo-locale en-xa into DIR

Babel does the work of GNU gettext, so no program has to be installed.
"""

import argparse
import io
import math
import re
from pathlib import Path

from babel.messages.catalog import Catalog
from babel.messages.extract import extract
from babel.messages.mofile import write_mo
from babel.messages.pofile import read_po, write_po
from django.utils.translation import to_language, to_locale
from django.utils.translation.template import templatize

from tests.processes import ROOT

LOCALE = ROOT / "locale"
PSEUDO = "en-xa"
# A call by one of these names, and the places of its message, plural and context.
KEYWORDS = {
    **dict.fromkeys(["_", "gettext", "gettext_lazy", "gettext_noop"], None),
    **dict.fromkeys(["ngettext", "ngettext_lazy", "ngettext_noop"], (1, 2)),
    **dict.fromkeys(["pgettext", "pgettext_lazy"], ((1, "c"), 2)),
    **dict.fromkeys(["npgettext", "npgettext_lazy"], ((1, "c"), 2, 3)),
}
COMMENTS = ["Translators:"]
# What a translator must not change: placeholders, percent signs, tags and entities.
FIXED = re.compile(r"(\{\{[^{}]*\}\}|\{[^{}]*\}|%\(\w+\)[sd]|%[sd%]|<[^<>]+>|&#?\w+;)", re.ASCII)
ACCENTS = str.maketrans("aceinosuyzACEINOSUYZ", "áçéíñóšúýžÁÇÉÍÑÓŠÚÝŽ")
VOWELS = "áéíóúýÁÉÍÓÚÝ"
LONGER = 0.4


def sources(root=ROOT):
    """Return every file of the product that may hold sentences: its packages and templates."""
    packages = [path.parent for path in root.glob("*/__init__.py")]
    files = [
        path
        for package in packages
        if package.name not in {"tests", "sandbox"}
        for path in package.rglob("*.py")
        if "migrations" not in path.parts
    ]
    return sorted(
        [*files, *(root / "templates").rglob("*.html"), *root.glob("templates/**/*.txt")]
    )


def python_of(path):
    """Return the file as Python that calls gettext for each of its sentences."""
    text = path.read_text(encoding="utf-8")
    if path.suffix == ".py":
        return text
    # Babel's tokenizer takes the indentation of a page for that of a program.
    lines = templatize(text, origin=str(path)).splitlines()
    return "\n".join(line.lstrip() for line in lines)


def empty(language=None):
    """Return a catalog without sentences; without a language it is a template."""
    return Catalog(
        locale=to_locale(language) if language else None,
        header_comment="# Chumi Admin",
        project="Chumi Admin",
        fuzzy=False,
    )


def collect(files, *, root=ROOT):
    """Return a catalog of all sentences in `files`, without translations."""
    catalog = empty()
    for path in files:
        code = io.BytesIO(python_of(path).encode())
        place = str(path.relative_to(root))
        for line, message, comments, context in extract("python", code, KEYWORDS, COMMENTS):
            catalog.add(
                message,
                locations=[(place, line)],
                auto_comments=comments,
                context=context,
            )
    return catalog


def update(language, template, *, folder=LOCALE):
    """Bring the catalog of a language up to date with `template`, compile and return it."""
    path = po_path(language, folder)
    catalog = empty(language)
    if path.exists():
        with path.open("rb") as file:
            catalog = read_po(file, locale=to_locale(language))
    created = catalog.creation_date
    catalog.update(template)
    # The file changes when a sentence does, not with each run.
    catalog.creation_date = created
    save(catalog, path)
    return catalog


def pseudo(text):
    """Return a "translation": accented, 40 % longer, in brackets, its placeholders as they were.

    White space at either end stays outside of the brackets.
    """
    inner = text.strip()
    if not inner:
        return text
    start = text.index(inner)
    pieces = FIXED.split(inner)
    pieces[::2] = [piece.translate(ACCENTS) for piece in pieces[::2]]
    missing = math.ceil(sum(map(len, pieces[::2])) * LONGER)
    vowels = sum(letter in VOWELS for piece in pieces[::2] for letter in piece)
    each, rest = divmod(missing, vowels) if vowels else (0, 0)
    # Each vowel is repeated `each` times, the first `rest` of them once more.
    repeats = iter([each + 1] * rest + [each] * (vowels - rest))
    pieces[::2] = [
        "".join(letter * (1 + next(repeats)) if letter in VOWELS else letter for letter in piece)
        for piece in pieces[::2]
    ]
    padding = "" if vowels else "~" * missing
    return f"{text[:start]}[{''.join(pieces)}{padding}]{text[start + len(inner) :]}"


def write_pseudo(template, folder):
    """Write the catalog of the pseudo-locale; `folder` is one for LOCALE_PATHS."""
    catalog = empty(PSEUDO)
    for message in template:
        if not message.id:
            continue
        forms = message.id if message.pluralizable else (message.id,)
        translated = tuple(map(pseudo, forms))
        catalog.add(
            message.id,
            translated if message.pluralizable else translated[0],
            context=message.context,
        )
    save(catalog, po_path(PSEUDO, folder))


def po_path(language, folder):
    return Path(folder) / to_locale(language) / "LC_MESSAGES" / "django.po"


def save(catalog, path):
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("wb") as file:
        write_po(file, catalog, width=98, include_lineno=False, sort_by_file=True)
    with path.with_suffix(".mo").open("wb") as file:
        write_mo(file, catalog)


def main():
    parser = argparse.ArgumentParser(
        prog="script/messages",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--locale", help="a language, as fr or pt-br")
    parser.add_argument("--pseudo", metavar="DIR", help="a folder for LOCALE_PATHS")
    options = parser.parse_args()
    template = collect(sources())
    print(f"{len(template)} sentences")
    if options.pseudo:
        write_pseudo(template, options.pseudo)
        return
    languages = (
        [options.locale]
        if options.locale
        else [to_language(path.parts[-3]) for path in LOCALE.glob("*/LC_MESSAGES/*.po")]
    )
    for language in languages:
        catalog = update(language, template)
        done = sum(1 for message in catalog if message.id and message.string and not message.fuzzy)
        print(f"{language}: {done} of {len(template)} translated")


if __name__ == "__main__":
    main()
