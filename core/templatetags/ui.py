"""What the pages are made of: icons, badges, controls, and the way we write numbers and times."""

from datetime import datetime, timedelta
from functools import cache

from django import template
from django.forms import BoundField, CheckboxInput, Select
from django.templatetags.static import static
from django.utils import timezone
from django.utils.html import format_html
from django.utils.safestring import SafeString

register = template.Library()

# The tone of every state that a page shows; a state that is missing here is shown as idle.
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
    """Draw an icon of the sprite; it says nothing to a screen reader."""
    return format_html(
        '<svg class="icon {}" aria-hidden="true" focusable="false"><use href="{}#{}"></use></svg>',
        css,
        static("img/icons.svg"),
        name,
    )


@register.simple_tag
def status_badge(state: str, label: str = "", tone: str = "") -> SafeString:
    """Draw a state as a badge; the colour is never all that tells two states apart."""
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
def starts_with(text: str | None, start: str) -> bool:
    """Tell whether a text, if there is one, begins so."""
    return (text or "").startswith(start)


@register.filter
def is_checkbox(field: BoundField) -> bool:
    """Tell a single checkbox, whose label stands behind it."""
    return isinstance(field.field.widget, CheckboxInput)


@register.filter
def phone_display(phone: str) -> str:
    """Write a number with spaces, as people write it."""
    from core.phones import display

    return display(phone) if phone else ""


@register.filter
def phone_masked(phone: str) -> str:
    """Write a number so that it is recognised by who knows it, and by nobody else."""
    from core.phones import mask

    return mask(phone) if phone else ""


@register.filter
def count(number: int | None) -> str:
    """Write a count with its separators: `1,204`; one that nobody told is a dash, never zero."""
    return "—" if number is None else f"{number:,}"


@register.filter
def duration(value: timedelta | float | None) -> str:
    """Write a length of time in its two largest units: `2 h 5 min`."""
    if value is None:
        return ""
    seconds = round(value.total_seconds() if isinstance(value, timedelta) else value)
    if seconds < 60:
        return f"{max(seconds, 0)} s"
    minutes, seconds = divmod(seconds, 60)
    if minutes < 60:
        return f"{minutes} min {seconds} s" if seconds and minutes < 10 else f"{minutes} min"
    hours, minutes = divmod(minutes, 60)
    if hours < 24:
        return f"{hours} h {minutes} min" if minutes else f"{hours} h"
    days, hours = divmod(hours, 24)
    return f"{days} d {hours} h" if hours else f"{days} d"


@register.filter
def local_time(moment: datetime | None) -> SafeString | str:
    """Write a moment as `Sun 22 Nov, 13:27`, with the year when it is another one."""
    if moment is None:
        return ""
    local = timezone.localtime(moment)
    year = "" if local.year == timezone.localtime().year else f" {local.year}"
    text = f"{local:%a} {local.day} {local:%b}{year}, {local:%H:%M}"
    return format_html(
        '<time datetime="{}" title="{}">{}</time>', local.isoformat(), f"{local:%Z}", text
    )
