"""The engine that sends each message itself: claimed, paced, and a few at a time.

One thread uses the database: it claims people in small groups, answers the question that each
request asks before its last byte, and records the outcomes. The other threads do HTTP, each
with a connection of its own.
"""

import logging
import queue
import threading
import time
from collections import deque
from dataclasses import dataclass, field

from campaigns.models import Campaign
from chumi_api.client import Client
from chumi_api.errors import ChumiError, Unavailable
from chumi_api.transport import Connection
from chumi_api.types import SendResult
from core import phones
from core.sentences import gettext_noop
from sending import holds
from sending.holds import TRY_AGAIN, Before, Hold
from sending.models import Attempt
from sending.senders import template_reads
from sending.senders.errors import is_temporary, wait_or_pause
from sending.services import launches, singles
from teams.retry_policy import wait_after
from teams.services import NotConnected, client_for, settle

logger = logging.getLogger(__name__)

# Seconds of one step. After it other campaigns have their turn, and a worker can stop.
SLICE = 5.0
# Seconds after the end of a step from which an answer counts as slow.
SLOW = 1.0
# A connection that was idle for longer is opened again: ChumiAI may have closed it.
LONGEST_IDLE = 4.0
# Seconds after which an unanswered question counts as a no.
LONGEST_QUESTION = 30.0
# Seconds that the pace may catch up if the machine was busy.
CATCH_UP = 0.25
# After a 429 the pace falls to half, at least to SLOWEST; then it grows by CLIMB each second.
SLOWEST, CLIMB = 0.1, 0.02


class Pace:
    """When the next message may leave. Times in seconds of the monotonic clock."""

    def __init__(self) -> None:
        self.next_at = 0.0
        self.share = 1.0
        self.climbed_at = 0.0

    def wait(self, now: float) -> float:
        """Return the seconds until the next message may leave."""
        return max(self.next_at - now, 0)

    def take(self, now: float, per_second: float) -> None:
        """Count one message that leaves now."""
        self.share = min(self.share * (1 + CLIMB) ** (now - (self.climbed_at or now)), 1.0)
        self.climbed_at = now
        # After a longer break no burst catches up.
        due = self.next_at if now - self.next_at < CATCH_UP else now
        self.next_at = due + 1 / (per_second * self.share)

    def slow_down(self, now: float, seconds: float) -> None:
        """Send nothing for some seconds, then continue at half the pace."""
        self.share = max(self.share / 2, SLOWEST)
        self.climbed_at = now + seconds
        self.next_at = now + seconds


# By team. A worker that takes over a team starts at the pace of the team's settings.
_paces: dict[int, Pace] = {}


@dataclass(slots=True)
class Send:
    """One message in flight, its outcome, and the answer to its question."""

    attempt: Attempt
    outcome: SendResult | ChumiError | None = None
    answer: queue.SimpleQueue[bool] = field(default_factory=queue.SimpleQueue)


def step(campaign: Campaign) -> float | None:
    """Send for a few seconds. Return the seconds until the next step, or None."""
    if not singles.has_work(campaign):
        return None
    held = template_reads.held(campaign, Before.PERSON)
    if held is not None:
        return held
    try:
        client = client_for(campaign.team)
    except NotConnected:
        return holds.apply_hold(campaign, holds.pause(Campaign.Pause.NOT_CONNECTED))
    pace = _paces.setdefault(campaign.team_id, Pace())
    wait = pace.wait(time.monotonic())
    if wait > SLICE:
        return wait
    return SendingSlice(campaign, client, pace).run()


