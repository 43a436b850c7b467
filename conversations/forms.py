"""What people type on the pages of the conversations."""

import re

from django import forms
from django.utils import timezone

from conversations import search
from core import phones
from core.phone_forms import clean_number

# So many campaigns are offered as a filter.
CAMPAIGNS_OFFERED = 50


class ConversationFilterForm(forms.Form):
    """Which conversations to list, in the query string; what can't be read is left out.

    Whoever sees numbers masked finds whole ones only: parts would tell the digits one by one.
    """

    q = forms.CharField(
        label="Search",
        required=False,
        max_length=200,
        widget=forms.SearchInput(attrs={"placeholder": "Number, name or text"}),
    )
    show = forms.ChoiceField(
        label="Show",
        required=False,
        choices=[("", "All"), ("unread", "Unread"), ("open", "Open window")],
    )
    campaign = forms.ChoiceField(label="Answered", required=False)

    def __init__(self, data, *, campaigns, region, whole_only):
        super().__init__(data)
        self.campaigns = {str(campaign.uuid): campaign for campaign in campaigns}
        self.fields["campaign"].choices = [
            ("", "Any campaign, or none"),
            *((uuid, campaign.name) for uuid, campaign in self.campaigns.items()),
        ]
        self.region, self.whole_only = region, whole_only
        self.is_valid()
        # The newest message of each conversation that has the words.
        self.matches = {}

    @property
    def text(self):
        return self.cleaned_data.get("q", "")

    @property
    def number(self):
        """Return the number that was typed, in E.164, '' where it is none."""
        if not self.text or any(letter.isalpha() for letter in self.text):
            return ""
        found = phones.parse(self.text, region=self.region)
        return found.e164 if isinstance(found, phones.Phone) else ""

    @property
    def narrows(self):
        return any(self.cleaned_data.get(name) for name in ("q", "show", "campaign"))

    def filter(self, conversations, team):
        """Return those that match, of what is searched the newest candidates only."""
        show = self.cleaned_data.get("show")
        if show == "unread":
            conversations = conversations.unread()
        elif show == "open":
            conversations = conversations.open_window(timezone.now())
        if campaign := self.campaigns.get(self.cleaned_data.get("campaign")):
            conversations = conversations.who_answered(campaign)
        if not self.text:
            return conversations
        if self.number:
            return conversations.filter(phone=self.number)
        return conversations.filter(pk__in=self._candidates(team))

    def _candidates(self, team):
        found = set(search.named(team, self.text) or [])
        self.matches = search.newest_match(search.messages_with(team, self.text) or [])
        found |= self.matches.keys()
        digits = re.sub(r"\D", "", self.text)
        if len(digits) >= 3 and not self.whole_only and not re.search(r"[^\W\d]", self.text):
            for beginning in phones.prefixes(self.text, self.region):
                found |= set(search.begin_with(team, beginning.lstrip("+")))
        return found


class NumberForm(forms.Form):
    """A number whose conversation is to be opened; `clean_phone` returns E.164."""

    phone = forms.CharField(max_length=40)

    def __init__(self, data, *, region):
        super().__init__(data)
        self.region = region

    def clean_phone(self):
        return clean_number(self.cleaned_data["phone"], region=self.region)
