"""Every change of the opt-outs."""

from django.db import transaction
from django.utils import timezone

from contacts.models import OptOut
from core import phones
from core.errors import Refused
from teams.services import audit

# So many numbers are written in one transaction: a long list must not hold up the sending.
CHUNK = 1000


@transaction.atomic
def opt_out(team, phone, *, source=OptOut.Source.BY_HAND, reason="", by=None):
    """Put `phone` (E.164) on the team's list. Return (opt-out, whether it is new)."""
    row, created = OptOut.objects.get_or_create(
        team=team,
        phone=phone,
        lifted_at=None,
        defaults={"source": source, "reason": reason, "created_by": by},
    )
    if created:
        audit(team, "opt-out added", by=by, subject=phones.mask(phone), after={"source": source})
    return row, created


def opt_out_all(team, numbers, *, source, reason="", by=None):
    """Put many numbers (E.164) on the list. Return how many were not on it."""
    # In order, so that two who write the same people at a time do not wait for each other.
    numbers = sorted(set(numbers))
    added = 0
    for start in range(0, len(numbers), CHUNK):
        added += _opt_out_chunk(
            team, numbers[start : start + CHUNK], source=source, reason=reason, by=by
        )
    return added


@transaction.atomic
def _opt_out_chunk(team, numbers, **fields):
    known = opted_out_of(team, numbers)
    fresh = [phone for phone in numbers if phone not in known]
    if not fresh:
        return 0
    source, reason, by = fields["source"], fields["reason"], fields["by"]
    OptOut.objects.bulk_create(
        [
            OptOut(team=team, phone=phone, source=source, reason=reason, created_by=by)
            for phone in fresh
        ],
        ignore_conflicts=True,
    )
    audit(
        team,
        "opt-out added" if len(fresh) == 1 else "opt-outs added",
        by=by,
        subject=phones.mask(fresh[0]) if len(fresh) == 1 else f"{len(fresh):,} numbers",
        after={"source": source},
    )
    return len(fresh)


@transaction.atomic
def lift(opt_out, *, reason, by):
    """Take a number off the list: it may be written to again. Raise `Refused`."""
    reason = reason.strip()
    if not reason:
        raise Refused("Say why this person may be written to again. Nothing was changed.")
    lifted = (
        OptOut.objects.in_force()
        .filter(pk=opt_out.pk)
        .update(lifted_at=timezone.now(), lifted_by=by, lifted_reason=reason[:200])
    )
    if not lifted:
        raise Refused("This opt-out has been lifted already. Nothing was changed.")
    audit(
        opt_out.team,
        "opt-out lifted",
        by=by,
        subject=phones.mask(opt_out.phone),
        before={"source": opt_out.source, "since": opt_out.created_at.isoformat()},
        after={"reason": reason[:200]},
    )


def opted_out_of(team, numbers):
    """Return those of `numbers` (E.164) that must not be written to, as a set."""
    return set(OptOut.objects.for_team(team).filter(phone__in=numbers).phones())
