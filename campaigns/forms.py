"""The forms of a draft: template, file, group, values, media and skipped people."""

import re

from django import forms
from django.utils.translation import gettext_lazy as _

from audience import contact_fields
from audience.check import Outcome
from campaigns.audiences import audience_of
from campaigns.models import Campaign
from campaigns.services import media
from contacts.models import ContactSync
from core import formats
from core.errors import Refused
from core.listing import FilterForm
from core.times import day
from message_templates import components


class NameForm(forms.Form):
    name = forms.CharField(max_length=120)


class NewCampaignForm(forms.Form):
    name = forms.CharField(
        label=_("Campaign name"),
        max_length=120,
        required=False,
        help_text=_(
            "Only your team sees it. If you leave it empty, we use the template name and date."
        ),
    )


class TemplateSearch(FilterForm):
    q = forms.CharField(label=_("Search templates"), max_length=100, required=False)

    def filter(self, templates):
        """Return those of `templates` whose name contains the text."""
        words = self.asked.get("q", "").replace(" ", "_")
        return templates.filter(name__icontains=words) if words else templates


class UploadForm(forms.Form):
    file = forms.FileField(
        label=_("Your file"),
        widget=forms.FileInput(attrs={"accept": ".xlsx,.csv"}),
        error_messages={
            "required": _("Choose a file first."),
            "missing": _("Choose a file first."),
            "empty": _("This file is empty. Check that you chose the right file."),
        },
    )


class GroupSearch(FilterForm):
    q = forms.CharField(label=_("Search groups"), max_length=100, required=False)

    def filter(self, groups):
        """Return those of `groups` whose name contains the text."""
        words = self.asked.get("q", "")
        return groups.filter(name__icontains=words) if words else groups


class HeaderForm(forms.Form):
    has_header = forms.BooleanField(
        label=_("The first row contains the column names"), required=False
    )


TEXT = "text"
FIELD = "field:"


