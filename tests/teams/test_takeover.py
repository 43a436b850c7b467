"""Nobody keeps a way into an account that is not theirs, whatever path they try."""

import re
from datetime import timedelta

import pytest
import time_machine
from allauth.account.models import EmailAddress
from allauth.mfa.models import Authenticator
from allauth.mfa.totp.internal.auth import (
    TOTP,
    format_hotp_value,
    hotp_value,
    yield_hotp_counters_from_time,
)
from django.core.cache import cache
from django.db import IntegrityError, transaction
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from teams.models import AuditEvent, User
from tests import factories
from tests.factories import PASSWORD
from tests.teams.test_account_urls import OPEN, path_of

FRESH = "another good long passphrase"
EVIL = "evil@example.com"


@pytest.fixture(autouse=True)
def _no_tries_yet(db):
    cache.clear()


@pytest.fixture
def root(db):
    return factories.make_user("Root Admin", is_staff=True, is_superuser=True)


@pytest.fixture
def console(root, login):
    return login(root)


@pytest.fixture
def ama(team):
    return factories.make_user("Ama Mensah", team)


def is_in(client):
    """Return True if a page of the product opens."""
    return client.get("/accounts/2fa/").status_code == 200


def log_in(client, email="ama@example.com", password=PASSWORD):
    return client.post("/accounts/login/", {"login": email, "password": password})


def prove(client):
    client.post("/accounts/reauthenticate/", {"password": PASSWORD})
    return client


def ask_for_reset(email):
    return Client().post("/accounts/password/reset/", {"email": email})


def link_in(mail):
    (link,) = re.findall(r"http://testserver(/\S+)", mail.body)
    return link


def set_password(link, password=FRESH):
    """Use a reset link as its owner does; return the client."""
    client = Client()
    page = client.get(link, follow=True)
    client.post(page.request["PATH_INFO"], {"password1": password, "password2": password})
    return client


def give_away(console, person, **fields):
    """Save the person's page of the admin with another address."""
    form = {
        "email": "ceo@example.com",
        "first_name": "Esi",
        "is_active": "on",
        "memberships-TOTAL_FORMS": "0",
        "memberships-INITIAL_FORMS": "0",
    }
    form = {name: value for name, value in (form | fields).items() if value is not None}
    answer = console.post(reverse("admin:teams_user_change", args=[person.pk]), form)
    assert answer.status_code == 302


def give_password(console, person, password=FRESH):
    answer = console.post(
        reverse("admin:auth_user_password_change", args=[person.pk]),
        {"password1": password, "password2": password, "usable_password": "true"},
    )
    assert answer.status_code == 302


# By a further address


@pytest.mark.parametrize(
    "action", ["action_add", "action_send", "action_primary", "action_remove"]
)
@pytest.mark.parametrize("proven", [True, False])
def test_no_address_is_added_unseen(action, proven, ama, login, mailoutbox):
    client = login(ama)
    if proven:
        prove(client)
    client.post("/accounts/email/", {f"action_{action}": "", "email": EVIL})
    assert not EmailAddress.objects.exists()
    mailoutbox.clear()
    ask_for_reset(EVIL)
    assert mailoutbox == []
    assert log_in(Client(), EVIL).status_code == 200
    assert User.objects.get(pk=ama.pk).email == "ama@example.com"


def test_no_visit_leaves_an_address_behind(ama, login, client):
    for name in OPEN:
        prove(login(ama)).get(path_of(name))
        client.get(path_of(name))
    ask_for_reset("ama@example.com")
    assert not EmailAddress.objects.exists()


@pytest.mark.parametrize("verified", [True, False])
@pytest.mark.parametrize("primary", [True, False])
def test_an_address_that_is_there_already_opens_nothing(verified, primary, ama, login, mailoutbox):
    row = {"user": ama, "verified": verified, "primary": primary}
    EmailAddress.objects.create(email=EVIL, **row)
    ask_for_reset(EVIL)
    assert mailoutbox == []
    assert log_in(Client(), EVIL).status_code == 200
    # Nor does it shut the person out.
    ask_for_reset("ama@example.com")
    assert [mail.to for mail in mailoutbox] == [["ama@example.com"]]
    client = prove(login(ama))
    assert client.get("/accounts/email/").status_code == 200


def test_the_address_of_another_person_can_not_be_taken(ama, ceo_account, login, mailoutbox):
    client = prove(login(ama))
    free = client.post("/accounts/email/", {"email": "new@example.com"}, follow=True)
    taken = client.post("/accounts/email/", {"email": "CEO@example.com"}, follow=True)
    # Nothing shows that the second one has an account.
    clean = [
        re.sub(r"new@example.com|ceo@example.com|\b\w{64}\b", "", page.content.decode())
        for page in (free, taken)
    ]
    assert clean[0] == clean[1]
    assert [mail.to for mail in mailoutbox] == [["new@example.com"]]
    client.post("/accounts/email/", {"action_primary": "", "email": "ceo@example.com"})
    assert User.objects.get(pk=ama.pk).email == "ama@example.com"


