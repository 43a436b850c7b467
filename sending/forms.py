"""The forms of sending: launch, decisions, retries, test numbers, and the filters of its lists."""

from collections.abc import Sequence
from typing import Any, NamedTuple, cast

from django import forms
from django.db.models import Exists, OuterRef, Q, QuerySet
from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

from campaigns.models import Campaign, Recipient
from core.listing import FilterForm
from core.phone_forms import clean_number, with_number
from sending.models import TERMINAL_JOBS, Batch, BulkJob, TestNumber
from teams.models import Team
from whatsapp.errors import Failure, explain

Status, Person = Campaign.Status, Recipient.Status


class Tab(NamedTuple):
    """A tab of the list of campaigns: those in one of the states, or in any if there are none."""

    label: str | Promise
    statuses: tuple[str, ...] = ()


TABS = {
    "all": Tab(_("All")),
    "drafts": Tab(_("Drafts"), Campaign.EDITABLE),
    "running": Tab(_("Running"), (Status.QUEUED, Status.SENDING)),
    "attention": Tab(_("Needs attention"), (Status.PAUSED,)),
    "finished": Tab(_("Finished"), Campaign.TERMINAL),
    "single": Tab(_("Single messages")),
}


def in_tab(name: str) -> Q:
    """Return the condition of a tab.

    Messages to one number have a tab of their own, so that they don't hide the campaigns; but
    every one that needs attention is in that tab, too.
    """
    to_one = Q(audience=Campaign.Audience.NUMBER)
    if name == "single":
        return to_one
    statuses = TABS[name].statuses
    in_state = Q(status__in=statuses) if statuses else Q(pk__isnull=False)
    return in_state if name == "attention" else in_state & ~to_one


class CampaignFilter(FilterForm):
    tab = forms.ChoiceField(
        choices=[(name, tab.label) for name, tab in TABS.items()], required=False
    )
    q = forms.CharField(label=_("Search by name"), max_length=100, required=False)

    @property
    def tab_name(self) -> str:
        """Return the tab that is open; an unknown one is the first."""
        return self.asked.get("tab") or "all"

    def filter(self, campaigns: QuerySet[Campaign]) -> QuerySet[Campaign]:
        campaigns = campaigns.filter(in_tab(self.tab_name))
        if text := self.asked.get("q"):
            campaigns = campaigns.filter(name__icontains=text)
        return campaigns


class TestNumberForm(forms.Form):
    """A phone of the team; `clean_phone` returns E.164."""

    label = forms.CharField(
        label=_("Whose phone is it?"),
        max_length=60,
        error_messages={"required": _("Say whose phone it is.")},
    )
    phone = forms.CharField(
        label=_("Phone number"),
        max_length=40,
        widget=forms.TextInput(attrs={"inputmode": "tel", "autocomplete": "off"}),
        error_messages={"required": _("Type the phone number.")},
    )

    def __init__(self, data: Any = None, *, region: str) -> None:
        self.region = region
        super().__init__(data)

    def clean_phone(self) -> str:
        return clean_number(self.cleaned_data["phone"], region=self.region)


class TestSendForm(forms.Form):
    """Which recipient's message goes to which test numbers.

    `digest` names what the person saw, `intent` the page that was pressed.
    """

    intent = forms.UUIDField(widget=forms.HiddenInput)
    digest = forms.CharField(max_length=64, widget=forms.HiddenInput)
    position = forms.IntegerField(min_value=1, widget=forms.HiddenInput)
    numbers = forms.ModelMultipleChoiceField(
        label=_("To"),
        queryset=TestNumber.objects.none(),
        to_field_name="uuid",
        widget=forms.CheckboxSelectMultiple,
        error_messages={"required": _("Choose at least one test number.")},
    )

    def __init__(self, data: Any = None, *, team: Team, **kwargs: Any) -> None:
        super().__init__(data, **kwargs)
        numbers = cast("forms.ModelMultipleChoiceField[TestNumber]", self.fields["numbers"])
        numbers.queryset = TestNumber.objects.filter(team=team)


class DecisionForm(forms.Form):
    """The decision about unconfirmed messages, and how many of them the person saw."""

    decision = forms.CharField(max_length=20)
    people = forms.IntegerField(min_value=1)


class ResumeForm(forms.Form):
    """The changed template that the person saw: its `content_hash`, '' for none."""

    template_hash = forms.CharField(max_length=64, required=False)


class RetryForm(forms.Form):
    """The reason for which failed messages are retried: WhatsApp's code."""

    code = forms.IntegerField(min_value=0, max_value=9_999_999)


