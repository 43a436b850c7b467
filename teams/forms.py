"""What a manager types on the Connection page."""

from django import forms
from django.conf import settings
from django.core.exceptions import ValidationError

from core.errors import Refused
from teams.services import read_key


def base_url_choices(current=""):
    """Return the addresses that this server may call, the current one of the team first."""
    urls = sorted(settings.CHUMIAI_BASE_URLS, key=lambda url: url != current)
    return [(url, url) for url in urls]


class KeyField(forms.CharField):
    """An API key: typed or pasted, never given back to the browser."""

    def __init__(self, **options):
        widget = forms.PasswordInput(
            render_value=False, attrs={"autocomplete": "off", "spellcheck": "false"}
        )
        super().__init__(label="API key", max_length=500, widget=widget, **options)

    def clean(self, value):
        key = super().clean(value)
        try:
            return read_key(key) if key else ""
        except Refused as refusal:
            raise ValidationError(str(refusal)) from None


class ConnectionForm(forms.Form):
    """The address and the key of a team's connection."""

    base_url = forms.ChoiceField(label="ChumiAI address")
    api_key = KeyField()

    def __init__(self, data=None, *, connection=None):
        current = connection.base_url if connection else ""
        choices = base_url_choices(current)
        super().__init__(data, initial={"base_url": choices[0][0]})
        self.fields["base_url"].choices = choices
        if connection and connection.has_key:
            self.fields["api_key"].label = "Another API key"
