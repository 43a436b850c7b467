"""Phone numbers that a person types into a form."""

from typing import TypeVar

from django.core.exceptions import ValidationError
from django.db.models import Model, Q, QuerySet

from core import formats, phones

Row = TypeVar("Row", bound=Model)


def clean_number(text: str, *, region: str) -> str:
    """Return E.164, or raise `ValidationError` with what is wrong with the number."""
    found = phones.parse(text, region=region)
    if isinstance(found, phones.PhoneProblem):
        raise ValidationError(formats.sentence(found.problem))
    return found.e164


def with_number(rows: QuerySet[Row], text: str, *, region: str, whole_only: bool) -> QuerySet[Row]:
    """Return the rows whose `phone` is the number, or starts with the digits, in `text`.

    `whole_only` is for users who see masked numbers: they can search complete numbers only,
    because prefix search would leak the digits.
    """
    found = phones.parse(text, region=region)
    if isinstance(found, phones.Phone):
        return rows.filter(phone=found.e164)
    condition = Q(pk__in=[])
    if not whole_only:
        for prefix in phones.prefixes(text, region):
            condition |= Q(phone__startswith=prefix)
    return rows.filter(condition)
