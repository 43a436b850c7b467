"""Numbers and dates look as they do in Excel."""

import pytest

from spreadsheets.number_formats import formatter, general, plain


@pytest.mark.parametrize(
    ("code", "number", "shown"),
    [
        ("General", 1500.0, "1500"),
        ("General", 233244123456.0, "233244123456"),
        ("General", 0.1 + 0.2, "0.3"),
        ("General", 1 / 3, "0.333333333"),
        ("General", 1234.56789012, "1234.56789"),
        ("General", 0.00001, "1E-05"),
        ("General", 1234567890123456789.0, "1.23457E+18"),
        ("General", -2.5, "-2.5"),
        ("0", 2.5, "3"),
        ("0.00", 2.675, "2.68"),
        ("0.0", -0.04, "0.0"),
        ("#,##0", 1234567, "1,234,567"),
        ("#,##0", 0, "0"),
        ("#,##0.00", -1234.5, "-1,234.50"),
        ("#,##0.00;[Red](#,##0.00)", -1234.5, "(1,234.50)"),
        ("#,##0,", 12345678, "12,346"),
        ('0;-0;"none"', 0, "none"),
        ("0%", 0.155, "16%"),
        ("0.00%", 0.155, "15.50%"),
        ('"GHS "#,##0.00', 1234.5, "GHS 1,234.50"),
        ("[$₵-en-GH]#,##0.00", 12.5, "₵12.50"),
        ("[$$-409]#,##0", 1500, "$1,500"),
        ('_(* #,##0.00_);_(* (#,##0.00);_(* "-"??_);_(@_)', 1234.5, "1,234.50"),
        ('_(* #,##0.00_);_(* (#,##0.00);_(* "-"??_);_(@_)', 0, "-"),
        ("0000000000", 244123456, "0244123456"),
        ("000-000-0000", 244123456, "024-412-3456"),
        ("+0", 233244123456, "+233244123456"),
        ("0.00E+00", 233244123456, "2.33E+11"),
        ("0.0#", 1.5, "1.5"),
        ('0" kg"', 3, "3 kg"),
        ("@", 12.5, "12.5"),
        ("# ?/?", 1.5, "1.5"),
        ("[>100]0;0.0", 5, "5"),
        ("[Blue", 5, "5"),
        ("", 5, "5"),
        ("dd/mm/yyyy", 45983, "22/11/2025"),
        ("d mmm yyyy", 45983.99, "22 Nov 2025"),
        ("dddd, d mmmm yyyy", 45983, "Saturday, 22 November 2025"),
        ("[$-F800]dddd\\,\\ mmmm\\ dd\\,\\ yyyy", 45983, "Saturday, 22 November 2025"),
        ("d.m.yy h:mm", 45983.5, "22.11.25 12:00"),
        ("h:mm AM/PM", 0.75, "6:00 PM"),
        ("hh:mm:ss", 0.999999, "00:00:00"),
        ("[h]:mm", 1.5, "36:00"),
        ("mm:ss.0", 0.0001, "00:08.6"),
        ("yyyy-mm-dd", 1, "1900-01-01"),
        ("yyyy-mm-dd", 61, "1900-03-01"),
        ("yyyy-mm-dd", -1, "-1"),
        ("yyyy-mm-dd", 3_000_000, "3000000"),
    ],
)
def test_numbers_are_shown_as_excel_shows_them(code, number, shown):
    assert formatter(code)(number)[0] == shown


def test_dates_may_count_from_1904():
    assert formatter("yyyy-mm-dd", date1904=True)(0) == ("1904-01-01", "date")
    assert formatter("yyyy-mm-dd", date1904=True)(44521) == ("2025-11-22", "date")


def test_the_kind_is_date_or_number():
    assert formatter("d/m/yy")(45983)[1] == "date"
    assert formatter("0.00")(45983)[1] == "number"
    assert formatter("d/m/yy")(1e9)[1] == "number"


def test_a_hostile_code_is_shown_as_general():
    for code in ('"' * 500, "0" * 5000, ";" * 50, "[h" * 100, "yyyy" * 400, "E+0", ".", "?,%"):
        assert isinstance(formatter(code)(1234.5)[0], str)


def test_plain_numbers_have_no_exponent_while_they_are_exact():
    assert plain(2.33244123456e11) == "233244123456"
    assert plain(1.5) == "1.5"
    assert general(0.0) == "0"
