"""A flood of signed deliveries during a campaign: all accepted, none lost, pages respond."""

import json
import statistics
import threading
import time
from http.client import HTTPConnection

import pytest
from django.db import connection

from chumi_api.webhooks import sign
from tests import factories
from tests.processes import wait_until
from tests.webhooks.conftest import status, statuses
from webhooks import services
from webhooks.models import Delivery, WebhookEvent

pytestmark = pytest.mark.stack

SECRET = "the signing secret"
SENDERS = 16


class Flood:
    """Post `rate` bodies per second over kept-alive connections, evenly spread."""

    def __init__(self, url, path, *, rate, seconds):
        self.host, self.path = url.removeprefix("http://"), path
        self.rate, self.count = rate, rate * seconds
        self.durations, self.answers = [], []
        self.begin = time.monotonic() + 1
        self.threads = [threading.Thread(target=self._send, args=(n,)) for n in range(SENDERS)]

    def _send(self, first):
        http = HTTPConnection(self.host, timeout=30)
        for number in range(first, self.count, SENDERS):
            raw = json.dumps(statuses(status(f"wamid.flood{number}", "sent"))).encode()
            headers = {
                "Content-Type": "application/json",
                "X-Hub-Signature-256": sign(raw, SECRET),
            }
            time.sleep(max(self.begin + number / self.rate - time.monotonic(), 0))
            start = time.perf_counter()
            http.request("POST", self.path, raw, headers)
            answer = http.getresponse()
            answer.read()
            self.durations.append((time.perf_counter() - start) * 1000)
            self.answers.append(answer.status)

    def run(self, meanwhile):
        for thread in self.threads:
            thread.start()
        while any(thread.is_alive() for thread in self.threads):
            meanwhile()
            time.sleep(0.5)

    def percentile(self, share):
        return statistics.quantiles(self.durations, n=100)[share - 1]


def promised_rate():
    """Return the deliveries per second that the documentation promises."""
    return 500 if connection.vendor == "postgresql" else 200


@pytest.mark.parametrize(
    "rate, seconds",
    [(40, 5), pytest.param(None, 60, marks=pytest.mark.long)],
    ids=["small", "as-promised"],
)
def test_a_flood_during_a_campaign(stack, sandbox, login, rate, seconds):
    is_long, rate = rate is None, rate or promised_rate()
    team = factories.connect(factories.make_team("kente"), sandbox)
    manager = factories.make_user("Ama Mensah", team, "manager")
    webhook = services.renew_address(team, by=manager)
    services.change_signing(webhook, SECRET, by=manager)
    stack.start_web(workers=2, threads=4)
    stack.start_worker()
    campaign = factories.make_ready_campaign(team, count=200, by=manager)
    factories.launch(campaign, by=manager, engine="singly")
    client, opened = login(manager), []

    def open_a_page():
        start = time.monotonic()
        assert client.get(f"/t/kente/campaigns/{campaign.uuid}/").status_code == 200
        opened.append(time.monotonic() - start)

    path = f"/webhooks/{webhook.secret()}/"
    flood = Flood(stack.url, path, rate=rate, seconds=seconds)
    flood.run(open_a_page)

    p50, p99 = flood.percentile(50), flood.percentile(99)
    print(
        f"\n{connection.vendor}: {flood.count} events at {rate} a second: p50 {p50:.0f} ms, "
        f"p99 {p99:.0f} ms; pages {statistics.median(opened) * 1000:.0f} ms"
    )
    assert set(flood.answers) == {200}
    assert Delivery.objects.count() == flood.count
    wait_until(lambda: WebhookEvent.objects.count() == flood.count, seconds=120, what="the events")
    assert not Delivery.objects.filter(processed_at=None).exists()
    assert len(opened) >= seconds / 2
    if is_long:
        assert p50 <= 50
        assert p99 <= 250
