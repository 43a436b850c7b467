"""Launch from the review page: once, with what was seen."""

import uuid

import pytest

from campaigns.models import Campaign
from campaigns.services import checks, drafts
from sending.models import Batch
from sending.services import launches
from teams.models import AuditEvent
from tests import factories
from tests.campaigns.pages import messages, text, url


@pytest.fixture
def ready(connected):
    return factories.make_ready_campaign(connected, count=60)


def seen(client, campaign):
    """Return what the review page would send back."""
    context = client.get(url(campaign, "review")).context
    return context["form"].initial | {"consent": context["consent"]}


def test_it_starts_and_shows_the_progress(ready, marketer, login):
    client = login(marketer)
    response = client.post(url(ready, "launch"), seen(client, ready) | {"typed": "60"})
    assert response.url == url(ready, "detail")
    campaign = Campaign.objects.get()
    assert (campaign.status, campaign.launched_by) == ("queued", marketer)
    assert Batch.objects.get().size == 60 - Batch.objects.count() + 1


WORDS = "These people agreed to hear from Kente Corner on WhatsApp."
OWN_NUMBERS = "A test to the team's own numbers."


def test_who_launches_confirms_the_consent(ready, marketer, login):
    client = login(marketer)
    client.post(url(ready, "launch"), seen(client, ready) | {"typed": "60"})
    assert Campaign.objects.get().consent == WORDS
    assert AuditEvent.objects.get(action="campaign launched").after["consent"] == WORDS
    assert WORDS in text(client.get(url(ready, "detail")))


@pytest.mark.parametrize("said", ["", "on", "Yes.", OWN_NUMBERS])
def test_without_the_consent_nothing_is_sent(ready, marketer, login, said):
    client = login(marketer)
    response = client.post(
        url(ready, "launch"), seen(client, ready) | {"typed": "60", "consent": said}
    )
    assert "tick the box. Nothing was sent." in text(response)
    assert b'aria-describedby="id_consent_error"' in response.content
    # What was typed is kept, and the box is as it was left.
    assert b'value="60"' in response.content
    assert b'value="These people agreed' in response.content
    assert b" checked aria-invalid" not in response.content
    assert Campaign.objects.get().launched_at is None


def test_a_wrong_number_keeps_the_tick(ready, marketer, login):
    client = login(marketer)
    response = client.post(url(ready, "launch"), seen(client, ready) | {"typed": "6"})
    [box] = factories.soup(response).select("input[name=consent]")
    assert box["value"] == WORDS
    assert box.has_attr("checked")


def test_the_sentence_for_the_teams_own_numbers_is_for_tests_alone(connected):
    one = factories.make_ready_campaign(connected, count=1)
    assert launches.consent_sentence(one).startswith("This person agreed")
    asked = {"by": None, "intent": uuid.uuid4(), "digest": one.digest}
    with pytest.raises(launches.NoConsent):
        launches.launch(one, **asked, consent=OWN_NUMBERS)
    assert Campaign.objects.get().launched_at is None


@pytest.mark.parametrize("typed", ["", "6", "sixty", "60.5", "９" * 20])
def test_another_number_sends_nothing(ready, marketer, login, typed):
    client = login(marketer)
    response = client.post(url(ready, "launch"), seen(client, ready) | {"typed": typed})
    assert response.status_code == 200
    assert "To confirm, type the number of recipients: 60. Nothing was sent." in text(response)
    assert b'aria-invalid="true"' in response.content
    assert Campaign.objects.get().launched_at is None


@pytest.mark.parametrize("typed", ["1,200", "1 200", "1200"])
def test_thousands_may_be_set_apart(typed):
    from sending.forms import LaunchForm

    form = LaunchForm({"intent": uuid.uuid4(), "digest": "x", "typed": typed})
    assert form.is_valid()
    assert form.cleaned_data["typed"] == 1200


def test_the_second_press_says_who_was_first(ready, marketer, manager, login):
    first, second = login(marketer), login(manager)
    before = seen(second, ready) | {"typed": "60"}
    first.post(url(ready, "launch"), seen(first, ready) | {"typed": "60"})
    batches = Batch.objects.count()
    response = second.post(url(ready, "launch"), before)
    assert response.url == url(ready, "detail")
    assert "Already started by Kofi Boateng at" in messages(second, response.url)[0]
    assert Batch.objects.count() == batches
    assert Campaign.objects.get().launched_by == marketer


def test_what_changed_since_is_looked_at_again(ready, marketer, login):
    client = login(marketer)
    before = seen(client, ready) | {"typed": "60"}
    mapping = {"phone_column": 0, "values": {"1": {"text": "you"}, "2": {"column": 2}}}
    drafts.set_mapping(ready, mapping, by=marketer)
    checks.request_check(ready, by=marketer)
    factories.drain("check_campaign")
    response = client.post(url(ready, "launch"), before)
    assert response.status_code == 200
    assert "The recipients changed since you opened this page. Nothing was sent." in text(response)
    assert response.context["form"].initial["digest"] != before["digest"]
    assert Campaign.objects.get().launched_at is None


def test_what_is_being_checked_again_cannot_be_launched(ready, marketer, login):
    client = login(marketer)
    before = seen(client, ready) | {"typed": "60"}
    checks.request_check(ready, by=marketer)
    response = client.post(url(ready, "launch"), before)
    assert response.url == url(ready, "check")
    assert "has not been checked yet" in messages(client, response.url)[0]


def test_without_a_key_nothing_is_sent(team, marketer, login):
    campaign = factories.make_ready_campaign(team)
    client = login(marketer)
    response = client.post(url(campaign, "launch"), seen(client, campaign))
    assert response.status_code == 200
    assert "This team has no ChumiAI key yet." in text(response)
    assert Campaign.objects.get().launched_at is None


@pytest.mark.parametrize("broken", [{"intent": "x"}, {"digest": ""}, {"digest": "y" * 65}])
def test_a_page_that_was_tampered_with_sends_nothing(ready, marketer, login, broken):
    client = login(marketer)
    data = seen(client, ready) | {"typed": "60"} | broken
    assert client.post(url(ready, "launch"), data).url == url(ready, "review")
    assert "Nothing was sent" in messages(client, url(ready, "review"))[0]
    assert Campaign.objects.get().launched_at is None


def test_the_intent_of_another_campaign_sends_nothing(ready, connected, marketer, login):
    client = login(marketer)
    used = seen(client, ready)
    client.post(url(ready, "launch"), used | {"typed": "60"})
    other = factories.make_ready_campaign(connected, count=2, name="Other")
    response = client.post(url(other, "launch"), seen(client, other) | {"intent": used["intent"]})
    assert response.status_code == 200
    assert Campaign.objects.get(pk=other.pk).launched_at is None


def test_a_viewer_and_a_stranger_launch_nothing(ready, viewer, outsider, login):
    data = {"intent": uuid.uuid4(), "digest": ready.digest, "typed": "60"}
    assert login(viewer).post(url(ready, "launch"), data).status_code == 403
    assert login(outsider).post(url(ready, "launch"), data).status_code == 404
    assert Campaign.objects.get().launched_at is None
