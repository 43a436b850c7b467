"""Receiving a delivery: one row, or a refusal that writes nothing."""

import io
import json
import logging
import threading
from datetime import timedelta
from http.client import HTTPConnection

import pytest
from django.core.management import call_command
from django.db import IntegrityError, connection, transaction
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from chumi_api.webhooks import sign
from core.logs import scrub
from tasks.models import Task
from tests import factories
from tests.webhooks.conftest import inbound, status, statuses
from webhooks import services
from webhooks.models import Delivery, Webhook, WebhookEvent
from webhooks.services.deliveries import InsertQueue

pytestmark = pytest.mark.django_db

BODY = statuses(status("wamid.X", "sent"))


def assert_nothing_written():
    assert not Delivery.objects.exists()
    assert not WebhookEvent.objects.exists()
    assert not Task.objects.filter(name="process_webhooks").exists()


def test_a_body_is_stored_once_and_a_task_requested(post, team):
    for _ in range(3):
        assert post(BODY).status_code == 200
    assert Delivery.objects.count() == 1
    assert Task.objects.filter(name="process_webhooks", key=str(team.pk)).count() == 1
    # Bodies are not readable in the database.
    assert "wamid" not in Delivery.objects.get().ciphertext


def test_a_delivery_writes_one_row_if_the_task_is_due_already(post):
    post(BODY)
    with CaptureQueriesContext(connection) as asked:
        post(inbound("Hi"))
    verbs = [query["sql"].removeprefix("1 times: ").split()[0] for query in asked]
    # The savepoint and one SELECT are the test's own.
    assert set(verbs) == {"SELECT", "SAVEPOINT", "INSERT", "RELEASE"}
    assert verbs.count("INSERT") == 1
    assert verbs.count("SELECT") == 3


def test_concurrent_rows_are_inserted_together(team):
    inserts = InsertQueue()
    now = connection.ops.adapt_datetimefield_value(timezone.now())
    row = (team.pk, "a" * 64, "sealed", now)
    inserts.waiting.append([(team.pk, "b" * 64, "sealed", now)])
    inserts.add(row)
    assert Delivery.objects.count() == 2
    assert inserts.waiting == []

    # If the first thread fails, the others try by themselves.
    other = [(team.pk, "c" * 64, "sealed", now)]
    inserts.waiting.append(other)
    with pytest.raises(IntegrityError), transaction.atomic():
        inserts.add((team.pk, "d" * 64, None, now))
    assert inserts.waiting == [other]
    inserts.add(row)
    assert Delivery.objects.count() == 3


def test_a_delivery_whose_task_was_lost_is_processed(post, team):
    """The server may be killed between the INSERT and the request of the task."""
    post(BODY)
    Task.objects.filter(name="process_webhooks").update(due_at=None)
    services.purge(team)
    factories.drain("process_webhooks")
    assert Delivery.objects.get().processed_at

    # ChumiAI repeats a delivery that got no response.
    Delivery.objects.update(processed_at=None)
    Task.objects.filter(name="process_webhooks").update(due_at=None)
    assert post(BODY).status_code == 200
    factories.drain("process_webhooks")
    assert Delivery.objects.get().processed_at


def test_a_running_task_is_requested_again(post, team):
    """It may have read the deliveries already: the row that it leases makes it run again."""
    post(BODY)
    task = Task.objects.filter(name="process_webhooks")
    wanted = task.get().wanted
    task.update(leased_until=timezone.now() + timedelta(seconds=30), token="another's")
    post(inbound("Hi"))
    assert task.get().wanted == wanted + 1


def test_an_unknown_secret_is_404(post, team):
    assert post(BODY, path="/webhooks/guessed/").status_code == 404
    assert_nothing_written()


@pytest.mark.parametrize(
    "raw", [b"", b"null", b"[]", b'"x"', b"{", b"\xff\xfe{}", b"[" * 50_000, b'{"a": 1}}']
)
def test_a_body_that_is_no_object_is_refused(post, raw):
    assert post(raw).status_code == 400
    assert_nothing_written()


def test_a_compressed_or_too_large_body_is_refused(post, settings):
    assert post(BODY, **{"Content-Encoding": "gzip"}).status_code == 415
    settings.MAX_WEBHOOK_BYTES = 50
    assert post(BODY).status_code == 413
    assert_nothing_written()


def test_a_thousand_statuses_fit(post):
    body = statuses(*(status(f"wamid.{n}" + "A" * 50, "delivered") for n in range(1000)))
    assert post(body).status_code == 200


def test_the_signature_is_checked_if_a_secret_is_set(post, webhook, manager):
    services.change_signing(webhook, "first secret", by=manager)
    assert post(BODY).status_code == 403
    assert post(BODY, secret="another one").status_code == 403
    assert_nothing_written()
    assert post(BODY, secret="first secret").status_code == 200