@pytest.fixture
def ceo_account(team):
    return factories.make_user("Ceo Boateng", team, "manager")


# By a change of one's own address


def ask_for_change(client, mailoutbox, email="new@example.com"):
    mailoutbox.clear()
    prove(client).post("/accounts/email/", {"email": email})
    (mail,) = mailoutbox
    assert mail.to == [email]
    return link_in(mail)


def test_an_address_changes_by_password_and_confirmation(ama, login, mailoutbox):
    client, other = login(ama), login(ama)
    link = ask_for_change(client, mailoutbox)
    # Nothing has changed yet, and the new address is nobody's.
    ask_for_reset("new@example.com")
    assert len(mailoutbox) == 1
    assert log_in(Client(), "new@example.com").status_code == 200
    assert "new@example.com" in client.get(link).content.decode()
    assert User.objects.get(pk=ama.pk).email == "ama@example.com"

    page = client.post(link, follow=True)
    assert "Your email address has changed." in page.content.decode()
    assert User.objects.get(pk=ama.pk).email == "new@example.com"
    assert is_in(client)
    assert not is_in(other)
    assert mailoutbox[-1].to == ["ama@example.com"]
    assert "new@example.com" in mailoutbox[-1].body
    event = AuditEvent.objects.get(action="email changed")
    assert (event.before, event.after) == (
        {"email": "ama@example.com"},
        {"email": "new@example.com"},
    )
    assert (event.user, event.team.slug) == (ama, "kente")
    assert log_in(Client(), "ama@example.com").status_code == 200
    # The link works once.
    client.post(link)
    assert AuditEvent.objects.filter(action="email changed").count() == 1


def test_a_change_without_the_password_only_asks_for_it(ama, login, mailoutbox):
    client = login(ama)
    answer = client.post("/accounts/email/", {"email": "new@example.com"})
    assert answer.url.startswith("/accounts/reauthenticate/")
    assert mailoutbox == []
    # Then it goes on.
    client.post(answer.url, {"password": PASSWORD, "next": "/accounts/email/"})
    assert [mail.to for mail in mailoutbox] == [["new@example.com"]]


def test_a_link_is_of_no_use_to_another_account(ama, ceo_account, login, mailoutbox):
    link = ask_for_change(login(ama), mailoutbox)
    assert Client().post(link).url.startswith("/accounts/login/")
    page = login(ceo_account).post(link, follow=True)
    assert "no longer works" in page.content.decode()
    assert set(User.objects.values_list("email", flat=True)) == {
        "ama@example.com",
        "ceo@example.com",
    }


@pytest.mark.parametrize("change", ["password", "admin", "taken", "old", "garbled"])
def test_a_link_is_void_after(change, ama, login, console, mailoutbox):
    client = login(ama)
    link = ask_for_change(client, mailoutbox)
    days = 0
    if change == "password":
        ama.set_password(FRESH)
        ama.save()
    elif change == "admin":
        give_away(console, ama)
    elif change == "taken":
        factories.make_user("New Person")
    elif change == "old":
        days = 2
    else:
        link = link.replace(":", "_", 1)
    ama.refresh_from_db()
    before = ama.email
    with time_machine.travel(timezone.now() + timedelta(days=days)):
        client = login(ama)
        assert client.post(link, follow=True).status_code == 200
    ama.refresh_from_db()
    assert ama.email == before


# By what was open before an administrator's change


def authenticator(user):
    return TOTP.activate(user, "GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ").instance


def code_of(row):
    counter = next(iter(yield_hotp_counters_from_time()))
    return format_hotp_value(hotp_value(row.data["secret"], counter))


def half_log_in(user):
    """Return a client that gave the password and owes the code, and the code."""
    row = authenticator(user)
    client = Client()
    assert log_in(client, user.email).url == "/accounts/2fa/authenticate/"
    return client, code_of(row)


def test_the_code_completes_a_log_in(ama):
    client, code = half_log_in(ama)
    client.post("/accounts/2fa/authenticate/", {"code": code})
    assert is_in(client)


