"""When a failed message can be retried, in words."""

from datetime import datetime

from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from core import times
from core.formats import number, sentence
from whatsapp.errors import UNKNOWN, Retry, explain, when_retry


def retry_words(code: int | None, *, failed_at: datetime, tries: int, now: datetime) -> str:
    """Return the sentence that says whether and when a retry makes sense.

    `tries` is how many retries there were.
    """
    failure = explain(code)
    match failure.retry:
        case _unknown if failure is UNKNOWN:
            return _("WhatsApp does not say whether retrying would help.")
        case Retry.NEVER:
            return _("Retrying would not help. {reason}").format(reason=sentence(failure.sentence))
        case Retry.NEW_CAMPAIGN:
            return _("Retrying would send the same message. Fix it, then start a new campaign.")
    moment = when_retry(code, failed_at=failed_at, tries=tries)
    if moment is None:
        text = ngettext(
            "Retried {count} time already. More would not help.",
            "Retried {count} times already. More would not help.",
            tries,
        )
        return text.format(count=number(tries))
    if moment > now:
        return _("You can retry from {time}.").format(time=_clock(moment, now))
    if failure.retry is Retry.AFTER_FIX:
        return _("You can retry once this is fixed.")
    return _("You can retry now.")


def _clock(moment: datetime, now: datetime) -> str:
    is_today = timezone.localtime(moment).date() == timezone.localtime(now).date()
    return times.clock(moment) if is_today else times.day_and_clock(moment)
