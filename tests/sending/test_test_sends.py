"""Tests of a draft: one row, sent to phones of the team; and the reminder on the review."""

import uuid
from datetime import timedelta

import pytest
from django.db import IntegrityError, transaction
from django.utils import timezone

from campaigns.models import Campaign, Recipient
from campaigns.services import checks, drafts, media
from contacts.services import opt_out
from core.errors import Refused
from sending import models
from sending.services import launches, test_sends
from tasks import services as tasks
from teams.roles import PERMISSIONS
from tests import factories
from tests.campaigns.pages import list_url, messages, text, url
from tests.factories import account_of, drain, let_time_pass, soup

OURS, OURS_SENT = "+233244000001", "233244000001"
NO_TEST_YET = "You have not sent a test of this message yet."


@pytest.fixture
def ready(connected, marketer):
    tasks.record_heartbeat("w", timezone.now())
    return factories.make_ready_campaign(connected, count=5, by=marketer)


@pytest.fixture
def number(connected, marketer):
    return factories.make_test_number(connected, phone=OURS, by=marketer)


@pytest.fixture
def client(login, marketer):
    return login(marketer)


def ledger(sandbox, team):
    return [(m["to"], m["values"]) for m in sandbox.ledger(account_of(team))]


def prepare(client, campaign, position, *numbers):
    """Open the preview of a row, and return a function that presses Send a test on it."""
    page = soup(client.get(url(campaign, "preview"), {"position": position}))
    form = page.find("form", action=url(campaign, "test"))
    data = {f["name"]: f["value"] for f in form.find_all("input", {"type": "hidden"})}
    data["numbers"] = [str(number.uuid) for number in numbers]
    return lambda: client.post(form["action"], data)


def run():
    """Run the worker until every test has its answer."""
    for _ in range(3):
        drain()
        let_time_pass()


def preview(client, campaign):
    return text(client.get(url(campaign, "preview")))


def review(client, campaign):
    return text(client.get(url(campaign, "review")))


def test_the_test_has_the_values_of_the_row_that_is_shown(client, ready, number, sandbox):
    answer = prepare(client, ready, 3, number)()
    assert answer.url.startswith(f"{url(ready, 'preview')}?position=3")
    run()
    assert ledger(sandbox, ready.team) == [(OURS_SENT, ["Person 3", "C-00003"])]
    ready.refresh_from_db()
    assert (ready.status, ready.recipient_count) == ("ready", 5)
    words = preview(client, ready)
    assert "Accepted Kofi" in words
    test = Campaign.objects.get(test_of=ready)
    assert (test.status, test.launched_by.first_name) == ("completed", "Kofi")
    assert (test.is_test, test.consent) == (True, "")
    words = text(client.get(url(test, "detail")))
    assert "Test of Easter sale" in words and "A test to the team's own numbers." in words


def test_pressed_twice_it_is_sent_once(client, ready, number, sandbox):
    press = prepare(client, ready, 1, number)
    press()
    press()
    assert messages(client, url(ready, "preview")) == [
        "This test was already sent. Nothing is sent twice."
    ]
    run()
    assert len(ledger(sandbox, ready.team)) == 1
    # A page that is loaded again sends another test.
    prepare(client, ready, 1, number)()
    run()
    assert len(ledger(sandbox, ready.team)) == 2


def test_several_phones_at_once(client, ready, number, sandbox):
    other = factories.make_test_number(ready.team, label="Ama", phone="+233244000004")
    prepare(client, ready, 2, number, other)()
    run()
    sent = ledger(sandbox, ready.team)
    assert sorted(sent) == [(p, ["Person 2", "C-00002"]) for p in (OURS_SENT, "233244000004")]


def test_its_status_is_polled_until_it_is_known(client, ready, number, sandbox):
    prepare(client, ready, 1, number)()
    region = soup(client.get(url(ready, "tests"))).find(id="campaign-tests")
    assert "Waiting" in region.text
    assert region["hx-get"] == url(ready, "tests")
    run()
    region = soup(client.get(url(ready, "tests"))).find(id="campaign-tests")
    assert "Accepted" in region.text
    assert not region.get("hx-get")


def test_it_says_that_sending_is_paused(client, ready, number):
    prepare(client, ready, 1, number)()
    tasks.record_stopped("w")
    assert "Sending is paused on our server." in preview(client, ready)


def test_a_failure_is_explained(client, ready):
    gone = factories.make_test_number(ready.team, phone="+233244000026")
    prepare(client, ready, 1, gone)()
    run()
    words = preview(client, ready)
    assert "Failed" in words
    assert "This number is not on WhatsApp" in words
    assert "No test has been accepted yet." in review(client, ready)


