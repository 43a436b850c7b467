"""One template to one number: typed, checked, reviewed, sent once, described for one person."""

import uuid

import pytest
from django.urls import reverse
from django.utils import timezone

from campaigns.models import Campaign, Recipient
from campaigns.services import media
from contacts.services import opt_out
from tasks import services as tasks
from tests import factories
from tests.campaigns.pages import list_url, messages, text, url
from tests.factories import account_of, drain, finish, soup

PHONE = "0244000111"
SENT_TO = "233244000111"


@pytest.fixture
def client(login, marketer):
    return login(marketer)


@pytest.fixture
def template(connected):
    tasks.record_heartbeat("w", timezone.now())
    return factories.make_template(connected)


@pytest.fixture
def single(connected, template, marketer):
    return factories.make_single(connected, by=marketer)


def type_in(client, single, phone=PHONE, values=("Ama", "C-1"), then="check", **extra):
    data = {"phone": phone, "then": then}
    data |= {f"value_{n}": value for n, value in enumerate(values)}
    return client.post(url(single, "number"), data, **extra)


def press_send(client, single):
    """Press Send on the review page, and return a function that presses it once more."""
    form = soup(client.get(url(single, "review"))).find("form", action=url(single, "launch"))
    data = {field["name"]: field["value"] for field in form.find_all("input", value=True)}
    client.post(url(single, "launch"), data)
    return lambda: client.post(url(single, "launch"), data)


def ledger(sandbox, team):
    return [(m["to"], m["values"]) for m in sandbox.ledger(account_of(team))]


def test_from_the_button_to_the_phone(client, connected, template, sandbox):
    page = soup(client.get(list_url(connected)))
    start = next(a for a in page.find_all("a") if "Send one message" in a.text)
    answer = client.post(start["href"], {"template": str(template.uuid)})
    single = Campaign.objects.get()
    assert answer.url == url(single, "number")
    assert single.audience == "number"
    answer = type_in(client, single)
    assert answer.url == url(single, "review")
    words = text(client.get(answer.url))
    assert "+233 24 400 0111" in words
    assert "Send 1 message now" in words
    assert "Sending method" not in words
    assert "Hi Ama, your code is C-1." in words
    again = press_send(client, single)
    again()
    finish(single)
    assert ledger(sandbox, connected) == [(SENT_TO, ["Ama", "C-1"])]
    words = text(client.get(url(single, "detail")))
    assert "To +233 24 400 0111" in words
    assert "Accepted" in words
    assert "Hi Ama, your code is C-1." in words
    for foreign in ("%", "recipients", "Batches", "Download"):
        assert foreign not in words


def test_an_invalid_number_is_an_error_of_its_field(client, single):
    page = soup(type_in(client, single, phone="0244 000"))
    assert "No network uses this number." in page.find(id="id_phone_error").text
    single.refresh_from_db()
    assert single.status == "draft"
    # The field keeps what was typed.
    assert page.find(id="id_phone")["value"] == "0244 000"


def test_an_empty_value_is_an_error_of_its_field(client, single):
    page = soup(type_in(client, single, values=("Ama", " ")))
    assert "Type a text for {{2}}." in page.find(id="id_value_1_error").text
    assert not page.find(id="id_value_0_error")


def test_a_value_that_whatsapp_rejects_is_an_error_of_its_field(client, single):
    page = soup(type_in(client, single, values=("Ama", "{{code}}")))
    assert "unfilled placeholder" in page.find(id="id_value_1_error").text


def test_a_message_that_is_too_long_is_refused(client, connected):
    with_image = factories.make_media_template(connected)
    single = factories.make_single(connected, template=with_image)
    page = type_in(client, single, values=("x" * 1000, "y" * 1000))
    assert "The message has" in text(page)
    assert Recipient.objects.count() == 0


def test_an_opted_out_number_is_refused(client, single):
    opt_out(single.team, f"+{SENT_TO}")
    page = soup(type_in(client, single))
    assert "This person opted out." in page.find(id="id_phone_error").text
    single.refresh_from_db()
    assert single.status == "draft"


def test_an_opt_out_after_the_review_is_skipped(client, single, sandbox):
    type_in(client, single)
    opt_out(single.team, f"+{SENT_TO}")
    words = text(client.get(url(single, "review")))
    assert "Blocked: This person has opted out. Nothing will be sent." in words
    single.refresh_from_db()
    factories.launch(single, engine="singly")
    finish(single)
    assert ledger(sandbox, single.team) == []
    words = text(client.get(url(single, "detail")))
    assert "This person opted out before the message was sent. Nothing was sent." in words


def test_a_number_at_the_frequency_limit_is_refused(client, single, sandbox):
    single.team.marketing_messages, single.team.marketing_hours = 1, 24
    single.team.save()
    type_in(client, single)
    press_send(client, single)
    finish(single)
    another = factories.make_single(single.team)
    page = soup(type_in(client, another))
    assert "Got a marketing message in the last 24 hours." in page.find(id="id_phone_error").text


def test_nothing_is_sent_without_consent(client, single, sandbox):
    type_in(client, single)
    page = soup(client.get(url(single, "review")))
    assert "This person agreed to hear from Kente Corner on WhatsApp." in page.text
    data = {
        "intent": str(uuid.uuid4()),
        "digest": page.find("input", {"name": "digest"})["value"],
        # The sentence of tests does not count here.
        "consent": "A test to the team's own numbers.",
    }
    assert "tick the box" in text(client.post(url(single, "launch"), data))
    drain()
    assert ledger(sandbox, single.team) == []


