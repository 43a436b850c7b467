"""The error tree: what each error answers, and the sentences that people read."""

import pickle
import string

import pytest

from chumi_api import errors
from chumi_api.client import Client
from chumi_api.parsing import build_error

KINDS = [
    # class, maybe_sent, concerns_account, is_temporary
    (errors.Unreachable, False, True, True),
    (errors.RateLimited, False, True, True),
    (errors.Unavailable, True, False, True),
    (errors.Unauthorized, False, True, False),
    (errors.Forbidden, False, True, False),
    (errors.NotFound, False, True, False),
    (errors.Rejected, False, False, False),
]


@pytest.mark.parametrize(("kind", "maybe_sent", "concerns_account", "is_temporary"), KINDS)
def test_every_error_answers_the_three_questions(kind, maybe_sent, concerns_account, is_temporary):
    error = kind("Words.")

    assert error.maybe_sent is maybe_sent
    assert error.concerns_account is concerns_account
    assert error.is_temporary is is_temporary


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


def test_a_sentence_with_values_survives_pickling():
    error = errors.Forbidden("No {scope}.", params={"scope": "a:b"}, required_scope="a:b")

    again = pickle.loads(pickle.dumps(error))

    assert (str(again), again.message, again.params) == (
        "No a:b.",
        "No {scope}.",
        {"scope": "a:b"},
    )


def test_the_values_of_a_sentence_stay_apart_for_translation():
    text = '{"error":"F","message":"required scope: contacts:read","statusCode":403}'
    error = build_error(errors.Forbidden, sends=True, status=403, text=text)

    assert error.message == "The API key lacks the permission {scope}. Nothing was sent."
    assert error.params == {"scope": "contacts:read"}
    assert str(error) == "The API key lacks the permission contacts:read. Nothing was sent."


def test_a_sentence_without_values_is_shown_as_it_is():
    assert str(errors.Rejected("Use {{1}} and {name}.")) == "Use {{1}} and {name}."


@pytest.mark.parametrize("kind", [kind for kind, *_ in KINDS])
@pytest.mark.parametrize("sends", [True, False])
def test_every_kind_has_a_sentence_for_people(kind, sends):
    error = build_error(kind, sends=sends)

    assert str(error) == error.message.format(**error.params)
    assert str(error).endswith(".")
    assert not sends or ("may have been sent" in str(error)) is kind.maybe_sent


def test_the_ends_of_a_list_have_values_of_their_own(serve_json):
    cut = Client(serve_json(lambda query: {"data": [{"id": "1"}], "total": 2}), "key")
    endless = Client(serve_json(lambda query: [{"id": query["page"]}]), "key", max_pages=3)

    for client, params in ((cut, {"received": 1, "total": 2}), (endless, {"limit": 3})):
        with pytest.raises(errors.Unavailable) as caught:
            client.list_groups()
        names = {name for _, name, *_ in string.Formatter().parse(caught.value.message) if name}
        assert caught.value.params == params
        assert names == params.keys()
