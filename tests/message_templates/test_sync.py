"""Syncing the templates, against the sandbox over real HTTP."""

from io import StringIO

import pytest
from django.core.management import CommandError, call_command
from django.urls import reverse
from django.utils import timezone

from chumi_api.types import TemplateUpdate
from message_templates import services
from message_templates.models import MessageTemplate, TemplateSync
from message_templates.sendability import Unsendable
from teams.models import AuditEvent, Connection
from tests import factories

SYNC = "/api/v1/whatsapp/templates/sync"
LIST = "/api/v1/whatsapp/templates"


def url(name, team):
    return reverse(f"message_templates:{name}", kwargs={"team": team.slug})


@pytest.fixture
def sync(connected, drain):
    """Return a function that syncs the team's templates and returns the finished TemplateSync."""

    def run():
        row = services.request_sync(connected)
        for _ in range(6):
            drain("sync_templates")
            row.refresh_from_db()
            if row.is_finished:
                return row
            factories.let_time_pass()
        raise AssertionError("the sync never ended")

    return run


def add(sandbox, name="fresh_one", **fields):
    template = {
        "language": "en",
        "category": "UTILITY",
        "status": "APPROVED",
        "components": [{"type": "BODY", "text": "Hello {{1}}, see you."}],
    }
    sandbox.post("templates", account="kente", name=name, **(template | fields))


@pytest.mark.parametrize("shape", ["nest", "bare", "mongo", "snake", "meta", "chaos"])
def test_every_shape_gives_the_same_templates(shape, sync, sandbox, team):
    # A page of five: the list has to be followed to its end.
    sandbox.post("options", chaos_bad_gateway=0.0, chaos_slow=0.0, page_size=5, max_page_size=5)
    sandbox.post("shape", shape=shape, account="kente")
    run = sync()
    assert (run.state, run.total, run.added) == ("succeeded", 14, 14)
    welcome = MessageTemplate.objects.for_team(team).get(name="welcome_message", language="en_US")
    assert welcome.content.body == "Hi {{1}}, your code is {{2}}.\nShow it at *any* of our shops."
    assert welcome.content.footer == "Reply STOP to opt out"
    assert welcome.category == "MARKETING"
    sendable = MessageTemplate.objects.for_team(team).sendable()
    assert {(t.name, t.language) for t in sendable} == {
        ("call_us", "en"),
        ("invoice_ready", "en"),
        ("loyalty_points", "en_GH"),
        ("order_update", "en"),
        ("promotion_broadcast", "en_US"),
        ("welcome_message", "en_US"),
    }


def test_twice_changes_nothing(sync, team):
    sync()
    before = list(MessageTemplate.objects.for_team(team).values())
    run = sync()
    assert (run.added, run.changed, run.vanished) == (0, 0, 0)
    assert run.summary == "14 templates, nothing changed"
    assert list(MessageTemplate.objects.for_team(team).values()) == before


def test_the_summary_counts_the_changes(sync, sandbox, team):
    sync()
    add(sandbox)
    add(sandbox, "order_update", components=[{"type": "BODY", "text": "Order {{1}} is here."}])
    sandbox_delete(sandbox, "call_us", "en")
    run = sync()
    assert run.summary == "14 templates, 1 added, 1 changed, 1 no longer listed"
    assert MessageTemplate.objects.get(name="order_update").content.body == "Order {{1}} is here."


def sandbox_delete(sandbox, name, language):
    import requests

    answer = requests.delete(
        f"{sandbox.url}/__sandbox__/templates/{name}/{language}",
        params={"account": "kente"},
        timeout=10,
    )
    assert answer.ok, answer.text


def test_vanished_is_kept_and_comes_back(sync, sandbox, team):
    add(sandbox)
    sync()
    sandbox_delete(sandbox, "fresh_one", "en")
    assert sync().vanished == 1
    gone = MessageTemplate.objects.get(name="fresh_one")
    assert gone.vanished_at is not None
    assert not gone.is_sendable
    assert sync().vanished == 0
    add(sandbox)
    assert sync().changed == 1
    back = MessageTemplate.objects.get(name="fresh_one")
    assert (back.uuid, back.vanished_at, back.is_sendable) == (gone.uuid, None, True)


def test_an_unknown_component_is_a_reason_and_no_error(sync, sandbox):
    add(
        sandbox,
        components=[{"type": "BODY", "text": "Hello there."}, {"type": "HOLOGRAM", "depth": 3}],
    )
    assert sync().state == "succeeded"
    template = MessageTemplate.objects.get(name="fresh_one")
    assert template.unsendable_code == Unsendable.COMPONENT_OTHER
    assert "not known here" in template.unsendable_reason


