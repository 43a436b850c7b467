"""The check of rows, and the suggestion of columns."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from audience.check import (
    HIDDEN,
    Exclusion,
    Outcome,
    Rules,
    Summary,
    check_mapping,
    check_recipients,
)
from audience.mapping import Column, Fixed, Mapping
from audience.suggest import has_header, suggest_mapping
from core import phones
from message_templates import components
from spreadsheets.cells import EMPTY, Cell, Row

AMA, KOFI = "+233244123456", "+233201234567"
BODY = "Hi {{1}}, your code is {{2}}."
RULES = Rules(("1", "2"), BODY)
MAPPING = Mapping(0, {"1": Column(1), "2": Column(2)})


def cell(value):
    if isinstance(value, Cell):
        return value
    return Cell(value, value, "text") if value else EMPTY


def rows(*lines, start=1):
    return [Row(i, tuple(map(cell, line))) for i, line in enumerate(lines, start=start)]


def check(*lines, mapping=MAPPING, rules=RULES, **options):
    return list(
        check_recipients(
            rows(*lines, start=2), mapping, rules=rules, **({"header": False} | options)
        )
    )


def one(*line, **options):
    (checked,) = check(line, **options)
    return checked


# Outcomes


def test_a_good_row_is_ready():
    checked = one("0244123456", "Ama", "X1")
    assert checked.outcome is Outcome.READY
    assert (checked.row.number, checked.phone) == (2, AMA)
    assert (checked.values, checked.notes, checked.problem) == (("Ama", "X1"), (), "")


def test_the_header_is_not_a_recipient():
    checked = check(("Phone", "Name", "Code"), ("0244123456", "Ama", "X1"), header=True)
    assert [(c.row.number, c.outcome) for c in checked] == [(3, "ready")]


def test_a_repaired_phone_is_reported():
    checked = one("233244123456.0", "Ama", "X1")
    assert checked.outcome is Outcome.REPAIRED and checked.outcome.is_sendable
    assert checked.notes == (phones.REMOVED_POINT_ZERO,)


def test_a_warning_is_reported_and_the_row_is_still_ready():
    checked = one("0302123456", "Ama", "X1")
    assert (checked.outcome, checked.notes) == (Outcome.READY, (phones.LANDLINE,))


def test_a_bad_phone_is_invalid_with_an_instruction():
    checked = one("2.33E+11", "Ama", "X1")
    assert (checked.outcome, checked.phone) == (Outcome.INVALID, None)
    assert checked.problem == phones.SHORTENED


def test_a_row_too_short_for_its_phone_is_invalid():
    mapping = Mapping(3, {"1": Fixed("a"), "2": Fixed("b")})
    assert one("Ama", mapping=mapping).problem == phones.MISSING


def test_the_first_of_several_rows_is_kept_however_the_phone_is_written():
    first, second, third = check(
        ("0244123456", "Ama", "1"), ("+233 24 412 3456", "Ama", "2"), ("244123456", "Ama", "3")
    )
    assert first.outcome is Outcome.READY
    assert [(c.outcome, c.first_row) for c in (second, third)] == [(Outcome.DUPLICATE, 2)] * 2
    assert "row 2" in second.problem


def test_a_row_that_cannot_be_sent_does_not_hide_one_that_can():
    first, second = check(("0244123456", "", "1"), ("0244123456", "Ama", "2"))
    assert [first.outcome, second.outcome] == [Outcome.INVALID, Outcome.READY]


def test_an_opt_out_comes_before_everything_but_a_bad_phone():
    checked = check(("0244123456", "", ""), ("0244123456", "Ama", "1"), opted_out={AMA})
    assert [c.outcome for c in checked] == [Outcome.OPTED_OUT] * 2
    assert not any(c.outcome.is_sendable for c in checked)


def test_the_first_exclusion_that_applies_gives_the_reason():
    out = [
        Exclusion(Outcome.EXCLUDED, {AMA}, "Already in spring_sale."),
        Exclusion(Outcome.FREQUENCY_CAP, {AMA, KOFI}, "Got one yesterday."),
    ]
    lines = [("0244123456", "Ama", "1"), ("0201234567", "", "2"), ("0244123457", "Esi", "3")]
    found = [(c.outcome, c.problem) for c in check(*lines, exclusions=out)]
    assert found[:2] == [(e.outcome, e.problem) for e in out]
    assert found[2][0] is Outcome.READY
    assert check(lines[0], exclusions=out, opted_out={AMA})[0].outcome is Outcome.OPTED_OUT


def test_a_hidden_row_is_reported():
    row = rows(("0244123456", "Ama", "1"))[0]._replace(hidden=True)
    (checked,) = check_recipients([row], MAPPING, rules=RULES, header=False)
    assert (checked.outcome, checked.notes) == (Outcome.READY, (HIDDEN,))


# Phones in numeric cells


@pytest.mark.parametrize(
    ("text", "raw"),
    [
        ("233244123456", "233244123456"),
        ("2.33E+11", "233244123456"),
        ("0244123456", "244123456"),
        ("024-412-3456", "244123456"),
        ("+233244123456", "233244123456"),
        ("+233 24 412 3456", "233244123456"),
        ("233,244,123,456.00", "233244123456"),
    ],
)
def test_a_number_keeps_all_its_digits_and_a_shown_zero(text, raw):
    assert one(Cell(text, raw, "number"), "Ama", "1")[1:3] == (Outcome.READY, AMA)


def test_a_number_without_its_zero_is_repaired():
    checked = one(Cell("244123456", "244123456", "number"), "Ama", "1")
    assert (checked.outcome, checked.phone) == (Outcome.REPAIRED, AMA)
    assert checked.notes == (phones.RESTORED_ZERO,)


@pytest.mark.parametrize("kind", ["date", "bool", "error", "formula"])
def test_other_cells_have_no_phone(kind):
    checked = one(Cell("0244123456", "0244123456", kind), "Ama", "1")
    assert checked.outcome is Outcome.INVALID


# Values


@pytest.mark.parametrize(
    ("text", "value", "note"),
    [
        (" Ama ", "Ama", ""),
        ("Ama    Mensah", "Ama    Mensah", ""),
        ("Ama     Mensah", "Ama Mensah", "gaps"),
        ("Ama\u00a0 \u00a0 \u00a0Mensah", "Ama Mensah", "gaps"),
        ("Ama\nMensah", "Ama Mensah", "line breaks"),
        ("Ama \r\n\r\n  Mensah", "Ama Mensah", "line breaks"),
        ("Ama\tMensah", "Ama Mensah", "tabs"),
        ("Ama\u2028Mensah", "Ama Mensah", "line breaks"),
        ("Ama\x0bMensah", "Ama Mensah", "line breaks"),
        ("A\x07ma\ufeff", "Ama", "control"),
        ("A\ufffema\ud800", "Ama", "control"),
        ("👩‍👩‍👧 Ɔkɔ Ɖe ₵5", "👩‍👩‍👧 Ɔkɔ Ɖe ₵5", ""),
    ],
)
def test_values_are_repaired_for_whatsapp(text, value, note):
    checked = one("0244123456", text, "X1")
    assert checked.values == (value, "X1")
    assert checked.outcome is (Outcome.REPAIRED if note else Outcome.READY)
    assert note in " ".join(checked.notes) and bool(note) == bool(checked.notes)


@pytest.mark.parametrize(
    ("value", "says"),
    [
        ("", "{{1}} is empty"),
        ("  ", "{{1}} is empty"),
        ("\u200b\u200d\u00ad", "{{1}} is empty"),
        ("\x07", "{{1}} is empty"),
        ("{{name}}", "unfilled placeholder"),
        ("#N/A", "Excel error"),
        ("#DIV/0!", "Excel error"),
        (Cell("#REF!", "#REF!", "error"), "Excel error"),
        (Cell("", "", "formula"), "formula"),
    ],
)
def test_values_that_cannot_be_sent_are_invalid(value, says):
    checked = one("0244123456", value, "X1")
    assert checked.outcome is Outcome.INVALID and says in checked.problem
    assert checked.phone == AMA and checked.values == ()


def test_an_empty_value_uses_its_fallback_and_reports_it():
    mapping = Mapping(0, {"1": Column(1, "Customer"), "2": Fixed("X1")})
    checked = one("0244123456", mapping=mapping)
    assert (checked.outcome, checked.values) == (Outcome.READY, ("Customer", "X1"))
    assert checked.notes == ("{{1}} is empty: “Customer” is used.",)


def test_a_fallback_does_not_hide_an_excel_error():
    mapping = Mapping(0, {"1": Column(1, "Customer"), "2": Fixed("X1")})
    assert one("0244123456", "#N/A", mapping=mapping).outcome is Outcome.INVALID


@pytest.mark.parametrize("text", ["nan", "None", "NULL", "undefined", "0", "N/A", "Zo\ufffd"])
def test_leftovers_of_programs_give_a_warning(text):
    checked = one("0244123456", text, "X1")
    assert checked.outcome is Outcome.READY and checked.notes


def test_values_are_in_the_order_of_the_placeholders():
    mapping = Mapping(0, {"2": Column(1), "1": Column(2)})
    assert one("0244123456", "X1", "Ama", mapping=mapping).values == ("Ama", "X1")


def test_a_message_may_be_as_long_as_whatsapp_allows():
    rules = Rules(("1",), "Hi {{1}}{{ 1 }}!", body_limit=24)
    mapping = Mapping(0, {"1": Column(1)})
    assert one("0244123456", "a" * 10, rules=rules, mapping=mapping).outcome is Outcome.READY
    checked = one("0244123456", "a" * 11, rules=rules, mapping=mapping)
    assert checked.outcome is Outcome.INVALID and "26 characters" in checked.problem


def test_a_message_near_the_limit_gives_a_warning():
    rules = Rules(("1",), "{{1}}", body_warn=5, body_limit=10)
    mapping = Mapping(0, {"1": Column(1)})
    checked = one("0244123456", "a" * 6, rules=rules, mapping=mapping)
    assert checked.outcome is Outcome.READY and "longer than 5" in checked.notes[0]


# Counting

WORDS = st.sampled_from(
    ["0244123456", "233244123456", "0201234567", "244123456", "x", "", "Ama", "a\nb", "#N/A", "{{"]
)


@given(st.lists(st.lists(WORDS, max_size=4), max_size=20), st.sets(st.sampled_from([AMA, KOFI])))
@settings(max_examples=150, deadline=None)
def test_the_outcomes_add_up_and_no_phone_is_sent_twice(lines, opted_out):
    summary, sent = Summary(), []
    checked = check(*lines, opted_out=opted_out)
    for verdict in checked:
        summary.add(verdict)
        if verdict.outcome.is_sendable:
            sent.append(verdict.phone)
            assert len(verdict.values) == 2 and all(value.strip() for value in verdict.values)
        else:
            assert verdict.problem
    assert [c.row.number for c in checked] == list(range(2, len(lines) + 2))
    assert summary.total == len(lines) == sum(summary.counts[o] for o in Outcome)
    assert summary.sendable == len(sent) == len(set(sent))
    assert not opted_out & set(sent)


# Columns


def test_a_mapping_survives_storage():
    mapping = Mapping(2, {"1": Column(0, "you"), "name": Fixed("Ama")})
    assert Mapping.from_json(mapping.to_json()) == mapping


@pytest.mark.parametrize(
    ("mapping", "says"),
    [
        (Mapping(3, MAPPING.values), "phone column"),
        (Mapping(-1, MAPPING.values), "phone column"),
        (Mapping(0, {"1": Column(1)}), "{{2}} has no column"),
        (Mapping(0, {"1": Column(1), "2": Column(3)}), "column for {{2}}"),
        (Mapping(0, {"1": Column(1), "2": Fixed(" ")}), "{{2}} is empty"),
    ],
)
def test_errors_of_columns_are_reported_once_for_all_rows(mapping, says):
    (error,) = check_mapping(mapping, rules=RULES, width=3)
    assert says in error


def test_a_complete_mapping_has_no_errors():
    assert check_mapping(MAPPING, rules=RULES, width=3) == []


@pytest.mark.parametrize(
    ("first", "expected"),
    [
        (("Phone", "Name"), True),
        (("Phone 2026", "Name"), True),
        (("0244123456", "Ama"), False),
        (("Ama", "+233 24 412 3456"), False),
        (("Ama", Cell("244123456", "244123456", "number")), False),
        (("Ama", Cell("22/11/2025", "45983", "date")), True),
    ],
)
def test_a_row_with_a_phone_is_not_a_header(first, expected):
    assert has_header(rows(first, ("0201234567", "x"))) is expected


def test_an_empty_file_has_no_header():
    assert has_header([]) is False


SAMPLE = rows(
    ("1", "Ama Mensah", "0244123456", "120.50", "22 Nov", "CHUMI-1"),
    ("2", "Kofi Boateng", "0201234567", "80", "23 Nov", "CHUMI-2"),
)
HEADER = ["S/N", "Full Name", "Mobile No", "Amount owed", "Due date", "Promo code"]


def test_named_placeholders_find_their_columns():
    found = suggest_mapping(
        ["first_name", "Last Name", "Phone", "PromoCode"], [], ["last_name", "promo_code"]
    )
    assert (found.phone_column, found.values) == (
        2,
        {"last_name": Column(1), "promo_code": Column(3)},
    )


def test_a_name_without_a_column_stays_empty():
    found = suggest_mapping(["Phone", "Shoe size"], [], ["delivery_slot"])
    assert found.values == {"delivery_slot": None}


def test_numbers_find_their_columns_by_the_words_before_them():
    hints = {"1": "Hi ", "2": "your code is ", "3": "before ", "4": "and pay GHS "}
    found = suggest_mapping(HEADER, SAMPLE, ["1", "2", "3", "4"], hints)
    assert found.phone_column == 2
    assert found.values == {"1": Column(1), "2": Column(5), "3": Column(4), "4": Column(3)}


BILL = ["Phone", "Name", "Amount", "Item", "Due date", "Discount"]
BILL_COLUMNS = {"1": 1, "2": 2, "3": 3, "4": 4, "5": 5}


@pytest.mark.parametrize(
    "body",
    [
        "Hi {{1}}\nYour bill of GHS {{2}} for {{3}} is due on {{4}}. Pay early and get {{5}} off.",
        "Hi {{1}}\nYour bill of {{2}} for {{3}} is due on {{4}}. Pay early and get {{5}} off.",
        "Hi {{1}}, {{2}} for {{3}} is due {{4}}. Get {{5}} off.",
    ],
)
def test_a_distant_word_takes_no_column_from_another_placeholder(body):
    hints = {name: hint.before for name, hint in components.hints(body, list("12345")).items()}
    found = suggest_mapping(BILL, [], list("12345"), hints)
    assert found.values == {name: Column(index) for name, index in BILL_COLUMNS.items()}


def test_the_word_next_to_the_placeholder_outweighs_those_before_it():
    hints = {"1": "amount total fee date ", "2": "order amount is now "}
    found = suggest_mapping(["Phone", "Amount total fee", "Day"], [], ["1", "2"], hints)
    assert found.values == {"1": Column(2), "2": Column(1)}


def test_a_column_named_some_words_before_is_still_found():
    found = suggest_mapping(
        ["Phone", "Shop", "Total"], [], ["1"], {"1": "Your total for today is "}
    )
    assert found.values == {"1": Column(2)}


def test_a_column_may_be_named_after_the_number():
    found = suggest_mapping(["phone", "2", "Value 1"], [], ["1", "2"], {"1": "Hi ", "2": "Hi "})
    assert found.values == {"1": Column(2), "2": Column(1)}


def test_numbers_without_a_hint_take_the_unused_columns_in_order():
    found = suggest_mapping(["Phone", "Alpha", "Beta"], [], ["1", "2", "3"])
    assert found.values == {"1": Column(1), "2": Column(2), "3": None}


def test_the_phone_column_is_found_by_its_content():
    assert suggest_mapping([], SAMPLE, []).phone_column == 2
    misleading = ["Phone model", "Name", "Customer"]
    sample = rows(("Nokia", "Ama", "0244123456"), ("Tecno", "Kofi", "0201234567"))
    assert suggest_mapping(misleading, sample, []).phone_column == 2


def test_whatsapp_is_one_word():
    sample = rows(("0244123456", "0302123456"), ("0201234567", "0302123457"))
    for name in ("WhatsApp", "whatsapp no", "WhatsApp Number"):
        assert suggest_mapping(["Telephone", name], sample, []).phone_column == 1


def test_a_column_without_phones_is_not_the_phone_column():
    sample = rows(("Ama", "red"), ("Kofi", "blue"))
    assert suggest_mapping(["Name", "Colour"], sample, ["1"]).phone_column is None


def test_a_repr_shows_no_personal_data():
    assert "244" not in repr(one("0244123456", "Ama", "1"))
    assert "Hi" not in repr(RULES)
