import pytest
from django import forms
from django.contrib.messages.storage.cookie import CookieStorage

from core.actions import refusal_as_error, refusal_as_message
from core.errors import Refused


class PhoneForm(forms.Form):
    phone = forms.CharField()


@pytest.fixture
def request_with_messages(rf):
    request = rf.post("/")
    request._messages = CookieStorage(request)
    return request


def test_a_refusal_is_a_message_and_skips_the_rest(request_with_messages):
    done = False
    with refusal_as_message(request_with_messages):
        raise Refused("Not while it sends.")
        done = True
    assert not done
    assert [(m.level_tag, str(m)) for m in request_with_messages._messages] == [
        ("error", "Not while it sends.")
    ]


def test_a_refusal_is_an_error_of_its_field():
    form = PhoneForm({"phone": "1"})
    with refusal_as_error(form, "phone"):
        raise Refused("This number is there already.")
    assert form.errors == {"phone": ["This number is there already."]}
    with refusal_as_error(form):
        raise Refused("Five are enough.")
    assert form.non_field_errors() == ["Five are enough."]


def test_any_other_error_passes_through(request_with_messages):
    with pytest.raises(ValueError, match="bug"), refusal_as_message(request_with_messages):
        raise ValueError("bug")