class SendingSlice:
    """Some seconds of sending one campaign."""

    def __init__(self, campaign: Campaign, client: Client, pace: Pace) -> None:
        self.campaign, self.client, self.pace = campaign, client, pace
        self.ends_at = time.monotonic() + SLICE
        self.claimed: deque[Send] = deque()
        self.in_flight = 0
        # Messages to send; and (message, True if it is done or False if it asks) from the threads.
        self.outbox: queue.SimpleQueue[Send | None] = queue.SimpleQueue()
        self.inbox: queue.SimpleQueue[tuple[Send, bool]] = queue.SimpleQueue()
        # What ends the slice early.
        self.error: ChumiError | None = None
        self.hold: Hold | None = None
        self.exhausted = self.halted = self.works = False

    def run(self) -> float | None:
        """Send until the slice ends. Return the seconds until the next step, or None."""
        team = self.campaign.team
        threads = [
            threading.Thread(target=self._send_all, daemon=True)
            for _ in range(team.parallel_sends)
        ]
        for thread in threads:
            thread.start()
        try:
            while self._continues() or self.in_flight:
                self._start_some()
                if self.in_flight or self._continues():
                    self._listen()
                if time.monotonic() > self.ends_at + SLOW:
                    # The others do not wait for a slow answer.
                    self.ends_at += SLICE
        finally:
            for _ in threads:
                self.outbox.put(None)
            singles.give_back(self.campaign, [send.attempt for send in self.claimed])
        settle(self.client)
        if self.error:
            return wait_or_pause(self.campaign, self.error)
        if self.hold:
            return holds.apply_hold(self.campaign, self.hold)
        if self.halted or not self.exhausted:
            return 0
        # Claims of another worker are not waited for here: they expire by themselves.
        return TRY_AGAIN if singles.has_work(self.campaign) else None

    def _continues(self) -> bool:
        return not (
            self.halted
            or self.error is not None
            or self.hold is not None
            or self.exhausted
            or time.monotonic() >= self.ends_at
        )

    def _start_some(self) -> None:
        """Start as many requests as the pace and the threads allow."""
        team = self.campaign.team
        while self._continues() and self.in_flight < team.parallel_sends:
            now = time.monotonic()
            if self.pace.wait(now):
                return
            if not self.claimed:
                self._claim()
                continue
            self.pace.take(now, team.messages_per_second)
            self.in_flight += 1
            self.outbox.put(self.claimed.popleft())

    def _claim(self) -> None:
        """Claim the next few: no more than go out at once, so that few are ever unconfirmed."""
        self.hold = holds.first_hold(self.campaign, Before.PERSON)
        if self.hold:
            return
        team = self.campaign.team
        attempts = singles.claim(
            self.campaign, min(team.parallel_sends, max(int(team.messages_per_second), 1))
        )
        self.claimed.extend(Send(attempt) for attempt in attempts)
        self.exhausted = not attempts

    def _listen(self) -> None:
        """Wait for the threads: answer their questions and record their outcomes."""
        until = self.pace.wait(time.monotonic()) if self._may_start() else 1.0
        try:
            received = [self.inbox.get(timeout=max(until, 0.001))]
        except queue.Empty:
            return
        while not self.inbox.empty():
            received.append(self.inbox.get())
        self._answer([send for send, is_done in received if not is_done])
        self._record([send for send, is_done in received if is_done])

    def _may_start(self) -> bool:
        return self._continues() and self.in_flight < self.campaign.team.parallel_sends

    def _answer(self, asking: list[Send]) -> None:
        if not asking:
            return
        wanted = singles.may_finish(self.campaign, [send.attempt for send in asking])
        for send in asking:
            yes = send.attempt.pk in wanted
            # Paused, stopped or opted out: in each case check again before the next claim.
            self.halted |= not yes
            send.answer.put(yes)

    def _record(self, done: list[Send]) -> None:
        if not done:
            return
        self.in_flight -= len(done)
        outcomes = [(send.attempt, send.outcome) for send in done if send.outcome is not None]
        singles.record(self.campaign, outcomes)
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
            self.halted |= holds.pause_if_unhealthy(self.campaign)
        if accepted and not self.works:
            # Once a step: what it waited for is over.
            self.works = True
            launches.end_wait(self.campaign)

    def remember_error(self, error: ChumiError) -> None:
        """Remember an error that concerns every message; one that a person must fix wins."""
        if not is_temporary(error):
            self.error = error
        elif self.error is None and not self.halted:
            self.error = error
            self.pace.slow_down(time.monotonic(), wait_after(error, default=TRY_AGAIN))

    # In the threads: HTTP only.

    def _send_all(self) -> None:
        connection, used_at = self.client.connection(), time.monotonic()
        try:
            while send := self.outbox.get():
                if time.monotonic() - used_at > LONGEST_IDLE:
                    connection.close()
                    connection = self.client.connection()
                send.outcome = self._send(send, connection)
                used_at = time.monotonic()
                self.inbox.put((send, True))
        finally:
            connection.close()

    def _send(self, send: Send, connection: Connection) -> SendResult | ChumiError:
        snapshot, person = self.campaign.snapshot or {}, send.attempt.recipient
        if person is None:
            raise TypeError(f"{send.attempt} has no recipient")
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
                connection=connection,
            )
        except ChumiError as error:
            return error
        except Exception:
            # A bug of ours must not end this thread: the slice would wait for it forever.
            logger.exception("message not sent", extra={"attempt": send.attempt.pk})
            return Unavailable(gettext_noop("We don't know whether this message was sent."))

    def _ask(self, send: Send) -> bool:
        """Ask the thread that uses the database whether this message may still be sent."""
        self.inbox.put((send, False))
        return send.answer.get(timeout=LONGEST_QUESTION)
