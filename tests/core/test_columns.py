"""Values from outside fit their columns on every database."""

import pytest
from django.apps import apps
from django.db import connection, models

from chumi_api.parsing.json_values import MAX_COUNT, MAX_ID, MAX_NAME
from contacts.models import ContactGroup
from core.columns import LARGEST, fit, fit_identity, is_cut
from message_templates.models import MessageTemplate
from sending.models import BulkJob


def test_a_text_is_cut_and_a_number_brought_into_range():
    values = {"template_name": "é" * 600, "language": "en", "total": 10**12, "error": "a\0\ud800b"}
    assert fit(BulkJob, values) == {
        "template_name": "é" * 512,
        "language": "en",
        "total": 2_147_483_647,
        "error": "a?b",
    }
    assert fit(BulkJob, {"total": -1, "processed": None, "counters_wrong": True}) == {
        "total": 0,
        "processed": None,
        "counters_wrong": True,
    }


def test_an_identity_is_whole_or_says_that_it_is_cut():
    short = fit_identity(MessageTemplate, "language", "en_US")
    first, second = (
        fit_identity(MessageTemplate, "language", "en_" + "x" * 30 + end) for end in "ab"
    )
    assert (short, is_cut(short)) == ("en_US", False)
    assert len(first) == len(second) == 20 and first != second
    assert is_cut(first) and is_cut(second)


@pytest.mark.django_db
def test_the_largest_numbers_fit_the_database():
    for name, largest in LARGEST.items():
        lowest, highest = connection.ops.integer_field_range(name)
        assert highest is None or largest <= highest
        assert lowest is None or lowest <= 0
    assert LARGEST["PositiveIntegerField"] >= MAX_COUNT


def test_an_id_fits_every_column_of_ids():
    columns = [
        field
        for model in apps.get_models()
        for field in model._meta.get_fields()
        if isinstance(field, models.CharField)
        and field.name in ("remote_id", "reply_to", "media_id", "request_id")
    ]
    assert len(columns) >= 8
    assert all(field.max_length >= MAX_ID for field in columns)
    assert MessageTemplate._meta.get_field("name").max_length >= MAX_NAME
    assert ContactGroup._meta.get_field("remote_id").max_length >= MAX_ID
