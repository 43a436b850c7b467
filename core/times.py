"""Times in words."""

from datetime import timedelta

from django.utils import timezone


def day(moment):
    """Return the day, as it stands in a sentence: today, yesterday, on 3 Nov."""
    then, today = timezone.localtime(moment).date(), timezone.localdate()
    if then == today:
        return "today"
    if then == today - timedelta(days=1):
        return "yesterday"
    return f"on {then.day} {then:%b}"


def clock(moment):
    """Return the time of day where the server's people are: 10:02."""
    return f"{timezone.localtime(moment):%H:%M}"


def day_and_clock(moment):
    """Return the day and the time where the server's people are: Sun 22 Nov, 13:27."""
    local = timezone.localtime(moment)
    return f"{local:%a} {local.day} {local:%b}, {local:%H:%M}"
