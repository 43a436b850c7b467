"""What the calls say about a connection: one success clears a problem, and use proves a scope."""

import pytest
from django.core.management import call_command
from django.db import connection as database
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from django.utils import translation

from chumi_api.errors import Forbidden, NotFound, Rejected, Unauthorized, Unavailable
from contacts.services import request_contact_sync
from core.sentences import Sentence
from message_templates.services import request_sync
from teams import services
from teams.models import Connection
from tests import factories

TEMPLATES, CONTACTS, JOBS = (
    "/api/v1/whatsapp/templates$",
    "/api/v1/contacts$",
    "/api/v1/whatsapp/bulk-jobs$",
)


def row(team):
    return Connection.objects.get(team=team)


def press_test(client, team):
    url = reverse("teams:connection_test", kwargs={"team": team.slug})
    answer = client.post(url, follow=True)
    return " ".join(factories.soup(answer).get_text(" ").split())


@pytest.mark.parametrize("path", [CONTACTS, JOBS, TEMPLATES])
@pytest.mark.parametrize("fault", ["404", "500"])
def test_one_address_that_fails_is_no_problem_of_the_key(
    path, fault, connected, sandbox, manager, login
):
    sandbox.fault(fault, path=path, method="GET", times=1)
    text = press_test(login(manager), connected)
    assert row(connected).problem == ""
    assert "Not everything could be asked" in text
    assert f"(HTTP {fault})" in text
    assert "nothing can be sent" not in text
    assert "Connected" in text


def test_the_page_says_what_was_asked_and_what_could_not_be(connected, manager, login):
    text = press_test(login(manager), connected)
    assert "Templates Answered: 14 listed." in text
    assert "Sending Could not be asked: only a message shows it." in text
    assert "Conversations Could not be asked" in text


def test_the_command_says_the_same(connected, sandbox, capsys):
    sandbox.fault("404", path=JOBS, method="GET", times=1)
    call_command("chumiai_check", connected.slug)
    out = capsys.readouterr().out
    assert "could not be asked" in out and "HTTP 404" in out
    assert "The key works." in out


@pytest.mark.parametrize("engine", ["singly", "batches"])
def test_an_accepted_message_proves_the_scope_and_clears_the_problem(
    connected, sandbox, engine, manager, login
):
    services.record_problem(connected, "ChumiAI refused the key.")
    factories.finish(factories.launch(factories.make_ready_campaign(connected), engine=engine))
    found = row(connected)
    assert (found.problem, found.scopes["whatsapp:send"]) == ("", "granted")
    page = login(manager).get(reverse("teams:connection", kwargs={"team": connected.slug}))
    assert "Not tested yet" not in factories.soup(page).select_one("#scopes").parent.get_text()
    # A test that can't ask about it takes nothing back.
    assert "Sending Could not" not in press_test(login(manager), connected)
    assert row(connected).scopes["whatsapp:send"] == "granted"


@pytest.mark.parametrize("name", ["sync_contacts", "sync_templates", "sync_jobs"])
def test_a_success_of_any_kind_clears_the_problem(connected, name, drain):
    from sending.services import jobs

    services.record_problem(connected, "ChumiAI refused the key.")
    ask = {
        "sync_contacts": request_contact_sync,
        "sync_templates": request_sync,
        "sync_jobs": lambda team: jobs.request_sync(team, by=None),
    }
    ask[name](connected)
    drain(name)
    assert row(connected).problem == ""


@pytest.mark.parametrize(
    ("error", "scope", "problem"),
    [
        (Unauthorized("No key."), "", "No key."),
        (Forbidden("No.", required_scope="whatsapp:send"), "", "No."),
        (Forbidden("No.", required_scope="contacts:read"), "contacts:read", ""),
        (Forbidden("No plan."), "", "No plan."),
        (NotFound("No template."), "whatsapp:send", ""),
        (Unavailable("No answer."), "whatsapp:send", ""),
        (Rejected("No.", code=132000), "whatsapp:send", ""),
        (Rejected("No.", code=131026), "whatsapp:send", ""),
        (Rejected("No.", code=None), "whatsapp:send", ""),
    ],
)
def test_a_problem_is_what_stops_every_call(error, scope, problem, connected):
    services.client_for(connected).listener.hear(scope, error)
    assert row(connected).problem == problem
    if getattr(error, "required_scope", None):
        assert row(connected).scopes[error.required_scope] == "missing"


def test_the_words_are_those_of_the_refusal(connected, viewer, login):
    hear = services.client_for(connected).listener.hear
    hear("", Rejected("No.", code=131042, vendor_message="Unpaid since May, call 0244123456"))
    found = row(connected)
    assert "payment" in found.problem.lower()
    assert found.problem_said.startswith("Unpaid since May") and "0244" not in found.problem_said
    page = login(viewer).get(reverse("contacts:opt_out_list", kwargs={"team": connected.slug}))
    assert found.problem in page.content.decode().replace("&#x27;", "'")


def test_the_problem_is_stored_without_a_language(connected, sandbox):
    with translation.override("fr"):
        error = Forbidden("No {scope}.", required_scope="whatsapp:send", params={"scope": "x"})
        services.client_for(connected).listener.hear("", error)
    assert row(connected).problem == Sentence("No {scope}.", {"scope": "x"})


def test_a_call_that_says_nothing_new_writes_nothing(connected):
    services.client_for(connected).listener.hear("whatsapp:send", None)
    listener = services.client_for(connected).listener
    with CaptureQueriesContext(database) as queries:
        for _ in range(100):
            listener.hear("whatsapp:send", None)
            listener.settle()
    assert len(queries) == 0


def test_what_a_replaced_key_hears_is_dropped(connected, sandbox):
    listener = services.client_for(connected).listener
    key = sandbox.key("kente", "readonly")
    services.connect(connected, base_url=sandbox.url, key=key)
    listener.hear("", Unauthorized("The old key."))
    assert row(connected).problem == ""
