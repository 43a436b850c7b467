"""The forms of sending: launch, decisions, retries, test numbers and filters."""

from django import forms
from django.db.models import Q

from campaigns.models import Campaign, Recipient
from core.phone_forms import clean_number, with_number
from sending.models import TestNumber
from whatsapp.errors import explain

Status, Person = Campaign.Status, Recipient.Status
TABS = {
    "all": ("All", ()),
    "drafts": ("Drafts", Campaign.EDITABLE),
    "running": ("Running", (Status.QUEUED, Status.SENDING)),
    "attention": ("Needs attention", (Status.PAUSED,)),
    "finished": ("Finished", Campaign.TERMINAL),
    "single": ("Single messages", ()),
}


def in_tab(tab):
    """Return the condition of a tab.

    Messages to one number have a tab of their own, so that they don't bury the campaigns; where
    something needs a person, nothing is left out.
    """
    _, statuses = TABS[tab]
    in_state = Q(status__in=statuses) if statuses else Q(pk__isnull=False)
    to_one = Q(audience=Campaign.Audience.NUMBER)
    if tab == "single":
        return to_one
    return in_state if tab == "attention" else in_state & ~to_one


class CampaignFilter(forms.Form):
    tab = forms.ChoiceField(
        choices=[(tab, label) for tab, (label, _) in TABS.items()], required=False
    )
    q = forms.CharField(label="Search by name", max_length=100, required=False)

    @property
    def tab_name(self):
        """Return the tab that is open, whatever stands in the address."""
        self.is_valid()
        return self.cleaned_data.get("tab") or "all"

    def filter(self, queryset):
        """Narrow the campaigns down; what is no choice and no text is ignored."""
        queryset = queryset.filter(in_tab(self.tab_name))
        if words := self.cleaned_data.get("q"):
            queryset = queryset.filter(name__icontains=words)
        return queryset


class TestNumberForm(forms.Form):
    """A phone of the team's own; `clean_phone` returns E.164."""

    label = forms.CharField(
        label="Whose phone is it?",
        max_length=60,
        error_messages={"required": "Say whose phone it is."},
    )
    phone = forms.CharField(
        label="Phone number",
        max_length=40,
        widget=forms.TextInput(attrs={"inputmode": "tel", "autocomplete": "off"}),
        error_messages={"required": "Type the phone number."},
    )

    def __init__(self, data=None, *, region):
        self.region = region
        super().__init__(data)

    def clean_phone(self):
        return clean_number(self.cleaned_data["phone"], region=self.region)


class TestSendForm(forms.Form):
    """Which row goes to which of the test numbers, and what was seen by which page."""

    intent = forms.UUIDField(widget=forms.HiddenInput)
    digest = forms.CharField(max_length=64, widget=forms.HiddenInput)
    position = forms.IntegerField(min_value=1, widget=forms.HiddenInput)
    numbers = forms.ModelMultipleChoiceField(
        label="To",
        queryset=TestNumber.objects.none(),
        to_field_name="uuid",
        widget=forms.CheckboxSelectMultiple,
        error_messages={"required": "Choose at least one test number."},
    )

    def __init__(self, data=None, *, team, **kwargs):
        super().__init__(data, **kwargs)
        self.fields["numbers"].queryset = TestNumber.objects.filter(team=team)


class DecisionForm(forms.Form):
    """What is to become of the messages in doubt, and how many of them the person saw."""

    decision = forms.CharField(max_length=20)
    people = forms.IntegerField(min_value=1)


class RetryForm(forms.Form):
    """The reason for which people are tried again: WhatsApp's code."""

    code = forms.IntegerField(min_value=0, max_value=9_999_999)


class LaunchForm(forms.Form):
    """What the review page sends back: what was seen, and by which page."""

    intent = forms.UUIDField(widget=forms.HiddenInput)
    digest = forms.CharField(max_length=64, widget=forms.HiddenInput)
    # The sentence beside the box, where it was ticked.
    consent = forms.CharField(max_length=300, required=False)
    # Without one, the campaign takes the way that fits it best.
    engine = forms.ChoiceField(choices=Campaign.Engine.choices, required=False)
    typed = forms.CharField(
        label="To confirm, type the number of people",
        max_length=20,
        required=False,
        widget=forms.TextInput(attrs={"inputmode": "numeric", "autocomplete": "off"}),
    )

    def clean_typed(self):
        """Return the number, however its thousands are set apart, or None."""
        digits = "".join(self.cleaned_data["typed"].replace(",", "").split())
        return int(digits) if digits.isdecimal() else None


SHOWN = {
    "": ("Everybody", Person.values),
    "accepted": ("Accepted", (Person.ACCEPTED,)),
    "delivered": ("Delivered", (Person.ACCEPTED,)),
    "read": ("Read", (Person.ACCEPTED,)),
    "failed": ("Failed", (Person.FAILED,)),
    "unconfirmed": ("No clear answer", (Person.UNCONFIRMED,)),
    "remaining": ("Remaining", (Person.PENDING, Person.SUBMITTING)),
    "skipped": ("Left out", (Person.SKIPPED,)),
}
DELIVERY_STATUS = {
    "delivered": Recipient.DeliveryStatus.DELIVERED,
    "read": Recipient.DeliveryStatus.READ,
}


class RecipientFilter(forms.Form):
    """Which people of a campaign to list, in the query string; what can't be read is left out.

    `code` is a reason for failing: WhatsApp's code, or "none" where ChumiAI gave no code.
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
        choices=[(show, label) for show, (label, _) in SHOWN.items()],
    )
    code = forms.RegexField(r"^(none|\d{1,7})$", required=False, widget=forms.HiddenInput)

    def __init__(self, data, *, region, whole_only):
        super().__init__(data)
        self.region, self.whole_only = region, whole_only
        self.is_valid()

    @property
    def narrows(self):
        return any(self.cleaned_data.get(name) for name in ("q", "show", "code"))

    @property
    def reason(self):
        """Return the `Failure` by which the list is narrowed down, or None."""
        code = self.cleaned_data.get("code")
        return explain(None if code == "none" else int(code)) if code else None

    def filter(self, people):
        """Return those in the state, of the reason, and with the number or its first digits."""
        show, code = self.cleaned_data.get("show"), self.cleaned_data.get("code")
        if show:
            people = people.filter(status__in=SHOWN[show][1])
        if show in DELIVERY_STATUS:
            people = people.filter(delivery_status__gte=DELIVERY_STATUS[show])
        if code:
            people = people.filter(
                status=Person.FAILED, failure_code=None if code == "none" else int(code)
            )
        if text := self.cleaned_data.get("q"):
            people = with_number(people, text, region=self.region, whole_only=self.whole_only)
        return people
