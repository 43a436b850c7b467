"""The media above the message: a public link that we check, or a media id of ChumiAI's."""

import re
from datetime import datetime

from django.conf import settings
from django.db import transaction
from django.utils.translation import gettext as _

from campaigns.models import Campaign, HeaderMedia
from campaigns.services.drafts import TOO_LATE, edit
from core import clocks, formats, sentences
from core.errors import Refused
from tasks import services as tasks
from teams.models import User
from whatsapp import links
from whatsapp import media as rules

State = HeaderMedia.State
MEDIA_ID = re.compile(r"[\w.:=+/-]{1,200}", re.ASCII)


def set_media(
    campaign: Campaign, *, link: str = "", media_id: str = "", by: User | None
) -> Campaign:
    """Set what stands above the message; a link is checked. Return the campaign.

    Raise `Refused`. The same link again is no edit: it is checked once more.
    """
    link, media_id = link.strip(), media_id.strip()
    _refuse_bad(campaign, link, media_id)
    now = clocks.now()
    old = HeaderMedia.objects.filter(campaign=campaign).first()
    if old is None or (old.link, old.media_id) != (link, media_id):
        with edit(
            campaign,
            by=by,
            field="media",
            before=("link" if old.link else "media id") if old else "",
            after="link" if link else "media id",
        ):
            HeaderMedia.objects.filter(campaign=campaign).delete()
            HeaderMedia.objects.create(
                campaign=campaign,
                link=link,
                media_id=media_id,
                state=State.REQUESTED if link else State.UNSEEN,
                requested_at=now,
            )
            if link:
                tasks.request("check_media", campaign.pk)
    elif link:
        _look_again(old, now)
    campaign.refresh_from_db()
    return campaign


def _refuse_bad(campaign: Campaign, link: str, media_id: str) -> None:
    name = name_of(campaign)
    if not name:
        raise Refused(_("This template has no image, video or document above its text."))
    if not link and not media_id:
        raise Refused(_("Add a link to the {media}, or its media ID.").format(media=name))
    if link and media_id:
        raise Refused(_("Add a link or a media ID, not both."))
    if media_id and not MEDIA_ID.fullmatch(media_id):
        raise Refused(_("This does not look like a media ID: it has no spaces."))
    if link:
        check_link(link)


def check_link(link: str) -> None:
    """Raise `Refused` for a text that can't be a link for WhatsApp. Nothing is fetched."""
    try:
        links.parse(link, settings.MEDIA_TEST_URLS)
    except links.BadLink as problem:
        raise Refused(formats.sentence(problem.sentence)) from None


def kind_of(campaign: Campaign) -> rules.Kind | None:
    """Return the kind of media that the campaign's template needs, or None."""
    media = _needed(campaign)
    return rules.KINDS[media] if media else None


def name_of(campaign: Campaign) -> str:
    """Return the word for the media that the campaign's template needs, or ''."""
    header = campaign.template.content.header if campaign.template else None
    return header.media_name if header and header.media else ""


def _needed(campaign: Campaign) -> str:
    header = campaign.template.content.header if campaign.template else None
    return header.media if header else ""


def what_is_missing(campaign: Campaign) -> str:
    """Return what the header still needs, as an instruction, or ''."""
    kind, name = kind_of(campaign), name_of(campaign)
    if kind is None:
        return ""
    media: HeaderMedia | None = getattr(campaign, "header_media", None)
    if media is None:
        return _("Add the {media} that stands above the message.").format(media=name)
    if media.state == State.REQUESTED:
        return _("We are checking the link to the {media}. Wait for the result.").format(
            media=name
        )
    if media.state == State.BAD:
        return _("Use another {media}: {problem}").format(media=name, problem=media.problem)
    if media.state == State.GOOD and media.content_type not in kind.types:
        # The template changed at WhatsApp since.
        return _("The template changed: add the {media} that it needs now.").format(media=name)
    return ""


def content_of(campaign: Campaign) -> dict[str, str] | None:
    """Return what is sent above the message: {kind, link, media_id}, or None."""
    kind = _needed(campaign)
    media: HeaderMedia | None = getattr(campaign, "header_media", None) if kind else None
    if media is None:
        return None
    return {"kind": kind, "link": media.link, "media_id": media.media_id}


def look(media: HeaderMedia) -> None:
    """Fetch the start of the link's file and store the result, unless the link was replaced."""
    kind = kind_of(media.campaign)
    if kind is None:
        # The template changed: the link is not needed.
        return
    found = links.check_link(kind, media.link, test_urls=settings.MEDIA_TEST_URLS)
    HeaderMedia.objects.filter(
        pk=media.pk, link=media.link, requested_at=media.requested_at, state=State.REQUESTED
    ).update(
        state=State.BAD if found.problem else State.GOOD,
        content_type=found.content_type,
        size=found.size,
        stored_problem=sentences.to_json(found.problem),
        checked_at=clocks.now(),
    )


@transaction.atomic
def _look_again(media: HeaderMedia, now: datetime) -> None:
    campaigns = Campaign.objects.filter(pk=media.campaign_id, status__in=Campaign.EDITABLE)
    if not campaigns.exists():
        raise Refused(str(TOO_LATE))
    checked = HeaderMedia.objects.filter(pk=media.pk).exclude(state=State.REQUESTED)
    checked.update(state=State.REQUESTED, requested_at=now, stored_problem="")
    tasks.request("check_media", media.campaign_id)
