"""Failed messages are retried if that makes sense; each retry is an attempt of its own."""

from datetime import timedelta

import pytest
from django.urls import reverse
from django.utils import timezone

from campaigns.models import Campaign, Recipient
from core.errors import Refused
from sending.labels import pause_sentence
from sending.services import jobs, launches, retries
from teams.models import Connection
from teams.services import client_for
from tests.factories import account_of, connect, finish, launch, make_ready_campaign, people

BULK = "/api/v1/whatsapp/bulk-import-messages"
ONCE, HELD, GONE = "233240001111", "233240001049", "233240001026"


@pytest.fixture(params=["singly", "batches"])
def failed(request, connected, sandbox):
    """A finished campaign in which three people failed, each for another reason."""
    connected.messages_per_second = 100
    connected.save()
    account = account_of(connected)
    sandbox.post("codes", code=131000, phones=[ONCE], account=account, times=1)
    rows = people(3) + [[phone, "Ama", "C"] for phone in (ONCE, HELD, GONE)]
    campaign = make_ready_campaign(connected, rows=rows)
    finish(launch(campaign, engine=request.param))
    assert states(campaign) == ["accepted"] * 3 + ["failed"] * 3
    return campaign


def states(campaign):
    return list(campaign.recipients.order_by("position").values_list("status", flat=True))


def of(campaign, phone):
    return campaign.recipients.get(phone=f"+{phone}")


def age(campaign, **kwargs):
    """Let the failures be so old."""
    campaign.recipients.update(settled_at=timezone.now() - timedelta(**kwargs))


def url(name, team, row):
    return reverse(f"campaigns:{name}", args=(team.slug, row.uuid))


def test_it_is_a_new_attempt_and_reaches_nobody_else(failed, sandbox, marketer):
    before = sandbox.ledger(account_of(failed.team))
    age(failed, minutes=5)
    assert retries.retry(failed, 131000, by=marketer) == 1
    failed.refresh_from_db()
    assert failed.status == Campaign.Status.SENDING
    finish(failed)
    assert failed.status == Campaign.Status.COMPLETED
    assert states(failed) == ["accepted"] * 4 + ["failed"] * 2
    assert of(failed, ONCE).attempts.filter(outcome="accepted").count() == 1
    reached = [m["to"] for m in sandbox.ledger(account_of(failed.team))]
    if failed.engine == "singly":
        assert [*(m["to"] for m in before), ONCE] == reached
        outcomes = of(failed, ONCE).attempts.order_by("pk").values_list("outcome", flat=True)
        assert list(outcomes) == ["rejected", "accepted"]


@pytest.mark.parametrize("failed", ["batches"], indirect=True)
def test_the_old_job_does_not_fail_the_person_again(failed, sandbox, marketer):
    age(failed, minutes=5)
    retries.retry(failed, 131000, by=marketer)
    finish(failed)
    job = failed.batches.get().job
    type(job).objects.filter(pk=job.pk).update(state="running", completed_at=None)
    jobs.apply_status(job, client_for(failed.team).bulk_job(job.remote_id))
    assert of(failed, ONCE).status == "accepted"


def test_not_before_the_time_and_not_more_often_than_it_helps(failed, marketer):
    with pytest.raises(Refused):
        retries.retry(failed, 131049, by=marketer)
    age(failed, hours=25)
    assert retries.retry(failed, 131049, by=marketer) == 1
    finish(failed)
    age(failed, hours=25)
    with pytest.raises(Refused):
        retries.retry(failed, 131049, by=marketer)


def test_who_is_not_on_whatsapp_is_never_tried_again(failed, marketer):
    age(failed, days=30)
    with pytest.raises(Refused):
        retries.retry(failed, 131026, by=marketer)


