"""The key's job history."""

from datetime import timedelta

import pytest
from django.urls import reverse
from django.utils import timezone

from sending.models import BulkJob
from tests import factories


def url(team, query=""):
    return reverse("campaigns:job_list", args=(team.slug,)) + query


def make_job(team, number=1, **fields):
    seen = timezone.now() - timedelta(hours=number)
    values = {
        "remote_id": f"job-{number}",
        "state": BulkJob.State.COMPLETED,
        "template_name": "order_update",
        "first_seen_at": seen,
        "changed_at": seen,
    }
    return BulkJob.objects.create(team=team, **values | fields)


def test_our_jobs_link_to_their_campaign_and_others_are_marked(
    connected, viewer, login, drain, sandbox
):
    campaign = factories.launch(factories.make_ready_campaign(connected))
    drain("send_batches")
    make_job(connected, file_name="orders.csv", raw_state="DONE_DONE")
    html = login(viewer).get(url(connected)).content.decode()
    assert reverse("campaigns:campaign_detail", args=(connected.slug, campaign.uuid)) in html
    assert "Batch 1" in html
    assert html.count("Started outside this app") == 1
    assert "orders.csv" in html
    # ChumiAI's own status is in the details only.
    assert html.index("Technical details") < html.index("DONE_DONE")


def test_a_counter_that_is_not_reported_is_a_dash(team, viewer, login):
    make_job(team, total=200, processed=200, failed=17)
    html = login(viewer).get(url(team)).content.decode()
    assert '<td class="number" data-label="Accepted">—</td>' in html
    assert '<td class="number" data-label="Failed">17</td>' in html


def test_a_lost_job_is_marked(team, viewer, login):
    stopped = {"stopped_polling_at": timezone.now(), "stopped_polling_because": "not_listed"}
    make_job(team, state="running", **stopped)
    html = login(viewer).get(url(team)).content.decode()
    assert "No longer followed" in html and "ChumiAI no longer lists this job." in html


def test_a_stalled_job_is_marked(team, viewer, login):
    client = login(viewer)
    now = timezone.now()
    open_job = {"first_seen_at": now - timedelta(hours=1), "state": "running"}
    job = make_job(team, **open_job, changed_at=now - timedelta(seconds=179))
    assert b"No update" not in client.get(url(team)).content
    quiet = now - timedelta(minutes=4)
    BulkJob.objects.update(changed_at=quiet, asked_at=now)
    html = client.get(url(team)).content.decode()
    assert "No update from ChumiAI for 4 min" in html and "Last answer" in html
    for over in ({"state": "completed"}, {"state": "running", "stopped_polling_at": now}):
        BulkJob.objects.filter(pk=job.pk).update(**over)
        assert b"No update" not in client.get(url(team)).content


def test_a_failed_job_is_explained_in_plain_words(connected, viewer, login, sandbox):
    sandbox.post("codes", code=131042, account=connected.slug)
    factories.finish(factories.launch(factories.make_ready_campaign(connected)))
    html = login(viewer).get(url(connected)).content.decode()
    assert "There is a problem with the payment of your WhatsApp account." in html
    assert "Fix the payment in Meta" in html
    # ChumiAI's own words, with the code, stand in the details only.
    assert "(#131042)" in html
    for words in html.split("Technical details</summary>")[:1] + html.split("</details>")[1:]:
        assert "#131042" not in words.split("Technical details</summary>")[0]


def test_other_errors_of_a_job_are_shown_unchanged(team, viewer, login):
    make_job(team, state="failed", error="The list was empty.")
    assert "The list was empty." in login(viewer).get(url(team)).content.decode()


def test_filters(team, viewer, login, connected, drain):
    factories.launch(factories.make_ready_campaign(connected))
    drain("send_batches")
    make_job(team, 1, state="running")
    make_job(team, 2, remote_id="over-2")
    make_job(team, 3, state="running", stopped_polling_at=timezone.now())
    client = login(viewer)

    def listed(query):
        return {row.job.remote_id for row in client.get(url(team, query)).context["rows"]}

    ours = set(BulkJob.objects.exclude(batch=None).values_list("remote_id", flat=True))
    assert listed("?origin=here") == ours
    assert listed("?origin=outside") == {"job-1", "over-2", "job-3"}
    assert "job-1" in listed("?state=open")
    assert listed("?origin=outside&state=over") == {"over-2", "job-3"}
    assert len(listed("?origin=nonsense&state=%00")) == 4


def test_older_pages_follow_without_a_gap(team, viewer, login):
    seen = timezone.now()
    for number in range(60):
        make_job(team, number, first_seen_at=seen - timedelta(seconds=number // 3))
    client, listed, query = login(viewer), [], ""
    while True:
        context = client.get(url(team), {"after": query}).context
        listed += [row.job.pk for row in context["rows"]]
        query = context["page"].next
        if not query:
            break
    newest_first = BulkJob.objects.order_by("-first_seen_at", "-pk")
    assert listed == list(newest_first.values_list("pk", flat=True))


@pytest.mark.parametrize(
    "after",
    [
        "x",
        "_",
        "2026-01-01_x",
        "2026-01-01_1",
        "9999-12-31T23:59:59-12:00_1",
        "0001-01-01T00:00:00+12:00_1",
        "2026-01-01T00:00:00+00:00_99999999999999999999999",
        "2026-01-01T00:00:00+00:00_-1",
        "\0",
        "00000000-0000-0000-0000-000000000000",
    ],
)
def test_an_invalid_cursor_is_no_error(team, viewer, login, after):
    make_job(team)
    assert login(viewer).get(url(team), {"after": after}).status_code == 200


def test_a_filter_is_a_fragment_for_htmx(team, viewer, login):
    make_job(team)
    answer = login(viewer).get(url(team, "?state=over"), headers={"HX-Request": "true"})
    assert answer.content.decode().strip().startswith('<div id="job-results"')
    assert b"<html" not in answer.content


def test_the_empty_page_says_what_to_do(team, connected, manager, viewer, login):
    assert b"No jobs yet" in login(viewer).get(url(team)).content
    assert b"No results" in login(viewer).get(url(team, "?state=open")).content
    team.connection.delete()
    assert b"Connect to ChumiAI first" in login(manager).get(url(team)).content
    assert b"Not connected to ChumiAI yet" in login(viewer).get(url(team)).content


def test_other_teams_jobs_are_not_listed(team, other_team, outsider, viewer, login):
    make_job(other_team, remote_id="secret-of-mango", raw_state="x")
    assert b"secret-of-mango" not in login(viewer).get(url(team)).content
    assert login(outsider).get(url(team)).status_code == 404


def test_many_jobs_cost_no_more_queries(team, viewer, login, django_assert_max_num_queries):
    for number in range(40):
        make_job(team, number)
    client = login(viewer)
    with django_assert_max_num_queries(8):
        client.get(url(team))
