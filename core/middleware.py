"""Rules that hold for every response."""

from collections.abc import Callable

from django.http import HttpRequest, HttpResponse, HttpResponseBase

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
