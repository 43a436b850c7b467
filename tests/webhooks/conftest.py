"""A team with a webhook, and the payloads that ChumiAI posts to it."""

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


def envelope(field="messages", **value):
    change = {"field": field, "value": {"messaging_product": "whatsapp", **value}}
    return {"object": "whatsapp_business_account", "entry": [{"id": "1", "changes": [change]}]}


def status(remote_id, value, code=131026, at=1_750_029_273):
    item = {"id": remote_id, "status": value, "timestamp": str(at), "recipient_id": "233244123451"}
    return item | ({"errors": [{"code": code}]} if value == "failed" else {})


def statuses(*items):
    return envelope(statuses=list(items))


def inbound(text, *, phone="233244123451", remote_id="wamid.in", at=1_750_029_273, button=False):
    kind = (
        {"type": "button", "button": {"text": text, "payload": "x"}}
        if button
        else {"type": "text", "text": {"body": text}}
    )
    item = {"from": phone, "id": remote_id, "timestamp": str(at), **kind}
    return envelope(messages=[item], contacts=[{"wa_id": phone, "profile": {"name": "Ama"}}])


@pytest.fixture
def webhook(team, manager):
    return services.renew_address(team, by=manager)


@pytest.fixture
def post(webhook):
    """Return a function that posts a body to the webhook, signed with `secret` if given."""
    client = Client(enforce_csrf_checks=True)

    def send(body, *, secret="", path=None, **headers):
        raw = body if isinstance(body, bytes) else json.dumps(body).encode()
        if secret:
            headers["X-Hub-Signature-256"] = sign(raw, secret)
        path = path or f"/webhooks/{Webhook.objects.get(pk=webhook.pk).secret()}/"
        return client.post(path, raw, content_type="application/json", headers=headers)

    return send


@pytest.fixture
def deliver(post):
    """Return a function that posts bodies and processes them."""

    def send(*bodies):
        for body in bodies:
            assert post(body).status_code == 200
        # The worker waits a moment for more deliveries.
        Task.objects.filter(name="process_webhooks").update(due_at=timezone.now())
        factories.drain("process_webhooks")

    return send


@pytest.fixture
def sent(connected, marketer):
    """A campaign whose messages were all accepted with an id, and its recipients."""
    campaign = factories.make_ready_campaign(connected, count=4, by=marketer)
    factories.launch(campaign, engine="singly", by=marketer)
    factories.finish(campaign)
    people = list(campaign.recipients.order_by("position"))
    return SimpleNamespace(campaign=campaign, people=people)
