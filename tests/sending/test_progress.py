"""The numbers and words of the progress page, and the page itself."""

import random
import uuid
from datetime import UTC, datetime, timedelta

import pytest
from django.urls import reverse
from django.utils import timezone

from campaigns.models import Campaign, Recipient
from sending.batch_words import words_of
from sending.models import TERMINAL_JOBS, Batch, BulkJob
from sending.progress import progress_of
from tasks.models import Worker
from tests import factories
from tests.campaigns.pages import text
from whatsapp.errors import FAILURES, UNKNOWN, explain

NOW = datetime(2026, 11, 22, 10, 0, tzinfo=UTC)
Status, State, Job = Campaign.Status, Batch.Status, BulkJob.State


def campaign(status=Status.SENDING, *, age=60):
    return Campaign(status=status, launched_at=NOW - timedelta(seconds=age))


def batch(number=1, status=State.PENDING, *, size=100, job=None, **fields):
    first = (number - 1) * 1000 + 1
    if status != State.PENDING:
        fields.setdefault("claimed_at", NOW - timedelta(seconds=30))
    row = Batch(number=number, first=first, last=first + size - 1, status=status, **fields)
    row.submitted = 0 if status == State.PENDING else size - row.skipped
    if job:
        row.job = job
    return row


def job(state=Job.RUNNING, *, age=30, **fields):
    seen = NOW - timedelta(seconds=age)
    fields.setdefault("changed_at", NOW)
    return BulkJob(remote_id="j", state=state, first_seen_at=seen, **fields)


def words_of_first(row, batches):
    return words_of(row, progress_of(row, batches, NOW).batches[0], NOW).sentence


def sum_of(counted):
    numbers = ("accepted", "failed", "skipped", "unconfirmed", "unreported", "remaining")
    return sum(getattr(counted, name) or 0 for name in numbers)


def test_the_numbers_always_add_up():
    rng = random.Random(7)

    def any_job(size):
        def count():
            return rng.choice((0, 0, rng.randint(0, size), size, size * 3))

        return job(
            rng.choice(Job.values),
            age=rng.randint(0, 9000),
            total=rng.choice((None, size, size * 2)),
            processed=count(),
            accepted=count(),
            failed=count(),
            skipped=count(),
            stopped_polling_at=rng.choice((None, None, NOW)),
            changed_at=NOW - timedelta(seconds=rng.randint(0, 9000)),
        )

    launched = [s for s in Status.values if s not in (Status.DRAFT, Status.READY)]
    for _ in range(3000):
        batches = []
        for number in range(1, rng.randint(1, 5) + 1):
            size = rng.randint(1, 600)
            status = rng.choice(State.values)
            batches.append(
                batch(
                    number,
                    status,
                    size=size,
                    skipped=rng.choice((0, 0, rng.randint(0, size))),
                    job=any_job(size) if status == State.ACCEPTED and rng.random() < 0.9 else None,
                    search_ended_at=rng.choice((None, NOW)),
                )
            )
        result = progress_of(campaign(rng.choice(launched)), batches, NOW)
        assert sum_of(result) == result.total == sum(row.size for row in batches)
        for row in result.batches:
            assert sum_of(row) == row.people
            assert min(row.skipped, row.unconfirmed, row.unreported, row.remaining) >= 0
        assert 0 <= result.percent <= 100
        assert result.percent == result.processed * 100 // result.total
        assert result.percent < 100 or not (result.remaining or result.unconfirmed)
        assert result.processed <= result.submitted <= result.total


def test_a_waiting_batch_remains():
    result = progress_of(campaign(), [batch()], NOW)
    assert (result.remaining, result.percent, result.processed) == (100, 0, 0)
    assert result.per_minute is None and result.seconds_left is None


