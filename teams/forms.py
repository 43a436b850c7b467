"""The form of the Connection page."""

from django import forms
from django.conf import settings
from django.core.exceptions import ValidationError
from django.utils.translation import gettext_lazy as _

from core.errors import Refused
from teams.services import read_key


def base_url_choices(current=""):
    """Return the addresses that this server may call, with that of the team first."""
    urls = sorted(settings.CHUMIAI_BASE_URLS, key=lambda url: url != current)
    return [(url, url) for url in urls]


class KeyField(forms.CharField):
    """An API key: typed or pasted, never sent back to the browser."""

    def __init__(self, **options):
        widget = forms.PasswordInput(
            render_value=False, attrs={"autocomplete": "off", "spellcheck": "false"}
        )
        super().__init__(label=_("API key"), max_length=500, widget=widget, **options)

    def clean(self, value):
        key = super().clean(value)
        try:
            return read_key(key) if key else ""
        except Refused as refusal:
            raise ValidationError(str(refusal)) from None


class ConnectionForm(forms.Form):
    """The address and the key of the connection of a team."""

    base_url = forms.ChoiceField(label=_("ChumiAI address"))
    api_key = KeyField()

    def __init__(self, data=None, *, connection=None):
        current = connection.base_url if connection else ""
        choices = base_url_choices(current)
        super().__init__(data, initial={"base_url": choices[0][0]})
        self.fields["base_url"].choices = choices
        if connection and connection.has_key:
            self.fields["api_key"].label = _("New API key")
