"""Read the key's whole job history on a person's wish."""

from django.urls import reverse
from django.utils import timezone

from sending import tasks
from sending.models import BulkJob, JobPolling, JobSync
from tests import factories


def url(team, name="job_refresh"):
    return reverse(f"campaigns:{name}", args=(team.slug,))


def region(client, team):
    return client.get(url(team, "job_sync"))


def test_it_works(connected, marketer, login, drain, sandbox):
    sandbox.post("jobs", account=connected.slug, total=30, template="welcome_message")
    client = login(marketer)
    answer = client.post(url(connected), follow=True)
    html = answer.content.decode()
    assert "Getting the jobs of your key from ChumiAI" in html or "Updates are paused" in html
    assert 'hx-trigger="load delay:2s"' in html
    drain("sync_jobs")
    answer = region(client, connected)
    html = answer.content.decode()
    assert "load delay" not in html and "Updated" in html
    assert answer["HX-Trigger"] == '{"jobs-updated": {"target": "#job-results"}}'
    page = client.get(url(connected, "job_list")).content.decode()
    assert "Started outside this app" in page
    assert html.strip()[:60] in page


def test_a_failure_is_said_and_loses_nothing(connected, marketer, login, drain, sandbox):
    sandbox.post("jobs", account=connected.slug, total=30)
    client = login(marketer)
    client.post(url(connected))
    drain("sync_jobs")
    known = BulkJob.objects.count()
    factories.connect(connected, sandbox, kind="revoked")
    client.post(url(connected))
    drain("sync_jobs")
    html = region(client, connected).content.decode()
    assert "The update failed" in html
    assert JobSync.objects.latest_of(connected).error in html.replace("&#x27;", "'")
    assert "Nothing was lost" in html
    assert BulkJob.objects.count() == known > 0


def test_a_rate_limit_delays_it_and_is_said_once(connected, marketer, login, sandbox):
    params = {"retry_after": 90}
    sandbox.post("faults", kind="429", path="/api/v1/whatsapp/bulk-jobs", params=params)
    client = login(marketer)
    client.post(url(connected))
    assert tasks.sync_jobs(connected.pk) == 90
    sync = JobSync.objects.get()
    assert (sync.is_finished, sync.requested_by, sync.error) == (False, marketer, "")
    assert sync.progress.startswith("ChumiAI is busy. We try again at ")
    assert "too many requests" not in region(client, connected).content.decode()
    # Refresh does not ask earlier.
    client.post(url(connected))
    assert 80 < tasks.sync_jobs(connected.pk) <= 90
    JobPolling.objects.update(waits_until=timezone.now())
    assert tasks.sync_jobs(connected.pk) is None
    sync.refresh_from_db()
    assert sync.has_succeeded and sync.waits_until is None


def test_without_a_key_it_says_so(team, marketer, login, drain):
    client = login(marketer)
    client.post(url(team))
    drain("sync_jobs")
    assert "no ChumiAI key yet" in region(client, team).content.decode()


def test_it_is_refused_to_a_viewer(connected, viewer, login):
    client = login(viewer)
    assert client.post(url(connected)).status_code == 403
    assert not JobSync.objects.exists()
    assert b"job_refresh" not in client.get(url(connected, "job_list")).content
    assert url(connected).encode() not in client.get(url(connected, "job_list")).content


def test_it_is_invisible_to_a_stranger(connected, outsider, login):
    client = login(outsider)
    assert client.post(url(connected)).status_code == 404
    assert region(client, connected).status_code == 404
    assert not JobSync.objects.exists()


def test_it_takes_a_post(connected, marketer, login):
    assert login(marketer).get(url(connected)).status_code == 405


def test_twice_is_once(connected, marketer, login, drain, sandbox):
    sandbox.post("jobs", account=connected.slug, total=30)
    client = login(marketer)
    client.post(url(connected))
    client.post(url(connected))
    drain("sync_jobs")
    remote = BulkJob.objects.values_list("remote_id", flat=True)
    assert len(remote) == len(set(remote)) > 0
    assert JobSync.objects.count() == 1


def test_the_region_equals_the_element_of_the_page(connected, marketer, login):
    client = login(marketer)
    html = region(client, connected).content.decode().strip()
    page = client.get(url(connected, "job_list")).content.decode()
    head = html.split("csrfmiddlewaretoken")[0]
    assert head in page
