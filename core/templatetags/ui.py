"""Tags and filters of every page: icons, badges, form controls, numbers and times."""

from datetime import datetime, timedelta
from functools import cache
from typing import Any

from django import template
from django.forms import BoundField, CheckboxInput, Select
from django.templatetags.static import static
from django.utils import timezone
from django.utils.html import format_html
from django.utils.safestring import SafeString

from core import formats, times

register = template.Library()

# The tone of every state that a page shows; one that is missing here is shown as idle.
TONES = {
    "ok": "approved accepted completed delivered read sent succeeded ready_to_send connected done",
    "busy": "sending submitting processing running syncing checking in_progress",
    "info": "ready queued scheduled pending_review in_appeal",
    "warn": "paused unconfirmed partial completed_with_errors flagged yellow warning stalled "
    "limit_exceeded",
    "bad": "failed rejected disabled error red invalid deleted",
    "idle": "draft pending stopped skipped cancelled vanished archived unknown",
}
TONE_OF = {state: tone for tone, states in TONES.items() for state in states.split()}
TONE_ICONS = {
    "ok": "circle-check",
    "busy": "refresh",
    "info": "clock",
    "warn": "alert-triangle",
    "bad": "alert-circle",
    "idle": "circle-minus",
}


@register.simple_tag
@cache
def icon(name: str, css: str = "") -> SafeString:
    """Draw an icon of the sprite; screen readers skip it."""
    return format_html(
        '<svg class="icon {}" aria-hidden="true" focusable="false"><use href="{}#{}"></use></svg>',
        css,
        static("img/icons.svg"),
        name,
    )


@register.simple_tag
def status_badge(state: str, label: str = "", tone: str = "") -> SafeString:
    """Draw a state as a badge: its icon and label are different without colour, too.

    Without a label the badge shows the code of the state: give one wherever a person reads it.
    """
    tone = tone or TONE_OF.get(str(state).lower(), "idle")
    return format_html(
        '<span class="status status-{}">{}{}</span>',
        tone,
        icon(TONE_ICONS[tone]),
        label or str(state).replace("_", " ").capitalize(),
    )


@register.filter
def control(field: BoundField) -> SafeString:
    """Render the control of a form field with Bootstrap's classes."""
    match field.field.widget:
        case CheckboxInput():
            css = "form-check-input"
        case Select():
            css = "form-select"
        case _:
            css = "form-control"
    if field.errors:
        css += " is-invalid"
    given = field.field.widget.attrs.get("class", "")
    return field.as_widget(attrs={"class": f"{css} {given}".strip()})


@register.filter
def starts_with(text: str | None, starts: str) -> bool:
    """Return True if the text starts with one of `starts`, which are separated by spaces."""
    return (text or "").startswith(tuple(starts.split()))


@register.filter
def is_checkbox(field: BoundField) -> bool:
    """Return True for a single checkbox: its label stands after it."""
    return isinstance(field.field.widget, CheckboxInput)


@register.filter
def phone_display(phone: str) -> str:
    """Write a number with spaces, as people write it."""
    from core.phones import display

    return display(phone) if phone else ""


@register.filter
def phone_masked(phone: str) -> str:
    """Write a number so that only a person who knows it recognises it."""
    from core.phones import mask

    return mask(phone) if phone else ""


@register.filter
def count(number: int | None) -> str:
    """Write a count with its separators: `1,204`; an unknown one is a dash, never zero."""
    return "—" if number is None else formats.number(number)


@register.filter
def sentence(text: str | list[Any]) -> str:
    """Translate a sentence of a pure package; see `core.formats.sentence`."""
    return formats.sentence(text)


@register.filter
def duration(value: timedelta | float | None) -> str:
    """Write a length of time, in seconds where it is a number; see `core.times.duration`."""
    if value is None:
        return ""
    return times.duration(value if isinstance(value, timedelta) else timedelta(seconds=value))


@register.filter
def local_time(moment: datetime | None) -> SafeString | str:
    """Write a moment as `Sun 22 Nov, 13:27`, with the year when it is another one."""
    if moment is None:
        return ""
    local = timezone.localtime(moment)
    return format_html(
        '<time datetime="{}" title="{}">{}</time>',
        local.isoformat(),
        f"{local:%Z}",
        times.day_and_clock(moment, other_years=True),
    )


@register.filter
def short_time(moment: datetime | None) -> SafeString | str:
    """Write a moment of today as `13:27`, another one as `local_time` does."""
    if moment is None or timezone.localtime(moment).date() != timezone.localdate():
        return local_time(moment)
    return format_html(
        '<time datetime="{}">{}</time>',
        timezone.localtime(moment).isoformat(),
        times.clock(moment),
    )
