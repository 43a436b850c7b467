"""What each role may do: one table for the checks, the pages and the tests."""

from functools import wraps

from django.core.exceptions import PermissionDenied

from teams.models import Role

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


def may(membership, action):
    """Return True if the member may take `action`."""
    return membership.role in PERMISSIONS[action]


def requires(action):
    """Answer 403 to members who may not take `action`."""

    def decorate(view):
        @wraps(view)
        def checked(request, *args, **kwargs):
            if not may(request.membership, action):
                raise PermissionDenied(action)
            return view(request, *args, **kwargs)

        checked.permission = action
        return checked

    assert action in PERMISSIONS
    return decorate
