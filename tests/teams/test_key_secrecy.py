"""A canary key is stored, used and searched for everywhere: only the encrypted column has it."""

import io
import logging
from urllib.parse import quote

import pytest
from django.core.management import call_command
from django.urls import get_resolver, reverse

from chumi_api.errors import ChumiError
from core.logs import json_formatter
from message_templates.services import request_sync
from teams import crypto, services
from teams.models import AuditEvent, Connection
from tests import factories

CANARY = "chumi_sk_live_sandbox_full_canaryzz9183"


@pytest.fixture
def planted(team, sandbox, manager):
    services.connect(team, base_url=sandbox.url, key=CANARY, by=manager)
    return Connection.objects.select_related("team").get(team=team)


def secrets_of(connection):
    return (CANARY, CANARY[:-4], connection.key_ciphertext)


def assert_absent(connection, text, where):
    for secret in secrets_of(connection):
        assert secret not in text, where


def team_pages():
    """Yield the names of the pages of a team whose only parameter is the team."""
    for app in ("reports", "campaigns", "message_templates", "contacts", "teams"):
        _, resolver = get_resolver().namespace_dict[app]
        for name in filter(lambda key: isinstance(key, str), resolver.reverse_dict):
            for [(_, parameters)], *_ in resolver.reverse_dict.getlist(name):
                if set(parameters) <= {"team"}:
                    yield f"{app}:{name}"


def test_no_page_shows_it(planted, manager, drain, login):
    request_sync(planted.team)
    drain()
    client = login(manager)
    seen = 0
    for name in sorted(set(team_pages())):
        page = client.get(reverse(name, kwargs={"team": planted.team.slug}))
        if page.status_code == 200:
            seen += 1
            content = page.getvalue() if page.streaming else page.content
            assert_absent(planted, content.decode(errors="replace"), name)
    assert seen >= 6


def test_no_admin_page_shows_it(planted, login):
    client = login(factories.make_user("Root Admin", is_staff=True, is_superuser=True))
    event = AuditEvent.objects.get(action="connection changed")
    for name, args in (
        ("teams_team_changelist", []),
        ("teams_team_change", [planted.team_id]),
        ("teams_team_history", [planted.team_id]),
        ("teams_auditevent_changelist", []),
        ("teams_auditevent_change", [event.pk]),
        ("index", []),
    ):
        page = client.get(reverse(f"admin:{name}", args=args))
        assert page.status_code == 200
        assert_absent(planted, page.content.decode(), name)


def test_a_form_with_an_error_does_not_repeat_it(team, manager, login, sandbox):
    client = login(manager)
    url = reverse("teams:connection", kwargs={"team": team.slug})
    page = client.post(url, {"base_url": "http://evil.example", "api_key": CANARY})
    assert page.status_code == 200
    assert CANARY not in page.content.decode()


def test_no_repr_shows_it(planted):
    client = services.client_for(planted.team)
    for thing in (planted, planted.team, client, [client], {"key": client._key}):
        assert_absent(planted, repr(thing) + str(thing), type(thing))
    assert CANARY not in repr(vars(client))


@pytest.mark.parametrize("kind", ["401", "403", "429", "500", "502html", "half_json", "hang"])
def test_no_error_shows_it(kind, planted, sandbox, settings):
    settings.CHUMIAI_READ_SECONDS = 0.5
    sandbox.fault(kind, path="/api/v1/whatsapp/templates", method="GET", times=3)
    with pytest.raises(ChumiError) as failure:
        services.client_for(planted.team).list_templates()
    error = failure.value
    while error is not None:
        assert_absent(planted, f"{error!s} {error!r} {vars(error)}", type(error))
        error = error.__cause__ or error.__context__


def test_no_log_line_shows_it(planted, manager, login, drain, sandbox, caplog, monkeypatch):
    caplog.set_level(logging.DEBUG)
    sandbox.fault("500", path="/api/v1/whatsapp/templates/sync")
    request_sync(planted.team)
    drain()

    # A bug, with the key in a local variable: the traceback goes to the log.
    client = login(manager)
    client.raise_request_exception = False
    monkeypatch.setattr(services, "audit", _broken)
    url = reverse("teams:connection", kwargs={"team": planted.team.slug})
    response = client.post(url, {"base_url": sandbox.url, "api_key": CANARY})
    assert response.status_code == 500
    assert CANARY not in response.content.decode()

    assert any(record.exc_info for record in caplog.records)
    assert_absent(planted, caplog.text, "log")
    for record in caplog.records:
        assert_absent(planted, repr(record.__dict__), "record")


