"""Every change of the opt-outs."""

from django.db import transaction

from contacts.models import OptOut
from core import phones
from teams.services import audit


@transaction.atomic
def opt_out(team, phone, *, source=OptOut.Source.BY_HAND, reason="", by=None):
    """Put `phone` (E.164) on the team's list for good. Return (opt-out, whether it is new)."""
    row, created = OptOut.objects.get_or_create(
        team=team, phone=phone, defaults={"source": source, "reason": reason, "created_by": by}
    )
    if created:
        audit(team, "opt-out added", by=by, subject=phones.mask(phone), after={"source": source})
    return row, created


def opted_out_of(team, numbers):
    """Return those of `numbers` (E.164) that must not be written to, as a set."""
    return set(OptOut.objects.for_team(team).filter(phone__in=numbers).phones())
