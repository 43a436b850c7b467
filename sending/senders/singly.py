"""The engine that sends each message itself: claimed, paced, and a few at a time.

One thread speaks to the database: it claims people in small groups, answers the question that
each request asks before its last byte, and records the outcomes. The others speak HTTP, each
over a line that it keeps.
"""

import logging
import queue
import threading
import time
from collections import deque
from dataclasses import dataclass, field

from campaigns.models import Campaign
from chumi_api.errors import ChumiError, Unavailable
from core import phones
from sending.models import Attempt
from sending.senders.errors import TRY_AGAIN, is_switched_off, not_now, passes
from sending.services import launches, singles
from teams.retry_policy import wait_after
from teams.services import NotConnected, client_for, record_problem

logger = logging.getLogger(__name__)

# A step ends after so many seconds, so that other campaigns have their turn and a worker that
# is told to stop does so soon.
SLICE = 5.0
# An answer that is still out so long after the end of a step is slow.
SLOW = 1.0
# A line that was idle for longer is opened anew: the other side may have hung up.
LONGEST_IDLE = 4.0
# A question that nobody answers for so many seconds is a no.
LONGEST_QUESTION = 30.0
# Seconds by which the pace may catch up on what a busy machine made it miss.
CATCH_UP = 0.25
# After a 429 the pace falls to half; then it climbs by so much with each second.
SLOWEST, CLIMB = 0.1, 0.02


class Pace:
    """When the next message may leave. Times in seconds of the monotonic clock."""

    def __init__(self):
        self.next_at = 0.0
        self.share = 1.0
        self.climbed_at = 0.0

    def wait(self, now):
        """Return the seconds until the next message may leave."""
        return max(self.next_at - now, 0)

    def take(self, now, per_second):
        """Let one message leave now."""
        self.share = min(self.share * (1 + CLIMB) ** (now - (self.climbed_at or now)), 1.0)
        self.climbed_at = now
        # What was missed by more than a hiccup is not made up for by a burst.
        due = self.next_at if now - self.next_at < CATCH_UP else now
        self.next_at = due + 1 / (per_second * self.share)

    def slow_down(self, now, seconds):
        """ChumiAI asked for less: leave it alone for some seconds, then go on at half the pace."""
        self.share = max(self.share / 2, SLOWEST)
        self.climbed_at = now + seconds
        self.next_at = now + seconds


# By team. A worker that takes a team over begins at the pace that the team set.
_paces = {}


@dataclass(slots=True)
class Send:
    """One message on its way: what it asks, and what came back."""

    attempt: Attempt
    outcome: object = None
    answer: queue.SimpleQueue = field(default_factory=queue.SimpleQueue)


def step(campaign):
    """Write to people for a few seconds. Return the seconds until the next step, or None."""
    if not singles.has_work(campaign):
        return None
    if is_switched_off(campaign):
        return TRY_AGAIN
    try:
        client = client_for(campaign.team)
    except NotConnected as error:
        launches.pause(campaign, reason=Campaign.Pause.NOT_CONNECTED, note=str(error))
        return 0
    pace = _paces.setdefault(campaign.team_id, Pace())
    wait = pace.wait(time.monotonic())
    if wait > SLICE:
        return wait
    return SendingSlice(campaign, client, pace).run()