@pytest.mark.parametrize("change", ["address", "password", "inactive"])
def test_an_administrators_change_ends_all_that_was_open(
    change, ama, login, console, root, mailoutbox
):
    half, code = half_log_in(ama)
    EmailAddress.objects.create(user=ama, email=EVIL, verified=True, primary=True)
    EmailAddress.objects.create(user=ama, email="two@example.com")
    sessions = [login(ama), login(ama)]
    to_new_address = ask_for_change(sessions[0], mailoutbox)
    ask_for_reset("ama@example.com")
    reset = link_in(mailoutbox[-1])
    mailoutbox.clear()

    if change == "address":
        give_away(console, ama)
    elif change == "password":
        give_password(console, ama)
    else:
        give_away(console, ama, email=ama.email, is_active=None)

    assert not any(is_in(session) for session in sessions)
    assert not EmailAddress.objects.filter(user=ama).exists()
    half.post("/accounts/2fa/authenticate/", {"code": code})
    assert not is_in(half)
    set_password(reset, "the passphrase of the thief")
    ama.refresh_from_db()
    assert not ama.check_password("the passphrase of the thief")
    for address in (EVIL, "two@example.com"):
        ask_for_reset(address)
    assert mailoutbox == []
    if change == "inactive":
        # Nothing of it comes back with the account.
        give_away(console, ama, email=ama.email)
        assert not any(is_in(session) for session in sessions)
        ama.refresh_from_db()
    login(ama).post(to_new_address)
    ama.refresh_from_db()
    assert ama.email == ("ceo@example.com" if change == "address" else "ama@example.com")
    # The administrator's own session goes on.
    assert is_in(console)

    event = AuditEvent.objects.filter(user=root).order_by("at").first()
    assert (event.action, event.after) == {
        "address": ("email changed", {"email": "ceo@example.com"}),
        "password": ("password changed", {}),
        "inactive": ("account changed", {"is_active": False}),
    }[change]
    # The address of the administrator at that time stays known.
    assert (event.team.slug, event.user_email) == ("kente", root.email)


def test_a_second_factor_ends_with_the_address(ama, console):
    authenticator(ama)
    give_away(console, ama, email=ama.email, first_name="Amma")
    assert Authenticator.objects.exists()
    give_away(console, ama)
    assert not Authenticator.objects.exists()
    log_in(client := Client(), "ceo@example.com")
    assert is_in(client)


def test_an_administrator_who_changes_their_own_account_stays_logged_in(root, login):
    console, other = login(root), login(root)
    authenticator(root)
    form = {"email": "boss@example.com", "is_staff": "on", "is_superuser": "on"}
    give_away(console, root, **form)
    assert is_in(console)
    assert not is_in(other)
    assert Authenticator.objects.exists()
    # A person of no team is in the audit log, too.
    assert AuditEvent.objects.get(action="email changed").team is None
    give_password(console, root)
    assert is_in(console)


def test_a_wrong_form_of_a_password_ends_nothing(ama, login, console):
    client = login(ama)
    url = reverse("admin:auth_user_password_change", args=[ama.pk])
    for form in (
        {"password1": FRESH, "password2": "else", "usable_password": "true"},
        {"password1": "", "password2": "", "usable_password": "false"},
    ):
        console.post(url, form)
    assert is_in(client)
    assert not AuditEvent.objects.exists()


def test_the_audit_log_names_the_address_at_that_time(ama, login, console, root):
    client = prove(login(ama))
    form = {"oldpassword": PASSWORD, "password1": FRESH, "password2": FRESH}
    client.post("/accounts/password/change/", form)
    give_away(console, ama)
    page = console.get(reverse("admin:teams_auditevent_changelist")).content.decode()
    assert "ama@example.com" in page
    event = AuditEvent.objects.get(action="password changed")
    assert (event.user, event.user_email) == (ama, "ama@example.com")


# By an invitation: a person without a password gets a reset link


def invite(console, email):
    form = {"email": email, "usable_password": "false"}
    return console.post(reverse("admin:teams_user_add"), form)


def test_an_invitation_reaches_its_person_only(ama, login, console, mailoutbox):
    to_ceo = ask_for_change(login(ama), mailoutbox, "ceo@example.com")
    EmailAddress.objects.create(user=ama, email="ceo@example.com", verified=True)
    invite(console, "CEO@example.com")
    ceo = User.objects.get(email="ceo@example.com")
    login(ama).post(to_ceo)
    assert log_in(Client(), "ceo@example.com").status_code == 200

    mailoutbox.clear()
    ask_for_reset("ceo@example.com")
    (mail,) = mailoutbox
    set_password(link_in(mail))
    ceo.refresh_from_db()
    assert ceo.check_password(FRESH)
    ama.refresh_from_db()
    assert (ama.email, ama.check_password(PASSWORD)) == ("ama@example.com", True)
    assert AuditEvent.objects.filter(action="account created", subject="ceo@example.com").exists()


@pytest.mark.parametrize(
    "email",
    ["сео@example.com", "ceo@exаmple.com", "ceo@example.com\u202e", "ſara@example.com"],
)
def test_no_address_looks_like_another(email, ama, login, console, mailoutbox):
    invite(console, email)
    assert User.objects.count() == 2
    prove(login(ama)).post("/accounts/email/", {"email": email})
    ask_for_reset(email)
    assert mailoutbox == []


def test_a_reset_goes_to_the_stored_address(team, mailoutbox):
    factories.make_user("Kofi Boateng", team)
    # KELVIN SIGN, whose small letter is a k.
    ask_for_reset("\u212aofi@example.com")
    assert [mail.to for mail in mailoutbox] in ([], [["kofi@example.com"]])


def test_an_address_has_one_account_in_any_case(ama, console):
    page = invite(console, "AMA@example.com").content.decode()
    assert "already exists" in page
    with pytest.raises(IntegrityError), transaction.atomic():
        User.objects.create(email="AMA@example.com")
