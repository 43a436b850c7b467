"""Template filters for the service window and the times of messages."""

from datetime import datetime, timedelta

from django import template
from django.template import Context
from django.utils.translation import gettext as _

from conversations import text
from conversations.models import Conversation
from core import clocks, phones, times

register = template.Library()

MEDIA_ICONS = {"image": "photo", "sticker": "photo", "video": "video"}


@register.simple_tag(takes_context=True)
def person_number(context: Context, conversation: Conversation) -> str:
    """Return the person's number, masked for users who may not see it."""
    if not conversation.has_number:
        return _("No number")
    may_see = context["request"].may["opt_out"]
    return (phones.display if may_see else phones.mask)(conversation.phone)


@register.simple_tag(takes_context=True)
def person_name(context: Context, conversation: Conversation) -> str:
    """Return the person's name, or else their number."""
    return conversation.name or person_number(context, conversation)


@register.filter
def kind_label(kind: str) -> str:
    """Return the label of a message's kind: `Image`."""
    return text.kind_name(kind)


@register.filter
def media_icon(kind: str) -> str:
    """Return the name of the icon of a media kind."""
    return MEDIA_ICONS.get(kind, "file-text")


@register.filter
def window_open(left: timedelta) -> str:
    """Return the label of an open window: `Open: 21 h left`."""
    return _("Open: {time} left").format(time=text.time_left(left))


@register.filter
def time_until(moment: datetime | None) -> timedelta | None:
    """Return the time until a moment, None if there is none."""
    return moment - clocks.now() if moment else None


@register.filter
def clock(moment: datetime) -> str:
    """Return the local time of day: `13:27`."""
    return times.clock(moment)