def test_a_job_with_counters():
    running = job(total=100, processed=40, accepted=37, failed=2, skipped=1)
    batches = [batch(status=State.ACCEPTED, job=running), batch(2)]
    result = progress_of(campaign(), batches, NOW)
    assert (result.accepted, result.failed, result.skipped, result.remaining) == (97, 2, 1, 100)
    assert result.in_progress == 60
    assert result.percent == 20
    assert result.per_minute == 80
    assert result.seconds_left == 120
    words = words_of_first(campaign(), batches)
    assert "40 of 100 processed." in words
    assert "2 failed; ChumiAI does not say which." in words


def test_a_number_that_is_not_reported_is_unknown_and_not_zero():
    running = job(total=100, processed=40)
    result = progress_of(campaign(), [batch(status=State.ACCEPTED, job=running)], NOW)
    assert (result.accepted, result.failed, result.unreported) == (60, None, 40)
    assert (result.remaining, result.in_progress) == (0, 60)
    over = job(Job.COMPLETED, total=100, processed=100, failed=17)
    batches = [batch(status=State.ACCEPTED, job=over)]
    result = progress_of(campaign(), batches, NOW)
    assert (result.accepted, result.failed, result.unreported, result.remaining) == (
        None,
        17,
        83,
        0,
    )
    assert "does not report the result of 83" in words_of_first(campaign(), batches)


def test_a_message_that_fails_after_it_was_accepted_counts_as_failed():
    over = job(Job.COMPLETED, total=100, processed=100, accepted=100, failed=5)
    result = progress_of(campaign(), [batch(status=State.ACCEPTED, job=over)], NOW)
    assert (result.accepted, result.failed) == (95, 5)


def test_a_job_that_chumiai_gave_up_leaves_the_rest_unreported():
    over = job(Job.FAILED, total=100, processed=30, accepted=30)
    row = batch(status=State.ACCEPTED, job=over, details={"found": True})
    result = progress_of(campaign(Status.PAUSED), [row], NOW)
    assert (result.accepted, result.unreported, result.remaining) == (30, 70, 0)
    assert words_of_first(campaign(Status.PAUSED), [row]).count("gave") == 1


@pytest.mark.parametrize(
    "end", [{"state": Job.FAILED}, {"state": Job.CANCELLED}, {"stopped_polling_at": NOW}]
)
def test_a_job_that_ended_early_moves_the_bar_only_as_far_as_it_got(end):
    given_up = job(total=992, **end)
    batches = [batch(status=State.ACCEPTED, size=992, job=given_up), batch(2, size=488)]
    result = progress_of(campaign(Status.PAUSED), batches, NOW)
    assert (result.unreported, result.processed, result.percent) == (992, 0, 0)


def test_rejected_and_skipped_batches_do_not_move_the_bar():
    batches = [batch(status=State.REJECTED), batch(2, State.SKIPPED), batch(3, State.ACCEPTED)]
    result = progress_of(campaign(), batches, NOW)
    assert (result.processed, result.percent) == (100, 33)


def test_a_finished_job_without_counters_processed_everyone():
    over = job(Job.COMPLETED, total=100)
    result = progress_of(campaign(), [batch(status=State.ACCEPTED, job=over)], NOW)
    assert (result.unreported, result.processed, result.percent) == (100, 100, 100)


def test_a_stopped_campaign_skips_what_was_not_submitted():
    over = job(Job.COMPLETED, total=100, processed=100, accepted=100)
    batches = [batch(status=State.ACCEPTED, job=over), batch(2)]
    result = progress_of(campaign(Status.STOPPED), batches, NOW)
    assert (result.accepted, result.skipped, result.remaining) == (100, 100, 0)
    assert result.percent == 50
    assert result.poll_seconds is None


def test_the_speed_counts_parallel_jobs_once_and_pauses_not_at_all():
    jobs = [
        job(Job.COMPLETED, age=600, total=100, processed=100, accepted=100),
        job(Job.COMPLETED, age=600, total=100, processed=100, accepted=100),
        job(age=60, total=100, processed=100, accepted=100),
    ]
    for over in jobs[:2]:
        over.changed_at = over.first_seen_at + timedelta(seconds=60)
    batches = [batch(n, State.ACCEPTED, job=j) for n, j in enumerate(jobs, start=1)]
    assert progress_of(campaign(), batches, NOW).per_minute == 150


