"""Choose the image, video or document above the message."""

import pytest

from campaigns.models import Campaign, HeaderMedia
from campaigns.services import checks, drafts, media
from core.errors import Refused
from message_templates.models import MessageTemplate
from tasks.models import Task
from tests import factories
from tests.campaigns.pages import messages, text, url
from tests.factories import media_link


@pytest.fixture
def draft(connected, marketer):
    return factories.make_media_campaign(connected, by=marketer)


@pytest.fixture
def client(login, marketer):
    return login(marketer)


@pytest.fixture
def ready(draft, sandbox, marketer, drain):
    """A checked campaign with a usable image."""
    media.set_media(draft, link=media_link(sandbox), by=marketer)
    drain("check_media")
    draft.refresh_from_db()
    checks.request_check(draft, by=marketer)
    drain("check_campaign")
    return Campaign.objects.get(pk=draft.pk)


def fresh(campaign):
    return Campaign.objects.with_relations().get(pk=campaign.pk)


# The steps


def test_the_media_step_exists_only_if_the_template_needs_it(draft, client, connected):
    assert "Image" in [step["label"] for step in client.get(url(draft, "values")).context["steps"]]
    plain = factories.make_ready_campaign(connected)
    page = client.get(url(plain, "values"))
    assert [step["label"] for step in page.context["steps"]] == [
        "Template", "File", "Columns", "Check", "Preview", "Review and send",
    ]  # fmt: skip
    assert client.get(url(plain, "media")).url == url(plain, "review")


@pytest.mark.parametrize(
    ("kind", "label"), [("IMAGE", "Image"), ("VIDEO", "Video"), ("DOCUMENT", "Document")]
)
def test_the_step_is_named_after_the_kind_of_media(connected, client, kind, label):
    template = factories.make_media_template(connected, kind=kind)
    campaign = factories.make_media_campaign(connected, template=template)
    page = client.get(url(campaign, "media"))
    assert [step["label"] for step in page.context["steps"]][3] == label
    assert f"Which {kind.lower()} goes above the message?" in text(page)


def test_the_media_step_is_between_columns_and_check(draft, client, sandbox, drain):
    assert "Continue to the image" in text(client.get(url(draft, "values")))
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


def test_later_steps_need_the_media(draft, client, marketer):
    for step in ("check", "preview", "review"):
        assert client.get(url(draft, step)).url == url(draft, "media")
    missing = "Add the image that stands above the message."
    assert checks.what_is_missing(draft) == missing
    with pytest.raises(Refused, match=missing):
        checks.request_check(draft, by=marketer)


# Links


def test_a_link_is_checked(draft, client, sandbox, drain):
    assert client.post(url(draft, "media"), {"link": media_link(sandbox)}).url == url(
        draft, "media"
    )
    waiting = client.get(url(draft, "media"))
    assert "Checking the link" in text(waiting)
    assert "campaign_media_state" not in text(waiting)
    assert f'hx-get="{url(draft, "media_state")}"' in waiting.content.decode()
    assert client.get(url(draft, "check")).url == url(draft, "media")
    drain("check_media")
    found = HeaderMedia.objects.get()
    assert (found.state, found.content_type, found.problem) == ("good", "image/jpeg", "")
    page = client.get(url(draft, "media_state"))
    assert "WhatsApp accepts this image: JPEG, 159 bytes." in text(page)
    assert "hx-get" not in page.content.decode(), "the polling has ended"


def test_the_page_says_that_no_worker_runs(draft, client, sandbox):
    client.post(url(draft, "media"), {"link": media_link(sandbox)})
    assert "Checks are paused on our server." in text(client.get(url(draft, "media")))


def test_a_bad_link_is_explained_and_replaced(draft, client, sandbox, drain):
    client.post(url(draft, "media"), {"link": media_link(sandbox, "page.jpg")})
    drain("check_media")
    assert HeaderMedia.objects.get().state == "bad"
    assert "This link leads to a web page, not to a file." in text(client.get(url(draft, "media")))
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
        ({"link": "http://example.com/a.jpg"}, "only links that start with https://"),
        ({"link": "https://127.0.0.1/a.jpg"}, "has no server name"),
        ({"link": "https://a:b@example.com/"}, "a user name or a password"),
        ({"link": "javascript:alert(1)"}, "It starts with https://."),
        ({"link": "https://example.com/" + "x" * 2000}, "at most 2000 characters"),
        ({"media_id": ""}, "Paste the media ID first."),
        ({"media_id": "two words"}, "it has no spaces"),
        ({"media_id": "1" * 201}, "at most 200 characters"),
    ],
)
def test_a_wrong_link_or_media_id_is_refused(draft, client, answer, sentence):
    page = client.post(url(draft, "media"), answer)
    assert page.status_code == 200
    assert sentence in text(page)
    assert not HeaderMedia.objects.exists()
    assert not Task.objects.filter(name="check_media").exists()


def test_a_link_into_our_network_is_not_stored(draft, client, sandbox):
    """The sandbox has an internal address: only its media may be fetched."""
    for link in (f"{sandbox.url}/__sandbox__/ledger", media_link(sandbox, "../ledger")):
        assert "start with https://" in text(client.post(url(draft, "media"), {"link": link}))
    assert not HeaderMedia.objects.exists()


