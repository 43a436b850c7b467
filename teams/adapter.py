"""allauth with our rules: one address for an account, entered by an administrator."""

import logging

from allauth.account.adapter import DefaultAccountAdapter
from allauth.core.exceptions import ImmediateHttpResponse
from django.shortcuts import redirect

from teams import accounts

logger = logging.getLogger(__name__)
# What the account was like at the first step of a log-in.
_ACCOUNT = "login_account"


class AccountAdapter(DefaultAccountAdapter):
    """An administrator adds people; there is no sign-up, and `User.email` is all that counts."""

    def is_open_for_signup(self, request):
        return False

    def pre_login(self, request, user, **options):
        request.session[_ACCOUNT] = user.get_session_auth_hash()
        return super().pre_login(request, user, **options)

    def login(self, request, user):
        # Between the password and the code, an administrator may have changed the account.
        known = request.session.pop(_ACCOUNT, None)
        if known != user.get_session_auth_hash() or not user.is_active:
            raise ImmediateHttpResponse(redirect("account_login"))
        super().login(request, user)

    def reauthenticate(self, user, password):
        found = self.authenticate(self.request, email=user.email, password=password)
        return found == user

    def set_password(self, user, password):
        super().set_password(user, password)
        accounts.record(user, "password changed", by=user)
        # A person who just got a link by email need not wait after earlier mistakes.
        self._delete_login_attempts_cached_email(self.request, email=user.email)

    def send_password_reset_mail(self, user, email, context):
        # Never to the address as it was typed.
        super().send_password_reset_mail(user, user.email, context)

    def send_mail(self, template_prefix, email, context):
        try:
            super().send_mail(template_prefix, email, context)
        except OSError:
            # The page must not show which addresses have an account.
            logger.exception("email not sent")
