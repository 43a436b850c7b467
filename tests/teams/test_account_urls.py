"""Every page of an account that is open, and why; all others of allauth are closed."""

import allauth.account.urls
import allauth.mfa.urls
import pytest
from allauth.mfa.models import Authenticator
from django.test import Client
from django.urls import URLPattern, get_resolver, reverse

# Name: (open to people who are not logged in, the reason why it is open).
OPEN = {
    "account_login": (True, "People log in with it; the admin, too."),
    "account_logout": (True, "The menu. A POST logs out."),
    "account_reauthenticate": (False, "The password again, before a change of the account."),
    "account_email": (False, "Our own: asks for a new address, after the password."),
    "account_confirm_email": (False, "Our own: the link to a new address, for its person only."),
    "account_change_password": (False, "The menu. Needs the current password."),
    "account_reset_password": (True, "Forgotten passwords, and the first one of a person."),
    "account_reset_password_done": (True, "What follows it: the same for every address."),
    "account_reset_password_from_key": (True, "The link in its email."),
    "account_reset_password_from_key_done": (True, "What follows the new password."),
    "mfa_index": (False, "The menu: two-factor login."),
    "mfa_authenticate": (True, "The code, after the password of a log-in."),
    "mfa_reauthenticate": (False, "The code again, before a change of the account."),
    "mfa_activate_totp": (False, "Turns two-factor login on, after the password."),
    "mfa_deactivate_totp": (False, "Turns it off, after the password."),
    "mfa_view_recovery_codes": (False, "Shows recovery codes, after the password."),
    "mfa_generate_recovery_codes": (False, "Creates new ones, after the password."),
    "mfa_download_recovery_codes": (False, "The same as a file, after the password."),
}
CHANGES = {
    "account_email",
    "mfa_activate_totp",
    "mfa_deactivate_totp",
    "mfa_view_recovery_codes",
    "mfa_generate_recovery_codes",
    "mfa_download_recovery_codes",
}
EXAMPLES = {
    "account_confirm_email": {"key": "x"},
    "account_reset_password_from_key": {"uidb36": "1", "key": "x-y"},
}


def patterns(node):
    for child in getattr(node, "url_patterns", node):
        if isinstance(child, URLPattern):
            yield child
        else:
            yield from patterns(child)


def open_names():
    """Yield the name of each URL that allauth answers, or that is below /accounts/."""
    for prefix in get_resolver().url_patterns:
        for pattern in [prefix] if isinstance(prefix, URLPattern) else patterns(prefix):
            own = str(prefix.pattern) == "accounts/"
            if own or pattern.callback.__module__.startswith("allauth"):
                yield pattern.name


def path_of(name):
    return reverse(name, kwargs=EXAMPLES.get(name))


def test_every_open_url_has_a_reason():
    assert sorted(open_names()) == sorted(OPEN)


def test_no_page_is_open_to_more_people_than_the_table_says(db):
    for name, (anonymous, _why) in OPEN.items():
        answer = Client().get(path_of(name))
        sent_away = answer.status_code == 302 and "next=" in answer.url
        assert sent_away != anonymous, name


@pytest.mark.parametrize(
    "path",
    [
        "signup/",
        "inactive/",
        "password/set/",
        "confirm-email/",
        "login/code/",
        "login/code/confirm/",
        "2fa/trust/",
        "2fa/webauthn/",
        "2fa/webauthn/add/",
        "2fa/webauthn/login/",
        "2fa/webauthn/signup/",
        "2fa/webauthn/reauthenticate/",
        "3rdparty/",
        "social/signup/",
        "sessions/",
        "phone/change/",
    ],
)
def test_what_the_product_does_not_use_is_closed(path, manager, login):
    for client in (Client(), login(manager)):
        for method in (client.get, client.post):
            answer = method(f"/accounts/{path}")
            assert answer.status_code == 404 or answer.url.startswith("/accounts/login/?next=")
    assert login(manager).get(f"/accounts/{path}").status_code == 404


def test_allauth_has_no_name_that_is_open_unseen():
    theirs = {pattern.name for pattern in patterns(allauth.account.urls.urlpatterns)}
    theirs |= {pattern.name for pattern in patterns(allauth.mfa.urls.urlpatterns)}
    closed = theirs - set(OPEN)
    assert closed >= {"account_signup", "account_set_password", "account_inactive"}
    assert not closed & set(open_names())


def test_a_change_of_the_account_takes_the_password_again(manager, login):
    for name in CHANGES:
        Authenticator.objects.all().delete()
        if name != "mfa_activate_totp":
            Authenticator.objects.create(user=manager, type="totp", data={"secret": "x"})
            Authenticator.objects.create(user=manager, type="recovery_codes", data={"seed": "x"})
        client = login(manager)
        answers = [client.get(path_of(name))]
        answers.append(client.post(path_of(name), {"email": "new@example.com"}))
        for answer in answers:
            if answer.status_code != 405:
                assert answer.status_code == 302, name
                assert answer.url.startswith(path_of("account_reauthenticate")), name
        assert answers[0].status_code == 302, name
