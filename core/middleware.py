"""Rules that hold for every answer."""

from django.http import HttpResponse


def no_store(get_response):
    """Keep pages with customers in them out of every cache."""

    def middleware(request):
        response = get_response(request)
        if request.user.is_authenticated:
            response.setdefault("Cache-Control", "no-store, private")
        return response

    return middleware


def session_ended_for_htmx(get_response):
    """Reload the page when a fragment is asked for after the session has ended.

    A log-in page must never be swapped into a cell of the page that was open.
    """

    def middleware(request):
        response = get_response(request)
        if (
            request.headers.get("HX-Request") == "true"
            and not request.user.is_authenticated
            and response.status_code == 302
        ):
            return HttpResponse(status=200, headers={"HX-Refresh": "true"})
        return response

    return middleware
