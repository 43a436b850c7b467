"""How fast single sending is, and how well it holds a pace.

Everything is real: the engine, the database with its durable claims, HTTP to the sandbox in a
process of its own, which answers each request 50 ms late. The floor is the same number of
threads that post the same messages with `requests` alone, and claim nothing.
"""

import statistics
import time
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime

from django.conf import settings

from sending.labels import pause_sentence
from tests.processes import SandboxProcess

LATENCY = 0.05
PARALLEL = 16
PACES = (5, 20, 50)
PACE_SECONDS = 20


def measure(messages):
    sandbox = SandboxProcess()
    settings.CHUMIAI_BASE_URLS = settings.CHUMIAI_SANDBOX_URLS = [sandbox.url]
    try:
        print(f"answers {LATENCY * 1000:.0f} ms late")
        sandbox.post("options", latency=LATENCY)
        measure_speed(sandbox, messages)
        for pace in PACES:
            measure_pace(sandbox, pace)
    finally:
        sandbox.stop()


def measure_speed(sandbox, messages):
    """Send as fast as it goes, with 16 requests on their way, and set it against the floor."""
    bare = floor(sandbox, messages)
    took, _ = send(sandbox, "speed", messages, pace=200)
    print(
        f"speed: {messages / took:.0f} messages a second, every claim durable before its first "
        f"byte; floor {messages / bare:.0f} a second, ratio {bare / took:.2f}"
    )


def measure_pace(sandbox, pace):
    """Send at a set pace, and compare with the moments at which the sandbox accepted."""
    _, moments = send(sandbox, f"pace-{pace}", pace * PACE_SECONDS + 1, pace=pace)
    held = (len(moments) - 1) / (moments[-1] - moments[0])
    gaps = [after - before for before, after in zip(moments, moments[1:], strict=False)]
    print(
        f"pace {pace} a second: held {held:.2f} ({(held / pace - 1) * 100:+.1f} %), "
        f"median gap {statistics.median(gaps) * 1000:.0f} ms"
    )


def send(sandbox, slug, messages, *, pace):
    """Send a campaign; return the seconds it took and the moments of the ledger."""
    from sending import senders
    from tests.factories import connect, launch, make_ready_campaign, make_team

    team = connect(make_team(slug, messages_per_second=pace, parallel_sends=PARALLEL), sandbox)
    campaign = launch(make_ready_campaign(team, count=messages), engine="singly")
    begun = time.monotonic()
    while not campaign.is_terminal:
        wait = senders.work(team)
        campaign.refresh_from_db()
        assert campaign.status != "paused", pause_sentence(campaign)
        if wait:
            time.sleep(min(wait, 1))
    took = time.monotonic() - begun
    ledger = sandbox.ledger(slug)
    assert len(ledger) == len({message["to"] for message in ledger}) == messages
    return took, sorted(datetime.fromisoformat(message["at"]).timestamp() for message in ledger)


def floor(sandbox, messages):
    """Return the seconds that the bare library takes for as many messages."""
    import requests

    from tests.factories import make_team, make_template, people

    make_template(make_team("floor"))
    url = f"{sandbox.url}/api/v1/whatsapp/send-template"
    headers = {"X-API-Key": sandbox.key("floor")}
    sessions = [requests.Session() for _ in range(PARALLEL)]

    def post(number, row):
        phone, *values = row
        body = {
            "to": phone,
            "templateName": "welcome_message",
            "languageCode": "en_US",
            "templateParameters": [{"text": value} for value in values],
        }
        session = sessions[number % PARALLEL]
        assert session.post(url, json=body, headers=headers, timeout=30).ok

    begun = time.monotonic()
    with ThreadPoolExecutor(PARALLEL) as pool:
        list(pool.map(post, range(messages), people(messages)[1:]))
    return time.monotonic() - begun
