"""The media above the message: a public link that is looked at, or an id of ChumiAI's."""

import re

from django.conf import settings
from django.db import transaction
from django.utils import timezone

from campaigns.models import Campaign, HeaderMedia
from campaigns.services.drafts import TOO_LATE, edit
from core.errors import Refused
from tasks import services as tasks
from whatsapp import links
from whatsapp import media as rules

State = HeaderMedia.State
MEDIA_ID = re.compile(r"[\w.:=+/-]{1,200}", re.ASCII)


def set_media(campaign, *, link="", media_id="", by):
    """Set what stands above the message, and have a link looked at. Raise `Refused`.

    It is an edit like any other, so it forgets the check. The same link again is none: it is
    looked at once more.
    """
    link, media_id = link.strip(), media_id.strip()
    kind = kind_of(campaign)
    if kind is None:
        raise Refused("This template has no picture, video or document above its text.")
    if not link and not media_id:
        raise Refused(f"Give a link to the {kind.name}, or its media id.")
    if link and media_id:
        raise Refused("Give a link or a media id, not both.")
    if media_id and not MEDIA_ID.fullmatch(media_id):
        raise Refused("This does not look like a media id: it has no spaces.")
    if link:
        check_link(link)
    now = timezone.now()
    current = HeaderMedia.objects.filter(campaign=campaign, link=link, media_id=media_id).first()
    if current is None:
        with edit(campaign):
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
        _look_again(current, now)
    campaign.refresh_from_db()


def check_link(link):
    """Raise `Refused` for a text that can't be a link for WhatsApp. It asks nobody."""
    try:
        links.read(link, settings.MEDIA_TEST_URLS)
    except links.BadLink as problem:
        raise Refused(str(problem)) from None


def kind_of(campaign):
    """Return the kind of media that the campaign's template takes, or None."""
    template = campaign.template
    return (
        rules.KINDS[template.content.header.media] if template and template.needs_media else None
    )


def what_is_missing(campaign):
    """Return what the header still needs, as an instruction, or ''."""
    kind = kind_of(campaign)
    if kind is None:
        return ""
    media = getattr(campaign, "header_media", None)
    if media is None:
        return f"Give the {kind.name} that stands above the message."
    if media.state == State.REQUESTED:
        return f"Wait until we have looked at the link of the {kind.name}."
    if media.state == State.BAD:
        return f"Give another {kind.name}: {media.problem}"
    if media.state == State.GOOD and media.content_type not in kind.types:
        # The template changed at WhatsApp since.
        return f"Give a {kind.name}: the template takes one now."
    return ""


def content_of(campaign):
    """Return what is sent above the message: the kind, the link and the id, or None."""
    template = campaign.template
    media = getattr(campaign, "header_media", None) if template.needs_media else None
    if media is None:
        return None
    return {"kind": template.content.header.media, "link": media.link, "media_id": media.media_id}


def look(media):
    """Ask the link what it leads to, and record that unless it was replaced meanwhile."""
    kind = kind_of(media.campaign)
    if kind is None:
        # The template changed: nobody asks any more.
        return
    seen = links.look_at(kind, media.link, test_urls=settings.MEDIA_TEST_URLS)
    HeaderMedia.objects.filter(
        pk=media.pk, link=media.link, requested_at=media.requested_at, state=State.REQUESTED
    ).update(
        state=State.BAD if seen.problem else State.GOOD,
        content_type=seen.content_type,
        size=seen.size,
        problem=seen.problem,
        checked_at=timezone.now(),
    )


@transaction.atomic
def _look_again(media, now):
    campaigns = Campaign.objects.filter(pk=media.campaign_id, status__in=Campaign.EDITABLE)
    if not campaigns.exists():
        raise Refused(TOO_LATE)
    asked = HeaderMedia.objects.filter(pk=media.pk).exclude(state=State.REQUESTED)
    asked.update(state=State.REQUESTED, requested_at=now, problem="")
    tasks.request("check_media", media.campaign_id)
