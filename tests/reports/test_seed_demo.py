"""`manage.py seed_demo`: two teams with campaigns that the sandbox really sent."""

import io
from dataclasses import replace

import pytest
from django.apps import apps
from django.core.files.base import ContentFile
from django.core.management import CommandError, call_command

from campaigns.models import Campaign
from campaigns.services import checks, drafts
from contacts.models import ContactSync
from message_templates.models import MessageTemplate
from reports.management.commands import seed_demo
from teams.models import Connection, Membership, Team, User
from tests.factories import drain, make_user

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def seeded(sandbox, settings, tmp_path):
    settings.DATA_DIR = tmp_path
    call_command("seed_demo", stdout=io.StringIO())
    return sandbox


def counts():
    return {model._meta.label: model.objects.count() for model in apps.get_models()}


def test_seeds_once(seeded, settings):
    speed = seeded.get("state")["speed"]
    assert speed == seeded.speed, "the sandbox runs as it did before"
    people = Membership.objects.filter(user__email=seed_demo.KOFI[1])
    assert people.count() == 2, "one person is in both teams"
    assert User.objects.get(is_superuser=True).check_password(seed_demo.PASSWORD)
    for business in seed_demo.BUSINESSES:
        team = Team.objects.get(slug=business.slug)
        assert set(team.memberships.values_list("role", flat=True)) == {
            "viewer", "marketer", "manager",
        }  # fmt: skip
        assert team.connection.is_sandbox
        assert not team.connection.problem
        campaigns = Campaign.objects.for_team(team)
        assert sorted(campaigns.values_list("status", flat=True)) == [
            "completed", "completed", "draft", "ready",
        ]  # fmt: skip
        sent = [m["to"] for m in seeded.ledger(business.slug)]
        done = campaigns.filter(status="completed")
        assert len(sent) == sum(c.recipient_count for c in done)
        # Some opt-outs WhatsApp reports only when a message is sent to the person.
        known = team.opt_outs.exclude(source="whatsapp").phones()
        assert not {f"+{to}" for to in sent} & set(known)
        assert any(c.recipients.filter(status="failed").exists() for c in done)
        assert ContactSync.objects.current(team).contacts_synced == 1200
        assert team.bulk_jobs.filter(batch=None).exists(), "earlier jobs are listed"

    # A second run changes nothing,
    before, asked = counts(), seeded.ledger()
    call_command("seed_demo")
    assert (counts(), seeded.ledger()) == (before, asked)

    # The sample file has a row of every outcome.
    team = Team.objects.get(slug=seed_demo.BUSINESSES[0].slug)
    template = MessageTemplate.objects.get(team=team, name="welcome_message", language="en_US")
    campaign = drafts.create_campaign(team, by=None, template=template)
    content = (settings.DATA_DIR / seed_demo.SAMPLE).read_bytes()
    drafts.attach_upload(campaign, ContentFile(content), name="customers.xlsx", by=None)
    checks.request_check(campaign, by=None)
    drain("check_campaign")
    campaign.refresh_from_db()
    found = campaign.check_result
    assert (found.rows, found.duplicate, found.invalid, found.opted_out) == (1000, 3, 3, 1)
    assert found.repaired


def test_the_connections_use_the_sandbox(sandbox, settings, tmp_path, monkeypatch):
    settings.DATA_DIR = tmp_path
    (tmp_path / seed_demo.SAMPLE).touch()
    without_stories = (replace(seed_demo.BUSINESSES[0], stories=()),)
    monkeypatch.setattr(seed_demo, "BUSINESSES", without_stories)
    call_command("seed_demo", stdout=io.StringIO())
    before = counts()
    Connection.objects.update(base_url="http://127.0.0.1:9")
    call_command("seed_demo")
    for connection in Connection.objects.all():
        assert connection.base_url == sandbox.url
        assert connection.key().endswith(connection.team.slug)
    changed = {label for label, count in counts().items() if count != before[label]}
    assert changed == {"teams.AuditEvent"}


def test_prints_how_to_log_in(live_server):
    out = io.StringIO()
    call_command("seed_demo", "--log-ins", "--address", live_server.url, stdout=out)
    text = out.getvalue()
    for business in seed_demo.BUSINESSES:
        assert all(email in text for _, email, _ in business.members)
    assert f"{live_server.url}/admin/" in text
    assert seed_demo.PASSWORD in text
    assert not User.objects.exists()


def test_never_sends_to_the_real_chumiai(settings):
    settings.CHUMIAI_BASE_URLS, settings.CHUMIAI_SANDBOX_URLS = ["http://127.0.0.1:9"], []
    with pytest.raises(CommandError, match="needs a sandbox"):
        call_command("seed_demo")
    assert not Team.objects.exists()


def test_existing_users_keep_their_names(sandbox, settings, tmp_path):
    settings.DATA_DIR = tmp_path
    kofi = make_user("Kofi Boateng")
    User.objects.filter(pk=kofi.pk).update(email=seed_demo.KOFI[1], first_name="Other")
    seed_demo.make_member(Team.objects.create(slug="x", name="X"), *seed_demo.KOFI, "viewer")
    kofi.refresh_from_db()
    assert kofi.first_name == "Other"
