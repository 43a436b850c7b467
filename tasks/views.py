"""The page that a monitor asks."""

from django.contrib.auth.decorators import login_not_required
from django.http import HttpRequest, HttpResponse
from django.utils.translation import override
from django.views.decorators.http import require_safe

from tasks.health import problems_of_all


@login_not_required
@require_safe
def health(request: HttpRequest) -> HttpResponse:
    """Answer that the process is up: "ok", or one line a problem, each as `code: title`.

    The status stays 200: a process that can name what is wrong must not be restarted for it.
    """
    with override("en"):
        lines = [f"{problem.code}: {problem.title}" for problem in problems_of_all()]
    return HttpResponse("\n".join(lines or ["ok"]), content_type="text/plain")
