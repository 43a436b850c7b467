"""The table of WhatsApp's error codes: plain words, and when a retry makes sense."""

import re
from datetime import UTC, datetime, timedelta

import pytest

from chumi_api.errors import ACCOUNT_CODES
from whatsapp.errors import (
    FAILURES,
    UNKNOWN,
    About,
    Retry,
    explain,
    explain_text,
    when_retry,
)

AT = datetime(2026, 11, 22, 13, 0, tzinfo=UTC)
EVERY = {*FAILURES, *range(200, 300)}
# Every code that the product has to explain.
KNOWN = """
    0 1 2 3 4 10 33 100 190 200 299 368 80007 130429 130472 130497 131000 131005 131008 131009
    131016 131021 131026 131030 131031 131037 131042 131045 131047 131048 131049 131050 131051
    131052 131053 131056 131057 131059 131063 131064 132000 132001 132005 132007 132012 132015
    132016 132018 132068 132069 133004 133010 134101 134102 135000
"""


@pytest.mark.parametrize("code", map(int, KNOWN.split()))
def test_every_code_is_explained(code):
    assert explain(code) is not UNKNOWN


@pytest.mark.parametrize("failure", [UNKNOWN, *{explain(code) for code in EVERY}])
def test_sentences_are_for_people(failure):
    for text in (failure.sentence, failure.advice):
        assert text[0].isupper() and text.endswith(".")
        assert "  " not in text and not re.search(r"\d{3}|#|\bAPI\b|error", text), text
    assert len(f"{failure.sentence} {failure.advice}") < 300


def test_failures_that_pause_or_wait_concern_the_account():
    """Two tables answer the same question: would the next recipient fail for the same reason?"""
    assert {c for c in EVERY if explain(c).pauses or explain(c).waits_by_itself} == ACCOUNT_CODES


def test_failures_that_wait_never_pause_and_concern_no_person():
    waiting = {code for code in EVERY if explain(code).waits_by_itself}
    assert waiting == {2, 4, 80007, 130429, 131016, 131057, 133004}
    for failure in map(explain, waiting):
        assert not failure.pauses and failure.retry is Retry.LATER and failure.wait
        assert failure.about in (About.WHATSAPP, About.ACCOUNT)


def test_failures_that_pause_concern_the_account_or_the_template():
    pausing = [explain(code) for code in EVERY if explain(code).pauses]
    assert {failure.about for failure in pausing} == {About.ACCOUNT, About.TEMPLATE}


def test_only_temporary_failures_have_a_wait():
    for failure in map(explain, EVERY):
        assert bool(failure.wait) == (failure.retry is Retry.LATER), failure.sentence
        assert failure.most >= 1


@pytest.mark.parametrize("code", [None, 999999, 131050, 131026, 130472, 131008, 132012])
def test_some_are_never_retried(code):
    for tries in (0, 9):
        assert when_retry(code, failed_at=AT, tries=tries) is None


@pytest.mark.parametrize(
    ("code", "wait", "most"),
    [
        (131049, timedelta(hours=24), 1),
        (131056, timedelta(minutes=5), 3),
        (131000, timedelta(minutes=1), 2),
        (1, timedelta(minutes=1), 1),
        (131016, timedelta(minutes=5), 3),
        (134101, timedelta(minutes=10), 3),
        (131042, timedelta(), 3),
    ],
)
def test_others_are_retried_after_a_wait_and_a_limited_number_of_times(code, wait, most):
    for tries in (0, most - 1):
        assert when_retry(code, failed_at=AT, tries=tries) == AT + wait
    assert when_retry(code, failed_at=AT, tries=most) is None


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("(#132001) Template name does not exist in the translation", 132001),
        ("It failed: (#131042) Business eligibility payment issue", 131042),
        ("(#999999) Something new", None),
        ("Template 132001 is gone", None),
        ("(#" + "1" * 9999, None),
        ("", None),
    ],
)
def test_a_code_that_a_text_quotes_is_explained(text, code):
    assert explain_text(text) == (None if code is None else explain(code))
