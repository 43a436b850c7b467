"""What counts of a template, what changed of it, and whether values fit the new version."""

import copy

import pytest

from message_templates import versions

BODY = {"type": "BODY", "text": "Hello {{1}}, your code is {{2}}."}
BUTTON = {"type": "URL", "text": "Shop", "url": "https://shop.example"}
WHOLE = [
    {"type": "HEADER", "format": "TEXT", "text": "Makola Fresh"},
    BODY,
    {"type": "FOOTER", "text": "Reply STOP"},
    {"type": "BUTTONS", "buttons": [BUTTON, {"type": "QUICK_REPLY", "text": "Stop"}]},
]


def version(components=WHOLE, *, category="MARKETING", parameter_format="POSITIONAL"):
    return versions.version_of(
        category=category, components=components, parameter_format=parameter_format
    )


def changed(place, **fields):
    """Return the whole with other fields at a place: the index of a component, and of a button."""
    components = copy.deepcopy(WHOLE)
    index, *button = place
    target = components[index]["buttons"][button[0]] if button else components[index]
    target.update(fields)
    return version(components)


def in_words(old, new):
    return [str(change) for change in versions.changes(old, new)]


@pytest.mark.parametrize(
    "same",
    [
        version(WHOLE[::-1]),
        version([dict(reversed(part.items())) for part in WHOLE]),
        version([part | {"example": {"body_text": [["Ama", "C-1"]]}} for part in WHOLE]),
        version(category="marketing"),
        changed((0,), format="text"),
    ],
)
def test_what_nobody_sees_is_no_change(same):
    assert versions.hash_of(same) == versions.hash_of(version())
    assert versions.changes(version(), same) == []


@pytest.mark.parametrize(
    ("new", "words"),
    [
        (
            changed((1,), text="Use {{1}}, dear {{2}}."),
            ["Text: “Hello {{1}}, your code is {{2}}.” → “Use {{1}}, dear {{2}}.”"],
        ),
        (changed((1,), text=BODY["text"] + " "), None),
        (changed((0,), text="Makola"), ["Header: “Makola Fresh” → “Makola”"]),
        (changed((0,), text="", format="IMAGE"), ["Header: “Makola Fresh” → “Image”"]),
        (version(WHOLE[1:]), ["Header: “Makola Fresh” → nothing"]),
        (changed((2,), text="Bye"), ["Footer: “Reply STOP” → “Bye”"]),
        (changed((3, 0), url="https://other.example"), None),
        (changed((3, 0), text="Buy"), None),
        (changed((3, 1), type="PHONE_NUMBER", phone_number="+233200000000"), None),
        (version(category="UTILITY"), ["Category: “Marketing” → “Utility”"]),
        (
            version([*WHOLE, {"type": "CAROUSEL", "cards": []}]),
            ["Other parts: nothing → “CAROUSEL”"],
        ),
        (
            version([*WHOLE[:1], {"type": "BODY", "text": "{{2}}, {{1}}, {{3}}"}, *WHOLE[2:]]),
            [
                "Text: “Hello {{1}}, your code is {{2}}.” → “{{2}}, {{1}}, {{3}}”",
                "Placeholders: “{{1}}, {{2}}” → “{{1}}, {{2}}, {{3}}”",
            ],
        ),
    ],
)
def test_what_a_recipient_sees_is_a_change(new, words):
    assert versions.hash_of(new) != versions.hash_of(version())
    assert in_words(version(), new) == words if words else len(in_words(version(), new)) == 1


def test_a_part_that_we_can_not_read_is_a_change_too():
    cards = [{"type": "CAROUSEL", "cards": [{"text": text}]} for text in ("One", "Two")]
    [change] = versions.changes(version([BODY, cards[0]]), version([BODY, cards[1]]))
    assert not change.is_shown


def test_values_fit_the_same_placeholders_and_media_alone():
    assert versions.fits(version(), changed((1,), text="Use {{2}}, dear {{1}}."))
    assert versions.fits(version(), version(WHOLE[1:]))
    assert not versions.fits(version(), changed((1,), text="Hello {{1}}."))
    assert not versions.fits(version(), changed((0,), format="IMAGE"))
    named = [version([{"type": "BODY", "text": text}]) for text in ("{{a}} {{b}}", "{{b}} {{a}}")]
    assert not versions.fits(*named)


def test_the_words_that_differ_are_marked_for_eyes_and_ears():
    [change] = versions.changes(
        version([BODY]), version([{"type": "BODY", "text": "Hello <b>{{1}}</b>, your {{2}}."}])
    )
    assert str(change.old_html) == (
        'Hello <del><span class="visually-hidden">removed: </span>{{1}}, </del>your '
        '<del><span class="visually-hidden">removed: </span>code is </del>{{2}}.'
    )
    assert "<b>" not in change.new_html and "&lt;b&gt;{{1}}&lt;/b&gt;," in change.new_html


def test_a_very_long_text_is_not_compared_word_by_word():
    long = "word " * 5000
    old, new = versions.pieces(long, long + "more")
    assert [piece.differs for piece in (*old, *new)] == [True, True]
