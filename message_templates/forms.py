"""What narrows the gallery down."""

from django import forms

from message_templates import labels

READY = "ready"


class TemplateFilterForm(forms.Form):
    """The filters of the gallery, all in the query string; what can't be read is left out."""

    q = forms.CharField(
        label="Search",
        required=False,
        max_length=200,
        widget=forms.SearchInput(attrs={"placeholder": "Name or text"}),
    )
    state = forms.ChoiceField(
        label="State",
        required=False,
        choices=[
            (READY, "Ready to send"),
            ("unsendable", "Not sendable"),
            ("vanished", "No longer listed"),
            ("all", "All"),
        ],
    )
    category = forms.ChoiceField(label="Category", required=False)
    language = forms.ChoiceField(label="Language", required=False)

    def __init__(self, data, *, kinds):
        """Offer the categories and languages of `kinds`, pairs of the two."""
        super().__init__(data)
        categories = sorted({category for category, _ in kinds if category})
        languages = sorted({language for _, language in kinds}, key=labels.language)
        self.fields["category"].choices = [
            ("", "All categories"),
            *((category, labels.plain(category)) for category in categories),
        ]
        self.fields["language"].choices = [
            ("", "All languages"),
            *((code, f"{labels.language(code)} · {code}") for code in languages),
        ]
        self.is_valid()

    @property
    def narrows(self):
        """Say whether more than the default state is asked for."""
        return any(self.cleaned_data.get(name) for name in ("q", "category", "language"))

    def filter(self, templates):
        """Return those of `templates` that were asked for."""
        asked = self.cleaned_data
        match asked.get("state") or READY:
            case "ready":
                templates = templates.sendable()
            case "unsendable":
                templates = templates.offered().exclude(unsendable_reason="")
            case "vanished":
                templates = templates.exclude(vanished_at=None)
        if asked.get("category"):
            templates = templates.filter(category=asked["category"])
        if asked.get("language"):
            templates = templates.filter(language=asked["language"])
        if asked.get("q"):
            # Read here and not by the database: SQLite knows the cases of English letters only,
            # and the body is a part of a JSON column.
            text = asked["q"].lower()
            look = templates.only("pk", "name", "components")
            templates = templates.filter(pk__in=[t.pk for t in look.iterator() if t.says(text)])
        return templates
