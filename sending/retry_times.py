"""When another try makes sense, in words."""

from datetime import datetime

from django.utils import timezone

from whatsapp.errors import UNKNOWN, Retry, explain, when_retry


def retry_words(code: int | None, *, failed_at: datetime, tries: int, now: datetime) -> str:
    """Return the sentence that tells a person whether and when another try makes sense."""
    failure = explain(code)
    match failure.retry:
        case _ if failure is UNKNOWN:
            return "Nobody can tell whether trying again would help."
        case Retry.NEVER:
            return f"Trying again would not help: {_continued(failure.sentence)}"
        case Retry.NEW_CAMPAIGN:
            return "Trying again would send the same. Mend it, then start a new campaign."
    moment = when_retry(code, failed_at=failed_at, tries=tries)
    if moment is None:
        times = "once" if tries == 1 else f"{tries} times"
        return f"It was tried again {times} already. More would not help."
    if moment > now:
        return f"Can be tried again from {_clock(moment, now)}."
    if failure.retry is Retry.AFTER_FIX:
        return "Can be tried again as soon as this is mended."
    return "Can be tried again now."


def _continued(sentence: str) -> str:
    """Return a sentence as it stands behind a colon: only names keep their capital."""
    return sentence if sentence.startswith("WhatsApp") else sentence[0].lower() + sentence[1:]


def _clock(moment: datetime, now: datetime) -> str:
    moment, now = timezone.localtime(moment), timezone.localtime(now)
    if moment.date() == now.date():
        return f"{moment:%H:%M}"
    return f"{moment:%a} {moment.day} {moment:%b}, {moment:%H:%M}"
