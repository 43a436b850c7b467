"""Give the picture, video or document that stands above the message."""

import pytest

from campaigns.models import Campaign, HeaderMedia
from campaigns.services import checks, drafts, media
from core.errors import Refused
from message_templates.models import MessageTemplate
from tasks.models import Task
from tests import factories
from tests.campaigns.pages import text, told, url
from tests.factories import media_link


@pytest.fixture
def draft(connected, marketer):
    return factories.make_media_campaign(connected, by=marketer)


@pytest.fixture
def client(login, marketer):
    return login(marketer)


@pytest.fixture
def ready(draft, sandbox, marketer, drain):
    """Return a campaign that went through all steps, its picture included."""
    media.set_media(draft, link=media_link(sandbox), by=marketer)
    drain("check_media")
    draft.refresh_from_db()
    checks.request_check(draft, by=marketer)
    drain("check_campaign")
    return Campaign.objects.get(pk=draft.pk)


def fresh(campaign):
    return Campaign.objects.with_relations().get(pk=campaign.pk)


# The steps


def test_the_step_is_there_only_where_the_template_needs_it(draft, client, connected):
    assert "Picture" in text(client.get(url(draft, "values")))
    plain = factories.make_ready_campaign(connected)
    page = client.get(url(plain, "values"))
    assert [step["label"] for step in page.context["steps"]] == [
        "Template", "File", "Columns", "Check", "Preview", "Review and send",
    ]  # fmt: skip
    assert client.get(url(plain, "media")).url == url(plain, "review")


@pytest.mark.parametrize(
    ("kind", "label"), [("IMAGE", "Picture"), ("VIDEO", "Video"), ("DOCUMENT", "Document")]
)
def test_it_is_called_what_it_is(connected, client, kind, label):
    template = factories.make_media_template(connected, kind=kind)
    campaign = factories.make_media_campaign(connected, template=template)
    page = client.get(url(campaign, "media"))
    assert [step["label"] for step in page.context["steps"]][3] == label
    assert f"Which {label.lower()} stands above the message?" in text(page)


def test_the_columns_lead_to_the_picture_and_the_picture_to_the_check(
    draft, client, sandbox, drain
):
    assert "Continue to the picture" in text(client.get(url(draft, "values")))
    answers = {"phone_column": 0, "source_0": 1, "source_1": 2, "then": "check"}
    assert client.post(url(draft, "values"), answers).url == url(draft, "media")
    assert "Check the file" not in text(client.get(url(draft, "media")))
    client.post(url(draft, "media"), {"link": media_link(sandbox)})
    drain("check_media")
    assert "Check the file" in text(client.get(url(draft, "media")))
    assert client.post(url(draft, "check")).url == url(draft, "check")
    drain("check_campaign")
    assert fresh(draft).status == "ready"
    assert "Continue to the check" in text(client.get(url(draft, "media")))


def test_later_steps_wait_for_it(draft, client, marketer):
    for step in ("check", "preview", "review"):
        assert client.get(url(draft, step)).url == url(draft, "media")
    missing = "Give the picture that stands above the message."
    assert checks.what_is_missing(draft) == missing
    with pytest.raises(Refused, match=missing):
        checks.request_check(draft, by=marketer)


# Links


def test_a_link_is_looked_at(draft, client, sandbox, drain):
    assert client.post(url(draft, "media"), {"link": media_link(sandbox)}).url == url(
        draft, "media"
    )
    waiting = client.get(url(draft, "media"))
    assert "Looking at the link" in text(waiting)
    assert "campaign_media_state" not in text(waiting)
    assert f'hx-get="{url(draft, "media_state")}"' in waiting.content.decode()
    assert client.get(url(draft, "check")).url == url(draft, "media")
    drain("check_media")
    found = HeaderMedia.objects.get()
    assert (found.state, found.content_type, found.problem) == ("good", "image/jpeg", "")
    page = client.get(url(draft, "media_state"))
    assert "WhatsApp takes this picture: JPEG, 159 bytes." in text(page)
    assert "hx-get" not in page.content.decode(), "the polling has ended"


def test_a_sleeping_worker_is_said(draft, client, sandbox):
    client.post(url(draft, "media"), {"link": media_link(sandbox)})
    assert "no worker is running" in text(client.get(url(draft, "media")))


