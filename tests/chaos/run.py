"""One run: campaigns go out while their workers are killed; then the ledger is checked."""

import json
import random
import signal
import time
from collections import Counter
from dataclasses import dataclass, field

from django.utils import timezone

from campaigns.models import Campaign, GroupChoice, Recipient
from core.errors import Refused
from message_templates import services as templates
from sending.models import Attempt, Batch
from sending.services import batches, launches, singles, template_guard
from sending.services.batches import Decision
from tests.chaos.copies import Past
from tests.chaos.ledger_check import check_ledger, check_texts, problems_in_words
from tests.chaos.store import Store
from tests.chaos.web import Web
from tests.factories import (
    connect,
    drain,
    launch,
    let_time_pass,
    make_checked_campaign,
    make_group,
    make_group_campaign,
    make_team,
    members,
    people,
)
from tests.kill_points import STEPS
from tests.webhooks.conftest import status, statuses
from webhooks import services
from webhooks.models import Webhook

# Short waits, so that a campaign ends within seconds. A person may not decide before a
# request has certainly ended, however busy the machine is.
SETTINGS = {
    "CHUMIAI_SEND_SECONDS": 1.0,
    "CHUMIAI_READ_SECONDS": 1.0,
    "TASK_LEASE_SECONDS": 1.0,
    "RECONCILE_SECONDS": 3.0,
}
TEAMS, WORKERS = 12, 5
# A worker frozen at one of these steps wakes up soon; `_strike` says why.
SHORT_STEPS = ("claim written", "gate passed")
LONGEST_LIFE, LONGEST_CAMPAIGN = 6.0, 300.0

SEND = "/api/v1/whatsapp/(bulk-import-messages|send-template|send-template-to-group)$"
LIST = "/api/v1/whatsapp/bulk-jobs$"
POLL = "/api/v1/whatsapp/bulk-jobs/"
SEND_FAULTS = (
    *(("429", {}), ("429", {"retry_after": 2}), ("500", {}), ("503", {}), ("502html", {})),
    *(("half_json", {}), ("half_body", {}), ("wrong_types", {}), ("empty_body", {})),
    *(("reset_before", {}), ("reset_after", {}), ("redirect", {}), ("200_no_id", {})),
    *(("accepted_then_500", {}), ("accepted_then_500", {}), ("200_success_false", {})),
    *(("slow_drip", {"seconds": 0.4}), ("slow_drip", {"seconds": 3})),
    *(("hang", {"seconds": 0.3}), ("hang", {"seconds": 2})),
    *(("accepted_then_hang", {"seconds": 0.3}), ("accepted_then_hang", {"seconds": 2})),
    *(("401", {}), ("403", {}), ("404", {})),
)
READ_FAULTS = (
    *(("429", {}), ("429", {"retry_after": 2}), ("500", {}), ("502html", {}), ("half_json", {})),
    *(("wrong_types", {}), ("empty_body", {}), ("200_no_id", {}), ("redirect", {})),
    *(("reset_before", {}), ("reset_after", {}), ("hang", {"seconds": 0.3})),
    *(("slow_drip", {"seconds": 0.4}), ("401", {})),
)


@dataclass
class Sent:
    """A campaign on its way, and what a person has done about it."""

    campaign: Campaign
    intended: dict
    started: float
    stop_at: float | None
    decided: dict = field(default_factory=dict)
    # The texts that were checked, or seen and accepted later.
    texts: set = field(default_factory=set)


