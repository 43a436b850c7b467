"""What people type on the pages of the opt-outs and the contacts."""

import re

from django import forms

from contacts import number_lists
from core import phones
from core.phone_forms import clean_number, with_number


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
        return clean_number(self.cleaned_data["phone"], region=self.region)


class OptOutImportForm(forms.Form):
    """Many numbers at once; `clean_text` and `clean_file` return a `NumberList`, or None."""

    text = forms.CharField(
        label="Paste numbers",
        required=False,
        max_length=900_000,
        widget=forms.Textarea(attrs={"rows": 8, "autocomplete": "off", "spellcheck": "false"}),
        help_text="One on each line, or with commas between.",
    )
    file = forms.FileField(
        label="Or choose a file",
        required=False,
        widget=forms.FileInput(attrs={"accept": ".csv,.txt,text/csv,text/plain"}),
        help_text="Text or CSV. Where it has several columns, call that of the numbers Phone.",
    )
    reason = forms.CharField(
        required=False, max_length=200, help_text="For your colleagues: where the list is from."
    )

    def __init__(self, *args, region, **kwargs):
        super().__init__(*args, **kwargs)
        self.region = region

    def clean_text(self):
        text = self.cleaned_data["text"]
        return self._listed(number_lists.read_text, text) if text.strip() else None

    def clean_file(self):
        file = self.cleaned_data["file"]
        if file is None:
            return None
        if file.size > number_lists.MOST_BYTES:
            raise forms.ValidationError("This file is too large. Split it, or paste the numbers.")
        return self._listed(number_lists.read_file, file.read())

    def _listed(self, read, given):
        try:
            return read(given, region=self.region)
        except number_lists.NotAList as problem:
            raise forms.ValidationError(str(problem)) from None

    def clean(self):
        given = [self.cleaned_data.get(name) for name in ("text", "file")]
        if not self.errors and given.count(None) == 2:
            self.add_error("text", "Paste some numbers, or choose a file.")
        if given.count(None) == 0:
            self.add_error("file", "Paste numbers or choose a file, one of the two.")
        return self.cleaned_data

    @property
    def listed(self):
        """Return the list that was given, once the form is valid."""
        return self.cleaned_data["text"] or self.cleaned_data["file"]


class LiftForm(forms.Form):
    reason = forms.CharField(
        label="Why may this person be written to again?",
        max_length=200,
        help_text="It stays in the history, with your name.",
    )


class OptOutFilterForm(forms.Form):
    """The search of the list, in the query string; what can't be read is left out.

    Whoever sees numbers masked finds whole ones only: parts would tell the digits one by one.
    """

    q = forms.CharField(
        label="Search",
        required=False,
        max_length=40,
        widget=forms.SearchInput(attrs={"placeholder": "Phone number"}),
    )
    show = forms.ChoiceField(
        label="Show",
        required=False,
        choices=[("", "On the list"), ("lifted", "Taken off the list")],
    )

    def __init__(self, data, *, region, whole_only):
        super().__init__(data)
        self.region = region
        self.whole_only = whole_only
        self.is_valid()

    @property
    def text(self):
        return self.cleaned_data.get("q", "")

    @property
    def lifted(self):
        return self.cleaned_data.get("show") == "lifted"

    @property
    def narrows(self):
        return bool(self.text or self.lifted)

    def filter(self, opt_outs):
        """Return the one of a whole number, or those that contain some of its digits."""
        opt_outs = opt_outs.lifted() if self.lifted else opt_outs.in_force()
        if not self.text:
            return opt_outs
        found = phones.parse(self.text, region=self.region)
        if isinstance(found, phones.Phone):
            return opt_outs.filter(phone=found.e164)
        digits = re.sub(r"\D", "", self.text).lstrip("0")
        if self.whole_only or not digits:
            return opt_outs.none()
        return opt_outs.filter(phone__contains=digits)


class ContactFilterForm(forms.Form):
    """Which contacts to list, in the query string; what can't be read is left out."""

    q = forms.CharField(
        label="Search",
        required=False,
        max_length=100,
        widget=forms.SearchInput(attrs={"placeholder": "Name or number"}),
    )
    group = forms.ChoiceField(label="Group", required=False)

    def __init__(self, data, *, groups, region, whole_only):
        super().__init__(data)
        self.groups = {str(group.uuid): group for group in groups}
        self.fields["group"].choices = [
            ("", "All contacts"),
            *((uuid, group.name) for uuid, group in self.groups.items()),
        ]
        self.region, self.whole_only = region, whole_only
        self.is_valid()

    @property
    def narrows(self):
        return bool(self.cleaned_data.get("q") or self.cleaned_data.get("group"))

    def filter(self, contacts):
        """Return those whose name contains the text, or whose number begins with it."""
        if group := self.groups.get(self.cleaned_data.get("group")):
            contacts = contacts.filter(memberships__group=group)
        text = self.cleaned_data.get("q", "").casefold()
        if not text:
            return contacts
        if any(letter.isalpha() for letter in text):
            return contacts.filter(search_name__contains=text)
        return with_number(contacts, text, region=self.region, whole_only=self.whole_only)
