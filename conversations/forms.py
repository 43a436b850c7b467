"""Forms of the conversation pages: the filters of the list, and a number to open."""

import re
from collections.abc import Iterable, Mapping
from typing import Any, cast

from django import forms
from django.utils.translation import gettext_lazy as _

from campaigns.models import Campaign
from conversations import search
from conversations.models import ConversationQuerySet, Message
from core import clocks, phones
from core.listing import FilterForm
from core.phone_forms import clean_number
from teams.models import Team

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

    def __init__(
        self,
        data: Mapping[str, Any],
        *,
        campaigns: Iterable[Campaign],
        region: str,
        whole_only: bool,
    ) -> None:
        super().__init__(data)
        self.campaigns = {str(campaign.uuid): campaign for campaign in campaigns}
        names = [(uuid, campaign.name) for uuid, campaign in self.campaigns.items()]
        choices = cast(forms.ChoiceField, self.fields["campaign"])
        choices.choices = [("", _("All")), *names]
        self.region, self.whole_only = region, whole_only
        # The newest matching message of each conversation, by conversation id.
        self.matches: dict[int, Message] = {}

    @property
    def text(self) -> str:
        return str(self.asked.get("q", ""))

    @property
    def number(self) -> str:
        """Return the typed number in E.164, '' if the text is not a number."""
        if not self.text or any(letter.isalpha() for letter in self.text):
            return ""
        found = phones.parse(self.text, region=self.region)
        return found.e164 if isinstance(found, phones.Phone) else ""

    def filter(self, conversations: ConversationQuerySet, team: Team) -> ConversationQuerySet:
        """Return the matching conversations; a text search looks at the newest candidates."""
        show = self.asked.get("show")
        if show == "unread":
            conversations = conversations.unread()
        elif show == "open":
            conversations = conversations.open_window(clocks.now())
        if campaign := self.campaigns.get(self.asked.get("campaign", "")):
            conversations = conversations.with_reply_to(campaign)
        if not self.text:
            return conversations
        if self.number:
            return conversations.filter(phone=self.number)
        return conversations.filter(pk__in=self._candidates(team))

    def _candidates(self, team: Team) -> set[int]:
        found = set(search.find_names(team, self.text) or [])
        self.matches = search.newest_match(search.find_messages(team, self.text) or [])
        found |= self.matches.keys()
        digits = re.sub(r"\D", "", self.text)
        if len(digits) >= 3 and not self.whole_only and not re.search(r"[^\W\d]", self.text):
            for prefix in phones.prefixes(self.text, self.region):
                found |= set(search.find_phones(team, prefix.lstrip("+")))
        return found


class NumberForm(forms.Form):
    """A number whose conversation to open; `clean_phone` returns E.164."""

    phone = forms.CharField(max_length=40)

    def __init__(self, data: Mapping[str, Any], *, region: str) -> None:
        super().__init__(data)
        self.region = region

    def clean_phone(self) -> str:
        return clean_number(self.cleaned_data["phone"], region=self.region)