class Chaos:
    """A run of `kills` kills. `say` prints a line for a person.

    With a `stack`, people launch in web processes and webhooks arrive there; these are killed too.
    With `copies`, the database is now and then put back to how it was some seconds ago.
    """

    def __init__(
        self, *, sandbox, worker_pool, engines, kills, seed, stack=None, copies=False, say=print
    ):
        self.sandbox, self.worker_pool, self.engines, self.kills = (
            sandbox,
            worker_pool,
            engines,
            kills,
        )
        self.chance = random.Random(seed)
        self.say = say
        self.workers, self.frozen = {}, set()
        self.running, self.problems = [], []
        self.count = Counter()
        self.web = Web(stack, self.chance, self.count) if stack else None
        self.past = Past(self) if copies else None
        # When our row had the text of a team's template, {(slug, text): time}.
        self.known_at = {}
        self.store = Store(self.chance, self.count)
        self.next_person = 1
        self.name = f"chaos{seed}"
        # Whether ChumiAI repeats file names in its job list is not documented.
        self.echoes = self.chance.random() < 0.6

    def run(self):
        """Kill until `kills` is reached and every campaign has ended. Return the problems."""
        begun = time.monotonic()
        self.sandbox.post("options", echo_file_name=self.echoes)
        while self.running or self.is_on:
            self.tend_workers()
            if self.is_on and len(self.running) < TEAMS:
                self._begin()
            turn_ends = time.monotonic() + 0.3
            for sent in list(self.running):
                sent.campaign.refresh_from_db()
                self.act_as_a_person(sent)
                self._watch(sent)
                self.tend_workers()
            let_time_pass()
            if self.web:
                self.web.tend()
            if self.past:
                self.past.tend()
            self.store.tend()
            while time.monotonic() < turn_ends:
                self.tend_workers()
                time.sleep(0.02)
        for pid in self.workers:
            self.worker_pool.signal(pid, signal.SIGKILL)
        self.count["seconds"] = round(time.monotonic() - begun)
        return self.problems

    @property
    def is_on(self):
        return self.count["kills"] < self.kills and not self.problems

    # Workers

    def tend_workers(self, *, strikes=True):
        """See who died, and start others in their place."""
        self._reap_workers()
        while len(self.workers) < WORKERS:
            strike = self._strike() if strikes and self.is_on else None
            pid = self.worker_pool.fork(
                "forever",
                strike=strike,
                names=["send_batches", "poll_jobs", "process_webhooks"],
                seed=self.chance.random(),
            )
            self.workers[pid] = strike, time.monotonic() + (0 if strike else 10_000)

    def stop_processes(self):
        """Kill all workers and the web server."""
        for pid, (_, born) in self.workers.items():
            self.workers[pid] = None, born
            self.worker_pool.signal(pid, signal.SIGKILL)
        while self.workers:
            self._reap_workers()
            time.sleep(0.01)
        if self.web:
            self.web.stop()

    def start_processes(self):
        if self.web:
            self.web.start()

    def _reap_workers(self):
        ended, frozen = self.worker_pool.reap()
        now = time.monotonic()
        for pid, code in ended:
            strike, _ = self.workers.pop(pid)
            self.frozen.discard(pid)
            if code == -signal.SIGKILL:
                self.count["kills" if strike else "retired"] += 1
            else:
                self.problems.append(f"a worker ended with {code}")
        for pid in frozen:
            if pid not in self.frozen:
                self.frozen.add(pid)
                self.count["freezes"] += 1
                # It wakes up by itself and is not struck again.
                self.workers[pid] = None, now
        for pid, (_, born) in list(self.workers.items()):
            if now > born + LONGEST_LIFE:
                # Its step never came.
                self.workers[pid] = None, born
                self.worker_pool.signal(pid, signal.SIGKILL)

    def _strike(self):
        kind = self.chance.choices(("statement", "step", "moment"), (4, 4, 2))[0]
        freezes = self.chance.random() < 0.15
        strike = {"number": int(signal.SIGSTOP if freezes else signal.SIGKILL)}
        if freezes:
            # It may strike inside a transaction, which blocks every worker, or between the gate
            # and the last byte: then it must wake up before a person decides.
            strike["seconds"] = self.chance.uniform(0.1, 0.8 if kind == "moment" else 5)
        if kind == "statement":
            # Most statements of a submission are among its first seventy.
            return strike | {"statement": self.chance.randint(1, 70)}
        if kind == "step":
            steps = [step for step in STEPS if not freezes or step not in SHORT_STEPS]
            return strike | {
                "step": self.chance.choice(steps),
                "nth": self.chance.choice((1, 1, 2)),
            }
        return strike | {
            "moment": self.chance.uniform(0.001, 0.12),
            "nth": self.chance.randint(1, 4),
        }

    # Campaigns, and what ChumiAI does to them

    def _begin(self):
        number = self.count["campaigns"] = self.count["campaigns"] + 1
        team = make_team(
            f"{self.name}-{number}",
            batch_size=self.chance.randint(3, 8),
            messages_per_second=200,
            parallel_sends=self.chance.randint(1, 6),
        )
        connect(team, self.sandbox)
        services.renew_address(team, by=None)
        # An earlier delivery status: from now on a missing status means something.
        self._report(team, [{"to": "233240000000", "message_id": f"wamid.{team.slug}"}])
        engine = self.engines[number % len(self.engines)]
        # Now and then two campaigns of one team: they share a key.
        several = 1 if engine == "group" else self.chance.choice((1, 1, 1, 2))
        for _ in range(several):
            campaign, intended = self._make(team, engine)
            for _ in range(self.chance.randint(0, 3)):
                self._order_fault(team)
            if self.web and self.chance.random() < 0.3:
                self.web.launch(campaign, engine)
            else:
                launch(campaign, engine=engine)
            now = time.monotonic()
            stop_at = now + self.chance.uniform(0, 4) if self.chance.random() < 0.12 else None
            self.running.append(
                Sent(campaign, intended, now, stop_at, texts={campaign.template.content.body})
            )

    def _make(self, team, engine):
        """Return a campaign that is ready, and {phone: values} of what it is to send."""
        size, start = self.chance.randint(3, 22), self.next_person
        self.next_person += size
        if engine == "group":
            everyone = members(size, start=start)
            group = make_group(team, self.sandbox, everyone)
            campaign = make_group_campaign(team, group, way=GroupChoice.Way.ENDPOINT)
            values = ["Text 1", "Text 2"]
            return campaign, {member["phone"]: values for member in everyone}
        rows = people(size, start=start)[1:]
        return make_checked_campaign(team, rows), {phone: values for phone, *values in rows}

    def _start_a_foreign_job(self, team):
        """Start a job with the same template outside this app, at the worst moment.

        Where ChumiAI repeats no file names, only the size distinguishes it from a lost batch.
        """
        total = self.chance.randint(1, 8) if self.echoes else 500
        self.sandbox.post("jobs", account=team.slug, template="welcome_message", total=total)
        self.count["foreign jobs"] += 1

    def _change_template(self, team):
        """Give the template another text, and sync it."""
        number = self.count["changed templates"] = self.count["changed templates"] + 1
        text = f"Use {{{{1}}}} today, dear {{{{2}}}}. ({number})"
        body = {"type": "BODY", "text": text}
        template = {"name": "welcome_message", "language": "en_US", "category": "MARKETING"}
        self.sandbox.post(
            "templates", account=team.slug, status="APPROVED", components=[body], **template
        )
        templates.request_sync(team)
        drain("sync_templates")
        # From here on, no claim may send it unless a person has accepted it.
        self.known_at[team.slug, text] = timezone.now()

    def _order_fault(self, team):
        path, method, kinds = self.chance.choices(
            ((SEND, "POST", SEND_FAULTS), (LIST, "GET", READ_FAULTS), (POLL, "GET", READ_FAULTS)),
            (6, 3, 1),
        )[0]
        kind, params = self.chance.choice(kinds)
        order = {"kind": kind, "path": path, "method": method, "params": params}
        after = self.chance.randint(0, 3)
        self.sandbox.post("faults", account=team.slug, times=1, after=after, **order)
        self.count["faults"] += 1

    def _report_statuses(self, sent):
        """Report delivery statuses of some messages: late, twice, in any order, or never."""
        mine = [
            line
            for line in self.sandbox.ledger(sent.campaign.team.slug)
            if line["to"] in sent.intended
        ]
        if mine:
            self._report(sent.campaign.team, self.chance.choices(mine, k=3))

    def _report(self, team, lines):
        word = self.chance.choice(("sent", "delivered", "read"))
        now = round(time.time())
        updates = [
            status(line["message_id"], word, at=now) | {"recipient_id": line["to"]}
            for line in lines
        ]
        webhook = Webhook.objects.get(team=team)
        if self.web:
            self.web.deliver(webhook.secret(), statuses(*updates))
        else:
            services.receive(webhook, json.dumps(statuses(*updates)).encode(), {})
        self.count["delivery statuses"] += len(updates)

    # The person

    def act_as_a_person(self, sent):
        campaign = sent.campaign
        if self.chance.random() < 0.3:
            self._report_statuses(sent)
        if self.is_on and self.chance.random() < 0.02:
            self._order_fault(campaign.team)
        if self.is_on and self.chance.random() < 0.02:
            self._start_a_foreign_job(campaign.team)
        if self.is_on and self.chance.random() < 0.01:
            self._change_template(campaign.team)
        if self.is_on and self.chance.random() < 0.05:
            self.problems += self._named(sent, problems_in_words(campaign))
        try:
            if sent.stop_at and time.monotonic() > sent.stop_at and not campaign.is_terminal:
                sent.stop_at = None
                launches.stop(campaign, by=None)
                self.count["stops"] += 1
            for batch in campaign.batches.filter(
                status=Batch.Status.UNCONFIRMED, search_ended_at__isnull=False
            ):
                self._decide_batch(sent, batch)
            if singles.undecided([campaign]).exists():
                self._decide_people(sent)
            if (
                campaign.status == Campaign.Status.PAUSED
                and not campaign.batches.filter(status=Batch.Status.UNCONFIRMED).exists()
            ):
                self._resume(sent)
        except Refused:
            # Another decision came first, or it has ended: a person reads that and reloads.
            self.count["refusals"] += 1

    def _resume(self, sent):
        """Resume, after a look at the template if it has changed; or stop because it has."""
        campaign = sent.campaign
        template = template_guard.template_now(campaign)
        changed = template.content_hash != campaign.template_hash
        if changed and self.chance.random() < 0.3:
            launches.stop(campaign, by=None)
            self.count["stops"] += 1
            return
        launches.resume(campaign, template_hash=template.content_hash if changed else "")
        sent.texts.add(template.content.body)
        self.count["changes accepted"] += changed
        self.count["resumes"] += 1

    def _decide_batch(self, sent, batch):
        """Decide about a batch that was most likely not sent, or whose job is ambiguous."""
        phones = [p.lstrip("+") for p in _phones(Recipient.objects.of_batch(batch))]
        # The people of a group that ChumiAI sends to are no recipients.
        phones = phones or list(sent.intended)
        arrived = set(phones) & self._arrived(sent)
        if arrived and not batch.candidates:
            # A person who checked a phone would not send it again.
            self.problems += self._named(
                sent, [f"batch {batch.number} arrived, and was not found"]
            )
        choices = Decision.values
        if sent.campaign.is_terminal or arrived:
            choices.remove(Decision.SEND_AGAIN)
        decision = self.chance.choice(choices)
        batches.decide(batch, decision, by=None)
        self.count[decision] += 1
        for phone in phones:
            sent.decided[phone] = decision

    def _decide_people(self, sent):
        """Decide about unconfirmed recipients: the person asks them, then decides."""
        seen = {phone.lstrip("+") for phone in _phones(singles.undecided([sent.campaign]))}
        arrived = seen & self._arrived(sent)
        choices = Decision.values
        if arrived or sent.campaign.status == Campaign.Status.STOPPED:
            choices.remove(Decision.SEND_AGAIN)
        decision = self.chance.choice(choices)
        self.count[f"{decision}, people"] += singles.decide(
            sent.campaign, decision, people=len(seen), by=None
        )
        # A delivery status may have settled one of them just before.
        ended = sent.campaign.attempts.filter(outcome=Attempt.Outcome.DECIDED)
        decided = {phone.lstrip("+") for phone in ended.values_list("recipient__phone", flat=True)}
        sent.decided |= dict.fromkeys(seen & decided, decision)

    def _arrived(self, sent):
        lines = self.sandbox.ledger(sent.campaign.team.slug)
        return {line["to"] for line in lines}

    # The end

    def _watch(self, sent):
        campaign = sent.campaign
        lost = time.monotonic() > sent.started + LONGEST_CAMPAIGN
        if not lost and not _has_ended(campaign):
            return
        self.running.remove(sent)
        lines = self.sandbox.ledger(campaign.team.slug)
        found = list(check_ledger(campaign, lines, sent.intended, decided=sent.decided))
        found += check_texts(campaign, lines, sent.intended, sent.texts, self.known_at)
        if lost:
            found.insert(0, f"it has not ended after {LONGEST_CAMPAIGN:.0f} s")
        self.count["people"] += len(sent.intended)
        self.count["messages"] += sum(line["to"] in sent.intended for line in lines)
        self.count["unclear"] += campaign.attempts.filter(error__contains="worker stopped").count()
        by_status = campaign.attempts.filter(outcome=Attempt.Outcome.ACCEPTED, request_id="")
        self.count["settled by statuses"] += by_status.exclude(error="").count()
        self.problems += self._named(sent, found)

    def _named(self, sent, sentences):
        """Prefix each sentence with the campaign, and print all that is known of it, once."""
        sentences = [f"{sent.campaign.team.slug}: {sentence}" for sentence in sentences]
        if sentences:
            self.say("\n".join(sentences))
            self.say(_everything_about(sent, self.sandbox.ledger(sent.campaign.team.slug)))
        return sentences


