"""What a person types on the pages of a campaign."""

import re

from django import forms

from audience import contact_fields
from audience.check import Outcome
from campaigns.models import Campaign, Recipient
from campaigns.services import media
from contacts.models import ContactSync
from core import formats
from core.errors import Refused
from core.times import day
from message_templates import components

Status = Campaign.Status


class NameForm(forms.Form):
    name = forms.CharField(max_length=120)


class NewCampaignForm(forms.Form):
    name = forms.CharField(
        label="Name of the campaign",
        max_length=120,
        required=False,
        help_text="Only your team sees it. Empty, it is called after the template and the day.",
    )


class TemplateSearch(forms.Form):
    q = forms.CharField(label="Search templates", max_length=100, required=False)

    def filter(self, queryset):
        """Narrow the templates down by name."""
        self.is_valid()
        words = self.cleaned_data.get("q", "").replace(" ", "_")
        return queryset.filter(name__icontains=words) if words else queryset


class UploadForm(forms.Form):
    file = forms.FileField(
        label="Your file",
        widget=forms.FileInput(attrs={"accept": ".xlsx,.csv"}),
        error_messages={
            "required": "Choose a file first.",
            "missing": "Choose a file first.",
            "empty": "This file is empty. Check that you chose the right file.",
        },
    )


class GroupSearch(forms.Form):
    q = forms.CharField(label="Search groups", max_length=100, required=False)

    def filter(self, queryset):
        """Narrow the groups down by name."""
        self.is_valid()
        words = self.cleaned_data.get("q", "")
        return queryset.filter(name__icontains=words) if words else queryset


class HeaderForm(forms.Form):
    has_header = forms.BooleanField(label="The first row names the columns", required=False)


TEXT = "text"
FIELD = "field:"


class MappingForm(forms.Form):
    """Where the phone and each placeholder's value come from.

    Unfinished it can be kept; `complete` asks for every answer.
    """

    use_required_attribute = False

    def __init__(self, data=None, *, campaign, complete=False):
        self.template = campaign.template
        self.complete = complete
        # A page that is only looked at calls optional what is optional in the end.
        self.asks = complete or data is None
        stored = campaign.mapping or {"phone_column": None, "values": {}}
        super().__init__(data, initial={"phone_column": stored["phone_column"]})
        columns = []
        if campaign.audience == Campaign.Audience.FILE:
            columns = list(enumerate(name[:80] for name in campaign.upload.columns))
            self._add_phone_column(columns)
        sources = _sources(campaign, columns)
        for number, name in enumerate(self.template.placeholders):
            source = stored["values"].get(name)
            self._add_placeholder(number, f"{{{{{name}}}}}", sources, source)

    def _add_phone_column(self, columns):
        self.fields["phone_column"] = forms.TypedChoiceField(
            label="Phone numbers are in",
            choices=[("", "Choose a column…"), *columns],
            coerce=int,
            empty_value=None,
            required=self.asks,
            error_messages={"required": "Say which column holds the phone numbers."},
        )

    def _add_placeholder(self, number, shown, sources, stored):
        stored = stored or {}
        chosen = f"{FIELD}{stored['field']}" if "field" in stored else stored.get("column", "")
        only_text = [value for value, _ in sources] == [TEXT]
        self.fields[f"source_{number}"] = forms.ChoiceField(
            label=f"{shown} comes from",
            choices=sources,
            initial=TEXT if TEXT in stored or only_text else chosen,
            required=self.asks,
            error_messages={"required": "Choose a column, or type a text for everyone."},
            widget=forms.HiddenInput if only_text else forms.Select,
        )
        self.fields[f"text_{number}"] = forms.CharField(
            label=f"Text for {shown}",
            max_length=1024,
            initial=stored.get(TEXT, ""),
            required=not self.is_bound,
        )
        self.fields[f"fallback_{number}"] = forms.CharField(
            label="If empty, use",
            max_length=1024,
            initial=stored.get("fallback", ""),
            required=False,
        )

    def clean(self):
        for number, _ in enumerate(self.template.placeholders):
            is_text = self.cleaned_data.get(f"source_{number}") == TEXT
            if self.complete and is_text and not self.cleaned_data.get(f"text_{number}"):
                self.add_error(f"text_{number}", "Type the text that everyone gets.")
                self.fields[f"text_{number}"].required = True
        return self.cleaned_data

    def mapping(self):
        """Return the stored form of a `recipients.Mapping`, None for each gap."""
        answers = self.cleaned_data
        return {
            # The first thing that is known of a member is the phone.
            "phone_column": answers["phone_column"] if "phone_column" in self.fields else 0,
            "values": {
                name: self._source(
                    answers[f"source_{number}"],
                    answers[f"text_{number}"],
                    answers[f"fallback_{number}"],
                )
                for number, name in enumerate(self.template.placeholders)
            },
        }

    @staticmethod
    def _source(source, text, fallback):
        if source == TEXT:
            return {"text": text} if text else None
        if source.startswith(FIELD):
            return {"field": source.removeprefix(FIELD), "fallback": fallback}
        return {"column": int(source), "fallback": fallback} if source else None

    def rows(self):
        """Return what the page shows for each placeholder."""
        hints = components.hints(self.template.content.body, self.template.placeholders)
        return [
            {
                "number": number,
                "name": name,
                "shown": f"{{{{{name}}}}}",
                "sentence": _sentence(hints.get(name)),
                "source": self[f"source_{number}"],
                "text": self[f"text_{number}"],
                "fallback": self[f"fallback_{number}"],
            }
            for number, name in enumerate(self.template.placeholders)
        ]


