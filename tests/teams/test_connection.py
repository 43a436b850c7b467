"""The Connection page: it stores and tests a key, and never shows one."""

import pytest
from django.urls import reverse

from teams import services
from teams.models import AuditEvent, Connection
from tests import factories


def url(name, team):
    return reverse(f"teams:{name}", kwargs={"team": team.slug})


def save(client, team, base_url, key):
    return client.post(
        url("connection", team), {"base_url": base_url, "api_key": key}, follow=True
    )


def test_key_is_stored_and_tested(team, manager, login, sandbox):
    key = sandbox.key("kente")
    page = save(login(manager), team, sandbox.url, f"  {key} ").content.decode()
    connection = Connection.objects.get(team=team)
    assert connection.key() == key
    assert connection.scopes["templates:read"] == "granted"
    assert "ChumiAI accepts the key." in page
    assert "ends with <strong" in page
    assert connection.key_last4 in page
    assert "nothing reaches WhatsApp" in page
    event = AuditEvent.objects.get(action="connection changed")
    assert event.user == manager
    assert key not in str([event.before, event.after, event.subject])


def test_missing_permission_is_named(team, manager, login, sandbox):
    key = sandbox.key("kente", "without_contacts-read")
    page = save(login(manager), team, sandbox.url, key).content.decode()
    assert "it lacks a permission" in page
    scopes = page[page.index('class="scope-list"') :]
    assert scopes.count("Missing") == 1
    assert scopes.count("Allowed") == 1
    # The list shows the missing permission; that is no reason to warn on every page.
    assert Connection.objects.get(team=team).problem == ""


def test_refused_key_is_a_problem_on_every_page(team, manager, viewer, login, sandbox):
    page = save(login(manager), team, sandbox.url, sandbox.key("kente", "revoked"))
    assert "The test failed" in page.content.decode()
    elsewhere = login(viewer).get(reverse("contacts:opt_out_list", kwargs={"team": team.slug}))
    assert "it is wrong or was revoked" in elsewhere.content.decode()


def test_a_problem_disappears_when_the_next_test_succeeds(connected, manager, login):
    services.record_problem(connected, "ChumiAI could not be reached.")
    login(manager).post(url("connection_test", connected))
    assert Connection.objects.get(team=connected).problem == ""


def test_the_page_says_that_chumiai_cannot_be_reached(team, manager, login, settings):
    settings.CHUMIAI_BASE_URLS = ["http://127.0.0.1:9"]
    page = save(login(manager), team, "http://127.0.0.1:9", "chumi_sk_live_whatever")
    assert "ChumiAI could not be reached." in page.content.decode()
    assert Connection.objects.get(team=team).has_key


@pytest.mark.parametrize("key", ["", "short", "has a space in it", "schlüssel-mit-ü", "x" * 300])
def test_a_text_that_is_not_a_key_changes_nothing(key, connected, manager, login, sandbox):
    before = Connection.objects.get(team=connected).key_ciphertext
    response = save(login(manager), connected, sandbox.url, key)
    assert response.status_code == 200
    page = response.content.decode()
    assert "field-error" in page
    assert f'value="{key or "-"}"' not in page
    assert Connection.objects.get(team=connected).key_ciphertext == before


@pytest.mark.parametrize(
    "address",
    ["http://169.254.169.254", "https://evil.example", "http://127.0.0.1:5432", "file:///etc"],
)
def test_other_addresses_are_refused(address, connected, manager, login, sandbox):
    before = Connection.objects.get(team=connected)
    save(login(manager), connected, address, sandbox.key("kente"))
    after = Connection.objects.get(team=connected)
    assert (after.base_url, after.key_ciphertext) == (before.base_url, before.key_ciphertext)


def test_one_address_is_text_and_several_are_a_choice(connected, manager, login, settings):
    client = login(manager)
    assert "<select" not in client.get(url("connection", connected)).content.decode()
    settings.CHUMIAI_BASE_URLS = [*settings.CHUMIAI_BASE_URLS, "https://api.chumiai.app"]
    page = client.get(url("connection", connected)).content.decode()
    assert '<option value="https://api.chumiai.app">' in page


@pytest.mark.parametrize("person", ["viewer", "marketer"])
def test_other_roles_see_the_status_only(person, request, connected, login, sandbox):
    client = login(request.getfixturevalue(person))
    page = client.get(url("connection", connected)).content.decode()
    assert "ends with" in page
    assert 'name="api_key"' not in page
    assert "Test the connection" not in page
    before = Connection.objects.get(team=connected).key_ciphertext
    assert save(client, connected, sandbox.url, sandbox.key("evil")).status_code == 403
    assert client.post(url("connection_test", connected)).status_code == 403
    assert Connection.objects.get(team=connected).key_ciphertext == before


def test_invisible_to_a_stranger(connected, outsider, login, sandbox):
    client = login(outsider)
    before = Connection.objects.get(team=connected).key_ciphertext
    assert client.get(url("connection", connected)).status_code == 404
    assert save(client, connected, sandbox.url, sandbox.key("evil")).status_code == 404
    assert client.post(url("connection_test", connected)).status_code == 404
    assert Connection.objects.get(team=connected).key_ciphertext == before


def test_opening_the_page_asks_chumiai_nothing(connected, manager, login, sandbox):
    login(manager).get(url("connection", connected))
    assert sandbox.get("requests", account="kente") == []
    assert login(manager).get(url("connection_test", connected)).status_code == 405


def test_without_a_key_the_test_says_so(team, manager, login):
    page = login(manager).post(url("connection_test", team), follow=True).content.decode()
    assert "This team has no ChumiAI key yet." in page
    assert not Connection.objects.exists()


def test_address_that_is_no_longer_allowed_is_never_called(connected, sandbox, settings):
    settings.CHUMIAI_BASE_URLS = ["https://api.chumiai.app"]
    with pytest.raises(services.NotConnected, match="no longer call"):
        services.client_for(connected)
    assert sandbox.get("requests", account="kente") == []


def test_two_teams_two_keys(team, other_team, sandbox):
    factories.connect(team, sandbox)
    factories.connect(other_team, sandbox)
    assert team.connection.key() != Connection.objects.get(team=other_team).key()
