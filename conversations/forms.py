"""Forms of the conversation pages: the filters of the list, and a number to open."""

import re

from django import forms
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from conversations import search
from core import phones
from core.listing import FilterForm
from core.phone_forms import clean_number

# Campaigns in the filter, the newest first.
CAMPAIGNS_OFFERED = 50


class ConversationFilterForm(FilterForm):
    """Filters of the list, in the query string; invalid values are ignored.

    Users who see masked numbers can search complete numbers only; prefix search would leak
    digits.
    """

    q = forms.CharField(
        label=_("Search"),
        required=False,
        max_length=200,
        widget=forms.SearchInput(attrs={"placeholder": _("Number, name or text")}),
    )
    show = forms.ChoiceField(
        label=_("Show"),
        required=False,
        choices=[("", _("All")), ("unread", _("Unread")), ("open", _("Open window"))],
    )
    campaign = forms.ChoiceField(label=_("Replied to"), required=False)

    def __init__(self, data, *, campaigns, region, whole_only):
        super().__init__(data)
        self.campaigns = {str(campaign.uuid): campaign for campaign in campaigns}
        self.fields["campaign"].choices = [
            ("", _("Any campaign or none")),
            *((uuid, campaign.name) for uuid, campaign in self.campaigns.items()),
        ]
        self.region, self.whole_only = region, whole_only
        # The newest matching message of each conversation, by conversation id.
        self.matches = {}

    @property
    def text(self):
        return self.asked.get("q", "")

    @property
    def number(self):
        """Return the typed number in E.164, '' if the text is not a number."""
        if not self.text or any(letter.isalpha() for letter in self.text):
            return ""
        found = phones.parse(self.text, region=self.region)
        return found.e164 if isinstance(found, phones.Phone) else ""

    def filter(self, conversations, team):
        """Return the matching conversations; a text search looks at the newest candidates."""
        show = self.asked.get("show")
        if show == "unread":
            conversations = conversations.unread()
        elif show == "open":
            conversations = conversations.open_window(timezone.now())
        if campaign := self.campaigns.get(self.asked.get("campaign")):
            conversations = conversations.with_reply_to(campaign)
        if not self.text:
            return conversations
        if self.number:
            return conversations.filter(phone=self.number)
        return conversations.filter(pk__in=self._candidates(team))

    def _candidates(self, team):
        found = set(search.find_names(team, self.text) or [])
        self.matches = search.newest_match(search.find_messages(team, self.text) or [])
        found |= self.matches.keys()
        digits = re.sub(r"\D", "", self.text)
        if len(digits) >= 3 and not self.whole_only and not re.search(r"[^\W\d]", self.text):
            for beginning in phones.prefixes(self.text, self.region):
                found |= set(search.find_phones(team, beginning.lstrip("+")))
        return found


class NumberForm(forms.Form):
    """A number whose conversation to open; `clean_phone` returns E.164."""

    phone = forms.CharField(max_length=40)

    def __init__(self, data, *, region):
        super().__init__(data)
        self.region = region

    def clean_phone(self):
        return clean_number(self.cleaned_data["phone"], region=self.region)
