"""Moments in words, in the time zone of the server's people."""

from datetime import datetime, timedelta

from django.utils import timezone
from django.utils.dateformat import format as format_date
from django.utils.translation import gettext as _


def day(moment: datetime) -> str:
    """Return the day as it stands inside a sentence: today, yesterday, on 3 Nov."""
    then, today = timezone.localtime(moment).date(), timezone.localdate()
    if then == today:
        return _("today")
    if then == today - timedelta(days=1):
        return _("yesterday")
    return _("on {day}").format(day=format_date(then, "j M"))


def clock(moment: datetime) -> str:
    """Return the time of day: 10:02."""
    return format_date(timezone.localtime(moment), "H:i")


def day_and_clock(moment: datetime, *, other_years: bool = False) -> str:
    """Return the day and the time of day: Sun 22 Nov, 13:27.

    `other_years` adds the year when it is not the current one.
    """
    local = timezone.localtime(moment)
    with_year = other_years and local.year != timezone.localtime().year
    return format_date(local, "D j M Y, H:i" if with_year else "D j M, H:i")


def duration(length: timedelta) -> str:
    """Return a length of time in its two largest units: `2 h 5 min`."""
    seconds = max(round(length.total_seconds()), 0)
    if seconds < 60:
        return _("{seconds} s").format(seconds=seconds)
    minutes, seconds = divmod(seconds, 60)
    if minutes < 60:
        if seconds and minutes < 10:
            return _("{minutes} min {seconds} s").format(minutes=minutes, seconds=seconds)
        return _("{minutes} min").format(minutes=minutes)
    hours, minutes = divmod(minutes, 60)
    if hours < 24:
        if minutes:
            return _("{hours} h {minutes} min").format(hours=hours, minutes=minutes)
        return _("{hours} h").format(hours=hours)
    days, hours = divmod(hours, 24)
    if hours:
        return _("{days} d {hours} h").format(days=days, hours=hours)
    return _("{days} d").format(days=days)
