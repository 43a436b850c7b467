"""Parse the components of a template, and show its text as the phone does."""

import re
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from message_templates import components as c
from message_templates.sendability import Unsendable, warnings, why_unsendable

BODY = {"type": "BODY", "text": "Hi {{1}}, your code is {{2}}."}


def body(text, **more):
    return [{"type": "BODY", "text": text, **more}]


# Placeholders


@pytest.mark.parametrize(
    ("text", "parameter_format", "names"),
    [
        ("No placeholder", "POSITIONAL", []),
        ("{{10}} {{2}} {{1}}", "POSITIONAL", ["1", "2", "10"]),
        ("{{1}} and {{ 1 }} again", "POSITIONAL", ["1"]),
        ("{{last}} {{first}} {{last}}", "NAMED", ["last", "first"]),
        ("{{name}} without a format said", "POSITIONAL", ["name"]),
        ("{{" + "9" * 5000 + "}} {{1}}", "POSITIONAL", ["1", "9" * 5000]),
        ("{{1} {1}} {{}} {{a-b}}", "POSITIONAL", []),
    ],
)
def test_placeholders_are_distinct_and_in_send_order(text, parameter_format, names):
    assert c.placeholders(body(text), parameter_format) == names


def test_parse_splits_a_template_into_its_components():
    content = c.parse(
        [
            {"type": "HEADER", "format": "TEXT", "text": "Hello"},
            BODY,
            {"type": "FOOTER", "text": "Reply STOP"},
            {
                "type": "BUTTONS",
                "buttons": [
                    {"type": "QUICK_REPLY", "text": "Stop"},
                    {"type": "URL", "text": "Shop", "url": "https://example.com"},
                ],
            },
            {"type": "SOMETHING_ELSE"},
        ]
    )

    assert content == c.Content(
        header=c.Header("TEXT", "Hello"),
        body=BODY["text"],
        footer="Reply STOP",
        buttons=(
            c.Button("QUICK_REPLY", "Stop"),
            c.Button("URL", "Shop", url="https://example.com"),
        ),
        others=("SOMETHING_ELSE",),
    )


@pytest.mark.parametrize(
    ("example", "samples"),
    [
        ({"body_text": [["Ama", "X-1"]]}, {"1": "Ama", "2": "X-1"}),
        ({"body_text": ["Ama", "X-1"]}, {"1": "Ama", "2": "X-1"}),
        ({"body_text": "Ama"}, {"1": "Ama"}),
        ({"body_text": [["Ama"]]}, {"1": "Ama"}),
        ({"body_text": [[None, 7]]}, {}),
        ({"body_text_named_params": [{"param_name": "2", "example": "X"}]}, {"2": "X"}),
        ("nonsense", {}),
        (None, {}),
    ],
)
def test_sample_values_come_from_the_example(example, samples):
    assert c.sample_values([{**BODY, "example": example}]) == samples


def test_hints_show_the_words_around_a_placeholder():
    text = "Good morning\nWe are glad to say, dear {{1}}, that your order {{2}} is ready now, see!"

    hints = c.hints(text, ["1", "2"])

    assert hints["1"] == c.Hint("glad to say, dear ", ", that your order")
    assert hints["2"].after == " is ready now, see!"
    assert c.hints("{{1}}", ["1"]) == {"1": c.Hint("", "")}


def test_render_puts_values_in_once():
    assert c.render("Hi {{1}} {{ 1 }}, {{2}}", {"1": "{{2}}"}) == "Hi {{2}} {{2}}, {{2}}"


def test_limits_depend_on_what_stands_beside_the_body():
    assert c.limits([BODY]) == c.Limits(warn=1024, error=32_768)
    assert c.limits([BODY, {"type": "FOOTER", "text": "Bye"}]).error == 1024
    assert c.limits([BODY, {"type": "LIMITED_TIME_OFFER"}]).error == 600


# The preview


