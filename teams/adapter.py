"""Settings of allauth that are code."""

from allauth.account.adapter import DefaultAccountAdapter


class AccountAdapter(DefaultAccountAdapter):
    """An administrator adds people; there is no sign-up."""

    def is_open_for_signup(self, request):
        return False
