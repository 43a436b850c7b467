"""Times in words."""

from django.utils import timezone


def clock(moment):
    """Return the time of day where the server's people are: 10:02."""
    return f"{timezone.localtime(moment):%H:%M}"


def day_and_clock(moment):
    """Return the day and the time of day: 24 Nov 2026 at 10:02."""
    local = timezone.localtime(moment)
    return f"{local.day} {local:%b %Y at %H:%M}"