class LaunchForm(forms.Form):
    """What the review page sends back. `digest` names what was seen, `intent` the page."""

    intent = forms.UUIDField(widget=forms.HiddenInput)
    digest = forms.CharField(max_length=64, widget=forms.HiddenInput)
    # The sentence beside the box, if it was ticked.
    consent = forms.CharField(max_length=300, required=False)
    # Empty: the recommended one.
    engine = forms.ChoiceField(choices=Campaign.Engine.choices, required=False)
    typed = forms.CharField(
        label=_("To confirm, type the number of recipients"),
        max_length=20,
        required=False,
        widget=forms.TextInput(attrs={"inputmode": "numeric", "autocomplete": "off"}),
    )

    def clean_typed(self) -> int | None:
        """Return the number, with any thousands separators, or None."""
        digits = "".join(self.cleaned_data["typed"].replace(",", "").split())
        return int(digits) if digits.isdecimal() else None


class Shown(NamedTuple):
    """A choice of the list of recipients: their statuses, and how far the message got."""

    label: str | Promise
    statuses: tuple[str, ...]
    delivery_status: int = 0


# ChumiAI counts results of a batch without naming the people.
UNNAMED = _("Result not known")
SHOWN = {
    "": Shown(_("All"), tuple(Person.values)),
    "accepted": Shown(_("Accepted"), (Person.ACCEPTED,)),
    "delivered": Shown(_("Delivered"), (Person.ACCEPTED,), Recipient.DeliveryStatus.DELIVERED),
    "read": Shown(_("Read"), (Person.ACCEPTED,), Recipient.DeliveryStatus.READ),
    "failed": Shown(_("Failed"), (Person.FAILED,)),
    "unconfirmed": Shown(_("Unconfirmed"), (Person.UNCONFIRMED,)),
    "remaining": Shown(_("Remaining"), (Person.PENDING, Person.SUBMITTING)),
    "skipped": Shown(_("Skipped"), (Person.SKIPPED,)),
    "unnamed": Shown(UNNAMED, (Person.ACCEPTED,)),
}


def may_be_unnamed(person: Recipient) -> bool:
    """Return True if only the counters of the batch say how this message ended."""
    return person.status == Person.ACCEPTED and not (person.remote_id or person.retries)


def is_unnamed(batches: Sequence[int]) -> Q:
    """Return the condition on a recipient of one of these batches: the same as a query."""
    around = Batch.objects.filter(
        pk__in=batches, first__lte=OuterRef("position"), last__gte=OuterRef("position")
    )
    return Q(Exists(around), status=Person.ACCEPTED, remote_id="", retries=0)


class RecipientFilter(FilterForm):
    """Which recipients of a campaign to list.

    `code` is a reason for failing: WhatsApp's code, or "none" where ChumiAI gave no code.
    `unnamed` are the batches of which ChumiAI does not name everyone's result.
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
        choices=[(name, shown.label) for name, shown in SHOWN.items()],
    )
    code = forms.RegexField(r"^(none|\d{1,7})$", required=False, widget=forms.HiddenInput)

    def __init__(
        self, data: Any, *, region: str, whole_only: bool, unnamed: Sequence[int]
    ) -> None:
        super().__init__(data)
        self.region, self.whole_only, self.unnamed = region, whole_only, unnamed

    @property
    def reason(self) -> Failure | None:
        """Return the reason that narrows the list, or None."""
        code = self.asked.get("code")
        return explain(None if code == "none" else int(code)) if code else None

    def filter(self, people: QuerySet[Recipient]) -> QuerySet[Recipient]:
        asked = self.asked
        if show := asked.get("show"):
            people = people.filter(status__in=SHOWN[show].statuses)
            if reached := SHOWN[show].delivery_status:
                people = people.filter(delivery_status__gte=reached)
            if show == "unnamed":
                people = people.filter(is_unnamed(self.unnamed))
            elif show == "accepted" and self.unnamed:
                people = people.exclude(is_unnamed(self.unnamed))
        if code := asked.get("code"):
            people = people.filter(
                status=Person.FAILED, failure_code=None if code == "none" else int(code)
            )
        if text := asked.get("q"):
            people = with_number(people, text, region=self.region, whole_only=self.whole_only)
        return people


class JobFilter(FilterForm):
    origin = forms.ChoiceField(
        label=_("Started"),
        required=False,
        choices=[
            ("", _("Here or elsewhere")),
            ("here", _("In this app")),
            ("outside", _("Elsewhere")),
        ],
    )
    state = forms.ChoiceField(
        label=_("Status"),
        required=False,
        choices=[("", _("Any status")), ("open", _("Not finished")), ("over", _("Finished"))],
    )

    def filter(self, jobs: QuerySet[BulkJob]) -> QuerySet[BulkJob]:
        asked = self.asked
        if origin := asked.get("origin"):
            jobs = jobs.filter(batch__isnull=origin == "outside")
        is_over = Q(state__in=TERMINAL_JOBS) | Q(stopped_polling_at__isnull=False)
        match asked.get("state"):
            case "open":
                return jobs.exclude(is_over)
            case "over":
                return jobs.filter(is_over)
        return jobs