def test_a_stopped_campaign_stays_stopped(connected, sandbox, marketer):
    sandbox.post("codes", code=131000, phones=[ONCE], account=account_of(connected), times=1)
    campaign = make_ready_campaign(connected, rows=[*people(1), [ONCE, "Ama", "C"]])
    finish(launch(campaign, engine="singly"))
    Campaign.objects.filter(pk=campaign.pk).update(status="stopped")
    age(campaign, minutes=5)
    with pytest.raises(Refused):
        retries.retry(campaign, 131000, by=marketer)
    assert of(campaign, ONCE).status == "failed"


def test_the_page_offers_only_what_makes_sense(failed, sandbox, marketer, viewer, login):
    age(failed, minutes=5)
    detail = url("campaign_detail", failed.team, failed)
    page = login(marketer).get(detail).content.decode()
    assert page.count("Retry 1") >= 1
    assert page.count('name="code"') == 1
    assert "Retrying would not help" in page
    assert 'name="code"' not in login(viewer).get(detail).content.decode()


def test_pressed_twice_it_is_one_try(failed, sandbox, marketer, login):
    age(failed, minutes=5)
    client = login(marketer)
    press = url("campaign_retry", failed.team, failed)
    first = client.post(press, {"code": 131000}, follow=True)
    assert "Retrying 1 message" in first.content.decode()
    second = client.post(press, {"code": 131000}, follow=True)
    assert "Nothing was changed" in second.content.decode()
    for nonsense in ("", "x", "-5"):
        assert client.post(press, {"code": nonsense}, follow=True).status_code == 200
    finish(failed)
    assert of(failed, ONCE).retries == 1


def test_the_numbers_still_add_up(failed, sandbox, marketer, login):
    age(failed, minutes=5)
    retries.retry(failed, 131000, by=marketer)
    for _ in range(2):
        context = login(marketer).get(url("campaign_detail", failed.team, failed)).context
        counted = context["progress"]
        columns = ("accepted", "failed", "skipped", "unconfirmed", "unreported", "remaining")
        assert sum(getattr(counted, name) or 0 for name in columns) == counted.total == 6
        finish(failed)


def test_a_refused_batch_is_submitted_again(connected, sandbox, marketer, login):
    campaign = make_ready_campaign(connected, count=5)
    sandbox.fault("400", path=BULK)
    finish(launch(campaign))
    batch = campaign.batches.get()
    assert batch.status == "rejected"
    press = url("batch_retry", connected, batch)
    answer = login(marketer).post(press, follow=True).content.decode()
    assert "is waiting to be sent again" in answer
    finish(campaign)
    assert campaign.status == Campaign.Status.COMPLETED
    assert states(campaign) == ["accepted"] * 5
    assert len(sandbox.ledger(account_of(connected))) == 5
    page = login(marketer).get(url("campaign_detail", connected, campaign)).content.decode()
    assert "Try 1," in page and "Try 2," in page
    with pytest.raises(Refused):
        retries.retry_batch(batch, by=marketer)


def test_after_a_fix_everybody_who_waited_goes_out(team, sandbox, marketer):
    connect(team, sandbox)
    sandbox.post("codes", code=131042, account=account_of(team), times=1)
    campaign = make_ready_campaign(team, count=3)
    finish(launch(campaign, engine="singly"))
    assert (campaign.status, campaign.pause_reason) == ("paused", "account")
    assert "payment" in pause_sentence(campaign)
    assert not Recipient.objects.filter(status="failed").exists()
    launches.resume(campaign, by=marketer)
    finish(campaign)
    assert states(campaign) == ["accepted"] * 3


@pytest.mark.parametrize("engine", ["singly", "batches"])
def test_a_problem_of_the_account_is_over_with_the_first_message(team, sandbox, marketer, engine):
    connect(team, sandbox)
    path = f"/api/v1/whatsapp/{'send-template' if engine == 'singly' else 'bulk-import-messages'}$"
    sandbox.fault("401", path=path)
    campaign = finish(launch(make_ready_campaign(team, count=3), engine=engine))
    assert campaign.status == Campaign.Status.PAUSED
    assert Connection.objects.get(team=team).problem
    launches.resume(campaign, by=marketer)
    finish(campaign)
    assert Connection.objects.get(team=team).problem == ""
