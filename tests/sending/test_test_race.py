"""Send a test and Send, pressed again and again at the same moment, by several workers."""

import re
import uuid
from concurrent.futures import ThreadPoolExecutor
from threading import Barrier

import pytest
from django.urls import reverse

from campaigns.models import Campaign
from sending.services.launches import consent_sentence
from tests.factories import (
    account_of,
    connect,
    make_ready_campaign,
    make_team,
    make_test_number,
    make_user,
)
from tests.processes import wait_until
from tests.tabs import browser

pytestmark = pytest.mark.stack
PRESSES = 8


def test_a_press_is_one_test_and_a_launch_in_between_harms_nothing(stack, sandbox):
    team = connect(make_team("kente"), sandbox)
    user = make_user("Kofi Boateng", team)
    campaign = make_ready_campaign(team, count=3, by=user)
    numbers = [make_test_number(team, label=f"No {n}", phone=f"+23324400000{n}") for n in (1, 2)]
    url = stack.start_web(workers=4)
    stack.start_worker()
    args = [team.slug, campaign.uuid]
    preview = url + reverse("campaigns:campaign_preview", args=args)
    test = url + reverse("campaigns:campaign_test", args=args)
    launch = url + reverse("campaigns:campaign_launch", args=args)
    tabs = [browser(user) for _ in range(PRESSES)]
    intents = [uuid.uuid4(), uuid.uuid4()]
    consent = consent_sentence(campaign)
    ready = Barrier(PRESSES)

    def press(number):
        session = tabs[number]
        page = session.get(preview, timeout=60).text
        form = {
            "csrfmiddlewaretoken": re.search(r'csrfmiddlewaretoken" value="(\w+)"', page)[1],
            "digest": campaign.digest,
        }
        headers = {"Referer": preview}
        ready.wait(60)
        if number == PRESSES - 1:
            form |= {"intent": str(uuid.uuid4()), "engine": "singly", "consent": consent}
            return session.post(launch, data=form, timeout=60, headers=headers)
        form |= {
            "intent": str(intents[number % 2]),
            "position": 2,
            "numbers": [str(saved.uuid) for saved in numbers],
        }
        return session.post(test, data=form, timeout=60, headers=headers)

    with ThreadPoolExecutor(PRESSES) as pool:
        answers = list(pool.map(press, range(PRESSES)))
    assert {answer.status_code for answer in answers} == {200}
    tests = Campaign.objects.filter(test_of=campaign)
    # Two presses to two phones each; none that came after the launch.
    assert tests.count() in (0, 2, 4)

    def over():
        return not Campaign.objects.exclude(status=Campaign.Status.COMPLETED).exists()

    wait_until(over, seconds=60, what="everything to finish")
    sent = [m["to"] for m in sandbox.ledger(account_of(team))]
    for number in numbers:
        assert sent.count(number.phone[1:]) == tests.count() // 2
    assert len(sent) == tests.count() + 3