def _phones(people):
    return people.values_list("phone", flat=True)


def _has_ended(campaign):
    """Return True if nothing of the campaign moves any more."""
    return (
        campaign.is_terminal
        # A recipient that went back to pending at the last moment is still to be sent.
        and not (
            campaign.status == Campaign.Status.COMPLETED
            and campaign.recipients.filter(status=Recipient.Status.PENDING).exists()
        )
        and not campaign.attempts.filter(outcome__in=Attempt.LIVE).exists()
        and not campaign.batches.open().exists()
    )


def _everything_about(sent, lines):
    """Return rows and ledger of the campaign, to find out why."""
    campaign = sent.campaign
    facts = {
        "campaign": Campaign.objects.filter(pk=campaign.pk).values(),
        "batches": campaign.batches.values(),
        "attempts": campaign.attempts.order_by("pk").values(),
        "jobs": campaign.team.bulk_jobs.values(),
        "recipients": campaign.recipients.values_list(
            "position", "phone", "status", "skip_reason", "reason"
        ),
        "ledger": [line for line in lines if line["to"] in sent.intended],
        "decided": sent.decided,
    }
    return "\n".join(
        f"{name}:\n"
        + "\n".join(
            f"  {json.dumps(row, default=str)}"
            for row in (value.items() if isinstance(value, dict) else value)
        )
        for name, value in facts.items()
    )
