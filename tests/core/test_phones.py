import random

import phonenumbers
import pytest

from core import phones
from core.phones import Phone, PhoneProblem, parse

AMA = "+233244123456"


def e164(text, **options):
    found = parse(text, **options)
    assert isinstance(found, Phone), found
    return found.e164


@pytest.mark.parametrize(
    "text",
    [
        "+233244123456",
        "233244123456",
        "0244123456",
        "024 412 3456",
        "(024) 412-3456",
        "024.412.3456",
        "00233244123456",
        "(+233) 24 412 3456",
        "tel:+233-24-412-3456",
        "whatsapp:+233244123456",
        "p:+233244123456",
        "'0244123456",
        "\u00a00244123456\u200b",
        "\u202d0244123456\u202c",
        "０２４４１２３４５６",
        "٠٢٤٤١٢٣٤٥٦",
        "024–412–3456",
        "+233\u00a024\u202f412 3456",
    ],
)
def test_ways_of_writing_one_number_need_no_repair(text):
    assert parse(text) == Phone(AMA)


@pytest.mark.parametrize(
    ("text", "repair"),
    [
        ("244123456", "Added the country code 233."),
        ("2330244123456", phones.REMOVED_TRUNK_ZERO),
        ("+233 (0)24 412 3456", phones.REMOVED_TRUNK_ZERO),
        ("233244123456.0", phones.REMOVED_POINT_ZERO),
        ("0244123456.00", phones.REMOVED_POINT_ZERO),
    ],
)
def test_a_certain_repair_is_made_and_reported(text, repair):
    assert parse(text) == Phone(AMA, (repair,))


def test_a_zero_that_excel_removed_is_restored():
    assert parse("244123456", number=True) == Phone(AMA, (phones.RESTORED_ZERO,))


@pytest.mark.parametrize("text", ["2.33E+11", "2.33244E11", "2,33E+11", "2.33244123456e+11"])
@pytest.mark.parametrize("number", [False, True])
def test_a_shortened_number_is_refused_never_expanded(text, number):
    assert parse(text, number=number) == PhoneProblem(phones.SHORTENED)


def test_a_number_that_excel_may_have_rounded_is_refused_as_a_number_and_warned_of_as_text():
    assert parse("233245000000", number=True) == PhoneProblem(phones.ROUNDED)
    assert parse("233245000000") == Phone("+233245000000", (), (phones.MANY_ZEROS,))
    assert parse("+233245000000") == Phone("+233245000000")


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("", phones.MISSING),
        (" \u200b ", phones.MISSING),
        ("0244123456/0201234567", phones.TWO_NUMBERS),
        ("0244123456, 0201234567", phones.TWO_NUMBERS),
        ("0244123456; 0201234567", phones.TWO_NUMBERS),
        ("0244123456 or 0201234567", phones.TWO_NUMBERS),
        ("0244123456\n0201234567", phones.TWO_NUMBERS),
        ("+233244123456+233201234567", phones.TWO_NUMBERS),
        ("244123456/7", phones.TWO_NUMBERS),
        ("Ama", phones.NOT_A_PHONE),
        ("0244123456 ext 5", phones.NOT_A_PHONE),
        ("O244123456", phones.NOT_A_PHONE),
        ("---", phones.NOT_A_PHONE),
        ("24.4123456", phones.NOT_A_PHONE),
        ("024412345", phones.UNUSED),
        ("0250123456", phones.UNUSED),
        ("0211234567", phones.UNUSED),
        ("0244", phones.TOO_SHORT),
        ("02441234567", phones.TOO_LONG),
        ("1" * 40, phones.TOO_LONG),
        ("+999123456789", phones.UNKNOWN_COUNTRY),
    ],
)
def test_a_text_that_is_not_a_number_gives_an_instruction(text, problem):
    assert parse(text) == PhoneProblem(problem)


@pytest.mark.parametrize("text", ["-244123456", "244123456.5", "0.5"])
def test_a_numeric_cell_that_is_not_an_integer_is_not_a_phone(text):
    assert parse(text, number=True) == PhoneProblem(phones.NOT_A_PHONE)


def test_thousands_separators_are_not_two_numbers():
    assert e164("244,123,456") == AMA


def test_a_landline_and_a_service_number_have_a_warning():
    assert parse("0302123456") == Phone("+233302123456", (), (phones.LANDLINE,))
    assert phones.NOT_A_MOBILE in parse("0800123456").warnings


def test_other_countries():
    assert parse("+2348031234567") == Phone("+2348031234567")
    assert parse("2348031234567") == Phone("+2348031234567", (), (phones.OTHER_COUNTRY,))
    assert parse("08031234567", region="NG") == Phone("+2348031234567")
    assert e164("8031234567", region="NG") == "+2348031234567"
    assert parse("(201) 555-0123", region="US") == Phone("+12015550123")
    assert parse("07400 123456", region="GB") == Phone("+447400123456")