@pytest.mark.parametrize(
    ("text", "html"),
    [
        ("*bold* _italic_ ~gone~", "<strong>bold</strong> <em>italic</em> <s>gone</s>"),
        ("*_both_*", "<strong><em>both</em></strong>"),
        ("(*bold*)!", "(<strong>bold</strong>)!"),
        ("**bold**", "*<strong>bold</strong>*"),
        ("2*3*4 and snake_case_name", "2*3*4 and snake_case_name"),
        ("* not bold*", "<ul><li>not bold*</li></ul>"),
        ("*not bold *", "*not bold *"),
        ("*not\nbold*", "*not<br>bold*"),
        ("*a *b*", "<strong>a *b</strong>"),
        ("`*code*`", "<code>*code*</code>"),
        ("```two\n*lines*```", "<code>two<br>*lines*</code>"),
        ("` ` ``", "` ` ``"),
        ("> quote\n> more\nplain", "<blockquote>quote<br>more</blockquote>plain"),
        ("- one\n* two", "<ul><li>one</li><li>two</li></ul>"),
        ("3. three\n4. four", '<ol start="3"><li>three</li><li>four</li></ol>'),
        ("one\n\ntwo", "one<br><br>two"),
        (
            "one\n\n- two\n\n> three",
            "one<br><br><ul><li>two</li></ul><br><blockquote>three</blockquote>",
        ),
        ("- one\n\ntwo", "<ul><li>one</li></ul><br>two"),
        ("<b>&\"'", "&lt;b&gt;&amp;&quot;&#x27;"),
        (
            "See *https://example.com/_a_b*.",
            'See <strong><span class="link">https://example.com/_a_b</span></strong>.',
        ),
        ("awww.no javascript:alert(1)", "awww.no javascript:alert(1)"),
    ],
)
def test_formatting_is_what_the_phone_shows(text, html):
    assert c.format_whatsapp(text) == html


def test_values_and_open_placeholders_are_marked():
    assert c.format_whatsapp("Hi {{1}} {{2}}", {"1": "<Ama>"}) == (
        'Hi <span class="value">&lt;Ama&gt;</span> <span class="placeholder">{{2}}</span>'
    )


def test_markers_in_values_act_as_on_the_phone():
    assert c.format_whatsapp("Hi {{1}}!", {"1": "*Ama*"}) == (
        'Hi <strong><span class="value">Ama</span></strong>!'
    )
    assert c.format_whatsapp("*Hi {{1}}*", {"1": "A*"}) == (
        '<strong>Hi <span class="value">A</span></strong>*'
    )


def test_a_value_is_not_searched_for_placeholders():
    assert c.format_whatsapp("{{1}}", {"1": "{{2}}", "2": "no"}) == (
        '<span class="value">{{2}}</span>'
    )


def test_markers_inside_an_open_placeholder_mean_nothing():
    assert c.format_whatsapp("{{_a_}}") == '<span class="placeholder">{{_a_}}</span>'
    assert c.format_whatsapp("`{{a}}`") == ('<code><span class="placeholder">{{a}}</span></code>')


@pytest.mark.parametrize("piece", ["*a ", "`a", "```", "_*~", "http://", "> ", "~a~ *", "` "])
def test_a_hostile_text_takes_no_more_than_a_moment(piece):
    text = piece * (30_000 // len(piece))
    start = time.perf_counter()
    c.format_whatsapp("{{1}}", {"1": text})
    assert time.perf_counter() - start < 2


# Whatever comes

anything = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner),
    max_leaves=6,
)
known = st.fixed_dictionaries(
    {
        "type": st.sampled_from(["HEADER", "BODY", "FOOTER", "BUTTONS", "CAROUSEL"]) | anything,
        "format": st.sampled_from(["TEXT", "IMAGE"]) | anything,
        "text": st.text(alphabet="{}1a *_~`\n<\ud800", max_size=30) | anything,
        "buttons": st.lists(st.fixed_dictionaries({"type": anything, "url": anything})) | anything,
        "example": st.fixed_dictionaries({"body_text": anything}) | anything,
    }
)
snippets = st.lists(
    st.sampled_from(["*", "_", "~", "`", "```", "\n", "> ", "- ", "1. ", " ", "<", ">", "&", '"'])
    | st.sampled_from(["{{1}}", "{{", "}}", "https://a.b/", "www.", "word"])
    | st.text(max_size=3),
    max_size=25,
).map("".join)


@given(components=st.lists(known | anything, max_size=4) | anything, word=anything)
def test_no_components_raise(components, word):
    names = c.placeholders(components, word)
    assert set(c.sample_values(components, word)) <= set(names)
    assert set(c.hints(c.body_text(components), names)) == set(names)
    c.limits(components)
    warnings(components=components, parameter_format=word, quality=word)
    code = why_unsendable(components=components, status=word, category=word)
    assert code is None or code in Unsendable


TAGS = re.compile(
    r"</?(?:strong|em|s|code|blockquote|ul|ol|li|span|br)>"
    r'|<ol start="\d+">|<span class="(?:value|placeholder|link)">'
)


@given(text=snippets, value=snippets)
def test_the_preview_holds_our_tags_only_balanced_and_loses_no_word(text, value):
    html = c.format_whatsapp(text, {"1": value})

    assert "<" not in TAGS.sub("", html)
    open_tags = []
    for closing, tag in re.findall(r"<(/?)([a-z]+)", html):
        if not closing and tag != "br":
            open_tags.append(tag)
        elif closing:
            assert open_tags.pop() == tag
    assert not open_tags
    words = re.findall(r"word", c.render(text, {"1": value}))
    assert len(re.findall(r"word", html)) == len(words)