@pytest.mark.parametrize(("quiet", "stalled"), [(170, False), (190, True)])
def test_a_job_is_stalled_after_three_minutes_without_an_update(quiet, stalled):
    seen = NOW - timedelta(seconds=quiet)
    running = job(age=900, total=100, processed=10, accepted=10, changed_at=seen, asked_at=NOW)
    result = progress_of(campaign(), [batch(status=State.ACCEPTED, job=running)], NOW)
    assert result.is_stalled is stalled
    assert (result.seconds_left is None) is stalled
    assert result.last_answer_at == NOW


def test_a_job_that_is_over_is_never_stalled():
    old = NOW - timedelta(days=1)
    for over in (job(Job.COMPLETED, changed_at=old), job(stopped_polling_at=old, changed_at=old)):
        result = progress_of(campaign(), [batch(status=State.ACCEPTED, job=over)], NOW)
        assert not result.is_stalled


def test_a_stopped_worker_matters_only_while_something_is_due():
    def off(status, *batches):
        return progress_of(campaign(status), batches, NOW, sender_is_alive=False).sender_off

    assert off(Status.SENDING, batch())
    assert not off(Status.PAUSED, batch())
    assert off(Status.PAUSED, batch(status=State.ACCEPTED, job=job()))
    assert off(Status.PAUSED, batch(status=State.UNCONFIRMED, next_search_at=NOW))
    assert not off(Status.STOPPED, batch())
    assert not progress_of(campaign(), [batch()], NOW).sender_off


def test_the_page_polls_less_often_with_age_and_stops_at_the_end():
    def interval(status, *batches, age=10):
        return progress_of(campaign(status, age=age), batches, NOW).poll_seconds

    assert [interval(Status.SENDING, batch(), age=age) for age in (10, 600, 9000)] == [2, 5, 15]
    over = batch(status=State.ACCEPTED, job=job(Job.COMPLETED))
    assert interval(Status.COMPLETED, over) is None
    assert interval(Status.STOPPED, batch(status=State.ACCEPTED, job=job())) == 2
    assert interval(Status.STOPPED, batch(status=State.SUBMITTING)) == 2
    assert interval(Status.STOPPED, batch(status=State.UNCONFIRMED, next_search_at=NOW)) == 2
    assert interval(Status.STOPPED, batch(status=State.UNCONFIRMED, search_ended_at=NOW)) is None


def test_the_words_of_an_unconfirmed_batch():
    others = [batch(n) for n in range(2, 13)]
    sending = batch(status=State.SUBMITTING, size=500)
    words = words_of_first(campaign(), [sending, *others])
    assert words == "Sending 500 recipients to ChumiAI. Too late to stop this batch."

    searching = batch(status=State.UNCONFIRMED, next_search_at=NOW + timedelta(seconds=30))
    words = words_of_first(campaign(Status.PAUSED), [searching, *others])
    assert "We sent this batch but got no clear answer. It may have started." in words
    assert "again in 30 s. Nothing will be sent twice." in words

    ended = batch(
        status=State.UNCONFIRMED,
        claimed_at=NOW - timedelta(minutes=10),
        search_ended_at=NOW,
        searches=7,
    )
    assert progress_of(campaign(Status.PAUSED), [ended, *others], NOW).batches[0].awaits_decision
    assert words_of_first(campaign(Status.PAUSED), [ended, *others]) == (
        "ChumiAI shows no job for this batch after 10 min and 7 searches. "
        "It was most likely not sent."
    )


def test_every_code_has_a_sentence_and_advice():
    for code, failure in FAILURES.items():
        assert failure.sentence.endswith("."), code
        assert failure.advice.endswith("."), code
        assert failure.about is not None
        assert not any(letter.isdigit() for letter in failure.sentence.replace("24 hours", ""))
    assert explain(250) is explain(10)
    assert explain(None) is explain(987654) is UNKNOWN


