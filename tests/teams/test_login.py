"""Login by email: allauth with our settings."""

import re

import pytest
from django.core.cache import cache

from teams.models import User
from tests.factories import PASSWORD, make_user

LOGIN = "/accounts/login/"


@pytest.fixture(autouse=True)
def _no_tries_yet(db):
    cache.clear()


@pytest.fixture
def ama(team):
    return make_user("Ama Mensah", team)


def log_in(client, password=PASSWORD, email="ama@example.com", **more):
    return client.post(LOGIN, {"login": email, "password": password, **more})


def is_in(client):
    return "_auth_user_id" in client.session


def test_email_and_password_let_in(ama, client):
    response = log_in(client)
    assert response.url == "/"
    assert is_in(client)


def test_case_of_the_address_does_not_matter(ama, client):
    log_in(client, email="Ama@Example.com")
    assert is_in(client)


def test_session_is_rotated(ama, client):
    client.get(LOGIN)
    session = client.session
    session["before"] = True
    session.save()
    before = session.session_key
    log_in(client)
    assert client.session.session_key != before


def test_a_wrong_password_does_not_reveal_which_addresses_exist(ama, client):
    wrong = log_in(client, "wrong")
    unknown = log_in(client, "wrong", email="nobody@example.com")
    assert not is_in(client)
    error = re.compile(r'<div class="alert alert-danger".*?</div></div>', re.DOTALL)
    assert error.search(wrong.content.decode())[0] == error.search(unknown.content.decode())[0]


def test_inactive_people_cannot_log_in(ama, client):
    ama.is_active = False
    ama.save()
    log_in(client)
    assert not is_in(client)


def test_the_sixth_attempt_is_refused_even_with_the_right_password(ama, client):
    for _ in range(5):
        log_in(client, "wrong")
    response = log_in(client)
    assert not is_in(client)
    assert "Too many failed login attempts" in response.content.decode()


def test_limit_holds_for_the_admin_too(ama, client):
    ama.is_staff = True
    ama.save()
    for _ in range(5):
        log_in(client, "wrong")
    # The admin has no login page of its own with a separate count.
    response = client.post("/admin/login/", {"username": ama.email, "password": PASSWORD})
    assert response.status_code == 302
    assert response.url.startswith(LOGIN)
    assert not is_in(client)


def test_there_is_no_sign_up(db, client):
    form = {"email": "new@example.com", "password1": PASSWORD, "password2": PASSWORD}
    assert client.post("/accounts/signup/", form).status_code == 404
    assert not User.objects.exists()
    for page in (LOGIN, "/accounts/password/reset/", "/accounts/password/reset/done/"):
        assert "signup" not in client.get(page).content.decode()


def test_logging_out_takes_a_post(ama, client):
    log_in(client)
    client.get("/accounts/logout/")
    assert is_in(client)
    client.post("/accounts/logout/")
    assert not is_in(client)


@pytest.mark.parametrize(
    ("target", "lands"),
    [
        ("/t/kente/templates/", "/t/kente/templates/"),
        ("https://evil.example/", "/"),
        ("//evil.example/", "/"),
        ("/\\evil.example", "/"),
        ("javascript:alert(1)", "/"),
    ],
)
def test_next_stays_on_this_site(target, lands, ama, client):
    assert log_in(client, next=target).url == lands


def test_a_forgotten_password_is_reset_by_email(ama, client, mailoutbox):
    client.post("/accounts/password/reset/", {"email": "AMA@example.com"})
    (mail,) = mailoutbox
    assert mail.to == ["ama@example.com"]
    assert mail.subject == "Choose a password for Chumi Admin"
    assert "signup" not in mail.body
    (link,) = re.findall(r"http://testserver(/\S+)", mail.body)
    form = client.get(link, follow=True)
    assert form.status_code == 200
    fresh = "another good long passphrase"
    client.post(form.redirect_chain[-1][0], {"password1": fresh, "password2": fresh})
    log_in(client)
    assert not is_in(client)
    log_in(client, fresh)
    assert is_in(client)
    # The link works once.
    client.logout()
    assert "password1" not in client.get(link, follow=True).content.decode()


def test_a_reset_opens_an_account_that_was_locked_by_mistakes(ama, client, mailoutbox):
    for _ in range(5):
        log_in(client, "wrong")
    client.post("/accounts/password/reset/", {"email": "ama@example.com"})
    link = re.search(r"http://testserver(/\S+)", mailoutbox[0].body)[1]
    form = client.get(link, follow=True)
    fresh = "another good long passphrase"
    client.post(form.redirect_chain[-1][0], {"password1": fresh, "password2": fresh})
    log_in(client, fresh)
    assert is_in(client)


def test_a_reset_does_not_reveal_which_addresses_exist(ama, client, mailoutbox):
    known = client.post("/accounts/password/reset/", {"email": "ama@example.com"})
    unknown = client.post("/accounts/password/reset/", {"email": "nobody@example.com"})
    assert (known.status_code, known.url) == (unknown.status_code, unknown.url)
    # Nothing is sent to a stranger, who would be sent to a sign-up that is closed.
    assert [mail.to for mail in mailoutbox] == [["ama@example.com"]]


def test_a_mail_server_that_is_down_does_not_reveal_them_either(ama, client, settings, caplog):
    settings.EMAIL_BACKEND = "django.core.mail.backends.smtp.EmailBackend"
    settings.EMAIL_HOST, settings.EMAIL_PORT = "127.0.0.1", 1
    known = client.post("/accounts/password/reset/", {"email": "ama@example.com"})
    unknown = client.post("/accounts/password/reset/", {"email": "nobody@example.com"})
    assert (known.status_code, known.url) == (unknown.status_code, unknown.url)
    assert "email not sent" in caplog.text


def test_a_reset_link_never_names_an_unknown_host(ama, client, mailoutbox):
    form = {"email": "ama@example.com"}
    answer = client.post("/accounts/password/reset/", form, headers={"host": "evil.example"})
    assert answer.status_code == 400
    answer = client.post(
        "/accounts/password/reset/", form, headers={"X-Forwarded-Host": "evil.example"}
    )
    assert "evil" not in mailoutbox[0].body