def test_an_unchanged_list_is_fetched_again(sync, sandbox, team):
    sync()
    add(sandbox)
    # ChumiAI answers at once and lists what it fetched a little later.
    sandbox.post("options", sync_seconds=30.0)
    run = sync()
    assert run.state == "succeeded"
    assert run.fetches > 1


@pytest.mark.parametrize(
    ("path", "method", "kind"),
    [
        (path, method, kind)
        for path, method in ((SYNC, "POST"), (LIST, "GET"))
        for kind in ("500", "502html", "half_json", "reset_before", "redirect")
    ]
    + [(LIST, "GET", "wrong_types")],
)
def test_failing_sync_keeps_the_templates(path, method, kind, sync, sandbox, team):
    sync()
    sandbox.fault(kind, path=path, method=method, times=9)
    run = sync()
    assert run.state == "failed"
    assert run.error.startswith("ChumiAI ")
    assert MessageTemplate.objects.for_team(team).offered().count() == 14


def test_missing_permission_is_named(team, sandbox, drain):
    factories.connect(team, sandbox, kind="without_templates-read")
    run = services.request_sync(team)
    drain("sync_templates")
    run.refresh_from_db()
    assert run.state == "failed"
    assert "templates:read" in run.error
    assert "templates:read" in Connection.objects.get(team=team).problem


def test_revoked_key_is_a_problem_of_the_connection(team, sandbox, drain):
    factories.connect(team, sandbox, kind="revoked")
    run = services.request_sync(team)
    drain("sync_templates")
    run.refresh_from_db()
    assert "wrong or was revoked" in run.error
    assert Connection.objects.get(team=team).problem == run.error


def test_good_sync_clears_the_problem(sync, team):
    Connection.objects.filter(team=team).update(problem="ChumiAI could not be reached.")
    sync()
    connection = Connection.objects.get(team=team)
    assert connection.problem == ""
    assert connection.checked_at is not None


def test_a_429_delays_the_sync(connected, sandbox, drain):
    sandbox.fault("429", path=SYNC, retry_after=7)
    run = services.request_sync(connected)
    drain("sync_templates")
    run.refresh_from_db()
    assert not run.is_finished
    assert 5 < (run.waits_until - timezone.now()).total_seconds() <= 7
    assert run.progress.startswith("ChumiAI is busy. We try again at ")
    factories.let_time_pass()
    drain("sync_templates")
    run.refresh_from_db()
    assert (run.state, run.error, run.waits_until) == ("succeeded", "", None)


def test_a_team_without_a_key(team, drain):
    run = services.request_sync(team)
    drain("sync_templates")
    run.refresh_from_db()
    assert run.state == "failed"
    assert "no ChumiAI key" in run.error


# The button and the live region


def test_the_button_requests_a_sync(connected, marketer, login, sandbox):
    response = login(marketer).post(url("template_sync_start", connected))
    assert response.url == url("template_list", connected)
    run = TemplateSync.objects.get()
    assert (run.team, run.requested_by, run.state) == (connected, marketer, "requested")
    assert AuditEvent.objects.filter(action="template sync requested", user=marketer).count() == 1
    # The page only creates the task; the worker calls ChumiAI.
    assert sandbox.get("requests", account="kente") == []


def test_pressed_twice_is_one_sync(connected, marketer, login):
    client = login(marketer)
    client.post(url("template_sync_start", connected))
    client.post(url("template_sync_start", connected))
    assert TemplateSync.objects.count() == 1


def test_refused_to_a_viewer(connected, viewer, login):
    client = login(viewer)
    assert client.post(url("template_sync_start", connected)).status_code == 403
    assert not TemplateSync.objects.exists()
    assert b"Refresh" not in client.get(url("template_list", connected)).content


def test_invisible_to_a_stranger(connected, outsider, login):
    client = login(outsider)
    assert client.post(url("template_sync_start", connected)).status_code == 404
    assert client.get(url("template_sync", connected)).status_code == 404
    assert not TemplateSync.objects.exists()


def test_get_starts_nothing(connected, marketer, login):
    assert login(marketer).get(url("template_sync_start", connected)).status_code == 405
    assert not TemplateSync.objects.exists()


def region(page):
    """Return the live region of a full page, or of its own view."""
    text = page.content.decode()
    start = text.index('<section id="template-sync"')
    return text[start : text.index("</section>", start)].split("csrfmiddlewaretoken")[0]


def test_the_region_polls_until_the_end_and_then_reloads_the_gallery(
    connected, marketer, login, drain
):
    client = login(marketer)
    client.post(url("template_sync_start", connected))
    waiting = client.get(url("template_sync", connected))
    assert 'hx-trigger="load delay:2s"' in region(waiting)
    assert "HX-Trigger" not in waiting.headers
    assert region(waiting) == region(client.get(url("template_list", connected)))

    drain("sync_templates")
    ended = client.get(url("template_sync", connected))
    assert "14 templates, 14 added" in region(ended)
    assert "hx-trigger" not in region(ended)
    assert "#template-gallery" in ended.headers["HX-Trigger"]
    assert region(ended) == region(client.get(url("template_list", connected)))


