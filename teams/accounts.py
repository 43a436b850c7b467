"""Every change of the account of a person: address, password, rights."""

from collections.abc import Callable
from typing import Any

from allauth.account.adapter import get_adapter
from allauth.account.models import EmailAddress
from allauth.mfa.models import Authenticator
from django.db import IntegrityError, transaction
from django.utils.translation import gettext as _

from core.errors import Refused
from teams.models import Team, User, new_security_stamp
from teams.services import audit
from teams.tokens import make_email_change_key, read_email_change_key

_RECORDED = ("email", "is_active", "is_staff", "is_superuser")


def record(user: User, action: str, *, by: User | None, **values: dict[str, Any]) -> None:
    """Append to the audit log of each team of the person, or to that of no team."""
    for team in list(Team.objects.of_user(user)) or [None]:
        audit(team, action, by=by, subject=user.email[:200], **values)


def ask_for_confirmation(user: User, email: str, *, link_of: Callable[[str], str]) -> None:
    """Mail the link that confirms a new address. Nothing is sent to one that has an account."""
    if not User.objects.filter(email=email).exists():
        link = link_of(make_email_change_key(user, email))
        get_adapter().send_mail("account/email/email_change", email, {"link": link, "user": user})


def confirm_email(user: User, key: str) -> None:
    """Change the address of `user`, whose log-in the key needs. Raise `Refused`."""
    former = _take_address(user, key)
    context = {"email": user.email, "user": user}
    get_adapter().send_mail("account/email/email_changed", former, context)


@transaction.atomic
def _take_address(user: User, key: str) -> str:
    """Return the former address of `user`."""
    user.refresh_from_db(from_queryset=User.objects.select_for_update())
    former, email = user.email, read_email_change_key(user, key)
    if email is not None and user.is_active:
        user.email = email
        try:
            save_account(user, by=user)
        except IntegrityError:
            user.email = former
        else:
            return former
    raise Refused(_("This link no longer works. Nothing has changed."))


@transaction.atomic
def save_account(user: User, *, by: User) -> None:
    """Save a changed account; a new address or a closed account ends what was open before.

    Sessions, log-ins in progress, links and further addresses end. If `by` is not the person,
    the account may be given to someone else: second factors end with the old address.
    """
    stored = User.objects.select_for_update().get(pk=user.pk)
    before = {name: getattr(stored, name) for name in _RECORDED}
    after = {name: getattr(user, name) for name in _RECORDED}
    changed = [name for name in _RECORDED if before[name] != after[name]]
    if "email" in changed or "is_active" in changed:
        user.security_stamp = new_security_stamp()
    user.save()
    EmailAddress.objects.filter(user=user).delete()
    if "email" in changed and by != user:
        Authenticator.objects.filter(user=user).delete()
    if changed:
        record(
            user,
            "email changed" if "email" in changed else "account changed",
            by=by,
            before={name: before[name] for name in changed},
            after={name: after[name] for name in changed},
        )


@transaction.atomic
def end_access(user: User, *, by: User) -> None:
    """End all sessions and links of the person, after an administrator set the password."""
    user.security_stamp = new_security_stamp()
    user.save(update_fields=["security_stamp"])
    EmailAddress.objects.filter(user=user).delete()
    record(user, "password changed", by=by)
