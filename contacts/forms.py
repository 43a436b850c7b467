"""What people type on the page of the opt-outs."""

import re

from django import forms

from core import phones


class OptOutForm(forms.Form):
    """A number to put on the list; `clean_phone` returns E.164."""

    phone = forms.CharField(
        label="Phone number",
        max_length=40,
        widget=forms.TelInput(attrs={"autocomplete": "off"}),
        help_text="As people write it, or with + and the country code.",
    )
    reason = forms.CharField(
        required=False, max_length=200, help_text="For your colleagues: who asked, and how."
    )

    def __init__(self, data=None, *, region):
        super().__init__(data)
        self.region = region

    def clean_phone(self):
        found = phones.parse(self.cleaned_data["phone"], region=self.region)
        if isinstance(found, phones.PhoneProblem):
            raise forms.ValidationError(found.problem)
        return found.e164


class OptOutFilterForm(forms.Form):
    """The search of the list, in the query string; what can't be read is left out."""

    q = forms.CharField(
        label="Search",
        required=False,
        max_length=40,
        widget=forms.SearchInput(attrs={"placeholder": "Phone number"}),
    )

    def __init__(self, data, *, region):
        super().__init__(data)
        self.region = region
        self.is_valid()

    @property
    def text(self):
        return self.cleaned_data.get("q", "")

    def filter(self, opt_outs):
        """Return the one of a whole number, or those that contain some of its digits."""
        if not self.text:
            return opt_outs
        found = phones.parse(self.text, region=self.region)
        if isinstance(found, phones.Phone):
            return opt_outs.filter(phone=found.e164)
        digits = re.sub(r"\D", "", self.text).lstrip("0")
        return opt_outs.filter(phone__contains=digits) if digits else opt_outs.none()
