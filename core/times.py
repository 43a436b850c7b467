"""Times in words."""

from django.utils import timezone


def clock(moment):
    """Return the time of day where the server's people are: 10:02."""
    return f"{timezone.localtime(moment):%H:%M}"