def test_the_preview_shows_what_is_typed(client, single):
    answer = type_in(client, single, values=("Efua", ""), then="", headers={"HX-Request": "true"})
    preview = soup(answer).find(id="number-preview").text
    assert "Hi Efua, your code is {{2}}." in " ".join(preview.split())
    single.refresh_from_db()
    assert single.mapping["values"] == {"1": {"text": "Efua"}, "2": None}
    assert client.get(url(single, "detail")).url == url(single, "number")


def test_a_changed_text_needs_another_review(client, single):
    type_in(client, single)
    page = soup(client.get(url(single, "review")))
    seen = page.find("input", {"name": "digest"})["value"]
    type_in(client, single, values=("Ama", "C-2"))
    data = {"intent": str(uuid.uuid4()), "digest": seen}
    words = text(client.post(url(single, "launch"), data))
    assert "changed since you opened this page" in words
    assert Recipient.objects.get().values == ["Ama", "C-2"]


def test_another_template_keeps_the_number_and_the_values_that_fit(client, single):
    other = factories.make_template(single.team, "short_one", body="Hello {{1}}.")
    client.post(url(single, "template"), {"template": str(other.uuid)})
    single.refresh_from_db()
    assert single.mapping == {"phone": PHONE, "values": {"1": {"text": "Ama"}}}


def test_with_an_image(client, connected, sandbox, marketer):
    with_image = factories.make_media_template(connected, "promotion_broadcast")
    single = factories.make_single(connected, by=marketer, template=with_image)
    assert type_in(client, single).url == url(single, "media")
    link = factories.media_link(sandbox)
    media.set_media(single, link=link, by=marketer)
    drain("check_media")
    page = soup(client.get(url(single, "media")))
    form = page.find("form", action=url(single, "number_check"))
    assert client.post(form["action"]).url == url(single, "review")
    press_send(client, single)
    finish(single)
    (sent,) = sandbox.ledger(account_of(connected))
    assert (sent["to"], sent["values"]) == (SENT_TO, ["Ama", "C-1"])
    assert sent["media"] == link


def test_a_failure_is_explained(client, single, sandbox):
    type_in(client, single, phone="0244000026")
    press_send(client, single)
    finish(single)
    words = text(client.get(url(single, "detail")))
    assert "Why it failed" in words
    assert "This number is not on WhatsApp" in words


def test_an_unconfirmed_message_is_no_failure(client, single, sandbox):
    sandbox.fault("accepted_then_500", path="/api/v1/whatsapp/send-template")
    type_in(client, single)
    press_send(client, single)
    drain()
    words = text(client.get(url(single, "detail")))
    assert "Unconfirmed" in words
    assert "Nothing will be sent twice" in words
    assert len(ledger(sandbox, single.team)) == 1


def test_a_contact_fills_in_the_number(client, connected, template):
    contact = factories.mirror(connected).contacts.get()
    page = client.get(f"/t/{connected.slug}/contacts/{contact.uuid}/")
    link = next(a for a in soup(page).find_all("a") if "Send a message" in a.text)
    client.post(link["href"], {"template": str(template.uuid)})
    single = Campaign.objects.get()
    assert soup(client.get(url(single, "number"))).find(id="id_phone")["value"] == contact.phone
    opt_out(connected, contact.phone)
    page = client.get(f"/t/{connected.slug}/contacts/{contact.uuid}/")
    assert "Send a message" not in text(page)


def test_the_contact_of_another_team_is_not_found(client, connected, other_team):
    contact = factories.mirror(other_team).contacts.get()
    page = reverse("campaigns:message_new", args=[connected.slug])
    assert client.get(page, {"contact": contact.uuid}).status_code == 404
    assert client.get(page, {"contact": "nobody"}).status_code == 200


def test_the_list_has_a_tab_for_single_messages(client, connected, single, login, viewer, sandbox):
    factories.make_campaign(connected, name="Easter sale")
    type_in(client, single)
    press_send(client, single)
    finish(single)
    everything = text(client.get(list_url(connected)))
    assert "Easter sale" in everything
    assert single.name not in everything
    assert "Single messages 1" in everything
    alone = text(client.get(list_url(connected), {"tab": "single"}))
    assert single.name in alone
    assert "Accepted" in alone
    assert "+233 24 400 0111" in alone
    masked = text(login(viewer).get(list_url(connected), {"tab": "single"}))
    assert "+233 24 *** 0111" in masked


def test_a_paused_message_needs_attention(client, connected, single, sandbox):
    sandbox.post("codes", code=131042, account=account_of(connected), times=1)
    type_in(client, single)
    press_send(client, single)
    finish(single)
    assert single.status == "paused"
    assert single.name in text(client.get(list_url(connected), {"tab": "attention"}))
    assert "Resume" in text(client.get(url(single, "detail")))


def test_a_viewer_sees_no_number_and_no_value(client, single, login, viewer):
    type_in(client, single)
    press_send(client, single)
    words = text(login(viewer).get(url(single, "detail")))
    assert "+233 24 *** 0111" in words
    assert "Ama" not in words


def test_the_steps_of_a_file_redirect_to_the_number(client, single):
    for page in ("file", "values", "check", "preview"):
        assert client.get(url(single, page)).url == url(single, "number")
    ready = factories.make_ready_campaign(single.team, count=1)
    assert client.get(url(ready, "number")).url == url(ready, "review")
    assert messages(client, list_url(single.team)) == []
