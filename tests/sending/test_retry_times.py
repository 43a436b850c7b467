"""When a failed message can be retried, in words."""

import itertools
from datetime import UTC, datetime, timedelta

import pytest

from sending.retry_times import retry_words
from whatsapp.errors import FAILURES, when_retry

AT = datetime(2026, 11, 22, 13, 0, tzinfo=UTC)
EVERY = {*FAILURES, *range(200, 300)}


def words(code, *, tries=0, after=timedelta()):
    return retry_words(code, failed_at=AT, tries=tries, now=AT + after)


@pytest.mark.parametrize(
    ("code", "options", "sentence"),
    [
        (131056, {}, "You can retry from 13:05."),
        (131049, {}, "You can retry from Mon 23 Nov, 13:00."),
        (131056, {"after": timedelta(hours=1)}, "You can retry now."),
        (131049, {"tries": 1}, "Retried 1 time already. More would not help."),
        (131000, {"tries": 2}, "Retried 2 times already. More would not help."),
        (131042, {}, "You can retry once this is fixed."),
        (
            131050,
            {},
            "Retrying would not help. This person switched off marketing from you.",
        ),
        (
            132016,
            {},
            "Retrying would not help. WhatsApp switched this template off for good.",
        ),
        (
            131008,
            {},
            "Retrying would send the same message. Fix it, then start a new campaign.",
        ),
        (None, {}, "WhatsApp does not say whether retrying would help."),
    ],
)
def test_the_page_says_when(code, options, sentence):
    assert words(code, **options) == sentence


def test_the_words_agree_with_when_retry():
    for code, tries, hours in itertools.product(EVERY, range(5), (0, 1, 30)):
        after = timedelta(hours=hours)
        moment = when_retry(code, failed_at=AT, tries=tries)
        is_due = moment is not None and moment <= AT + after
        sentence = words(code, tries=tries, after=after)
        assert sentence.endswith(".")
        says_now = sentence.startswith("You can retry") and " from " not in sentence
        assert is_due == says_now, (code, tries, hours, sentence)
