"""The forms of the opt-outs, and the filters of the opt-outs and the contacts."""

import re
from collections.abc import Callable, Iterable
from typing import Any, TypeVar
from uuid import UUID

from django import forms
from django.core.files.uploadedfile import UploadedFile
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from contacts import number_lists
from contacts.models import ContactGroup, ContactQuerySet, OptOutQuerySet
from contacts.number_lists import NotAList, NumberList
from core import phones
from core.formats import sentence
from core.listing import FilterForm
from core.phone_forms import clean_number, with_number

Given = TypeVar("Given", str, bytes)


class OptOutForm(forms.Form):
    """A number to put on the list; `clean_phone` returns E.164."""

    phone = forms.CharField(
        label=_("Phone number"),
        max_length=40,
        widget=forms.TelInput(attrs={"autocomplete": "off"}),
        help_text=_("A local number, or + and the country code."),
    )
    reason = forms.CharField(
        label=_("Reason"),
        required=False,
        max_length=200,
        help_text=_("For your colleagues: who asked, and how."),
    )

    def __init__(self, data: Any = None, *, region: str) -> None:
        super().__init__(data)
        self.region = region

    def clean_phone(self) -> str:
        return clean_number(self.cleaned_data["phone"], region=self.region)


class UnreadableForm(OptOutForm):
    """The number that a person found for an opt-out without a readable one."""

    reason = None  # type: ignore[assignment]

    def __init__(self, data: Any = None, *, uuid: UUID, region: str) -> None:
        super().__init__(data, region=region)
        # The page has one of these for each.
        self.auto_id = f"id_{uuid}_%s"


class OptOutImportForm(forms.Form):
    """Many numbers at once; `clean_text` and `clean_file` return a `NumberList`, or None."""

    text = forms.CharField(
        label=_("Paste numbers"),
        required=False,
        max_length=900_000,
        widget=forms.Textarea(attrs={"rows": 8, "autocomplete": "off", "spellcheck": "false"}),
        help_text=_("One on each line, or separated by commas."),
    )
    file = forms.FileField(
        label=_("Or choose a file"),
        required=False,
        widget=forms.FileInput(attrs={"accept": ".csv,.txt,text/csv,text/plain"}),
        help_text=_(
            "Text or CSV. If the file has several columns, name the number column “Phone”."
        ),
    )
    reason = forms.CharField(
        label=_("Reason"),
        required=False,
        max_length=200,
        help_text=_("For your colleagues: where the list comes from."),
    )

    def __init__(self, *args: Any, region: str, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.region = region

    def clean_text(self) -> NumberList | None:
        text: str = self.cleaned_data["text"]
        return self._listed(number_lists.read_text, text) if text.strip() else None

    def clean_file(self) -> NumberList | None:
        file: UploadedFile[bytes] | None = self.cleaned_data["file"]
        if file is None:
            return None
        if (file.size or 0) > number_lists.MOST_BYTES:
            raise forms.ValidationError(
                gettext("This file is too large. Split it, or paste the numbers.")
            )
        return self._listed(number_lists.read_file, file.read())

    def _listed(self, read: Callable[..., NumberList], given: Given) -> NumberList:
        try:
            return read(given, region=self.region)
        except NotAList as problem:
            raise forms.ValidationError(sentence(problem.message)) from None

    def clean(self) -> dict[str, Any]:
        given = [self.cleaned_data.get(name) for name in ("text", "file")]
        if not self.errors and given.count(None) == 2:
            self.add_error("text", gettext("Paste some numbers, or choose a file."))
        if given.count(None) == 0:
            self.add_error("file", gettext("Paste numbers or choose a file, not both."))
        return self.cleaned_data

    @property
    def listed(self) -> NumberList:
        """Return the list that was given, once the form is valid."""
        listed: NumberList = self.cleaned_data["text"] or self.cleaned_data["file"]
        return listed


class LiftForm(forms.Form):
    reason = forms.CharField(
        label=_("Why may this person get messages again?"),
        max_length=200,
        help_text=_("We keep it in the history with your name."),
    )


class OptOutFilterForm(FilterForm):
    """Which opt-outs to show.

    `whole_only` is for users who see masked numbers: they can search complete numbers only,
    because a search for some digits would leak them.
    """

    q = forms.CharField(
        label=_("Search"),
        required=False,
        max_length=40,
        widget=forms.SearchInput(attrs={"placeholder": _("Phone number")}),
    )
    show = forms.ChoiceField(
        label=_("Show"),
        required=False,
        choices=[("", _("On the list")), ("lifted", _("Removed from the list"))],
    )

    def __init__(self, data: Any, *, region: str, whole_only: bool) -> None:
        super().__init__(data)
        self.region = region
        self.whole_only = whole_only

    @property
    def text(self) -> str:
        text: str = self.asked.get("q", "")
        return text

    @property
    def lifted(self) -> bool:
        return bool(self.asked.get("show") == "lifted")

    def filter(self, opt_outs: OptOutQuerySet) -> OptOutQuerySet:
        """Return the opt-outs of a complete number, or of numbers with some of its digits."""
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


class ContactFilterForm(FilterForm):
    """Which contacts to show; for `whole_only` see `OptOutFilterForm`."""

    q = forms.CharField(
        label=_("Search"),
        required=False,
        max_length=100,
        widget=forms.SearchInput(attrs={"placeholder": _("Name or number")}),
    )
    group = forms.ChoiceField(label=_("Group"), required=False)

    def __init__(
        self, data: Any, *, groups: Iterable[ContactGroup], region: str, whole_only: bool
    ) -> None:
        super().__init__(data)
        self.groups = {str(group.uuid): group for group in groups}
        self.fields["group"].choices = [  # type: ignore[attr-defined]
            ("", _("All contacts")),
            *((uuid, group.name) for uuid, group in self.groups.items()),
        ]
        self.region, self.whole_only = region, whole_only

    def filter(self, contacts: ContactQuerySet) -> ContactQuerySet:
        """Return those whose name contains the text, or whose number starts with it."""
        if group := self.groups.get(self.asked.get("group", "")):
            contacts = contacts.filter(memberships__group=group)
        text: str = self.asked.get("q", "").casefold()
        if not text:
            return contacts
        if any(letter.isalpha() for letter in text):
            return contacts.filter(search_name__contains=text)
        return with_number(contacts, text, region=self.region, whole_only=self.whole_only)  # type: ignore[return-value]
