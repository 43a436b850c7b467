"""The condition that holds a column to E.164, on every database and for every writer."""

from django.db.models import F, Func, Q, TextField, Value
from django.db.models.functions import Length, Substr
from django.db.models.lookups import Exact, GreaterThan, LessThan


def e164(name: str) -> Q:
    """Return the condition that the column is `+` and 7 to 15 digits, of which no 0 is first.

    Without a regular expression: in SQLite these are functions of Django's own connections.
    """
    column = F(name)
    rest = Func(Substr(column, 2), Value("0123456789"), function="LTRIM", output_field=TextField())
    return Q(
        Q(**{f"{name}__startswith": "+"}),
        ~Q(**{f"{name}__startswith": "+0"}),
        GreaterThan(Length(column), 7),
        LessThan(Length(column), 17),
        Exact(rest, Value("")),
    )
