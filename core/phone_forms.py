"""What a person types into a form about a phone number."""

from django.core.exceptions import ValidationError
from django.db.models import Q

from core import phones


def clean_number(text, *, region):
    """Return E.164, or raise `ValidationError` with what is wrong with the number."""
    found = phones.parse(text, region=region)
    if isinstance(found, phones.PhoneProblem):
        raise ValidationError(found.problem)
    return found.e164


def with_number(rows, text, *, region, whole_only):
    """Narrow rows that have a `phone` down to a whole number, or to those that begin so.

    Whoever sees numbers masked finds whole ones only: parts would tell the digits one by one.
    """
    found = phones.parse(text, region=region)
    if isinstance(found, phones.Phone):
        return rows.filter(phone=found.e164)
    condition = Q(pk__in=[])
    if not whole_only:
        for beginning in phones.beginnings(text, region):
            condition |= Q(phone__startswith=beginning)
    return rows.filter(condition)
