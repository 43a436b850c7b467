"""What a person may not do while this may be a restored copy of the database."""

from django.utils.translation import gettext as _

from core.errors import Refused
from tasks import continuity

# Seconds until a task looks again, in case the second place was only out of reach.
LOOK_AGAIN = 60


def refuse_if_restored() -> None:
    """Raise `Refused` if this may be a restored copy: what is waiting in it may have been sent."""
    if continuity.doubt():
        raise Refused(
            _(
                "This may be a restored copy of the database. Nothing was sent. An administrator "
                "has to run “manage.py adopt”."
            )
        )
