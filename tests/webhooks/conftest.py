"""A team with an address, and the payloads that ChumiAI sends there."""

import json
from types import SimpleNamespace

import pytest
from django.test import Client
from django.utils import timezone

from chumi_api.webhooks import sign
from tasks.models import Task
from tests import factories
from webhooks import services
from webhooks.models import Webhook

NAMES = {"delivered": "message.delivered", "read": "message.read"}


def envelope(field="messages", **value):
    change = {"field": field, "value": {"messaging_product": "whatsapp", **value}}
    return {"object": "whatsapp_business_account", "entry": [{"id": "1", "changes": [change]}]}


def status(remote_id, word, code=131026, at=1_750_029_273):
    told = {"id": remote_id, "status": word, "timestamp": str(at), "recipient_id": "233244123451"}
    return told | ({"errors": [{"code": code}]} if word == "failed" else {})


def statuses(*told):
    return envelope(statuses=list(told))


def inbound(text, *, phone="233244123451", remote_id="wamid.in", at=1_750_029_273, button=False):
    kind = (
        {"type": "button", "button": {"text": text, "payload": "x"}}
        if button
        else {"type": "text", "text": {"body": text}}
    )
    told = {"from": phone, "id": remote_id, "timestamp": str(at), **kind}
    return envelope(messages=[told], contacts=[{"wa_id": phone, "profile": {"name": "Ama"}}])


@pytest.fixture
def webhook(team, manager):
    return services.renew_address(team, by=manager)


@pytest.fixture
def post(webhook):
    """Return a function that posts a body to the address, signed with `secret` if one is given."""
    client = Client(enforce_csrf_checks=True)

    def send(body, *, secret="", path=None, **headers):
        raw = body if isinstance(body, bytes) else json.dumps(body).encode()
        if secret:
            headers["X-Hub-Signature-256"] = sign(raw, secret)
        path = path or f"/webhooks/{Webhook.objects.get(pk=webhook.pk).secret()}/"
        return client.post(path, raw, content_type="application/json", headers=headers)

    return send


@pytest.fixture
def tell(post):
    """Return a function that posts bodies and lets the worker process them."""

    def send(*bodies):
        for body in bodies:
            assert post(body).status_code == 200
        # While news come in, the worker lets them gather for a moment.
        Task.objects.filter(name="process_webhooks").update(due_at=timezone.now())
        factories.drain("process_webhooks")

    return send


@pytest.fixture
def sent(connected, marketer):
    """A campaign all of whose messages were accepted with an id, and its people."""
    campaign = factories.make_ready_campaign(connected, count=4, by=marketer)
    factories.launch(campaign, engine="singly", by=marketer)
    factories.finish(campaign)
    people = list(campaign.recipients.order_by("position"))
    return SimpleNamespace(campaign=campaign, people=people)