def test_an_unconfirmed_test_is_marked(client, ready, number, sandbox):
    sandbox.fault("accepted_then_500", path="/api/v1/whatsapp/send-template")
    prepare(client, ready, 1, number)()
    run()
    assert "Unconfirmed" in preview(client, ready)
    assert len(ledger(sandbox, ready.team)) == 1


def test_the_review_reminds_until_one_was_accepted(client, ready, number):
    assert NO_TEST_YET in review(client, ready)
    assert "Send 5 messages now" in review(client, ready)
    prepare(client, ready, 1, number)()
    assert "No test has been accepted yet." in review(client, ready)
    run()
    words = review(client, ready)
    assert NO_TEST_YET not in words
    assert "ChumiAI accepted a test to Kofi&#x27;s phone, " in words


def test_other_rows_are_the_same_message_and_another_template_is_not(
    client, ready, number, marketer
):
    prepare(client, ready, 1, number)()
    run()
    file = factories.xlsx(factories.people(3, start=7))
    drafts.attach_upload(ready, file, name="others.xlsx", by=marketer)
    checks.request_check(Campaign.objects.get(pk=ready.pk), by=marketer)
    drain("check_campaign")
    assert NO_TEST_YET not in review(client, ready)
    other = factories.make_template(ready.team, "other_words", body="Bye {{1}}, {{2}}.")
    drafts.choose_template(Campaign.objects.get(pk=ready.pk), other, by=marketer)
    checks.request_check(Campaign.objects.get(pk=ready.pk), by=marketer)
    drain("check_campaign")
    assert NO_TEST_YET in review(client, ready)
    assert "with a different text or media than now" in preview(client, ready)


def test_the_media_of_the_draft_is_sent_with_it(client, connected, number, sandbox, marketer):
    tasks.record_heartbeat("w", timezone.now())
    template = factories.make_media_template(connected, "promotion_broadcast")
    draft = factories.make_media_campaign(connected, by=marketer, template=template)
    link = factories.media_link(sandbox)
    media.set_media(draft, link=link, by=marketer)
    drain("check_media")
    draft = Campaign.objects.get(pk=draft.pk)
    checks.request_check(draft, by=marketer)
    drain("check_campaign")
    prepare(client, draft, 2, number)()
    run()
    (sent,) = sandbox.ledger(account_of(connected))
    assert (sent["to"], sent["media"]) == (OURS_SENT, link)
    assert sent["values"] == ["Person 2", "C-00002"]
    assert NO_TEST_YET not in review(client, draft)


def test_it_does_not_ask_for_the_number_of_recipients(client, ready, number, sandbox):
    ready.team.confirm_above = 0
    ready.team.save()
    prepare(client, ready, 1, number)()
    run()
    assert len(ledger(sandbox, ready.team)) == 1


def test_an_opted_out_test_number_refuses_all_of_them(client, ready, number, sandbox):
    other = factories.make_test_number(ready.team, label="Ama", phone="+233244000004")
    opt_out(ready.team, other.phone)
    prepare(client, ready, 1, number, other)()
    assert messages(client, url(ready, "preview")) == [
        "Ama: This person opted out. Nothing was sent."
    ]
    run()
    assert ledger(sandbox, ready.team) == []
    assert not Campaign.objects.filter(test_of=ready).exists()


def test_an_opt_out_before_it_is_sent_skips_it(client, ready, number, sandbox):
    prepare(client, ready, 1, number)()
    opt_out(ready.team, OURS)
    run()
    assert ledger(sandbox, ready.team) == []
    assert "This person opted out before the message was sent. Nothing was sent." in preview(
        client, ready
    )


def test_the_limit_of_marketing_messages_is_not_for_tests(client, ready, number, sandbox):
    ready.team.marketing_messages, ready.team.marketing_hours = 1, 24
    ready.team.save()
    for position in (1, 2):
        prepare(client, ready, position, number)()
        run()
    assert len(ledger(sandbox, ready.team)) == 2
    # And they do not count: the campaign is still sent to that person.
    single = factories.make_single(ready.team, phone=OURS)
    assert checks.verdict_on_number(single).outcome == "ready"


def test_ten_in_ten_minutes(client, ready, number, sandbox):
    for _ in range(test_sends.MOST):
        prepare(client, ready, 1, number)()
    prepare(client, ready, 1, number)()
    (said,) = messages(client, url(ready, "preview"))
    assert said.startswith("A team can send 10 tests in 10 minutes. Nothing was sent")
    assert Campaign.objects.filter(test_of=ready).count() == 10
    long_ago = timezone.now() - timedelta(minutes=11)
    Campaign.objects.filter(test_of=ready).update(launched_at=long_ago)
    prepare(client, ready, 1, number)()
    assert Campaign.objects.filter(test_of=ready).count() == 11


