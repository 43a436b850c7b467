"""The request as the middleware of every page leaves it."""

from django.http import HttpRequest
from django_htmx.middleware import HtmxDetails


class HtmxRequest(HttpRequest):
    """A request with `htmx`: true for a fragment that htmx asks for."""

    htmx: HtmxDetails


def wants_fragment(request: HtmxRequest) -> bool:
    """Return True if htmx asks for a piece of a page, False for a whole page."""
    return bool(request.htmx) and not request.htmx.boosted