class MappingForm(forms.Form):
    """Where the phone and each placeholder's value come from.

    `complete` requires every answer; without it, an unfinished form is valid.
    """

    use_required_attribute = False

    def __init__(self, data=None, *, campaign, complete=False):
        self.template = campaign.template
        self.complete = complete
        # An unbound form marks as optional only what is optional in a complete one.
        self.requires_all = complete or data is None
        stored = campaign.mapping or {"phone_column": None, "values": {}}
        super().__init__(data, initial={"phone_column": stored["phone_column"]})
        names = audience_of(campaign).columns_to_choose()
        columns = [(place, name[:80]) for place, name in enumerate(names or ())]
        if names is not None:
            self._add_phone_column(columns)
        sources = _sources(campaign, columns)
        for number, name in enumerate(self.template.placeholders):
            source = stored["values"].get(name)
            self._add_placeholder(number, f"{{{{{name}}}}}", sources, source)

    def _add_phone_column(self, columns):
        self.fields["phone_column"] = forms.TypedChoiceField(
            label=_("Phone number column"),
            choices=[("", _("Choose a column…")), *columns],
            coerce=int,
            empty_value=None,
            required=self.requires_all,
            error_messages={"required": _("Choose the column with the phone numbers.")},
        )

    def _add_placeholder(self, number, shown, sources, stored):
        stored = stored or {}
        chosen = f"{FIELD}{stored['field']}" if "field" in stored else stored.get("column", "")
        only_text = [value for value, _label in sources] == [TEXT]
        self.fields[f"source_{number}"] = forms.ChoiceField(
            label=_("{placeholder} comes from").format(placeholder=shown),
            choices=sources,
            initial=TEXT if TEXT in stored or only_text else chosen,
            required=self.requires_all,
            error_messages={"required": _("Choose a column, or type a text for everyone.")},
            widget=forms.HiddenInput if only_text else forms.Select,
        )
        self.fields[f"text_{number}"] = forms.CharField(
            label=_("Text for {placeholder}").format(placeholder=shown),
            max_length=1024,
            initial=stored.get(TEXT, ""),
            required=not self.is_bound,
        )
        self.fields[f"fallback_{number}"] = forms.CharField(
            label=_("If empty, use"),
            max_length=1024,
            initial=stored.get("fallback", ""),
            required=False,
        )

    def clean(self):
        for number in range(len(self.template.placeholders)):
            is_text = self.cleaned_data.get(f"source_{number}") == TEXT
            if self.complete and is_text and not self.cleaned_data.get(f"text_{number}"):
                self.add_error(f"text_{number}", _("Type the text that everyone gets."))
                self.fields[f"text_{number}"].required = True
        return self.cleaned_data

    def mapping(self):
        """Return the answers as `Campaign.mapping` stores them, None for each missing source."""
        answers = self.cleaned_data
        return {
            # The first column of a group member is the phone.
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
        """Return the fields of each placeholder and the text around it, for the page."""
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
    """Return the choices for the source of a value."""
    text = (TEXT, _("The same text for everyone"))
    if audience_of(campaign).same_for_all:
        return [text]
    current = ContactSync.objects.current(campaign.team)
    fields = contact_fields.offered(current.custom_fields if current else [])
    # A chosen field stays a choice, even if the last sync no longer has it.
    fields |= contact_fields.labels_of_used(campaign.mapping)
    contact = [(f"{FIELD}{name}", formats.sentence(label)[:80]) for name, label in fields.items()]
    return [
        ("", _("Choose…")),
        *([(_("Column of the file"), columns)] if columns else []),
        *([(_("Contact in ChumiAI"), contact)] if current else []),
        text,
    ]


def _sentence(hint):
    """Return the text before and after a placeholder without WhatsApp's formatting, or None."""
    if hint is None:
        return None
    before, after = re.sub(r"[*~`]", "", hint.before), re.sub(r"[*~`]", "", hint.after)
    ends = not after or after[-1] in ".!?…"
    return before, after if ends else f"{after} …"


class NumberForm(forms.Form):
    """One number and its values.

    `complete` requires every answer; without it, an unfinished form is valid.
    """

    use_required_attribute = False
    phone = forms.CharField(
        label=_("Phone number"),
        max_length=40,
        widget=forms.TextInput(attrs={"inputmode": "tel", "autocomplete": "off"}),
        error_messages={"required": _("Type the phone number.")},
        help_text=_("A local number, or + and the country code."),
    )

    def __init__(self, data=None, *, campaign, complete=False):
        self.template = campaign.template
        requires_all = complete or data is None
        stored = campaign.mapping or {"phone": "", "values": {}}
        super().__init__(data, initial={"phone": stored["phone"]})
        self.fields["phone"].required = requires_all
        for number, name in enumerate(self.template.placeholders):
            shown = f"{{{{{name}}}}}"
            self.fields[f"value_{number}"] = forms.CharField(
                label=_("Text for {placeholder}").format(placeholder=shown),
                max_length=1024,
                initial=(stored["values"].get(name) or {}).get(TEXT, ""),
                required=requires_all,
                widget=forms.TextInput(attrs={"autocomplete": "off"}),
                error_messages={
                    "required": _("Type a text for {placeholder}.").format(placeholder=shown)
                },
            )

    def mapping(self):
        """Return the answers as `Campaign.mapping` stores them, None for each missing text."""
        texts = [self.cleaned_data[f"value_{n}"] for n in range(len(self.template.placeholders))]
        values = {
            name: {TEXT: text} if text else None
            for name, text in zip(self.template.placeholders, texts, strict=True)
        }
        return {"phone": self.cleaned_data["phone"], "values": values}

    def check(self, verdict):
        """Add the problem of a `checks.verdict_on_number` to the field that causes it."""
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
        """Return the field of each placeholder and the text around it, for the page."""
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
    """The link to the image, video or document."""

    link = forms.CharField(
        max_length=2000,
        widget=forms.URLInput(attrs={"autocomplete": "off", "placeholder": "https://"}),
        error_messages={"required": _("Paste the link first.")},
        help_text=_(
            "Anyone must be able to open it without a login, and it must open the file itself."
        ),
    )

    def __init__(self, data=None, *, campaign):
        stored = getattr(campaign, "header_media", None)
        super().__init__(data, initial={"link": stored.link if stored else ""})
        kind = campaign.template.content.header.media_name
        self.fields["link"].label = _("Link to the {kind}").format(kind=kind)

    def clean_link(self):
        try:
            media.check_link(self.cleaned_data["link"])
        except Refused as problem:
            raise forms.ValidationError(str(problem)) from None
        return self.cleaned_data["link"]


class MediaIdForm(forms.Form):
    """The ID of a file that was uploaded to ChumiAI."""

    media_id = forms.CharField(
        label=_("Media ID"),
        max_length=200,
        widget=forms.TextInput(attrs={"autocomplete": "off"}),
        error_messages={"required": _("Paste the media ID first.")},
        help_text=_(
            "It stops working after 30 days, and we can't check which file it belongs to."
        ),
    )

    def __init__(self, data=None, *, campaign):
        stored = getattr(campaign, "header_media", None)
        super().__init__(data, initial={"media_id": stored.media_id if stored else ""})


# Choices of the exclusion form: the last campaigns.
CAMPAIGNS_OFFERED = 50


class ExclusionForm(forms.Form):
    """The earlier campaign whose recipients are skipped; clean_exclude_campaign returns it."""

    exclude_campaign = forms.ChoiceField(
        label=_("Skip people from an earlier campaign"), required=False
    )

    def __init__(self, data=None, *, campaign):
        super().__init__(data, initial={"exclude_campaign": campaign.exclude_campaign_id or ""})
        launched = Campaign.objects.for_team(campaign.team).to_many().exclude(launched_at=None)
        found = list(launched.order_by("-launched_at")[:CAMPAIGNS_OFFERED])
        if campaign.exclude_campaign and campaign.exclude_campaign not in found:
            found.append(campaign.exclude_campaign)
        self.earlier = {str(earlier.pk): earlier for earlier in found}
        self.fields["exclude_campaign"].choices = [
            ("", _("Don't skip anyone")),
            *(
                (pk, f"{earlier.name}, {day(earlier.launched_at)}")
                for pk, earlier in self.earlier.items()
            ),
        ]

    def clean_exclude_campaign(self):
        return self.earlier.get(self.cleaned_data["exclude_campaign"])
