"""Web processes that are killed while people launch and ChumiAI delivers webhooks."""

import json
import os
import signal
import time
from pathlib import Path

import requests
from django.db import connection
from django.urls import reverse

from tests.factories import make_user
from tests.tabs import LONGEST_ANSWER, browser, launch_form, press_launch


class Web:
    """A web server whose processes die; who asks it repeats the same request, as people do."""

    def __init__(self, stack, chance, count):
        self.stack, self.chance, self.count = stack, chance, count
        # Deliveries that got no answer. ChumiAI posts them again.
        self.unanswered = []
        self.start()

    def start(self):
        self.url = self.stack.start_web(workers=3, threads=2, preload=True)
        # By team, whose row is another one after a copy was restored.
        self.tabs = {}

    def stop(self):
        self.stack.web.kill()

    def tend(self):
        """Kill a process now and then, and post again what got no answer."""
        if self.chance.random() < 0.06:
            self._kill_one()
        waiting, self.unanswered = self.unanswered, []
        for path, raw in waiting:
            self._deliver(path, raw)

    def _kill_one(self):
        master = self.stack.web.popen.pid
        children = Path(f"/proc/{master}/task/{master}/children").read_text().split()
        if len(children) > 1:
            os.kill(int(self.chance.choice(children)), signal.SIGKILL)
            self.count["kills of web processes"] += 1

    def deliver(self, secret, payload):
        """Post a webhook as ChumiAI does."""
        self._deliver(reverse("webhook", args=[secret]), json.dumps(payload).encode())

    def _deliver(self, path, raw):
        try:
            answer = requests.post(
                self.url + path,
                data=raw,
                headers={"Content-Type": "application/json", "Connection": "close"},
                timeout=LONGEST_ANSWER,
            )
        except requests.RequestException:
            self.count["webhooks without an answer"] += 1
            self.unanswered.append((path, raw))
            return
        if answer.status_code == 503:
            self.unanswered.append((path, raw))
            return
        assert answer.status_code == 200, answer.status_code

    def launch(self, campaign, engine):
        """Press the button of the review page until there is an answer."""
        team = campaign.team
        if team.pk not in self.tabs:
            self.tabs[team.pk] = browser(make_user(f"{team.slug} X", team, role="manager"))
        tab = self.tabs[team.pk]
        form = launch_form(campaign, engine=engine)
        connection.close()
        for _ in range(60):
            if self.chance.random() < 0.5:
                self._kill_one()
            try:
                answer = press_launch(tab, self.url, campaign, form)
            except requests.RequestException:
                self.count["launches without an answer"] += 1
                time.sleep(0.1)
                continue
            assert answer.status_code == 302, (answer.status_code, answer.text[:500])
            self.count["launches in the browser"] += 1
            return
        raise AssertionError("the web server never answered")