# The page


def url(name, team, row):
    return reverse(f"campaigns:{name}", args=(team.slug, row.uuid))


def launched(team, *, count=3, by=None, **fields):
    row = factories.launch(factories.make_ready_campaign(team, count=count), by=by)
    Campaign.objects.filter(pk=row.pk).update(**fields)
    row.refresh_from_db()
    return row


def test_the_page_shows_the_campaign_to_every_member(connected, viewer, marketer, login):
    row = launched(connected, by=marketer)
    page = login(viewer).get(url("campaign_detail", connected, row)).content.decode()
    assert "Easter sale" in page
    assert "Kofi Boateng" in page
    assert "welcome_message" in page and "customers.xlsx" in page
    assert 'hx-trigger="every 2s"' in page
    # A viewer has no buttons.
    assert "stop-form" not in page and "pause-form" not in page


def test_a_stranger_finds_nothing(connected, outsider, login):
    row = launched(connected)
    for name in ("campaign_detail", "campaign_progress", "campaign_recipients_export"):
        assert login(outsider).get(url(name, connected, row)).status_code == 404


def test_a_draft_redirects_to_its_open_step(team, marketer, login):
    row = factories.make_campaign(team)
    for name in ("campaign_detail", "campaign_progress"):
        answer = login(marketer).get(url(name, team, row))
        assert answer.status_code == 302
        assert answer["Location"] == reverse(
            "campaigns:campaign_template", args=(team.slug, row.uuid)
        )


def test_the_region_equals_the_element_of_the_page(connected, marketer, login):
    row = launched(connected)
    client = login(marketer)
    page = client.get(url("campaign_detail", connected, row)).content.decode()
    region = client.get(url("campaign_progress", connected, row)).content.decode().strip()
    start = page.index('<section id="campaign-progress"')
    assert without_tokens(region) in without_tokens(page[start:])


def without_tokens(html):
    pieces = html.split('name="csrfmiddlewaretoken" value="')
    return pieces[0] + "".join(piece[64:] for piece in pieces[1:])


def test_the_polling_ends_with_the_campaign(connected, marketer, login, drain, sandbox):
    row = launched(connected)
    finish(row, drain)
    page = login(marketer).get(url("campaign_progress", connected, row)).content.decode()
    assert "Finished" in page
    assert "hx-trigger" not in page and "hx-get" not in page
    assert "You can close this page" not in page


def finish(row, drain):
    """Run the worker's tasks at once, as often as it takes."""
    from tasks.models import Task

    for _ in range(200):
        drain()
        row.refresh_from_db()
        if row.is_terminal and not row.batches.open().exists():
            return
        Task.objects.exclude(due_at=None).update(due_at=timezone.now())
        BulkJob.objects.exclude(next_poll_at=None).update(next_poll_at=timezone.now())
    raise AssertionError("the campaign never ended")


def test_numbers_and_words_agree_about_a_job_that_chumiai_gave_up(
    connected, marketer, login, drain, sandbox
):
    row = launched(connected, count=5)
    finish(row, drain)
    BulkJob.objects.update(state=Job.FAILED, processed=2, accepted=0, failed=0)
    words = text(login(marketer).get(url("campaign_detail", connected, row)))
    assert "40 % 2 of 5 processed" in words
    assert "Not reported" in words


def test_failures_are_grouped_by_reason(connected, marketer, login, drain, sandbox):
    numbers = ["233244100026", "233244200026", "233244300050", "233244400111"]
    rows = [["Phone", "Name", "Code"], *([n, "Ama", "C"] for n in numbers)]
    row = factories.launch(factories.make_ready_campaign(connected, rows=rows))
    finish(row, drain)
    page = login(marketer).get(url("campaign_detail", connected, row)).content.decode()
    assert "Why 3 failed" in page
    assert "This number is not on WhatsApp" in page
    assert "This person switched off marketing from you." in page
    assert page.index("not on WhatsApp") < page.index("switched off marketing")
    assert "WhatsApp&#x27;s code 131026" in page or "WhatsApp's code 131026" in page


