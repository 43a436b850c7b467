"""Django's admin: it sets up everything from nothing, and it never changes history."""

import json
import re

import pytest
from allauth.account.models import EmailAddress
from allauth.mfa.models import Authenticator
from django.contrib import admin
from django.urls import reverse

from campaigns.services.media import set_media
from contacts.services import opt_out
from message_templates.services import request_sync
from sending.models import Attempt, JobSync
from tasks.services import record_heartbeat
from teams.models import AuditEvent, Connection, Membership, Team, User
from tests import factories
from tests.factories import PASSWORD
from tests.webhooks.conftest import inbound
from webhooks import services as webhooks

WRITABLE = {Team, User}
KEY = "chumi_sk_live_canary_51f0"


@pytest.fixture
def root(db):
    return factories.make_user("Root Admin", is_staff=True, is_superuser=True)


@pytest.fixture
def console(root, login):
    return login(root)


def team_form(url, team=None, *, key="", people=(), **fields):
    """Return the POST data of the page of a team."""
    connection = getattr(team, "connection", None)
    form = {
        "name": "Kente Corner",
        "slug": "kente",
        "default_region": "GH",
        "confirm_above": "50",
        "batch_size": "500",
        "open_jobs": "2",
        "singly_up_to": "250",
        "messages_per_second": "5",
        "parallel_sends": "4",
        "pause_at_failures": "25",
        "marketing_messages": "1",
        "marketing_hours": "24",
        "connection-TOTAL_FORMS": "1",
        "connection-INITIAL_FORMS": "1" if connection else "0",
        "connection-0-id": connection.pk if connection else "",
        "connection-0-team": team.pk if team else "",
        "connection-0-base_url": url,
        "connection-0-api_key": key,
        "memberships-TOTAL_FORMS": str(len(people)),
        "memberships-INITIAL_FORMS": "0",
    }
    for number, (user, role) in enumerate(people):
        form |= {f"memberships-{number}-user": user.pk, f"memberships-{number}-role": role}
    return form | fields


def test_from_nothing_to_a_working_team(console, sandbox, client):
    console.post(
        reverse("admin:teams_user_add"),
        {
            "email": "Ama@Example.com",
            "first_name": "Ama",
            "last_name": "Mensah",
            "usable_password": "true",
            "password1": PASSWORD,
            "password2": PASSWORD,
        },
    )
    ama = User.objects.get(email="ama@example.com")
    response = console.post(
        reverse("admin:teams_team_add"),
        team_form(sandbox.url, key=sandbox.key("kente"), people=[(ama, "manager")]),
    )
    team = Team.objects.get(slug="kente")
    assert response.url == reverse("admin:teams_team_changelist")
    assert team.connection.key() == sandbox.key("kente")
    assert Membership.objects.get().role == "manager"
    assert AuditEvent.objects.filter(action="connection changed").count() == 1

    # The new person can work with the team.
    client.post("/accounts/login/", {"login": ama.email, "password": PASSWORD})
    page = client.post(reverse("teams:connection_test", kwargs={"team": "kente"}), follow=True)
    assert "ChumiAI accepts the key." in page.content.decode()


@pytest.mark.parametrize(
    ("email", "password2", "said"),
    [
        ("ama@example.com", "something else entirely", "didn’t match"),
        ("not an address", PASSWORD, "valid email"),
        ("ROOT@example.com", PASSWORD, "already exists"),
    ],
)
def test_person_is_checked(email, password2, said, console):
    form = {"email": email, "password1": PASSWORD, "password2": password2}
    page = console.post(reverse("admin:teams_user_add"), form | {"usable_password": "true"})
    assert said in page.content.decode()
    assert User.objects.count() == 1


def test_key_is_written_and_never_shown(console, connected, sandbox):
    url = reverse("admin:teams_team_change", args=[connected.pk])
    console.post(url, team_form(sandbox.url, connected, key=KEY))
    connection = Connection.objects.get(team=connected)
    assert connection.key() == KEY
    page = console.get(url).content.decode()
    assert KEY not in page
    assert connection.key_ciphertext not in page
    assert "ends with 51f0" in page


def test_saving_without_a_key_keeps_it(console, connected, sandbox):
    before = Connection.objects.get(team=connected).key_ciphertext
    url = reverse("admin:teams_team_change", args=[connected.pk])
    console.post(url, team_form(sandbox.url, connected, name="Kente & Co"))
    assert Team.objects.get(pk=connected.pk).name == "Kente & Co"
    assert Connection.objects.get(team=connected).key_ciphertext == before


def test_a_change_of_the_address_deletes_the_key(console, connected, sandbox, settings):
    settings.CHUMIAI_BASE_URLS = [sandbox.url, "https://api.chumiai.app"]
    url = reverse("admin:teams_team_change", args=[connected.pk])
    console.post(url, team_form("https://api.chumiai.app", connected))
    connection = Connection.objects.get(team=connected)
    assert (connection.base_url, connection.has_key) == ("https://api.chumiai.app", False)


