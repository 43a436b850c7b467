"""The commands connect_team, chumiai_check and rotate_keys."""

import io

import pytest
from django.core.management import CommandError, call_command

from teams.models import AuditEvent, Connection, Team
from tests import factories


@pytest.fixture
def typed(monkeypatch):
    """Return a function that pipes a text into the command."""

    def pipe(text):
        monkeypatch.setattr("sys.stdin", io.StringIO(text))

    return pipe


def run(*args):
    out = io.StringIO()
    call_command(*args, stdout=out)
    return out.getvalue()


def test_connect_creates_the_team(db, sandbox, typed):
    key = sandbox.key("kente")
    typed(f"{key}\n")
    out = run("connect_team", "kente", "--name", "Kente Corner", "--base-url", sandbox.url)
    team = Team.objects.get(slug="kente")
    assert team.name == "Kente Corner"
    assert team.connection.key() == key
    assert "ends with ente" in out
    assert key not in out


def test_connect_twice_is_once(team, sandbox, typed):
    for _ in range(2):
        typed(sandbox.key("kente"))
        run("connect_team", "kente", "--name", "Other name", "--base-url", f"{sandbox.url}/")
    assert Team.objects.get().name == "Kente Corner"
    assert Connection.objects.count() == 1


@pytest.mark.parametrize(
    ("slug", "key", "url", "said"),
    [
        ("kente", "", None, "no key on standard input"),
        ("kente", "not a key", None, "does not look like"),
        ("kente", "chumi_sk_live_x", "http://169.254.169.254", "may not call that address"),
        ("kente corner", "chumi_sk_live_x", None, "letters, digits"),
    ],
)
def test_connect_refuses_and_changes_nothing(slug, key, url, said, db, sandbox, typed):
    typed(key)
    with pytest.raises(CommandError, match=said) as failure:
        run("connect_team", slug, "--base-url", url or sandbox.url)
    assert failure.value.returncode == 1
    assert not Team.objects.exists()
    assert not AuditEvent.objects.exists()


def test_check_shows_what_the_key_allows(connected, sandbox):
    out = run("chumiai_check", "kente")
    assert "Kente Corner" in out
    assert "understood, 14 listed" in out
    assert "templates:read    allowed" in out
    assert "whatsapp:send     not tested" in out
    assert "What we assume" in out
    assert Connection.objects.get(team=connected).key() not in out
    # Only GET requests were made.
    asked = sandbox.get("requests", account="kente")
    assert asked and all(request["method"] == "GET" for request in asked)
    assert sandbox.ledger("kente") == []


@pytest.mark.parametrize("shape", ["nest", "bare", "mongo", "snake", "meta", "chaos"])
def test_check_understands_every_shape(shape, connected, sandbox):
    sandbox.post("options", chaos_bad_gateway=0.0, chaos_slow=0.0)
    sandbox.post("shape", shape=shape, account="kente")
    assert "every response was understood." in run("chumiai_check", "kente")


@pytest.mark.parametrize(
    ("kind", "said"),
    [
        ("revoked", "wrong or was revoked"),
        ("without_contacts-read", "contacts:read"),
    ],
)
def test_check_shows_what_is_wrong(kind, said, team, sandbox):
    factories.connect(team, sandbox, kind=kind)
    out = io.StringIO()
    with pytest.raises(CommandError, match=said):
        call_command("chumiai_check", "kente", stdout=out)
    assert said in out.getvalue()


def test_check_needs_a_team_and_a_key(team):
    with pytest.raises(CommandError, match="no team nobody"):
        run("chumiai_check", "nobody")
    with pytest.raises(CommandError, match="no ChumiAI key"):
        run("chumiai_check", "kente")


def test_rotation_ends_with_the_first_secret(connected, sandbox, settings):
    key = sandbox.key("kente")
    settings.ENCRYPTION_KEYS = ["fresh", "tests-only"]
    assert Connection.objects.get().key() == key
    assert "Encrypted again: 1." in run("rotate_keys")
    settings.ENCRYPTION_KEYS = ["fresh"]
    assert Connection.objects.get().key() == key


def test_rotation_names_the_teams_whose_key_no_secret_decrypts(connected, settings):
    before = Connection.objects.get().key_ciphertext
    settings.ENCRYPTION_KEYS = ["fresh"]
    with pytest.raises(CommandError, match="kente"):
        run("rotate_keys")
    assert Connection.objects.get().key_ciphertext == before
