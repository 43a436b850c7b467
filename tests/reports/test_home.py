"""Home: first steps, running campaigns, what needs attention, the last 30 days."""

from datetime import timedelta

import pytest
from django.urls import reverse
from django.utils import timezone

from campaigns.models import Campaign
from contacts.services import opt_out
from message_templates.models import TemplateSync
from sending.models import Batch, BulkJob
from sending.services import launches
from tasks.models import Worker
from teams.services import record_problem
from tests import factories


def url(team, name="home"):
    return reverse(f"reports:{name}", args=(team.slug,))


def home(client, team):
    return client.get(url(team)).content.decode()


def beat():
    now = timezone.now()
    Worker.objects.create(name="w", started_at=now, seen_at=now)


@pytest.fixture
def campaign(connected):
    return factories.launch(factories.make_ready_campaign(connected))


def test_the_first_steps_come_in_order(team, manager, login, sandbox):
    client = login(manager)
    html = home(client, team)
    assert html.count('class="is-todo"') == 3
    assert reverse("teams:connection", args=(team.slug,)) in html[html.index("first-steps") :]
    factories.connect(team, sandbox)
    factories.make_template(team)
    html = home(client, team)
    assert html.count('class="is-done"') == 2
    assert reverse("campaigns:campaign_new", args=(team.slug,)) in html
    factories.launch(factories.make_ready_campaign(team))
    html = home(client, team)
    assert "first-steps" not in html
    assert "Last 30 days" in html


def test_a_step_names_the_roles_that_may_do_it(team, viewer, marketer, login):
    for user in (viewer, marketer):
        html = home(login(user), team)
        steps = html[html.index("first-steps") : html.index("</ol>")]
        assert "Managers of this team can do this." in steps
        assert "href" not in steps


def test_a_running_campaign_has_a_progress_bar(connected, campaign, viewer, login):
    beat()
    html = home(login(viewer), connected)
    assert "Running now" in html
    assert 'aria-label="Progress of Easter sale"' in html
    assert 'hx-trigger="every 5s"' in html
    assert "Needs attention" not in html


def test_the_live_region_equals_the_element_of_the_page(connected, campaign, viewer, login):
    client = login(viewer)
    region = client.get(url(connected, "home_running")).content.decode().strip()
    assert region.startswith('<section id="home-running"')
    assert region in home(client, connected)


def test_polling_ends_when_nothing_runs(connected, campaign, marketer, login):
    launches.stop(campaign, by=marketer)
    client = login(marketer)
    region = client.get(url(connected, "home_running")).content.decode()
    assert "hx-trigger" not in region and "Easter sale" not in region
    assert "Stopped" in home(client, connected)


def test_a_pause_needs_attention(connected, campaign, viewer, login):
    beat()
    launches.pause(campaign, reason=Campaign.Pause.FORBIDDEN)
    html = home(login(viewer), connected)
    assert "Needs attention" in html
    assert "The key lacks a permission" in html


def test_a_decision_needs_attention(connected, campaign, viewer, login):
    beat()
    now = timezone.now()
    launches.pause(campaign, reason=Campaign.Pause.UNCONFIRMED)
    campaign.batches.update(
        status=Batch.Status.UNCONFIRMED, claimed_at=now, search_ended_at=now, submitted=5
    )
    assert "Batch 1 needs a decision." in home(login(viewer), connected)


def test_a_campaign_that_ended_with_an_open_question_needs_attention(connected, viewer, login):
    beat()
    campaign = factories.launch(factories.make_ready_campaign(connected), engine="singly")
    factories.finish(campaign)
    campaign.recipients.filter(position=1).update(status="unconfirmed")
    campaign.attempts.filter(recipient__position=1).update(
        outcome="unconfirmed", started_at=timezone.now() - timedelta(hours=1)
    )
    assert campaign.status == Campaign.Status.COMPLETED
    client = login(viewer)
    for name in ("home", "home_running"):
        html = client.get(url(connected, name)).content.decode()
        assert "1 message needs a decision." in html and "home-live" not in html


def test_a_silent_worker_a_problem_and_a_failed_sync_need_attention(
    connected, campaign, viewer, login
):
    now = timezone.now()
    record_problem(connected, "ChumiAI refused the key.")
    TemplateSync.objects.create(
        team=connected, state="failed", requested_at=now, finished_at=now, error="Too bad."
    )
    html = home(login(viewer), connected)
    attention = html[html.index("home-attention") :]
    assert "Sending is paused on our server" in attention
    assert "ChumiAI refused the key." in attention
    assert "Too bad." in attention


def test_the_figures_of_the_last_30_days(connected, campaign, viewer, login, drain):
    drain("send_batches")
    BulkJob.objects.update(state="completed_with_errors", processed=5, accepted=3, failed=2)
    BulkJob.objects.create(
        team=connected,
        remote_id="elsewhere",
        state="completed",
        accepted=900,
        first_seen_at=timezone.now(),
        changed_at=timezone.now(),
    )
    opt_out(connected, "+233244123456")
    client = login(viewer)
    answer = client.get(url(connected))
    assert answer.context["figures"] == {
        "launched_ever": 1,
        "launched": 1,
        "accepted": 3,
        "failed": 2,
        "new_opt_outs": 1,
    }
    long_ago = timezone.now() - timedelta(days=31)
    Batch.objects.update(settled_at=long_ago)
    Campaign.objects.update(launched_at=long_ago)
    figures = client.get(url(connected)).context["figures"]
    assert (figures["accepted"], figures["failed"], figures["launched"]) == (0, 0, 0)


def test_another_teams_home_is_404(team, outsider, login):
    client = login(outsider)
    assert client.get(url(team)).status_code == 404
    assert client.get(url(team, "home_running")).status_code == 404


def test_other_teams_campaigns_are_not_shown(team, other_team, viewer, login, sandbox):
    factories.connect(other_team, sandbox)
    factories.launch(factories.make_ready_campaign(other_team, name="Secret mangoes"))
    assert "Secret mangoes" not in home(login(viewer), team)


def test_many_campaigns_need_no_more_queries(
    connected, viewer, login, django_assert_max_num_queries
):
    client = login(viewer)
    template = factories.make_template(connected)
    for number in range(3):
        ready = factories.make_ready_campaign(connected, name=f"Sale {number}", template=template)
        factories.launch(ready)
    with django_assert_max_num_queries(14):
        client.get(url(connected))
    with django_assert_max_num_queries(10):
        client.get(url(connected, "home_running"))
