"""A worker killed at any statement of the processing loses nothing and doubles nothing."""

import json
import random

import pytest
from django.utils import timezone

from campaigns.models import Recipient
from contacts.models import OptOut
from tasks.models import Task
from teams.models import AuditEvent
from tests import factories
from tests.webhooks.conftest import inbound, status, statuses
from webhooks import services
from webhooks.models import Delivery, WebhookEvent

pytestmark = pytest.mark.stack

STATUSES = ("sent", "delivered", "read")
# Statements of one run of the task.
STATEMENTS = 34


@pytest.mark.parametrize("kills", [20, pytest.param(200, marks=pytest.mark.long)])
def test_a_killed_worker_loses_and_doubles_nothing(make_nursery, sandbox, kills):
    team = factories.make_team("kente")
    manager = factories.make_user("Ama Mensah", team, "manager")
    webhook = services.renew_address(team, by=manager)
    (campaign,) = factories.make_checked_campaigns(team, [factories.people(kills)[1:]])
    people = list(campaign.recipients.order_by("position"))
    for person in people:
        Recipient.objects.filter(pk=person.pk).update(
            status="accepted", remote_id=f"wamid.{person.position}"
        )
    worker_pool, chance, died = make_nursery(), random.Random(kills), 0
    task = Task.objects.filter(name="process_webhooks")

    def bodies_about(person):
        """Return the bodies about one person, shuffled: the statuses, a repetition, a STOP."""
        bodies = [statuses(status(f"wamid.{person.position}", value)) for value in STATUSES]
        stop = inbound("STOP", phone=person.phone[1:], remote_id=f"in.{person.position}")
        bodies += [stop, bodies[0]]
        chance.shuffle(bodies)
        return bodies

    for person in people:
        for body in bodies_about(person):
            services.receive(webhook, json.dumps(body).encode(), {})
        task.update(due_at=timezone.now(), leased_until=None, token="")
        strike = {"statement": chance.randint(1, STATEMENTS)}
        worker = worker_pool.fork(
            "until_idle", key=str(team.pk), name="process_webhooks", strike=strike
        )
        died += worker_pool.wait(worker)[0] != 0
    assert died > kills / 2
    Delivery.objects.update(next_try_at=None)
    task.update(due_at=timezone.now(), leased_until=None, token="")
    factories.drain("process_webhooks")

    assert not Delivery.objects.filter(processed_at=None).exists()
    assert not Delivery.objects.exclude(error="").exists()
    assert WebhookEvent.objects.filter(state="applied").count() == 4 * kills
    assert set(campaign.recipients.values_list("delivery_status", flat=True)) == {
        Recipient.DeliveryStatus.READ
    }
    assert sorted(OptOut.objects.values_list("phone", flat=True)) == sorted(
        person.phone for person in people
    )
    assert AuditEvent.objects.filter(action="opt-out added").count() == kills
