"""The filters of the gallery."""

from collections.abc import Iterable

from django import forms
from django.utils.translation import gettext_lazy as _

from core.listing import FilterForm
from message_templates import labels
from message_templates.models import MessageTemplateQuerySet

READY = "ready"


class TemplateFilterForm(FilterForm):
    """Which templates to show; without a state, those that are ready to send."""

    q = forms.CharField(
        label=_("Search"),
        required=False,
        max_length=200,
        widget=forms.SearchInput(attrs={"placeholder": _("Name or text")}),
    )
    state = forms.ChoiceField(
        label=_("State"),
        required=False,
        choices=[
            (READY, _("Ready to send")),
            ("unsendable", _("Not sendable")),
            ("vanished", _("No longer listed")),
            ("all", _("All")),
        ],
    )
    category = forms.ChoiceField(label=_("Category"), required=False)
    language = forms.ChoiceField(label=_("Language"), required=False)

    def __init__(self, data: object, *, kinds: Iterable[tuple[str, str]]) -> None:
        """Offer the categories and languages of `kinds`, pairs of the two."""
        super().__init__(data)  # type: ignore[arg-type]
        categories = sorted({category for category, _language in kinds if category})
        languages = sorted({language for _category, language in kinds}, key=labels.language)
        self.fields["category"].choices = [  # type: ignore[attr-defined]
            ("", _("All categories")),
            *((category, labels.label(labels.CATEGORIES, category)) for category in categories),
        ]
        self.fields["language"].choices = [  # type: ignore[attr-defined]
            ("", _("All languages")),
            *((code, f"{labels.language(code)} · {code}") for code in languages),
        ]

    @property
    def narrows(self) -> bool:
        """Return True if any filter but the state is set."""
        return any(self.asked.get(name) for name in ("q", "category", "language"))

    def filter(self, templates: MessageTemplateQuerySet) -> MessageTemplateQuerySet:
        """Return those of `templates` that match."""
        asked = self.asked
        match asked.get("state") or READY:
            case "ready":
                templates = templates.sendable()
            case "unsendable":
                templates = templates.unsendable()
            case "vanished":
                templates = templates.exclude(vanished_at=None)
        if asked.get("category"):
            templates = templates.filter(category=asked["category"])
        if asked.get("language"):
            templates = templates.filter(language=asked["language"])
        if asked.get("q"):
            # Compared here: SQLite folds the case of English letters only, and the body lies
            # inside a JSON column.
            text = asked["q"].lower()
            candidates = templates.only("pk", "name", "components").iterator()
            templates = templates.filter(pk__in=[t.pk for t in candidates if t.contains(text)])
        return templates
