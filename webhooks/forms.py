"""What a manager types on the page of the webhook."""

from django import forms


class SigningForm(forms.Form):
    """The secret with which ChumiAI signs: pasted, and never given back to the browser."""

    secret = forms.CharField(
        label="Signing secret",
        min_length=8,
        max_length=200,
        widget=forms.PasswordInput(
            render_value=False, attrs={"autocomplete": "off", "spellcheck": "false"}
        ),
    )


class StopWordsForm(forms.Form):
    """The messages that mean "stop", one a line."""

    words = forms.CharField(
        label="Stop words",
        required=False,
        max_length=4000,
        strip=False,
        widget=forms.Textarea(attrs={"rows": 10, "spellcheck": "false"}),
        help_text="One a line. A message counts if it is nothing but one of them; capital letters "
        "and punctuation do not matter.",
    )
