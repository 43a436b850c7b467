"""Run a service from a POST and show why it refused."""

from collections.abc import Iterator
from contextlib import contextmanager

from django.contrib import messages
from django.forms import Form
from django.http import HttpRequest

from core.errors import Refused


@contextmanager
def refusal_as_message(request: HttpRequest) -> Iterator[None]:
    """Show a `Refused` as an error message of the next page; the rest of the block is skipped.

    with refusal_as_message(request):
        launches.stop(campaign, by=request.user)
        messages.success(request, _("Campaign stopped"))
    return _back(request, campaign)
    """
    try:
        yield
    except Refused as refused:
        messages.error(request, str(refused))


@contextmanager
def refusal_as_error(form: Form, field: str | None = None) -> Iterator[None]:
    """Show a `Refused` as an error of the form or of its field; the rest is skipped.

    if form.is_valid():
        with refusal_as_error(form, "phone"):
            test_sends.add_number(team, by=request.user, **form.cleaned_data)
            return redirect("campaigns:test_number_list", team=team.slug)
    return render(…)
    """
    try:
        yield
    except Refused as refused:
        form.add_error(field, str(refused))
