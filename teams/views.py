"""Choose a team, and connect it to ChumiAI."""

from django.contrib import messages
from django.core.exceptions import PermissionDenied
from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.debug import sensitive_post_parameters
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from teams import access, services
from teams.forms import ConnectionForm
from teams.requests import TeamRequest
from teams.roles import requires


@require_safe
def start(request):
    """Go to the only team of the person, or let them choose."""
    memberships = request.user.memberships.select_related("team").order_by("team__name")
    if len(memberships) == 1:
        return redirect("reports:home", team=memberships[0].team.slug)
    return render(request, "teams/team_list.html", {"memberships": memberships})


@sensitive_post_parameters("api_key")
@require_http_methods(["GET", "HEAD", "POST"])
def connection(request: TeamRequest) -> HttpResponse:
    """Show the connection; store and test what a manager enters."""
    if request.method == "POST" and not request.may["connect"]:
        raise PermissionDenied("connect")
    form = ConnectionForm(request.POST or None, connection=request.team_connection)
    if request.method == "POST" and form.is_valid():
        services.connect(
            request.team,
            base_url=form.cleaned_data["base_url"],
            key=form.cleaned_data["api_key"],
            by=request.user,
        )
        _test(request)
        return redirect("teams:connection", team=request.team.slug)
    return render(
        request,
        "teams/connection.html",
        {
            "form": form,
            "scopes": _scopes(request.team_connection),
            "answers": _answers(request.team_connection),
        },
    )


def _scopes(connection):
    """Return the permissions that the product uses: name, purpose, state at the last test."""
    found = connection.scopes if connection else {}
    return [
        {"name": name, "purpose": purpose, "state": found.get(name, "untested")}
        for name, purpose in services.SCOPES.items()
    ]


def _answers(connection):
    """Return what the last test asked, with the answers."""
    if connection is None or not connection.checks:
        return []
    return list(access.answers(connection.checks, connection.scopes))


@require_POST
@requires("connect")
def connection_test(request: TeamRequest) -> HttpResponse:
    """Test the connection again."""
    _test(request)
    return redirect("teams:connection", team=request.team.slug)


def _test(request):
    """Test the connection and show the result as a message."""
    try:
        connection = services.test_connection(request.team)
    except services.NotConnected as error:
        messages.error(request, str(error))
        return
    if connection.problem:
        text = _("The test failed: {why}")
        messages.error(request, text.format(why=connection.problem_sentence))
    elif access.has_no_answer(connection.checks):
        messages.warning(
            request, _("ChumiAI did not answer the test. The key is stored: test it again later.")
        )
    elif "missing" in connection.scopes.values():
        messages.warning(request, _("ChumiAI accepts the key, but it lacks a permission."))
    elif access.has_gaps(connection.checks):
        text = _("ChumiAI accepts the key. Not everything could be asked: see below.")
        messages.warning(request, text)
    else:
        messages.success(request, _("ChumiAI accepts the key."))
