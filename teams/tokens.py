"""The links that an account gets by email."""

from django.contrib.auth.tokens import PasswordResetTokenGenerator
from django.core import signing
from django.utils.crypto import constant_time_compare, salted_hmac

from teams.models import User

# How long the link to a new address works.
EMAIL_CHANGE_SECONDS = 24 * 60 * 60
_SALT = "teams.email change"


class ResetTokens(PasswordResetTokenGenerator):
    """Links to a new password: void after a log-in and after any change of the account."""

    def _make_hash_value(self, user: User, timestamp: int) -> str:
        return f"{super()._make_hash_value(user, timestamp)}{user.security_stamp}"

    def check_token(self, user: User | None, token: str | None) -> bool:
        return super().check_token(user, token) and user is not None and user.is_active


def make_email_change_key(user: User, email: str) -> str:
    """Return the key with which `user`, logged in, makes `email` the address of the account.

    Nothing else remembers the new address: until then it gets no links and names nobody.
    """
    return signing.dumps({"user": user.pk, "email": email, "seal": _seal(user)}, salt=_SALT)


def read_email_change_key(user: User, key: str) -> str | None:
    """Return the new address; None if the key is old, void, or of another account."""
    try:
        found = signing.loads(key, salt=_SALT, max_age=EMAIL_CHANGE_SECONDS)
    except signing.BadSignature:
        return None
    if found["user"] != user.pk or not constant_time_compare(found["seal"], _seal(user)):
        return None
    return str(found["email"])


def _seal(user: User) -> str:
    """Change with the password, the address and the security stamp."""
    return salted_hmac(_SALT, user.get_session_auth_hash(), algorithm="sha256").hexdigest()
