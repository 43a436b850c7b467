import pickle

import pytest

from chumi_api import errors
from chumi_api.parsing import build_error

KINDS = [
    # class, could it have been sent?, would the next recipient fare the same?
    (errors.Unreachable, False, True),
    (errors.RateLimited, False, True),
    (errors.Unavailable, True, False),
    (errors.Unauthorized, False, True),
    (errors.Forbidden, False, True),
    (errors.NotFound, False, True),
    (errors.Rejected, False, False),
]


@pytest.mark.parametrize(("kind", "maybe_sent", "concerns_account"), KINDS)
def test_every_error_answers_the_two_questions(kind, maybe_sent, concerns_account):
    error = kind("Words.")

    assert error.maybe_sent is maybe_sent
    assert error.concerns_account is concerns_account


def test_the_tree_is_closed():
    assert {kind for kind, *_ in KINDS} == set(errors.ChumiError.__subclasses__())


@pytest.mark.parametrize(
    ("code", "concerns_account"),
    [(131026, False), (131049, False), (132005, False), (132001, True), (190, True), (368, True)],
)
def test_a_rejection_concerns_the_account_by_its_code(code, concerns_account):
    assert errors.Rejected("Words.", code=code).concerns_account is concerns_account


@pytest.mark.parametrize("kind", [kind for kind, *_ in KINDS])
@pytest.mark.parametrize("sends", [True, False])
def test_the_vendors_words_stay_out_of_str_and_repr(kind, sends):
    text = '{"error":"Bad Request","message":"233244123456 is odd","statusCode":400}'
    error = build_error(kind, sends=sends, status=400, text=text)

    assert "233244123456" not in f"{error} {error!r}"
    assert error.vendor_message == "233244123456 is odd"
    assert error.raw == text


def test_raw_is_bounded():
    assert len(errors.Rejected("Words.", raw="x" * 9_000).raw) == 2_000


def test_errors_survive_pickling():
    error = errors.RateLimited("Slow down.", status=429, retry_after=3.0)

    again = pickle.loads(pickle.dumps(error))

    assert (str(again), again.status, again.retry_after) == ("Slow down.", 429, 3.0)
