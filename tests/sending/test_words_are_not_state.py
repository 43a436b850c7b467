"""Words are never state: with other words in every sentence, a campaign goes as before."""

import re
import sys
from collections import Counter
from dataclasses import fields, is_dataclass
from datetime import timedelta

import pytest
from django.apps import apps
from django.conf import settings
from django.utils import timezone
from django.utils.functional import Promise

from campaigns.models import Campaign, GroupChoice, Recipient
from campaigns.services import exclusions
from contacts.models import OptOut
from contacts.services import opt_out
from sending import tasks
from sending.models import Attempt, Batch, BulkJob, JobSync
from sending.progress_queries import load_progress
from sending.services import jobs, launches, retries, singles
from sending.services.batches import Decision
from tests.factories import (
    account_of,
    connect,
    drain,
    finish,
    launch,
    let_time_pass,
    make_group,
    make_group_campaign,
    make_ready_campaign,
    make_team,
    make_test_number,
    members,
    people,
    send_test,
)

pytestmark = pytest.mark.django_db

API = "/api/v1/whatsapp/"
ONCE, GONE = "233240001111", "233240001026"
SENTENCE = re.compile(r"[A-Z“].* .*\.", re.DOTALL)
CODE = re.compile(r"\(#\d+\)")
OURS = {path.parent.name for path in settings.BASE_DIR.glob("*/__init__.py")} - {
    "chumi_api",
    "sandbox",
    "tests",
}
# The columns that hold sentences for people.
STORED = {
    Attempt: ["error"],
    Campaign: ["consent"],
    JobSync: ["error"],
    Recipient: ["reason"],
}


def is_sentence(value):
    return isinstance(value, (str, Promise)) and SENTENCE.fullmatch(str(value)) is not None


class Vocabulary:
    """Every sentence and label that the product makes is one text; what it stored is another.

    So no two of them differ, and none is what it was when it was written.
    """

    text = "One sentence for all."

    def __init__(self, stored, patch):
        self.stored, self.patch = stored, patch

    def replace(self):
        """Replace the labels of all choices, the tables of sentences, and what makes some."""
        for model in apps.get_models():
            if model._meta.app_label in OURS:
                self._replace_choices(model)
        for name, module in sorted(sys.modules.items()):
            if name.partition(".")[0] in OURS:
                self._replace_constants(module)
        for name in ("already_in", "frequency_cap_reason"):
            self.patch.setattr(exclusions, name, lambda *args: self.text)
        self.patch.setattr(launches, "consent_sentence", lambda campaign: self.text)

    def _replace_choices(self, model):
        for field in model._meta.concrete_fields:
            if field.choices:
                same = [(value, self.text) for value, _ in field.flatchoices]
                self.patch.setattr(field, "choices", same)

    def _replace_constants(self, module):
        for name, value in list(vars(module).items()):
            if name.startswith("__"):
                continue
            if is_sentence(value):
                self.patch.setattr(module, name, self.text)
            elif isinstance(value, dict):
                self._replace_in_table(value)
            else:
                self._replace_in_row(value)

    def _replace_in_table(self, table):
        for key, value in list(table.items()):
            if is_sentence(value):
                self.patch.setitem(table, key, self.text)
            else:
                self._replace_in_row(value)

    def _replace_in_row(self, row):
        if not is_dataclass(row) or isinstance(row, type):
            return
        for field in fields(row):
            value = getattr(row, field.name)
            if is_sentence(value):
                # Frozen: monkeypatch can't set it, so it is put back by hand.
                object.__setattr__(row, field.name, self.text)
                self.patched.append((row, field.name, value))

    patched = []

    @classmethod
    def put_back(cls):
        while cls.patched:
            row, name, value = cls.patched.pop()
            object.__setattr__(row, name, value)

    def rewrite(self):
        """Write the stored text into every column that holds sentences, filled or not."""
        for model, columns in STORED.items():
            model.objects.update(**dict.fromkeys(columns, self.stored))
        # Its words are ChumiAI's, and a code of WhatsApp's that they quote stays.
        for job in BulkJob.objects.all():
            code = CODE.search(job.error)
            job.error = f"{self.stored} {code[0]}" if code else self.stored
            job.save(update_fields=["error"])


@pytest.fixture
def vocabulary(monkeypatch):
    """Return a function that replaces every sentence, and gives another that rewrites the rows."""

    def replace(stored):
        words = Vocabulary(stored, monkeypatch)
        words.replace()
        return words.rewrite

    yield replace
    Vocabulary.put_back()


def facts(campaign, sandbox):
    """Return everything about the campaign but words."""
    campaign = Campaign.objects.get(pk=campaign.pk)
    team, progress = campaign.team, load_progress(campaign)
    outcomes = campaign.attempts.exclude(outcome=Attempt.Outcome.NOT_SENT)
    counted = (
        "accepted",
        "failed",
        "skipped",
        "unconfirmed",
        "unreported",
        "remaining",
        "processed",
    )
    return {
        "campaign": (campaign.status, campaign.pause_reason, campaign.recipient_count),
        "batches": list(campaign.batches.values_list("number", "status", "skipped")),
        "people": list(
            campaign.recipients.order_by("position").values_list(
                "phone", "status", "failure_code", "retries", "delivery_status"
            )
        ),
        "outcomes": Counter(outcomes.values_list("outcome", flat=True)),
        "jobs": list(
            BulkJob.objects.for_team(team)
            .order_by("pk")
            .values_list("batch__number", "state", "accepted", "failed")
        ),
        "counts": {name: getattr(progress, name) for name in counted},
        "progress": [(b.is_open, b.is_rejected, b.awaits_decision) for b in progress.batches],
        "opt-outs": set(OptOut.objects.for_team(team).phones()),
        "ledger": sorted((m["to"], m["values"]) for m in sandbox.ledger(account_of(team))),
    }


