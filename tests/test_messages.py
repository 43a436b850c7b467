import ast

import pytest
from django.template import Context, Template
from django.utils import translation
from django.utils.translation import gettext, ngettext

from tests import messages
from tests.unmarked import unmarked, unmarked_in_python

PYTHON = """
from django.utils.translation import gettext_lazy as _, ngettext, pgettext

TITLE = _("Recipients")
NAME = gettext_noop("The name {name} is too long.")


def count(n):
    return ngettext("{count} person", "{count} people", n).format(count=n)


def month():
    return pgettext("short", "May")
"""
PAGE = """
{% extends "base.html" %}
    {% block title %}{% translate "Let’s go: 5 % off" %}{% endblock %}
  {% block content %}
 <p title="{{ title|default:_("No title") }}">{% blocktranslate trimmed with name=team.name %}
    Welcome to
    {{ name }}.
  {% endblocktranslate %}</p>
{% include "x.html" with label=_("Home") %}
{% blocktranslate trimmed count counter=n %}{{ counter }} batch{% plural %}
  {{ counter }} batches{% endblocktranslate %}
  {% endblock %}
"""


@pytest.fixture
def product(tmp_path):
    """A small product: one package with a module, and one template."""
    for path, text in {
        "shop/__init__.py": "",
        "shop/views.py": PYTHON,
        "shop/migrations/0001_initial.py": '_("Not this")',
        "tests/__init__.py": '_("Not this")',
        "templates/shop/page.html": PAGE,
    }.items():
        file = tmp_path / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text, encoding="utf-8")
    return tmp_path


@pytest.fixture
def template(product):
    return messages.collect(messages.sources(product), root=product)


def test_it_finds_the_sentences_of_python_and_of_templates(template):
    assert {message.id for message in template if message.id} == {
        "Recipients",
        "The name {name} is too long.",
        ("{count} person", "{count} people"),
        "May",
        "Let’s go: 5 %% off",
        "No title",
        "Welcome to %(name)s.",
        "Home",
        ("%(counter)s batch", "%(counter)s batches"),
    }
    assert template.get("May", context="short").context == "short"
    assert template.get("Home").locations == [("templates/shop/page.html", 9)]


def test_a_language_keeps_its_translations_when_sentences_change(template, tmp_path):
    catalog = messages.update("fr", template, folder=tmp_path)
    catalog["Recipients"].string = "Destinataires"
    path = messages.po_path("fr", tmp_path)
    messages.save(catalog, path)
    before = path.read_text()
    messages.update("fr", template, folder=tmp_path)
    assert path.read_text() == before
    template.add("Another sentence, quite unlike the others")
    template.delete("Home")
    updated = messages.update("fr", template, folder=tmp_path)
    assert updated["Recipients"].string == "Destinataires"
    assert updated.get("Another sentence, quite unlike the others") is not None
    assert updated.get("Home") is None


@pytest.mark.parametrize(
    ("text", "fixed"),
    [
        ("{count} of {total:,} processed", ["{count}", "{total:,}"]),
        ("%(name)s has %(counter)d recipients", ["%(name)s", "%(counter)d"]),
        ("5 %% off for %s", ["%%", "%s"]),
        ('Open <a href="/team/">the team</a> &amp; go', ['<a href="/team/">', "</a>", "&amp;"]),
        ("Fill in {{name}} and {{1}}", ["{{name}}", "{{1}}"]),
    ],
)
def test_the_pseudo_locale_keeps_placeholders_and_tags(text, fixed):
    assert messages.FIXED.findall(messages.pseudo(text)) == fixed


@pytest.mark.parametrize("text", ["Send", "Fix the items marked in red, then send", "2 h", "xkcd"])
def test_the_pseudo_locale_is_longer_and_in_brackets(text):
    pseudo = messages.pseudo(text)
    assert pseudo[0] + pseudo[-1] == "[]"
    assert len(pseudo) - 2 >= 1.4 * len(text)
    assert pseudo[1:-1] != text


def test_white_space_stays_outside_of_the_brackets():
    assert messages.pseudo("\n  Send ") == "\n  [Šéééñd] "


def test_pages_and_sentences_show_the_pseudo_locale(template, tmp_path, settings):
    messages.write_pseudo(template, tmp_path / "locale")
    settings.LOCALE_PATHS = [tmp_path / "locale"]
    with translation.override("en-xa"):
        assert gettext("Recipients") == "[Rééçíípííééñtš]"
        people = [ngettext("{count} person", "{count} people", n).format(count=n) for n in (1, 2)]
        assert people == ["[1 péééršóóñ]", "[2 pééóópléé]"]
        page = Template(
            '{% translate "Let’s go: 5 % off" %}'
            "{% blocktranslate count counter=n %}{{ counter }} batch{% plural %}"
            "{{ counter }} batches{% endblocktranslate %}"
        )
        assert page.render(Context({"n": 3})) == "[Léééét’š góóó: 5 % óóóff][3 bááátçhéééš]"


def test_every_marked_sentence_is_a_literal():
    """A sentence that is put together before it is marked can't be found, nor translated."""
    wrong = []
    for path in messages.sources():
        if path.suffix != ".py":
            continue
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            name = getattr(getattr(node, "func", None), "id", None)
            if name in messages.KEYWORDS and any(
                isinstance(argument, ast.JoinedStr | ast.BinOp | ast.Call)
                for argument in node.args[:2]
            ):
                wrong.append(f"{path.relative_to(messages.ROOT)}:{node.lineno}")
    assert wrong == []


def test_the_product_can_be_collected():
    template = messages.collect(messages.sources())
    assert template.get("The phone number is missing.")


def test_texts_without_a_mark_are_found():
    page = """
{% load ui %}{# A comment for us #}
<a class="btn" title="Open it" href="/x">{% icon "plus" %}Add {{ name }}</a>
{% blocktranslate trimmed %}Marked, so it is not found{% endblocktranslate %}
<p>{% translate "Marked" %} WhatsApp · 12 %</p>
{% include "a/b.html" with title="No title" label=_("Marked") kind="wide" %}
{{ count|pluralize:"y,ies" }}{{ name|default:"nothing" }}<script>let x = "not a text";</script>
"""
    assert unmarked(page) == [
        (3, "Add"),
        (3, "Open it"),
        (6, "No title"),
        (7, '|default:"nothing"'),
        (7, "|pluralize"),
    ]


def test_sentences_of_python_without_a_mark_are_found():
    module = '''
"""Return what this module is for."""
PATHS = ["Not a b"]
KEY = "ready_to_go"
SQL = "SELECT name FROM team"
DONE = _("It is marked")
logger.warning("The log is for developers")
raise ValueError("So is this")


class Team:
    label = CharField("The name of it")

    def __str__(self):
        return f"Team {self.name} here"
'''
    assert unmarked_in_python(module) == [(3, "Not a b"), (12, "The name of it")]
