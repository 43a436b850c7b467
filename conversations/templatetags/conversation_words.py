"""How the pages speak of the service window."""

from datetime import datetime, timedelta

from django import template
from django.utils import timezone

from conversations import words

register = template.Library()


@register.filter
def window_open(left: timedelta) -> str:
    """Say how long anything may be written still: `Open: 21 h left`."""
    return f"Open: {words.time_left(left)} left"


@register.filter
def time_until(moment: datetime | None) -> timedelta | None:
    """Return the time until a moment, None where there is none."""
    return moment - timezone.now() if moment else None


@register.filter
def clock(moment: datetime) -> str:
    """Write the time of day: `13:27`."""
    return f"{timezone.localtime(moment):%H:%M}"