def test_the_region_says_that_no_worker_is_running(connected, marketer, login):
    client = login(marketer)
    client.post(url("template_sync_start", connected))
    assert "Updates are paused on our server" in region(
        client.get(url("template_sync", connected))
    )


def test_a_failure_says_what_is_still_shown(sync, sandbox, team, viewer, login):
    sync()
    sandbox.fault("500", path=SYNC)
    sync()
    said = region(login(viewer).get(url("template_list", team)))
    assert "The update failed" in said
    assert "ChumiAI did not answer as expected" in said or "ChumiAI gave no answer" in said
    assert "Nothing was lost" in said
    assert "you see the list of" in said


# The command


def test_command_prints_the_diff(connected, sandbox):
    out = StringIO()
    call_command("sync_templates", "kente", stdout=out)
    assert "14 templates, 14 added." in out.getvalue()
    add(sandbox)
    sandbox_delete(sandbox, "call_us", "en")
    out = StringIO()
    call_command("sync_templates", "kente", stdout=out)
    assert out.getvalue().split("\n")[:-1] == [
        "no longer listed  call_us (en)",
        "added             fresh_one (en)",
        "14 templates, 1 added, 1 no longer listed.",
    ]


def test_command_fails_with_the_sentence(team, sandbox):
    factories.connect(team, sandbox, kind="revoked")
    with pytest.raises(CommandError, match="wrong or was revoked") as failure:
        call_command("sync_templates", "kente")
    assert failure.value.returncode == 1
    assert "are unchanged" in str(failure.value)


def test_command_refuses_an_unknown_team(db):
    with pytest.raises(CommandError, match="no team unknown"):
        call_command("sync_templates", "unknown")


@pytest.mark.parametrize(
    ("limit", "sentence"),
    [
        ({"CHUMIAI_LIST_BYTES": 100}, "The list did not end after 9.54e-05 MB."),
        ({"CHUMIAI_LIST_SECONDS": 0.0}, "The list did not end after 0 seconds."),
    ],
)
def test_a_list_beyond_the_limit_keeps_the_former_one(
    sync, sandbox, team, settings, limit, sentence
):
    sync()
    before = list(MessageTemplate.objects.for_team(team).values())
    for name, value in limit.items():
        setattr(settings, name, value)
    run = sync()
    assert (run.state, run.error) == ("failed", f"{sentence} The former list stays.")
    assert list(MessageTemplate.objects.for_team(team).values()) == before


@pytest.mark.parametrize("place", ["before", "after"])
def test_a_rejected_twin_does_not_hide_the_approved_template(place, sync, sandbox, team):
    add(sandbox)
    add(sandbox, status="REJECTED", components=[{"type": "BODY", "text": "No"}], twin=place)
    run = sync()
    row = MessageTemplate.objects.for_team(team).get(name="fresh_one")
    assert (row.status, row.is_sendable, row.content.body) == (
        "APPROVED",
        True,
        "Hello {{1}}, see you.",
    )
    assert run.total == 15
    again = sync()
    assert (again.changed, again.vanished) == (0, 0)
    # An update of the twin is not about ours.
    twin = TemplateUpdate(
        name="fresh_one", language="en", remote_id=str(10**15), status="DISABLED"
    )
    assert services.record_update(team, twin) == []
    row.refresh_from_db()
    assert row.is_sendable


@pytest.mark.parametrize(
    ("known", "raw", "named", "is_ours"),
    [
        ("594425479261596", {}, "111222333", False),
        ("594425479261596", {}, "594425479261596", True),
        # Ours has no id, or the update has none.
        ("", {}, "111222333", True),
        ("594425479261596", {}, "", True),
        # ChumiAI's own id can't be compared with Meta's, unless it lists that as well.
        ("665f1c0a", {}, "111222333", True),
        ("665f1c0a", {"metaTemplateId": 594425479261596}, "111222333", False),
        ("665f1c0a", {"metaTemplateId": 111222333}, "111222333", True),
    ],
)
def test_an_update_of_another_template_of_the_same_name_is_not_ours(
    team, known, raw, named, is_ours
):
    factories.make_template(team, remote_id=known, raw=raw)
    update = TemplateUpdate(
        name="welcome_message", language="en_US", remote_id=named, status="DELETED"
    )
    assert bool(services.record_update(team, update)) == is_ours
    assert MessageTemplate.objects.get().is_sendable != is_ours
