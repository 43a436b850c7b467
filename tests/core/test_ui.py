from datetime import UTC, datetime, timedelta

import pytest
from django import forms
from django.template import Context, Template
from time_machine import travel

from core.templatetags import ui


def render(text, **context):
    return Template("{% load ui %}" + text).render(Context(context))


def test_an_icon_is_from_the_sprite_and_hidden_from_screen_readers():
    html = render('{% icon "send" %}')
    assert 'icons.svg#send"' in html
    assert 'aria-hidden="true"' in html


@pytest.mark.parametrize(
    ("state", "tone", "label"),
    [("COMPLETED", "ok", "Completed"), ("in_progress", "busy", "In progress")]
    + [("unknown_state", "idle", "Unknown state"), ("<b>", "idle", "&lt;b&gt;")],
)
def test_a_status_badge_has_words_for_every_state(state, tone, label):
    html = render("{% status_badge state %}", state=state)
    assert f"status-{tone}" in html
    assert html.endswith(f"{label}</span>")


def test_no_state_has_two_tones():
    listed = " ".join(ui.TONES.values()).split()
    assert len(listed) == len(set(listed))


def test_control_ties_an_error_to_its_field():
    class NameForm(forms.Form):
        name = forms.CharField(help_text="Only your team sees this.")

    html = render('{% include "includes/_field.html" %}', field=NameForm({})["name"])

    assert 'class="form-control is-invalid"' in html
    assert 'aria-describedby="id_name_helptext id_name_error"' in html
    assert 'id="id_name_error"' in html
    assert 'id="id_name_helptext"' in html


@pytest.mark.parametrize(
    ("length", "text"),
    [
        (None, ""),
        (-3, "0 s"),
        (59.4, "59 s"),
        (125, "2 min 5 s"),
        (timedelta(minutes=12, seconds=30), "12 min"),
        (timedelta(hours=2, minutes=5), "2 h 5 min"),
        (timedelta(days=1), "1 d"),
    ],
)
def test_duration_keeps_the_two_largest_units(length, text):
    assert ui.duration(length) == text


def test_local_time_has_the_year_only_if_it_is_another_one():
    with travel(datetime(2026, 11, 22, 12, tzinfo=UTC), tick=False):
        this_year = ui.local_time(datetime(2026, 11, 22, 13, 27, tzinfo=UTC))
        last_year = ui.local_time(datetime(2025, 1, 2, 3, 4, tzinfo=UTC))
    assert "Sun 22 Nov, 13:27" in this_year
    assert "Thu 2 Jan 2025, 03:04" in last_year
    assert ui.local_time(None) == ""


def test_numbers_are_written_for_people():
    assert render("{{ phone|phone_display }}", phone="+233244123456") == "+233 24 412 3456"
    assert "412" not in render("{{ phone|phone_masked }}", phone="+233244123456")
    assert render("{{ phone|phone_masked }}", phone="") == ""