@pytest.mark.parametrize(
    "wrong",
    [
        {"connection-0-base_url": "http://169.254.169.254"},
        {"connection-0-api_key": "no key at all"},
        {"default_region": "XX"},
        {"batch_size": "3"},
    ],
)
def test_team_is_checked(wrong, console, connected, sandbox):
    before = Connection.objects.get(team=connected)
    url = reverse("admin:teams_team_change", args=[connected.pk])
    response = console.post(url, team_form(sandbox.url, connected, name="Changed", **wrong))
    assert response.status_code == 200
    assert "errorlist" in response.content.decode()
    assert Team.objects.get(pk=connected.pk).name == "Kente Corner"
    assert Connection.objects.get(team=connected).base_url == before.base_url


def test_a_former_address_of_a_person_no_longer_logs_in(console, team):
    ama = factories.make_user("Ama Mensah", team)
    EmailAddress.objects.create(user=ama, email=ama.email, primary=True, verified=True)
    form = {"email": "ama.mensah@example.com", "is_active": "on"}
    form |= {"memberships-TOTAL_FORMS": "0", "memberships-INITIAL_FORMS": "0"}
    console.post(reverse("admin:teams_user_change", args=[ama.pk]), form)
    assert User.objects.get(pk=ama.pk).email == "ama.mensah@example.com"
    assert not EmailAddress.objects.filter(email="ama@example.com").exists()


@pytest.fixture
def everything(connected, sandbox, drain, root):
    """At least one row of each model of the admin."""
    drain()
    campaign = factories.make_ready_campaign(connected, count=3)
    factories.launch(campaign)
    factories.finish(campaign)
    set_media(factories.make_media_campaign(connected), media_id="123", by=root)
    opt_out(connected, "+233244123456")
    factories.make_unreadable(connected)
    factories.mirror(connected)
    factories.make_test_number(connected)
    address = webhooks.renew_address(connected, by=root)
    webhooks.receive(address, json.dumps(inbound("Hello")).encode(), {})
    webhooks.process(connected)
    request_sync(connected)
    record_heartbeat("worker", campaign.created_at)
    JobSync.objects.request(connected)
    Authenticator.objects.create(user=root, type="totp", data={"secret": "TOTPCANARY"})
    return connected


def test_every_page_opens_and_is_clean(everything, console):
    assert Attempt.objects.exists()
    for model, page_admin in admin.site._registry.items():
        name = f"admin:{model._meta.app_label}_{model._meta.model_name}"
        row = model._default_manager.first()
        assert row is not None, f"no row of {model.__name__} to show"
        pages = [
            console.get(reverse(f"{name}_changelist")),
            console.get(reverse(f"{name}_change", args=[row.pk])),
        ]
        if model in WRITABLE:
            pages.append(console.get(reverse(f"{name}_add")))
        if page_admin.search_fields:
            pages.append(console.get(reverse(f"{name}_changelist"), {"q": "0244123456"}))
        for page in pages:
            assert page.status_code == 200, (name, page.status_code)
            text = page.content.decode()
            assert "TOTPCANARY" not in text
            assert sandbox_key(everything) not in text
            assert not re.search(r"<script(?![^>]*\ssrc=)(?![^>]*json)", text), name
            assert not re.search(r"<[^>]+\s(style|on\w+)=", text), name
            assert "script-src 'self'" in page.headers["Content-Security-Policy"]


def sandbox_key(team):
    return Connection.objects.get(team=team).key()


def test_history_is_read_only(everything, console):
    for model in admin.site._registry:
        if model in WRITABLE:
            continue
        name = f"admin:{model._meta.app_label}_{model._meta.model_name}"
        row = model._default_manager.first()
        count = model._default_manager.count()
        assert console.get(reverse(f"{name}_add")).status_code == 403
        assert console.post(reverse(f"{name}_change", args=[row.pk]), {}).status_code == 403
        if model is not Authenticator:
            deletion = reverse(f"{name}_delete", args=[row.pk])
            assert console.post(deletion, {"post": "yes"}).status_code == 403
        console.post(
            reverse(f"{name}_changelist"),
            {"action": "delete_selected", "_selected_action": [row.pk], "post": "yes"},
        )
        assert model._default_manager.count() == count


def test_teams_and_people_are_not_deleted(connected, console, root):
    for name, row in (("team", connected), ("user", root)):
        url = reverse(f"admin:teams_{name}_delete", args=[row.pk])
        assert console.post(url, {"post": "yes"}).status_code == 403


def test_a_lost_second_factor_can_be_removed(root, console):
    row = Authenticator.objects.create(user=root, type="totp", data={"secret": "x"})
    url = reverse("admin:mfa_authenticator_delete", args=[row.pk])
    console.post(url, {"post": "yes"})
    assert not Authenticator.objects.exists()


@pytest.mark.parametrize("person", ["manager", "outsider"])
def test_closed_to_all_other_people(person, request, login):
    client = login(request.getfixturevalue(person))
    for name in ("index", "teams_team_changelist", "teams_user_add"):
        response = client.get(reverse(f"admin:{name}"), follow=True)
        assert response.status_code == 403


def test_anonymous_people_go_to_the_login_page(db, client):
    response = client.get(reverse("admin:teams_team_changelist"), follow=True)
    assert response.redirect_chain[-1][0].startswith("/accounts/login/?next=")


def test_ones_own_password_has_one_page(console):
    answer = console.get("/admin/password_change/")
    assert answer.url == "/accounts/password/change/"
    form = {"old_password": PASSWORD, "new_password1": "a long passphrase"}
    console.post("/admin/password_change/", form | {"new_password2": "a long passphrase"})
    assert User.objects.get().check_password(PASSWORD)