def test_it_says_that_sending_is_paused(connected, marketer, login):
    row = launched(connected)
    page = login(marketer).get(url("campaign_progress", connected, row)).content.decode()
    assert "Sending is paused on our server." in page


def test_it_says_for_how_long_sending_has_been_paused(connected, marketer, login):
    row = launched(connected, count=3)
    page = login(marketer).get(url("campaign_detail", connected, row)).content.decode()
    assert "Sending is paused on our server." in page
    seen_at = timezone.now() - timedelta(minutes=3, seconds=5)
    Worker.objects.create(name="w", started_at=seen_at, seen_at=seen_at)
    page = login(marketer).get(url("campaign_detail", connected, row)).content.decode()
    assert "Sending has been paused on our server for 3 min" in page
    assert "Nothing is lost" in page


def test_the_page_costs_a_constant_number_of_queries(
    connected, marketer, login, django_assert_max_num_queries
):
    connected.batch_size = 10
    connected.save()
    row = launched(connected, count=60)
    client = login(marketer)
    with django_assert_max_num_queries(12):
        client.get(url("campaign_detail", connected, row))
    with django_assert_max_num_queries(10):
        client.get(url("campaign_progress", connected, row))


def test_the_download_has_every_recipient(connected, marketer, viewer, login, drain):
    rows = [["Phone", "Name", "Code"], ["233244100026", "=1+1", "C"], ["233244400111", "B", "C"]]
    row = factories.launch(factories.make_ready_campaign(connected, rows=rows))
    finish(row, drain)
    answer = login(marketer).get(url("campaign_recipients_export", connected, row))
    assert answer["Content-Disposition"].startswith("attachment")
    lines = b"".join(answer.streaming_content).decode().splitlines()
    assert lines[0].removeprefix("\ufeff") == (
        "Row,Phone,Status,Reason,What to do,Tries,Batch,About the batch"
    )
    assert lines[1].startswith("2,'+233244100026,Failed,\"This number is not on WhatsApp")
    assert ",Check the number or contact them by SMS or phone.,1,1," in lines[1]
    assert lines[2].startswith("3,'+233244400111,Accepted,,,1,1,")
    assert len(lines) == 3
    masked = b"".join(
        login(viewer).get(url("campaign_recipients_export", connected, row)).streaming_content
    )
    assert b"233244100026" not in masked.replace(b" ", b"")


def test_the_download_says_what_chumiai_does_not_report(connected, marketer, login, drain):
    row = launched(connected, count=2)
    finish(row, drain)
    BulkJob.objects.update(failed=1, accepted=1)
    text = b"".join(
        login(marketer).get(url("campaign_recipients_export", connected, row)).streaming_content
    ).decode()
    assert text.count("1 failed; ChumiAI does not say which.") == 2
    page = login(marketer).get(url("campaign_detail", connected, row)).content.decode()
    assert "1 failed; ChumiAI does not say which." in page


def test_hostile_names_stay_text(connected, marketer, login):
    row = launched(connected, name="<script>alert(1)</script>")
    page = login(marketer).get(url("campaign_detail", connected, row)).content.decode()
    assert "<script>alert" not in page


def test_an_unknown_campaign_is_a_404(team, marketer, login):
    ghost = Campaign(uuid=uuid.uuid4())
    assert login(marketer).get(url("campaign_detail", team, ghost)).status_code == 404


def test_states_of_people_add_up_to_the_total(connected, drain):
    row = launched(connected, count=7)
    finish(row, drain)
    result = progress_of(row, row.batches.select_related("job"), timezone.now())
    assert result.total == Recipient.objects.filter(campaign=row).count() == 7
    assert result.accepted == Recipient.objects.filter(status="accepted").count()
    assert {b.job.state for b in row.batches.all()} <= set(TERMINAL_JOBS)
