"""However often a launch is pressed, by however many, it is one send."""

import re
import uuid
from concurrent.futures import ThreadPoolExecutor
from threading import Barrier

import pytest
from django.urls import reverse

from campaigns.models import Campaign
from sending.models import Attempt
from sending.services.launches import consent_sentence
from teams.models import AuditEvent
from tests.factories import (
    account_of,
    connect,
    make_ready_campaign,
    make_team,
    make_user,
    people,
)
from tests.processes import wait_until
from tests.tabs import browser

pytestmark = pytest.mark.stack
PRESSES = 50


def test_fifty_presses_are_one_send(stack, sandbox):
    team = make_team("kente", batch_size=20, confirm_above=10)
    connect(team, sandbox)
    campaign = make_ready_campaign(team, count=50)
    url = stack.start_web(workers=4)
    stack.start_worker()
    stack.start_worker()
    users = [make_user(f"Person{n} X", team) for n in range(5)]
    review = url + reverse("campaigns:campaign_review", args=[team.slug, campaign.uuid])
    press = url + reverse("campaigns:campaign_launch", args=[team.slug, campaign.uuid])

    # The tabs are opened here: a thread of ours would keep its own connection to the database.
    tabs = [browser(users[n % 5]) for n in range(PRESSES)]
    consent = consent_sentence(campaign)
    ready = Barrier(PRESSES)

    def launch(session):
        page = session.get(review, timeout=60).text
        token = re.search(r'name="csrfmiddlewaretoken" value="(\w+)"', page)[1]
        form = {
            "csrfmiddlewaretoken": token,
            "digest": campaign.digest,
            "intent": str(uuid.uuid4()),
            "typed": "50",
            "consent": consent,
        }
        ready.wait(60)
        return session.post(press, data=form, timeout=60, headers={"Referer": review})

    with ThreadPoolExecutor(PRESSES) as pool:
        answers = list(pool.map(launch, tabs))
    assert {answer.status_code for answer in answers} == {200}
    refused = [answer for answer in answers if "Already started by" in answer.text]
    assert len(refused) == PRESSES - 1

    def over():
        campaign.refresh_from_db()
        return campaign.status == Campaign.Status.COMPLETED

    wait_until(over, seconds=60, what="the campaign to finish")
    messages = sandbox.ledger(account_of(team))
    assert [(m["to"], m["values"]) for m in messages] == [
        (phone, [name, code]) for phone, name, code in people(50)[1:]
    ]
    assert AuditEvent.objects.filter(action="campaign launched").count() == 1
    assert Attempt.objects.count() == campaign.batches.count()