def test_formats_of_a_number():
    assert phones.wire(AMA) == "233244123456"
    assert phones.display(AMA) == "+233 24 412 3456"
    assert phones.mask(AMA) == "+233 24 *** 3456"


def test_a_mask_never_shows_a_complete_number():
    for phone in (AMA, "+12015550123", "+2348031234567", "+6903123", "not a phone", ""):
        shown = "".join(letter for letter in phones.mask(phone) if letter.isdecimal())
        assert shown != phones.wire(phone) or not shown
    assert phones.mask("024412") == "***"


def test_a_repr_shows_no_number():
    assert "244" not in repr(parse("0244123456"))


def test_the_fast_path_agrees_with_the_library():
    """It may leave a number to the library, but must never interpret one differently."""
    dice = random.Random(20261122)
    accepted = 0
    for region in ("GH", "NG", "KE", "ZA", "TG", "BF", "DE", "FR", "IN", "UG", "TZ", "EG", "AE"):
        code = str(phonenumbers.country_code_for_region(region))
        kinds = (phonenumbers.PhoneNumberType.MOBILE, phonenumbers.PhoneNumberType.FIXED_LINE)
        seeds = [
            str(example.national_number)
            for kind in kinds
            if (example := phonenumbers.example_number_for_type(region, kind))
        ]
        quick = phones._quick(region)
        for _ in range(150):
            seed = dice.choice(seeds)
            kept = dice.randint(0, 4)
            size = len(seed) - kept + dice.choice((0, 0, 0, 0, -1, 1))
            national = seed[:kept] + "".join(dice.choices("0123456789", k=max(1, size)))
            for digits in (national, "0" + national, code + national, code + "0" + national):
                for international in (False, True):
                    case = (digits, region, international, dice.random() < 0.5)
                    found = phones._recognise(*case)
                    accepted += bool(quick and quick.pattern.fullmatch(digits))
                    assert found == phones._ask_library(*case), case
    assert accepted > 1000


@pytest.mark.parametrize(
    "text",
    [
        "233244123456",
        "+233244123456",
        "0244123456",
        "0244-123-456",
        "00233 24 412 3456",
        "+233 (0)24 412 3456",
        "2330244123456",
        "+0244123456",
        "+00233244123456",
        "whatsapp:+233244123456",
        "233244123456@s.whatsapp.net",
        "233244123456:12@s.whatsapp.net",
        "0244123456@c.us",
        "\u200e٠٢٤٤١٢٣٤٥٦",
        "０２４４１２３４５６",
    ],
)
@pytest.mark.parametrize("is_typed", [False, True])
def test_a_number_from_outside_is_read_however_it_is_written(text, is_typed):
    assert phones.from_outside(text, region="GH", is_typed=is_typed) == AMA


@pytest.mark.parametrize(
    "text",
    [
        "",
        "Ama",
        "0244",
        "0244123",
        "999123456789",
        "0244123456 / 0201234567",
        "GH.13491208655302741918",
        "123456789012345@lid",
        "120363041234567890@g.us",
    ],
)
def test_what_is_no_number_is_not_made_one(text):
    assert phones.from_outside(text, region="GH") is None


def test_digits_that_mean_two_numbers_are_read_as_they_stand_unless_a_person_typed_them():
    # A number of Singapore, and of Alabama without its 1.
    assert phones.from_outside("6592234567", region="US") == "+6592234567"
    assert phones.from_outside("6592234567", region="US", is_typed=True) == "+16592234567"


def test_whatsapps_word_is_taken_for_a_number_that_fits_its_country():
    # An old mobile number of Brazil, and one of Mexico with the 1 that it gave up.
    assert phones.from_outside("551187654452", region="GH") == "+551187654452"
    assert phones.from_outside("5215512345452", region="GH") == "+525512345452"


@pytest.mark.parametrize("region", ["GH", "NG", "US", "DE", "ID"])
def test_every_number_that_we_send_to_is_read_back(region):
    for other in phonenumbers.SUPPORTED_REGIONS:
        found = phonenumbers.example_number_for_type(other, phonenumbers.PhoneNumberType.MOBILE)
        if found is None:
            continue
        read = parse(phonenumbers.format_number(found, phonenumbers.PhoneNumberFormat.E164))
        assert isinstance(read, Phone), other
        assert phones.from_outside(phones.wire(read.e164), region=region) == read.e164


def test_a_number_of_more_digits_than_e164_has_is_too_long():
    # Germany has such numbers; no message reaches them.
    assert parse("+4918112345678901", region="DE") == PhoneProblem(phones.TOO_LONG)