def test_a_row_that_changed_is_not_sent(client, ready, number, marketer, sandbox):
    press = prepare(client, ready, 1, number)
    file = factories.xlsx(factories.people(3, start=7))
    drafts.attach_upload(ready, file, name="others.xlsx", by=marketer)
    checks.request_check(Campaign.objects.get(pk=ready.pk), by=marketer)
    drain("check_campaign")
    press()
    assert messages(client, url(ready, "preview")) == [test_sends.CHANGED]
    assert not Campaign.objects.filter(test_of=ready).exists()


def test_without_a_number_nothing_is_sent(client, ready, number):
    prepare(client, ready, 1)()
    assert messages(client, url(ready, "preview")) == [
        "Choose at least one test number. Nothing was sent."
    ]


def test_the_number_of_another_team_is_refused(client, ready, number, other_team):
    theirs = factories.make_test_number(other_team)
    prepare(client, ready, 1, theirs)()
    assert not Campaign.objects.filter(test_of=ready).exists()


def test_without_a_key_nothing_is_created(team, marketer, client):
    campaign = factories.make_ready_campaign(team, count=1, by=marketer)
    number = factories.make_test_number(team)
    prepare(client, campaign, 1, number)()
    (said,) = messages(client, url(campaign, "preview"))
    assert said.endswith("Nothing was sent.")
    assert Campaign.objects.count() == 1


def test_tests_are_not_listed(client, ready, number):
    prepare(client, ready, 1, number)()
    for tab in ("all", "running", "single", "attention"):
        assert "Test of" not in text(client.get(list_url(ready.team), {"tab": tab}))
    assert "Test of" not in text(client.get(f"/t/{ready.team.slug}/"))


def test_the_tests_of_a_deleted_draft_stay_as_single_messages(client, ready, number):
    prepare(client, ready, 1, number)()
    run()
    drafts.delete_draft(ready, by=None)
    test = Campaign.objects.get()
    assert (test.test_of, test.is_test, test.status) == (None, True, "completed")
    assert Recipient.objects.get().phone == OURS
    assert "Test of Easter sale" in text(client.get(list_url(ready.team), {"tab": "single"}))
    assert client.get(url(test, "detail")).status_code == 200


def test_a_launched_campaign_keeps_its_tests(client, ready, number):
    prepare(client, ready, 1, number)()
    ready.refresh_from_db()
    factories.launch(ready)
    assert ready.tests.count() == 1
    with pytest.raises(Refused):
        factories.send_test(ready, number=number)


def test_one_press_is_one_test(ready, number):
    person = ready.recipients.first()
    press = {"by": None, "intent": uuid.uuid4(), "digest": ready.digest}
    test_sends.send_tests(ready, person, [number], **press)
    with pytest.raises(launches.AlreadyLaunched):
        test_sends.send_tests(ready, person, [number], **press)
    assert ready.tests.count() == 1


# The numbers


def test_the_right_to_prepare_is_the_right_to_test():
    assert PERMISSIONS["test"] == PERMISSIONS["prepare"]


def test_save_and_remove(client, connected):
    page = list_url(connected).replace("campaigns/", "campaigns/test-numbers/")
    assert "No test numbers yet" in text(client.get(page))
    client.post(page, {"label": "Kofi", "phone": "0244 000 001"})
    number = models.TestNumber.objects.get()
    assert (number.phone, number.label) == (OURS, "Kofi")
    assert "already saved" in text(client.post(page, {"label": "Me", "phone": OURS}))
    assert "not a phone number" in text(client.post(page, {"label": "Me", "phone": "none"}))
    client.post(f"{page}{number.uuid}/remove/")
    assert not models.TestNumber.objects.exists()


def test_five_at_most(client, connected):
    page = list_url(connected).replace("campaigns/", "campaigns/test-numbers/")
    for n in range(5):
        client.post(page, {"label": f"No {n}", "phone": f"024400010{n}"})
    words = text(client.get(page))
    assert "No 4" in words
    assert "Save number" not in words
    answer = client.post(page, {"label": "One more", "phone": "0244000109"})
    assert "Remove one first." in text(answer)
    # When two people add the last one at the same time, the database accepts one.
    with pytest.raises(IntegrityError), transaction.atomic():
        models.TestNumber.objects.create(team=connected, place=6, label="x", phone="+1")
    # The place of a removed one is free again.
    connected.test_numbers.filter(place=2).delete()
    client.post(page, {"label": "One more", "phone": "0244000109"})
    assert connected.test_numbers.get(place=2).label == "One more"
