"""Rules that hold for every response."""

from collections.abc import Callable
from contextlib import suppress
from typing import Any

from django.conf import settings
from django.contrib.auth import logout
from django.http import HttpRequest, HttpResponse, HttpResponseBase, UnreadablePostError

from core import clocks
from core.disk import NotSaved, saving
from core.error_pages import disk_error

GetResponse = Callable[[HttpRequest], HttpResponseBase]


def no_store(get_response: GetResponse) -> GetResponse:
    """Keep the pages of people who are logged in out of every cache."""

    def middleware(request: HttpRequest) -> HttpResponseBase:
        response = get_response(request)
        if request.user.is_authenticated:
            response.headers.setdefault("Cache-Control", "no-store, private")
        return response

    return middleware


def session_ended_for_htmx(get_response: GetResponse) -> GetResponse:
    """Reload the page when htmx asks for a fragment after the session has ended.

    A log-in page must never be swapped into a cell of the page that was open.
    """

    def middleware(request: HttpRequest) -> HttpResponseBase:
        response = get_response(request)
        if (
            request.headers.get("HX-Request") == "true"
            and not request.user.is_authenticated
            and response.status_code == 302
        ):
            return HttpResponse(status=200, headers={"HX-Refresh": "true"})
        return response

    return middleware


class DiskErrors:
    """Answer 507 where the disk is full or may not be written to.

    A large upload goes to a temporary file before any view sees it, and the protection against
    forged requests reads it first: this stands before that.
    """

    def __init__(self, get_response: GetResponse) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        return self.get_response(request)

    def process_view(
        self, request: HttpRequest, view: Any, args: Any, kwargs: Any
    ) -> HttpResponse | None:
        """Read a form with its files."""
        is_form = request.content_type == "multipart/form-data"
        if request.method != "POST" or not is_form or getattr(view, "csrf_exempt", False):
            return None
        try:
            with saving():
                request.POST  # noqa: B018
        except UnreadablePostError:
            # The browser has gone. Without its token the form is refused.
            return None
        except NotSaved as error:
            _discard_upload(request)
            return disk_error(request, error)
        return None

    def process_exception(self, request: HttpRequest, error: Exception) -> HttpResponse | None:
        return disk_error(request, error)


def _discard_upload(request: HttpRequest) -> None:
    """Remove the temporary file, and read the rest: a browser sends all before it listens."""
    for handler in request.upload_handlers:
        # Its last bytes may not fit either.
        with suppress(OSError):
            handler.upload_interrupted()
    with suppress(OSError):
        left = settings.MAX_UPLOAD_BYTES
        while left > 0 and (chunk := request.read(65_536)):
            left -= len(chunk)


# When the person last opened a page or sent a form, in seconds since 1970.
LAST_USE = "last_use"


def record_use(request: HttpRequest) -> None:
    """Note in the session that it is in use; its cookie and its row then last longer, too."""
    request.session[LAST_USE] = int(clocks.machine_time())


def end_idle_session(get_response: GetResponse) -> GetResponse:
    """Log out who did nothing for SESSION_COOKIE_AGE seconds.

    A page that polls is not in use: of htmx, only requests that a click or a key made count.
    """

    def middleware(request: HttpRequest) -> HttpResponseBase:
        if request.user.is_authenticated:
            # By this machine's clock, as Django's own sessions are.
            idle = clocks.machine_time() - request.session.get(LAST_USE, 0)
            if LAST_USE in request.session and idle > settings.SESSION_COOKIE_AGE:
                logout(request)
            # A hundredth: not each page writes.
            elif idle > settings.SESSION_COOKIE_AGE / 100 and _is_use(request):
                record_use(request)
        return get_response(request)

    return middleware


def _is_use(request: HttpRequest) -> bool:
    return (
        request.headers.get("HX-Request") != "true" or request.headers.get("X-Attended") == "true"
    )
