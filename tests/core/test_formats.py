import pickle
from datetime import UTC, datetime

import pytest
from django.utils import translation
from time_machine import travel

from core import formats, times
from core.sentences import Sentence, from_json, gettext_noop, ngettext_noop, to_json

LIMIT = gettext_noop("The list has more than {most} numbers.")


@pytest.mark.parametrize(("number", "text"), [(0, "0"), (1204, "1,204"), (-1000000, "-1,000,000")])
def test_numbers_have_separators(number, text):
    assert formats.number(number) == text


def test_a_sentence_reads_as_english_and_keeps_its_values():
    sentence = Sentence(LIMIT, {"most": 50_000})
    assert sentence == "The list has more than 50,000 numbers."
    assert (sentence.message, sentence.params) == (LIMIT, {"most": 50_000})
    assert pickle.loads(pickle.dumps(sentence)).params == {"most": 50_000}


def test_a_sentence_is_written_in_the_language_of_the_page():
    with translation.override("fr"):
        assert formats.sentence(Sentence(LIMIT, {"most": 50_000})).startswith("The list has more")
        assert "50\xa0000" in formats.sentence(LIMIT, {"most": 50_000})
        # Django's own catalogue has this one.
        assert formats.sentence("Yes") == "Oui"


ROWS = ngettext_noop("Row {row} has {count} cell.", "Row {row} has {count} cells.")


def test_a_count_chooses_the_form_of_a_sentence():
    sentences = [Sentence(ROWS, {"row": "1000", "count": n}) for n in (1, 2000)]
    texts = ["Row 1000 has 1 cell.", "Row 1000 has 2,000 cells."]
    assert sentences == texts
    assert [formats.sentence(sentence) for sentence in sentences] == texts
    assert pickle.loads(pickle.dumps(sentences[0])) == sentences[0]


@pytest.mark.parametrize(
    ("sentence", "stored"),
    [
        (LIMIT, LIMIT),
        (Sentence(LIMIT, {"most": 5}), [LIMIT, {"most": 5}]),
        (Sentence(ROWS, {"row": "3", "count": 5}), [ROWS[0], {"row": "3", "count": 5}, ROWS[1]]),
    ],
)
def test_a_sentence_can_be_stored_and_shown_again(sentence, stored):
    assert to_json(sentence) == stored
    assert from_json(stored) == sentence
    assert formats.sentence(stored) == sentence


def test_sentences_are_equal_if_their_messages_and_values_are():
    one = Sentence("{a} {b}", {"a": "x", "b": "y z"})
    other = Sentence("{a} {b}", {"a": "x y", "b": "z"})
    assert one == "x y z" == other
    assert one != other and one == Sentence("{a} {b}", {"a": "x", "b": "y z"})


def test_a_text_in_braces_that_is_no_sentence_stays_as_it_is():
    assert formats.sentence("Dear {{1}}") == "Dear {{1}}"
    assert formats.sentence("") == ""


@pytest.mark.parametrize(
    ("moment", "text"),
    [
        (datetime(2026, 11, 22, 1, tzinfo=UTC), "today"),
        (datetime(2026, 11, 21, 23, tzinfo=UTC), "yesterday"),
        (datetime(2026, 11, 3, 12, tzinfo=UTC), "on 3 Nov"),
    ],
)
def test_a_day_in_a_sentence(moment, text):
    with travel(datetime(2026, 11, 22, 12, tzinfo=UTC), tick=False):
        assert times.day(moment) == text


def test_moments_follow_the_language():
    moment = datetime(2026, 11, 22, 13, 27, tzinfo=UTC)
    assert times.clock(moment) == "13:27"
    assert times.day_and_clock(moment) == "Sun 22 Nov, 13:27"
    with translation.override("fr"):
        assert times.day_and_clock(moment) == "dim 22 Nov, 13:27"
