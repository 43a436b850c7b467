"""The pages of faults on our side: they need no database, no team and no login."""

import logging
import sys

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils.translation import gettext_lazy as _
from django.views.defaults import server_error as page_of_500

from core.disk import NotSaved, Trouble, trouble_of

logger = logging.getLogger(__name__)

# If nothing was saved, and if a part may have been.
SENTENCES = {
    Trouble.NO_ROOM: (
        _("There is no room on the server. Nothing was saved."),
        _("There is no room on the server. Go back and reload the page to see what was saved."),
    ),
    Trouble.NOT_WRITABLE: (
        _("The server can't write its files. Nothing was saved. Tell your administrator."),
        _("The server can't write its files. Go back and reload the page to see what was saved."),
    ),
}


def nothing_saved(trouble: Trouble) -> str:
    """Return the sentence of a `NotSaved`."""
    return str(SENTENCES[trouble][0])


def server_error(request: HttpRequest) -> HttpResponse:
    """Answer an error that nobody expected: 500, or 507 if the disk is behind it."""
    return disk_error(request, sys.exc_info()[1]) or page_of_500(request)


def disk_error(request: HttpRequest, error: BaseException | None) -> HttpResponse | None:
    """Return the 507 of an error that the disk is behind, None for any other."""
    trouble = trouble_of(error)
    if trouble is None:
        return None
    logger.error("disk failed", extra={"trouble": trouble, "error": type(error).__name__})
    sentence = SENTENCES[trouble][0 if isinstance(error, NotSaved) else 1]
    return render(request, "507.html", {"sentence": sentence}, status=507)