def give_up_the_job(campaign, sandbox):
    """Let the job of the submitted batch fail at ChumiAI."""
    sandbox.post("jobs/last", account=account_of(campaign.team), action="fail")
    sandbox.post("speed", speed=1000)
    finish(campaign)


def let_doubts_grow_old():
    old = timezone.now() - timedelta(hours=1)
    Attempt.objects.filter(outcome="unconfirmed").update(started_at=old)


def play_to_file(team, sandbox, engine, by):
    """Take a campaign to the rows of a file through everything; yield after each step."""
    team.marketing_messages, team.marketing_hours = 1, 24
    team.save()
    sandbox.post("codes", code=131000, phones=[ONCE], account=account_of(team), times=1)
    rows = people(10) + [[ONCE, "Ama", "C"], [GONE, "Esi", "C"]]
    campaign = make_ready_campaign(team, rows=rows)
    first, second, third = campaign.recipients.order_by("position")[:3]
    # A test counts for no limit, a campaign does; and one person opts out.
    finish(send_test(campaign, number=make_test_number(team, phone=first.phone)))
    other = make_ready_campaign(team, rows=[rows[0], rows[2]], name="Another")
    finish(launch(other, engine="singly"))
    assert other.recipients.get().phone == second.phone
    opt_out(team, third.phone)
    yield campaign
    launch(campaign, engine=engine)
    launches.pause(campaign, by=by)
    yield campaign
    launches.resume(campaign, by=by)
    if engine == Campaign.Engine.BATCHES:
        sandbox.post("speed", speed=0)
        sandbox.fault("accepted_then_500", path=f"{API}bulk-import-messages")
        drain("send_batches")
        assert campaign.batches.first().status == Batch.Status.ACCEPTED
        yield campaign
        give_up_the_job(campaign, sandbox)
        assert campaign.pause_reason == Campaign.Pause.REJECTED
        yield campaign
        launches.resume(campaign, by=by)
    else:
        # The last three, so that nothing else is on its way.
        sandbox.fault("500", path=f"{API}send-template$", after=7, times=3)
        finish(campaign)
        assert campaign.status == Campaign.Status.COMPLETED
        yield campaign
        let_doubts_grow_old()
        singles.decide(campaign, Decision.SEND_AGAIN, people=3, by=by)
    finish(campaign)
    yield campaign
    if campaign.recipients.filter(failure_code=131000).exists():
        campaign.recipients.filter(status="failed").update(
            settled_at=timezone.now() - timedelta(minutes=5)
        )
        yield campaign
        assert retries.retry(campaign, 131000, by=by) == 1
        finish(campaign)
    yield campaign


def play_to_group(team, sandbox, engine, by):
    """Take a campaign to a group of ChumiAI's through everything; yield after each step."""
    group = make_group(team, sandbox, members(6))
    campaign = make_group_campaign(team, group, way=GroupChoice.Way.ENDPOINT)
    launch(campaign, engine=engine)
    launches.pause(campaign, by=by)
    yield campaign
    launches.resume(campaign, by=by)
    sandbox.fault("400", path=f"{API}send-template-to-group")
    finish(campaign)
    assert campaign.status == Campaign.Status.COMPLETED
    yield campaign
    retries.retry_batch(campaign.batches.get(), by=by)
    sandbox.post("speed", speed=0)
    sandbox.fault("accepted_then_500", path=f"{API}send-template-to-group")
    drain("send_batches")
    assert campaign.batches.get().status == Batch.Status.ACCEPTED
    yield campaign
    give_up_the_job(campaign, sandbox)
    assert campaign.status == Campaign.Status.COMPLETED
    yield campaign


def made(slug, sandbox):
    settings = {"batch_size": 5, "open_jobs": 1, "parallel_sends": 1, "messages_per_second": 100}
    return connect(make_team(slug, **settings), sandbox)


def trace(team, sandbox, engine, by, rewrite):
    """Return the facts after each step, with all stored sentences rewritten in between."""
    play = play_to_group if engine == Campaign.Engine.GROUP else play_to_file
    steps = []
    for campaign in play(team, sandbox, engine, by):
        rewrite()
        if campaign.launched_at:
            steps.append(facts(campaign, sandbox))
    assert campaign.status == Campaign.Status.COMPLETED
    return steps


@pytest.mark.parametrize("engine", Campaign.Engine.values)
@pytest.mark.parametrize("stored", ["", "Something else."])
def test_with_other_words_nothing_else_changes(engine, stored, sandbox, marketer, vocabulary):
    plain = trace(made("plain", sandbox), sandbox, engine, marketer, lambda: None)
    other = trace(made("other", sandbox), sandbox, engine, marketer, vocabulary(stored))
    assert len(plain) >= 4
    for number, (as_it_is, changed) in enumerate(zip(plain, other, strict=True), start=1):
        for name, value in as_it_is.items():
            assert changed[name] == value, f"step {number}: {name}"


@pytest.mark.parametrize("stored", ["", "Something else."])
def test_a_job_that_was_given_up_is_asked_about_again(sandbox, vocabulary, stored):
    team = made("plain", sandbox)
    sandbox.post("speed", speed=0)
    launch(make_ready_campaign(team))
    drain("send_batches")
    rewrite = vocabulary(stored)
    BulkJob.objects.update(first_seen_at=timezone.now() - timedelta(days=2))
    let_time_pass()
    assert tasks.poll_jobs(team.pk) is None
    rewrite()
    jobs.request_sync(team)
    assert BulkJob.objects.open().get().next_poll_at is not None