class SendingSlice:
    """Some seconds of sending one campaign."""

    def __init__(self, campaign, client, pace):
        self.campaign, self.client, self.pace = campaign, client, pace
        self.ends_at = time.monotonic() + SLICE
        self.claimed = deque()
        self.in_flight = 0
        # Errands to run; and (send, whether it is done or only asks) from those who run them.
        self.outbox, self.inbox = queue.SimpleQueue(), queue.SimpleQueue()
        # What makes us stop before the time, and what to do about it.
        self.trouble = None
        self.exhausted = self.halted = self.works = False

    def run(self):
        team = self.campaign.team
        lines = [
            threading.Thread(target=self._send_all, daemon=True)
            for _ in range(team.parallel_sends)
        ]
        for line in lines:
            line.start()
        try:
            while self._goes_on() or self.in_flight:
                self._start_some()
                if self.in_flight or self._goes_on():
                    self._listen()
                if time.monotonic() > self.ends_at + SLOW:
                    # A slow answer is no reason for everybody else to wait.
                    self.ends_at += SLICE
        finally:
            for _ in lines:
                self.outbox.put(None)
            singles.give_back(self.campaign, [send.attempt for send in self.claimed])
        if self.trouble:
            return not_now(self.campaign, self.trouble)
        if self.halted or not self.exhausted:
            return 0
        # Somebody else's claims are not ours to wait for here: their end is seen to.
        return TRY_AGAIN if singles.has_work(self.campaign) else None

    def _goes_on(self):
        return not (
            self.halted or self.trouble or self.exhausted or time.monotonic() >= self.ends_at
        )

    def _start_some(self):
        """Begin as many requests as pace and lines allow."""
        team = self.campaign.team
        while self._goes_on() and self.in_flight < team.parallel_sends:
            now = time.monotonic()
            if self.pace.wait(now):
                return
            if not self.claimed:
                self._claim()
                continue
            self.pace.take(now, team.messages_per_second)
            self.in_flight += 1
            self.outbox.put(self.claimed.popleft())

    def _claim(self):
        """Claim the next few: no more than go out at once, so that little is ever in doubt."""
        team = self.campaign.team
        attempts = singles.claim(
            self.campaign, min(team.parallel_sends, max(int(team.messages_per_second), 1))
        )
        self.claimed.extend(Send(attempt) for attempt in attempts)
        self.exhausted = not attempts

    def _listen(self):
        """Wait for what the lines have to say: questions are answered, outcomes are recorded."""
        until = self.pace.wait(time.monotonic()) if self._may_start() else 1.0
        try:
            said = [self.inbox.get(timeout=max(until, 0.001))]
        except queue.Empty:
            return
        while not self.inbox.empty():
            said.append(self.inbox.get())
        self._answer([send for send, is_done in said if not is_done])
        self._record([send for send, is_done in said if is_done])

    def _may_start(self):
        return self._goes_on() and self.in_flight < self.campaign.team.parallel_sends

    def _answer(self, asking):
        if not asking:
            return
        wanted = singles.may_finish(self.campaign, [send.attempt for send in asking])
        for send in asking:
            yes = send.attempt.pk in wanted
            # Paused, stopped or opted out: in each case look again before anybody else leaves.
            self.halted |= not yes
            send.answer.put(yes)

    def _record(self, done):
        if not done:
            return
        self.in_flight -= len(done)
        singles.record(self.campaign, [(send.attempt, send.outcome) for send in done])
        accepted = 0
        for send in done:
            error = send.outcome
            if not isinstance(error, ChumiError):
                accepted += 1
                continue
            logger.warning(
                "message not accepted",
                extra={
                    "attempt": send.attempt.pk,
                    "error": type(error).__name__,
                    "status": error.status,
                },
            )
            if error.maybe_sent or singles.concerns_person(error):
                continue
            self.remember_error(error)
        if accepted < len(done):
            self.halted |= singles.pause_if_unwell(self.campaign)
        if accepted and not self.works:
            # Once a step: whatever was a problem before it is none any more.
            self.works = True
            record_problem(self.campaign.team, "")
            launches.record_wait(self.campaign, "")

    def remember_error(self, error):
        """Remember what keeps everybody from being sent; what a person has to mend counts most."""
        if not passes(error):
            self.trouble = error
        elif self.trouble is None and not self.halted:
            self.trouble = error
            self.pace.slow_down(time.monotonic(), wait_after(error, default=TRY_AGAIN))

    # In the threads of the lines: HTTP only.

    def _send_all(self):
        line, used_at = self.client.connection(), time.monotonic()
        try:
            while send := self.outbox.get():
                if time.monotonic() - used_at > LONGEST_IDLE:
                    line.close()
                    line = self.client.connection()
                send.outcome = self._send(send, line)
                used_at = time.monotonic()
                self.inbox.put((send, True))
        finally:
            line.close()

    def _send(self, send, line):
        snapshot, person = self.campaign.snapshot, send.attempt.recipient
        media = snapshot.get("media") or {}
        try:
            return self.client.send_template(
                to=phones.wire(person.phone),
                template_name=snapshot["template"],
                language=snapshot["language"],
                values=person.values,
                header_media_id=media.get("media_id") or None,
                header_media_url=media.get("link") or None,
                gate=lambda: self._ask(send),
                connection=line,
            )
        except ChumiError as error:
            return error
        except Exception:
            # A bug of ours must not leave the others waiting for this line for ever.
            logger.exception("message not sent", extra={"attempt": send.attempt.pk})
            return Unavailable("We don't know whether this message was sent.")

    def _ask(self, send):
        """Ask the thread that speaks to the database whether this message is still wanted."""
        self.inbox.put((send, False))
        return send.answer.get(timeout=LONGEST_QUESTION)