def test_both_secrets_are_valid_during_a_change(post, webhook, manager):
    services.change_signing(webhook, "first secret", by=manager)
    webhook.refresh_from_db()
    services.change_signing(webhook, "second secret", by=manager)
    assert post(BODY, secret="first secret").status_code == 200
    assert post(inbound("Hi"), secret="second secret").status_code == 200
    webhook.refresh_from_db()
    services.drop_old_signing(webhook, by=manager)
    assert post(inbound("Ho"), secret="first secret").status_code == 403
    webhook.refresh_from_db()
    services.stop_signing(webhook, by=manager)
    assert post(inbound("Ho")).status_code == 200


def test_a_new_address_replaces_the_old_one(post, webhook, team, manager):
    old = f"/webhooks/{webhook.secret()}/"
    services.renew_address(team, by=manager)
    assert post(BODY, path=old).status_code == 404
    assert post(BODY).status_code == 200


def test_the_secrets_are_not_readable_in_the_database(webhook, manager):
    services.change_signing(webhook, "a signing secret", by=manager)
    stored = json.dumps(list(Webhook.objects.values()), default=str)
    assert webhook.secret() not in stored
    assert "a signing secret" not in stored


def test_encrypted_columns_survive_a_key_rotation(webhook, manager, post, settings):
    services.change_signing(webhook, "a signing secret", by=manager)
    secret = webhook.secret()
    post(BODY, secret="a signing secret")
    settings.ENCRYPTION_KEYS = ["a new one", *settings.ENCRYPTION_KEYS]
    call_command("rotate_keys", stdout=io.StringIO())
    settings.ENCRYPTION_KEYS = ["a new one"]
    webhook.refresh_from_db()
    assert (webhook.secret(), webhook.signing_secrets()) == (secret, ["a signing secret"])
    factories.drain("process_webhooks")
    assert Delivery.objects.get().processed_at


def test_the_challenge_is_returned_for_the_verify_token(client, webhook):
    path = f"/webhooks/{webhook.secret()}/"
    asked = {"hub.mode": "subscribe", "hub.challenge": "1158201444"}
    answer = client.get(path, asked | {"hub.verify_token": webhook.verify_token})
    assert (answer.status_code, answer.content) == (200, b"1158201444")
    assert answer["Content-Type"].startswith("text/plain")
    assert client.get(path, asked | {"hub.verify_token": "ü"}).status_code == 403
    assert client.get(path).status_code == 200
    assert client.put(path).status_code == 405
    assert client.get("/webhooks/guessed/", asked).status_code == 404


def test_no_log_contains_the_address(webhook, post, caplog):
    with caplog.at_level(logging.INFO):
        post(b"{")
        post(b"{", path=f"/webhooks/{webhook.secret()}/x/")
    for record in caplog.records:
        assert webhook.secret() not in scrub(record.getMessage())
    assert caplog.records, "Django logs the path of refused requests"


@pytest.mark.stack
@pytest.mark.django_db(transaction=True)
def test_the_real_server_refuses_half_a_body_and_a_wrong_length(stack, team, manager):
    webhook = services.renew_address(team, by=manager)
    stack.start_web()
    host = stack.url.removeprefix("http://")
    path = f"/webhooks/{webhook.secret()}/"

    def ask(body, headers):
        http = HTTPConnection(host, timeout=5)
        http.putrequest("POST", path)
        for name, value in headers.items():
            http.putheader(name, value)
        http.endheaders()
        http.send(body)
        if int(headers.get("Content-Length", 0)) > len(body) and len(body):
            http.sock.shutdown(1)
        status = http.getresponse().status
        http.close()
        return status

    raw = json.dumps(BODY).encode()
    assert ask(raw[:20], {"Content-Length": str(len(raw))}) == 400
    assert ask(b"", {"Content-Length": str(10**10)}) == 413
    assert ask(b"", {"Content-Length": "0"}) == 400
    assert not Delivery.objects.exists()
    assert ask(raw, {"Content-Length": str(len(raw))}) == 200


@pytest.mark.stack
@pytest.mark.django_db(transaction=True)
def test_an_unsigned_flood_writes_nothing(stack, team, manager):
    import requests

    webhook = services.renew_address(team, by=manager)
    services.change_signing(webhook, "the secret", by=manager)
    stack.start_web()
    url = f"{stack.url}/webhooks/{webhook.secret()}/"
    raw = json.dumps(BODY).encode()
    answers = set()

    def flood():
        http = requests.Session()
        for _ in range(100):
            bad = {"X-Hub-Signature-256": sign(raw, "guess")}
            answers.add(http.post(url, raw, headers=bad, timeout=10).status_code)

    threads = [threading.Thread(target=flood) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert answers == {403}
    assert_nothing_written()
    assert factories.Team.objects.get(pk=team.pk).webhook.last_event_at is None
