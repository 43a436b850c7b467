"""One number, one truth: every page, fragment, file and command shows the same figures."""

import csv
import io
import re
from collections import Counter
from datetime import timedelta

import pytest
from django.urls import reverse
from django.utils import timezone

from campaigns.models import Campaign, Decision, Recipient
from chumi_api.types import Message
from conversations.services import record_messages
from sending.management.commands.launch_campaign import Command
from sending.models import Attempt, Batch, BulkJob, ReceiptSource
from sending.progress_queries import load_progress
from sending.services import batches, jobs, launches, receipts, retries, singles
from tests import factories
from tests.sending.test_receipts import updates_of

BULK = "/api/v1/whatsapp/bulk-import-messages"
SEND = "/api/v1/whatsapp/send-template"
PARTITION = ("accepted", "failed", "skipped", "unconfirmed", "unreported", "remaining")
SHOWN = ("accepted", "delivered", "read", "failed", "unconfirmed", "remaining", "skipped")
# The words of the download by figure.
STATUS = {
    "Accepted": "accepted",
    "Sent": "accepted",
    "Held by WhatsApp": "accepted",
    "Delivered": "accepted",
    "Read": "accepted",
    "Failed": "failed",
    "Unconfirmed": "unconfirmed",
    "Waiting": "remaining",
    "Sending": "remaining",
    "Skipped": "skipped",
    "Result not known": "unnamed",
}


def number_in(element):
    """Return the number that an element shows, None for a dash."""
    found = re.search(r"[\d,\u202f\xa0 ]*\d", element.get_text())
    return int(re.sub(r"\D", "", found[0])) if found else None


def figures_in(soup, within):
    return {tag["data-figure"]: number_in(tag) for tag in soup.select(f"{within} [data-figure]")}


class Pages:
    """Everything that shows a figure of one campaign, which is the only one of its team."""

    def __init__(self, client, campaign):
        self.client, self.campaign = client, campaign

    def get(self, name, app="campaigns", **query):
        url = reverse(f"{app}:{name}", args=(self.campaign.team.slug, self.campaign.uuid))
        return self.client.get(url, query)

    def of_team(self, name, app="campaigns"):
        url = reverse(f"{app}:{name}", args=(self.campaign.team.slug,))
        return factories.soup(self.client.get(url))

    def check(self):
        """Compare all of them. Return the figures."""
        self.campaign.refresh_from_db()
        progress = load_progress(self.campaign)
        truth = {name: getattr(progress, name) for name in PARTITION}
        known = {name: number or 0 for name, number in truth.items()}
        assert sum(known.values()) == progress.total == self.campaign.recipient_count
        delivered, read = progress.receipts.delivered or 0, progress.receipts.read or 0
        assert read <= delivered <= known["accepted"]
        figures = known | {"delivered": delivered, "read": read}

        for page in ("campaign_detail", "campaign_progress"):
            soup = factories.soup(self.get(page))
            shown = figures_in(soup, ".stats")
            assert {n: shown.get(n) or 0 for n in figures} == figures, page
            batch_rows = {row["id"]: row for row in soup.select(".batches-table tbody tr")}
        self.check_jobs(progress, batch_rows)
        soup = factories.soup(self.get("campaign_results", app="reports"))
        shown = figures_in(soup, "main")
        replied = shown.pop("replied") or 0
        assert {n: shown.get(n) or 0 for n in figures} == figures, "results"
        assert replied <= known["accepted"]
        self.check_people(progress, figures)
        self.check_team(progress, known)
        command = Command()
        command.result = {}
        command.record(self.campaign)
        assert {name: command.result[name] for name in PARTITION} == truth, "command"
        return figures | {"replied": replied}

    def check_jobs(self, progress, batch_rows):
        of_batch = {batch.number: batch for batch in progress.batches}
        for row in self.of_team("job_list").select("main tbody tr"):
            batch = of_batch[int(re.search(r"Batch (\d+)", row.get_text())[1])]
            for label in ("Accepted", "Failed"):
                cell = f'td[data-label="{label}"]'
                shown = number_in(row.select_one(cell))
                assert shown == getattr(batch, label.lower()), label
                assert shown == number_in(batch_rows[f"row-{batch.uuid}"].select_one(cell))

    def check_people(self, progress, figures):
        if self.campaign.engine == Campaign.Engine.GROUP:
            return
        soup = factories.soup(self.get("campaign_recipients"))
        shown = figures_in(soup, "main")
        assert {n: shown.get(n) or 0 for n in PARTITION} == {n: figures[n] for n in PARTITION}
        # Where ChumiAI counts without naming anyone, the rows say that they don't know.
        listed = {name: self.listed(name) for name in (*SHOWN, "unnamed")}
        by_counter = progress.failed_unnamed + progress.skipped_unnamed + progress.unreported
        if not by_counter:
            assert listed == {name: figures[name] for name in SHOWN} | {"unnamed": 0}
        else:
            for name in ("delivered", "read", "unconfirmed", "remaining"):
                assert listed[name] == figures[name], name
            assert listed["failed"] == figures["failed"] - progress.failed_unnamed
            assert listed["skipped"] == figures["skipped"] - progress.skipped_unnamed
            assert listed["accepted"] + listed["unnamed"] == figures["accepted"] + by_counter
        counted = Counter(STATUS[row[2]] for row in self.export())
        for name in ("accepted", "failed", "unconfirmed", "remaining", "skipped", "unnamed"):
            assert counted[name] == listed[name] == len(self.export(show=name)), name

    def listed(self, show):
        return len(factories.soup(self.get("campaign_recipients", show=show)).select("tbody tr"))

    def export(self, **query):
        answer = self.get("campaign_recipients_export", **query)
        text = b"".join(answer.streaming_content).decode("utf-8-sig")
        return list(csv.reader(io.StringIO(text)))[1:]

    def check_team(self, progress, known):
        home = self.of_team("home", app="reports")
        shown = figures_in(home, ".figures")
        assert shown == {"accepted": known["accepted"], "failed": known["failed"]}, "home"
        if self.campaign.is_live:
            shown = figures_in(home, "#home-live")
            assert {n: v or 0 for n, v in shown.items()} == {
                "accepted": known["accepted"],
                "failed": known["failed"],
            }
        row = self.of_team("campaign_list").select_one("tbody tr td[data-label=Progress]")
        count, total = (int(text) for text in re.findall(r"\d+", row.get_text()))
        assert (count, total) == (progress.processed, progress.total), "list"


