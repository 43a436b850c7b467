"""Forms of the delivery updates page."""

from django import forms
from django.utils.translation import gettext_lazy as _


class SigningForm(forms.Form):
    """ChumiAI's signing secret; never sent back to the browser."""

    secret = forms.CharField(
        label=_("Signing secret"),
        min_length=8,
        max_length=200,
        widget=forms.PasswordInput(
            render_value=False, attrs={"autocomplete": "off", "spellcheck": "false"}
        ),
    )


class StopWordsForm(forms.Form):
    """The messages that opt a person out, one per line."""

    words = forms.CharField(
        label=_("Stop words"),
        required=False,
        max_length=4000,
        strip=False,
        widget=forms.Textarea(attrs={"rows": 10, "spellcheck": "false"}),
        help_text=_(
            "One per line. Only messages that say nothing else count. Capital letters and "
            "punctuation don't matter."
        ),
    )