def test_the_result_of_a_replaced_link_is_dropped(draft, marketer, sandbox, drain):
    media.set_media(draft, link=media_link(sandbox, "page.jpg"), by=marketer)
    late = HeaderMedia.objects.select_related("campaign__template").get()
    media.set_media(draft, link=media_link(sandbox), by=marketer)
    media.look(late)
    assert HeaderMedia.objects.get().state == "requested"
    drain("check_media")
    media.look(late)
    assert HeaderMedia.objects.get().state == "good"


def test_the_same_link_is_checked_again_without_an_edit(ready, marketer, sandbox, drain):
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


def test_the_media_changes_the_digest(ready):
    digest = checks.digest_of(ready)
    for change in ({"link": "https://example.com/b.jpg"}, {"link": "", "media_id": "1"}):
        HeaderMedia.objects.update(**change)
        assert checks.digest_of(fresh(ready)) != digest


# Ids


def test_a_media_id_is_not_checked(draft, client):
    assert client.post(url(draft, "media"), {"media_id": " 123456 "}).url == url(draft, "media")
    found = HeaderMedia.objects.get()
    assert (found.media_id, found.link, found.state) == ("123456", "", "unseen")
    assert not Task.objects.filter(name="check_media").exists()
    page = client.get(url(draft, "media"))
    assert "We can't check a media ID." in text(page)
    assert "Check the file" in text(page)
    client.post(url(draft, "media"), {"media_id": "123456"})
    assert HeaderMedia.objects.get().pk == found.pk


def test_link_and_id_exclude_each_other_and_need_a_media_template(draft, connected, marketer):
    with pytest.raises(Refused, match="not both"):
        media.set_media(draft, link="https://example.com/", media_id="1", by=marketer)
    with pytest.raises(Refused, match="Add a link to the image, or its media ID."):
        media.set_media(draft, by=marketer)
    plain = factories.make_campaign(connected, template=factories.make_template(connected))
    with pytest.raises(Refused, match="no image, video or document"):
        media.set_media(plain, media_id="1", by=marketer)


# Another template


def test_another_kind_of_template_removes_the_media_and_the_same_kind_keeps_it(
    draft, connected, marketer
):
    media.set_media(draft, media_id="1", by=marketer)
    picture = factories.make_media_template(connected, "another_picture")
    drafts.choose_template(draft, picture, by=marketer)
    assert HeaderMedia.objects.get().media_id == "1"
    video = factories.make_media_template(connected, "a_video", kind="VIDEO")
    drafts.choose_template(draft, video, by=marketer)
    assert not HeaderMedia.objects.exists()


def test_a_template_that_changed_its_kind_of_media_blocks_the_launch(
    ready, client, intent, marketer
):
    template = MessageTemplate.objects.get()
    template.components[0]["format"] = "VIDEO"
    template.save()
    page = text(client.get(url(ready, "review")))
    assert "Blocked: The template changed: add the video that it needs now." in page
    with pytest.raises(Refused, match="add the video that it needs now. Nothing"):
        factories.launch(fresh(ready), by=marketer, engine="singly")


# Preview, review, launch


def test_preview_and_review_show_the_media(ready, client):
    for step in ("media", "preview", "review"):
        assert "Image JPEG, 159 bytes" in text(client.get(url(ready, step)))
    page = text(client.get(url(ready, "review")))
    assert "OK: WhatsApp accepts the linked file." in page
    HeaderMedia.objects.update(link="", media_id="1", state="unseen", content_type="", size=None)
    page = text(client.get(url(ready, "review"))).replace("&#x27;", "'")
    assert "Warning: We can't check the file behind a media ID." in page


def test_the_launch_freezes_the_media(ready, marketer, sandbox, client):
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
    assert "has been launched" in messages(client, url(campaign, "detail"))[0]
    assert HeaderMedia.objects.get().link == media_link(sandbox)


def test_a_template_without_media_freezes_none(connected, marketer):
    campaign = factories.launch(factories.make_ready_campaign(connected), by=marketer)
    assert campaign.snapshot["media"] is None


@pytest.mark.parametrize("state", ["bad", "requested", None])
def test_without_usable_media_nothing_is_launched(ready, marketer, state, client):
    if state:
        HeaderMedia.objects.update(state=state, stored_problem="It is gone.")
    else:
        HeaderMedia.objects.all().delete()
    ready = fresh(ready)
    assert "Blocked: " in text(client.get(url(ready, "review")))
    with pytest.raises(Refused, match="Nothing was sent"):
        factories.launch(ready, by=marketer, engine="singly")
    assert fresh(ready).launched_at is None


def test_a_viewer_sets_no_media(draft, viewer, login):
    assert login(viewer).post(url(draft, "media"), {"media_id": "1"}).status_code == 403
    assert not HeaderMedia.objects.exists()


# The pages of templates


def test_gallery_and_template_page_say_that_media_is_needed(draft, client, connected):
    for path in ("", f"{draft.template.uuid}/"):
        page = text(client.get(f"/t/{connected.slug}/templates/{path}"))
        assert "Needs an image. Sent one by one" in page