@pytest.fixture
def client(login, marketer):
    return login(marketer)


@pytest.fixture
def team(connected, sandbox):
    sandbox.post("options", message_ids=True)
    connected.batch_size = 10
    connected.pause_at_failures = 100
    connected.save()
    ReceiptSource.objects.create(
        team=connected, **dict.fromkeys(("delivered_since", "read_since"), timezone.now())
    )
    return connected


def launched(team, count, *, failing=(), engine="batches"):
    rows = factories.people(count)
    for position, digits in failing:
        rows[position][0] = rows[position][0][:-3] + digits
    campaign = factories.make_ready_campaign(team, rows=rows)
    return factories.launch(campaign, engine=engine)


def report(campaign, *words, positions, code=131049):
    """Let WhatsApp report statuses of the messages to the people at these positions."""
    for person in campaign.recipients.filter(position__in=positions):
        assert person.remote_id
        receipts.record_statuses(campaign.team, updates_of(person.remote_id, *words, code=code))


def let_retry(campaign):
    Recipient.objects.filter(campaign=campaign, status="failed").update(
        settled_at=timezone.now() - timedelta(days=2)
    )


def end_searches():
    Batch.objects.filter(status="unconfirmed").update(
        claimed_at=timezone.now() - timedelta(minutes=20), searches=9
    )
    factories.let_time_pass()
    factories.drain("send_batches")


def test_a_campaign_in_batches(team, sandbox, client, marketer):
    sandbox.post("speed", speed=0)
    campaign = launched(team, 34, failing=[(2, "026"), (3, "049"), (13, "049")])
    pages = Pages(client, campaign)
    assert pages.check()["remaining"] == 34
    factories.drain("send_batches")
    begun = pages.check()
    sizes = [batch.size for batch in campaign.batches.order_by("number")]
    assert begun["accepted"] == sum(sizes[:2]) and begun["failed"] == 0
    # A person pauses: what is with ChumiAI still goes out.
    launches.pause(campaign, by=marketer)
    pages.check()
    # The first two jobs end, with failures by name.
    sandbox.post("speed", speed=1000)
    factories.let_time_pass()
    factories.drain()
    ended = pages.check()
    assert ended["failed"] == 3
    report(campaign, "delivered", positions=range(4, 9))
    report(campaign, "delivered", "read", positions=(4, 5))
    assert (pages.check()["delivered"], pages.check()["read"]) == (5, 2)
    # Late failures, and one that was delivered after all.
    report(campaign, "failed", positions=(9, 10, 12))
    assert pages.check()["failed"] == 6
    report(campaign, "delivered", positions=(12,))
    late = pages.check()
    assert (late["failed"], late["delivered"]) == (5, 6)
    # The third batch gets no clear answer; the fourth names a job that is never shown.
    sandbox.fault("500", path=BULK)
    launches.resume(campaign, by=marketer)
    factories.drain("send_batches")
    third = campaign.batches.get(number=3)
    assert pages.check()["unconfirmed"] == third.size
    end_searches()
    batches.decide(third, Decision.COUNT_AS_SENT, by=marketer)
    sandbox.fault("made_up_id", path=BULK)
    counted = pages.check()
    assert (counted["unconfirmed"], counted["failed"]) == (0, 5)
    factories.drain("send_batches")
    pages.check()
    BulkJob.objects.filter(asked_at=None).update(
        first_seen_at=timezone.now() - jobs.SHOWN_WITHIN * 2
    )
    factories.let_time_pass()
    factories.drain("poll_jobs")
    fourth = campaign.batches.get(number=4)
    assert pages.check()["unconfirmed"] == fourth.size
    end_searches()
    batches.decide(fourth, Decision.SKIP, by=marketer)
    assert pages.check()["skipped"] == fourth.size
    factories.finish(campaign)
    over = pages.check()
    assert over["remaining"] == 0
    # Some failed messages are tried again, one by one.
    let_retry(campaign)
    tried = retries.retry(campaign, 131049, by=marketer)
    again = pages.check()
    assert (again["remaining"], again["failed"]) == (tried, over["failed"] - tried)
    factories.finish(campaign)
    pages.check()
    answer = {"inbound": True, "at": timezone.now() + timedelta(minutes=1)}
    replying = campaign.recipients.get(position=4)
    record_messages(
        team, [Message(remote_id="in.1", phone=replying.phone[1:], text="Yes", **answer)]
    )
    assert pages.check()["replied"] == 1


