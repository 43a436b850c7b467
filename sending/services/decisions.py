"""What a person decides about unconfirmed messages: the same for a batch and for single people."""

from datetime import datetime
from typing import Any

from django.utils.translation import gettext as _

from campaigns.models import Decision, Recipient
from core.errors import Refused

Status = Recipient.Status


def recipient_fields(decision: str, now: datetime) -> dict[str, Any]:
    """Return the columns of a recipient after the decision. Raise `Refused`."""
    match decision:
        case Decision.SEND_AGAIN:
            return {"status": Status.PENDING}
        case Decision.COUNT_AS_SENT:
            return {"status": Status.ACCEPTED, "settled_at": now}
        case Decision.SKIP:
            return {"status": Status.SKIPPED, "skip_reason": Recipient.SkipReason.DECIDED}
    raise Refused(_("Choose one of the three answers. Nothing was changed."))