def test_a_bad_link_says_why_and_another_one_mends_it(draft, client, sandbox, drain):
    client.post(url(draft, "media"), {"link": media_link(sandbox, "page.jpg")})
    drain("check_media")
    assert HeaderMedia.objects.get().state == "bad"
    assert "This link leads to a web page, not to a picture." in text(
        client.get(url(draft, "media"))
    )
    assert client.get(url(draft, "check")).url == url(draft, "media")
    client.post(url(draft, "media"), {"link": media_link(sandbox, "picture.png")})
    drain("check_media")
    assert HeaderMedia.objects.get().content_type == "image/png"
    assert checks.what_is_missing(fresh(draft)) == ""


@pytest.mark.parametrize(
    ("answer", "sentence"),
    [
        ({}, "Paste the link first."),
        ({"link": " "}, "Paste the link first."),
        ({"link": "http://example.com/a.jpg"}, "only links that begin with https://"),
        ({"link": "https://127.0.0.1/a.jpg"}, "does not name a server"),
        ({"link": "https://a:b@example.com/"}, "a user name or a password"),
        ({"link": "javascript:alert(1)"}, "It begins with https://."),
        ({"link": "https://example.com/" + "x" * 2000}, "at most 2000 characters"),
        ({"media_id": ""}, "Paste the media id first."),
        ({"media_id": "two words"}, "it has no spaces"),
        ({"media_id": "1" * 201}, "at most 200 characters"),
    ],
)
def test_what_is_no_link_and_no_id(draft, client, answer, sentence):
    page = client.post(url(draft, "media"), answer)
    assert page.status_code == 200
    assert sentence in text(page)
    assert not HeaderMedia.objects.exists()
    assert not Task.objects.filter(name="check_media").exists()


def test_an_inner_link_is_not_even_stored(draft, client, sandbox):
    """The sandbox is an inner address: what lies beside its media is closed."""
    for link in (f"{sandbox.url}/__sandbox__/ledger", media_link(sandbox, "../ledger")):
        assert "begin with https://" in text(client.post(url(draft, "media"), {"link": link}))
    assert not HeaderMedia.objects.exists()


def test_what_is_seen_of_a_replaced_link_is_dropped(draft, marketer, sandbox, drain):
    media.set_media(draft, link=media_link(sandbox, "page.jpg"), by=marketer)
    late = HeaderMedia.objects.select_related("campaign__template").get()
    media.set_media(draft, link=media_link(sandbox), by=marketer)
    media.look(late)
    assert HeaderMedia.objects.get().state == "requested"
    drain("check_media")
    media.look(late)
    assert HeaderMedia.objects.get().state == "good"


def test_the_same_link_is_looked_at_again_and_is_no_edit(ready, marketer, sandbox, drain):
    before = HeaderMedia.objects.get()
    media.set_media(ready, link=media_link(sandbox), by=marketer)
    assert HeaderMedia.objects.get().state == "requested"
    drain("check_media")
    assert HeaderMedia.objects.get().checked_at > before.checked_at
    assert fresh(ready).status == "ready"
    assert fresh(ready).digest == ready.digest


def test_another_link_is_an_edit(ready, marketer, sandbox):
    media.set_media(ready, link=media_link(sandbox, "picture.png"), by=marketer)
    campaign = fresh(ready)
    assert (campaign.status, campaign.digest) == ("draft", "")
    assert not hasattr(campaign, "check_result")


def test_the_digest_names_it(ready):
    digest = checks.digest_of(ready)
    for change in ({"link": "https://example.com/b.jpg"}, {"link": "", "media_id": "1"}):
        HeaderMedia.objects.update(**change)
        assert checks.digest_of(fresh(ready)) != digest


# Ids


def test_a_media_id_is_taken_unseen(draft, client):
    assert client.post(url(draft, "media"), {"media_id": " 123456 "}).url == url(draft, "media")
    found = HeaderMedia.objects.get()
    assert (found.media_id, found.link, found.state) == ("123456", "", "unseen")
    assert not Task.objects.filter(name="check_media").exists()
    page = client.get(url(draft, "media"))
    assert "A media id can’t be looked at from here." in text(page)
    assert "Check the file" in text(page)
    client.post(url(draft, "media"), {"media_id": "123456"})
    assert HeaderMedia.objects.get().pk == found.pk