def _sources(campaign, columns):
    """Return what a value may come from, as the choices of a select."""
    text = (TEXT, "The same text for everyone")
    if campaign.goes_through_group:
        return [text]
    current = ContactSync.objects.current(campaign.team)
    fields = contact_fields.offered(current.custom_fields if current else [])
    # What was chosen stays on offer, though the last reading may not have it any more.
    fields |= contact_fields.labels_of_used(campaign.mapping)
    contact = [(f"{FIELD}{name}", label[:80]) for name, label in fields.items()]
    return [
        ("", "Choose…"),
        *([("Column of the file", columns)] if columns else []),
        *([("The contact in ChumiAI", contact)] if current else []),
        text,
    ]


def _sentence(hint):
    """Return the words before and after a placeholder without WhatsApp's marks, or None."""
    if hint is None:
        return None
    before, after = re.sub(r"[*~`]", "", hint.before), re.sub(r"[*~`]", "", hint.after)
    ends = not after or after[-1] in ".!?…"
    return before, after if ends else f"{after} …"


class NumberForm(forms.Form):
    """One number and its values, typed. Unfinished it can be kept; `complete` asks for all."""

    use_required_attribute = False
    phone = forms.CharField(
        label="Phone number",
        max_length=40,
        widget=forms.TextInput(attrs={"inputmode": "tel", "autocomplete": "off"}),
        error_messages={"required": "Type the phone number."},
        help_text="As you dial it, or with + and the country code.",
    )

    def __init__(self, data=None, *, campaign, complete=False):
        self.template = campaign.template
        asks = complete or data is None
        stored = campaign.mapping or {"phone": "", "values": {}}
        super().__init__(data, initial={"phone": stored["phone"]})
        self.fields["phone"].required = asks
        for number, name in enumerate(self.template.placeholders):
            shown = f"{{{{{name}}}}}"
            self.fields[f"value_{number}"] = forms.CharField(
                label=f"Text for {shown}",
                max_length=1024,
                initial=(stored["values"].get(name) or {}).get(TEXT, ""),
                required=asks,
                widget=forms.TextInput(attrs={"autocomplete": "off"}),
                error_messages={"required": f"Type a text for {shown}."},
            )

    def mapping(self):
        """Return what is stored: the number as it was typed, and a text for each placeholder."""
        texts = [self.cleaned_data[f"value_{n}"] for n in range(len(self.template.placeholders))]
        values = {
            name: {TEXT: text} if text else None
            for name, text in zip(self.template.placeholders, texts, strict=True)
        }
        return {"phone": self.cleaned_data["phone"], "values": values}

    def check(self, verdict):
        """Say what is wrong with what was typed beside the field that it is about."""
        if verdict.outcome.is_sendable:
            return
        problem = formats.sentence(verdict.problem)
        if verdict.placeholder:
            number = self.template.placeholders.index(verdict.placeholder)
            self.add_error(f"value_{number}", problem)
            return
        too_long = verdict.phone and verdict.outcome == Outcome.INVALID
        self.add_error(None if too_long else "phone", problem)

    def rows(self):
        """Return what the page shows for each placeholder: its words around it, and its field."""
        hints = components.hints(self.template.content.body, self.template.placeholders)
        return [
            {
                "shown": f"{{{{{name}}}}}",
                "sentence": _sentence(hints.get(name)),
                "field": self[f"value_{number}"],
            }
            for number, name in enumerate(self.template.placeholders)
        ]


class LinkForm(forms.Form):
    """Where the picture, video or document lies."""

    link = forms.CharField(
        max_length=2000,
        widget=forms.URLInput(attrs={"autocomplete": "off", "placeholder": "https://"}),
        error_messages={"required": "Paste the link first."},
        help_text="One that anyone can open, without a log-in, and that opens the file itself.",
    )

    def __init__(self, data=None, *, campaign):
        stored = getattr(campaign, "header_media", None)
        super().__init__(data, initial={"link": stored.link if stored else ""})
        self.fields["link"].label = f"Link to the {media.kind_of(campaign).name}"

    def clean_link(self):
        try:
            media.check_link(self.cleaned_data["link"])
        except Refused as problem:
            raise forms.ValidationError(str(problem)) from None
        return self.cleaned_data["link"]


class MediaIdForm(forms.Form):
    """What ChumiAI calls a file that it has."""

    media_id = forms.CharField(
        label="Media id",
        max_length=200,
        widget=forms.TextInput(attrs={"autocomplete": "off"}),
        error_messages={"required": "Paste the media id first."},
        help_text="WhatsApp forgets a media id after 30 days, and we can't look at what it names.",
    )

    def __init__(self, data=None, *, campaign):
        stored = getattr(campaign, "header_media", None)
        super().__init__(data, initial={"media_id": stored.media_id if stored else ""})


# So many of the last campaigns are offered.
OFFERED = 50


class ExclusionForm(forms.Form):
    """The earlier campaign whose recipients are skipped; clean_exclude_campaign returns it."""

    exclude_campaign = forms.ChoiceField(label="Leave out everybody who got", required=False)

    def __init__(self, data=None, *, campaign):
        super().__init__(data, initial={"exclude_campaign": campaign.exclude_campaign_id or ""})
        launched = Campaign.objects.for_team(campaign.team).to_many().exclude(launched_at=None)
        found = list(launched.order_by("-launched_at")[:OFFERED])
        if campaign.exclude_campaign and campaign.exclude_campaign not in found:
            found.append(campaign.exclude_campaign)
        self.earlier = {str(earlier.pk): earlier for earlier in found}
        self.fields["exclude_campaign"].choices = [
            ("", "Nobody: write to everyone"),
            *(
                (pk, f"{earlier.name}, {day(earlier.launched_at)}")
                for pk, earlier in self.earlier.items()
            ),
        ]

    def clean_exclude_campaign(self):
        return self.earlier.get(self.cleaned_data["exclude_campaign"])


Person = Recipient.Status
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
