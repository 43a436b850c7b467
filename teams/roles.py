"""What each role may do: one table for the checks, the pages and the tests."""

from collections.abc import Callable
from functools import wraps
from typing import Any, TypeVar, cast

from django.core.exceptions import PermissionDenied
from django.http.response import HttpResponseBase

from teams.models import Membership, Role
from teams.requests import TeamRequest

# The roles that may take each action. Every member may read.
PERMISSIONS = {
    "read": {Role.VIEWER, Role.MARKETER, Role.MANAGER},
    "prepare": {Role.MARKETER, Role.MANAGER},
    "test": {Role.MARKETER, Role.MANAGER},
    "launch": {Role.MARKETER, Role.MANAGER},
    "converse": {Role.MARKETER, Role.MANAGER},
    "sync": {Role.MARKETER, Role.MANAGER},
    "opt_out": {Role.MARKETER, Role.MANAGER},
    "lift_opt_out": {Role.MANAGER},
    "connect": {Role.MANAGER},
}


View = TypeVar("View", bound=Callable[..., HttpResponseBase])


def may(membership: Membership, action: str) -> bool:
    """Return True if the member may take `action`."""
    return membership.role in PERMISSIONS[action]


def requires(action: str) -> Callable[[View], View]:
    """Answer 403 to members who may not take `action`."""

    def decorate(view: View) -> View:
        @wraps(view)
        def checked(request: TeamRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
            if not may(request.membership, action):
                raise PermissionDenied(action)
            return view(request, *args, **kwargs)

        checked.permission = action  # type: ignore[attr-defined]
        return cast(View, checked)

    assert action in PERMISSIONS
    return decorate