def _broken(*args, **kwargs):
    raise RuntimeError("the audit log is broken")


def test_log_lines_never_have_a_key():
    record = logging.makeLogRecord(
        {"msg": "calling with %s", "args": (CANARY,), "levelname": "INFO", "name": "x"}
    )
    assert "canary" not in json_formatter().format(record)


def test_log_lines_never_have_a_phone(connected, marketer, login, sandbox, caplog):
    caplog.set_level(logging.DEBUG)
    campaign = factories.make_ready_campaign(connected, count=3, by=marketer)
    sandbox.fault("500", path="/api/v1/whatsapp/bulk", times=1)
    factories.launch(campaign, by=marketer)
    factories.drain()
    phone = campaign.recipients.first().phone
    client = login(marketer)
    client.get(f"/t/kente/{quote(phone, safe='')}/?q={phone}")
    client.get(reverse("conversations:conversation_list", args=["kente"]), {"q": phone})
    logging.getLogger("tests").error(
        "not sent to %s", phone, extra={"to": [phone], "by_phone": {phone: campaign}}
    )
    lines = [json_formatter().format(record) for record in caplog.records]
    assert len(lines) > 1
    assert [line for line in lines if phone[-9:] in line or "?q" in line] == []


def test_dump_of_the_database_shows_it_encrypted_only(planted):
    out = io.StringIO()
    call_command("dumpdata", stdout=out)
    assert "kente" in out.getvalue()
    assert CANARY not in out.getvalue()
    assert CANARY[:-4] not in out.getvalue()


def test_ciphertext_of_another_team_does_not_decrypt(planted, other_team, sandbox):
    factories.connect(other_team, sandbox)
    Connection.objects.filter(team=other_team).update(key_ciphertext=planted.key_ciphertext)
    with pytest.raises(crypto.CannotDecrypt):
        Connection.objects.get(team=other_team).key()
    with pytest.raises(services.NotConnected, match="can't decrypt"):
        services.client_for(other_team)


def test_same_key_never_encrypts_to_the_same_text(planted, sandbox):
    before = planted.key_ciphertext
    services.connect(planted.team, base_url=sandbox.url, key=CANARY)
    assert Connection.objects.get(team=planted.team).key_ciphertext != before


@pytest.mark.parametrize("damage", ["", "garbage", "Z" * 40])
def test_damaged_ciphertext_is_a_sentence_for_people(damage, planted):
    text = planted.key_ciphertext[:-6] + "AAAAA=" if damage == "" else damage
    Connection.objects.filter(pk=planted.pk).update(key_ciphertext=text)
    with pytest.raises(services.NotConnected, match="can't decrypt"):
        services.client_for(planted.team)


def test_a_change_of_the_address_deletes_the_key(planted, settings, sandbox):
    settings.CHUMIAI_BASE_URLS = [sandbox.url, "https://api.chumiai.app"]
    services.connect(planted.team, base_url="https://api.chumiai.app")
    connection = Connection.objects.get(team=planted.team)
    assert (connection.key_ciphertext, connection.key_last4) == ("", "")
    with pytest.raises(services.NotConnected):
        services.client_for(planted.team)


def test_same_address_keeps_the_key(planted, sandbox):
    services.connect(planted.team, base_url=f"{sandbox.url}/")
    assert Connection.objects.get(team=planted.team).key() == CANARY


def test_older_secrets_still_decrypt(planted, settings):
    settings.ENCRYPTION_KEYS = ["fresh", *settings.ENCRYPTION_KEYS]
    assert Connection.objects.get(team=planted.team).key() == CANARY
    settings.ENCRYPTION_KEYS = ["fresh"]
    with pytest.raises(crypto.CannotDecrypt):
        Connection.objects.get(team=planted.team).key()