def test_not_both_and_not_for_a_plain_template(draft, connected, marketer):
    with pytest.raises(Refused, match="not both"):
        media.set_media(draft, link="https://example.com/", media_id="1", by=marketer)
    with pytest.raises(Refused, match="Give a link to the picture, or its media id."):
        media.set_media(draft, by=marketer)
    plain = factories.make_campaign(connected, template=factories.make_template(connected))
    with pytest.raises(Refused, match="no picture, video or document"):
        media.set_media(plain, media_id="1", by=marketer)


# Another template


def test_another_kind_forgets_it_and_the_same_kind_keeps_it(draft, connected, marketer):
    media.set_media(draft, media_id="1", by=marketer)
    picture = factories.make_media_template(connected, "another_picture")
    drafts.choose_template(draft, picture, by=marketer)
    assert HeaderMedia.objects.get().media_id == "1"
    video = factories.make_media_template(connected, "a_video", kind="VIDEO")
    drafts.choose_template(draft, video, by=marketer)
    assert not HeaderMedia.objects.exists()


def test_a_template_that_changes_at_whatsapp_stands_in_the_way(ready, client, intent, marketer):
    template = MessageTemplate.objects.get()
    template.components[0]["format"] = "VIDEO"
    template.save()
    page = text(client.get(url(ready, "review")))
    assert "In the way: Give a video: the template takes one now." in page
    with pytest.raises(Refused, match="Give a video: the template takes one now. Nothing"):
        factories.launch(fresh(ready), by=marketer, engine="singly")


# Preview, review, launch


def test_preview_and_review_show_it(ready, client):
    for step in ("media", "preview", "review"):
        assert "Picture JPEG, 159 bytes" in text(client.get(url(ready, step)))
    page = text(client.get(url(ready, "review")))
    assert "Good: The link leads to a picture that WhatsApp takes." in page
    HeaderMedia.objects.update(link="", media_id="1", state="unseen", content_type="", size=None)
    assert "Mind: Nobody can look at the picture behind a media id." in text(
        client.get(url(ready, "review"))
    )


def test_the_launch_freezes_it(ready, marketer, sandbox, client):
    factories.launch(ready, by=marketer, engine="")
    campaign = fresh(ready)
    assert campaign.engine == "singly"
    assert campaign.snapshot["media"] == {
        "kind": "image",
        "link": media_link(sandbox),
        "media_id": "",
    }
    with pytest.raises(Refused, match="can't be changed any more"):
        media.set_media(campaign, link=media_link(sandbox), by=marketer)
    with pytest.raises(Refused, match="can't be changed any more"):
        media.set_media(campaign, media_id="2", by=marketer)
    assert client.post(url(campaign, "media"), {"media_id": "2"}).url == url(campaign, "detail")
    assert "has been launched" in told(client, url(campaign, "detail"))[0]
    assert HeaderMedia.objects.get().link == media_link(sandbox)


def test_a_plain_template_freezes_none(connected, marketer):
    campaign = factories.launch(factories.make_ready_campaign(connected), by=marketer)
    assert campaign.snapshot["media"] is None


@pytest.mark.parametrize("state", ["bad", "requested", None])
def test_without_a_usable_one_nothing_is_launched(ready, marketer, state, client):
    if state:
        HeaderMedia.objects.update(state=state, problem="It is gone.")
    else:
        HeaderMedia.objects.all().delete()
    ready = fresh(ready)
    assert "In the way: " in text(client.get(url(ready, "review")))
    with pytest.raises(Refused, match="Nothing was sent"):
        factories.launch(ready, by=marketer, engine="singly")
    assert fresh(ready).launched_at is None


def test_a_viewer_gives_none(draft, viewer, login):
    assert login(viewer).post(url(draft, "media"), {"media_id": "1"}).status_code == 403
    assert not HeaderMedia.objects.exists()


# The templates' own pages


def test_gallery_and_detail_say_that_it_is_given_for_each_campaign(draft, client, connected):
    list_page = text(client.get(f"/t/{connected.slug}/templates/"))
    assert "You give the picture for each campaign, and it goes out one by one." in list_page
    page = text(client.get(f"/t/{connected.slug}/templates/{draft.template.uuid}/"))
    assert "A picture stands above its text: you give it for each campaign." in page
    assert "Such a campaign goes out one by one." in page