def test_counters_without_names(team, sandbox, client):
    sandbox.post("options", message_ids=False, row_errors=False)
    campaign = launched(team, 14, failing=[(2, "026"), (3, "049")])
    pages = Pages(client, campaign)
    factories.finish(campaign)
    assert pages.check()["failed"] == 2
    # One of them is named by WhatsApp later: it is no third failure.
    Recipient.objects.filter(campaign=campaign, position=2).update(remote_id="wamid.two")
    report(campaign, "failed", positions=(2,))
    assert pages.check()["failed"] == 2
    Recipient.objects.filter(campaign=campaign, position=5).update(remote_id="wamid.five")
    report(campaign, "read", positions=(5,))
    assert pages.check()["read"] == 1


def test_one_by_one(team, sandbox, client, marketer):
    campaign = launched(team, 12, engine="singly", failing=[(2, "026"), (3, "049"), (4, "504")])
    pages = Pages(client, campaign)
    pages.check()
    sandbox.fault("500", path=".*/send", times=1)
    factories.finish(campaign)
    sent = pages.check()
    assert sent["unconfirmed"] >= 1 and sent["remaining"] == 0
    report(campaign, "delivered", positions=(7, 8))
    report(campaign, "failed", positions=(9,))
    assert pages.check()["failed"] == sent["failed"] + 1
    Attempt.objects.filter(outcome="unconfirmed").update(
        started_at=timezone.now() - timedelta(hours=1)
    )
    singles.decide(campaign, Decision.COUNT_AS_SENT, people=sent["unconfirmed"], by=marketer)
    assert pages.check()["unconfirmed"] == 0
    let_retry(campaign)
    retries.retry(campaign, 131049, by=marketer)
    pages.check()
    launches.pause(campaign, by=marketer)
    pages.check()
    launches.stop(campaign, by=marketer)
    assert pages.check()["remaining"] == 0


def test_a_group_sent_by_chumiai(team, sandbox, client):
    group = factories.make_group(team, sandbox, factories.members(7))
    campaign = factories.make_group_campaign(team, group, way="endpoint")
    factories.launch(campaign, engine="group")
    pages = Pages(client, campaign)
    assert pages.check()["remaining"] == 7
    factories.finish(campaign)
    assert pages.check()["accepted"] == 7


@pytest.mark.parametrize("state", ["running", "completed", "failed", "not_listed"])
@pytest.mark.parametrize(
    "said",
    [
        {"processed": 6, "accepted": 5, "failed": 1},
        {"processed": 6, "accepted": 0, "failed": 0},
        {"processed": 14, "accepted": 9, "failed": 3, "skipped": 2},
        {"processed": 0, "counters_wrong": True},
    ],
)
def test_whatever_the_counters_say(team, sandbox, client, drain, state, said):
    sandbox.post("options", message_ids=False)
    campaign = launched(team, 9)
    drain("send_batches")
    stopped = {"stopped_polling_at": timezone.now(), "stopped_polling_because": "not_listed"}
    fields = stopped if state == "not_listed" else {"state": state}
    BulkJob.objects.update(asked_at=timezone.now(), **said, **fields)
    Recipient.objects.filter(position__in=(1, 2)).update(remote_id="wamid.1", status="accepted")
    Recipient.objects.filter(position=2).update(remote_id="wamid.2", delivery_status=4)
    Recipient.objects.filter(position=3).update(status="failed", failure_code=131049)
    Pages(client, campaign).check()
