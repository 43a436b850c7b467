"""The step that shows what the check found."""

import itertools
from typing import Any, NamedTuple

from django.http import Http404, HttpResponseBase, StreamingHttpResponse
from django.shortcuts import redirect
from django.utils.text import slugify
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.http import require_http_methods, require_safe

from audience.check import Outcome
from audience.process import SAMPLE_CELLS
from audience.report import ReportRow
from campaigns import downloads, steps
from campaigns.audiences import Label, audience_of
from campaigns.forms import ExclusionForm
from campaigns.models import Campaign, Check
from campaigns.pages import attachment, padded, render_step, step_page
from campaigns.services import checks, drafts
from core import formats
from core.actions import refusal_as_message
from core.errors import Refused
from core.requests import wants_fragment
from spreadsheets.csv_writer import safe_csv
from tasks import services as tasks
from teams.requests import TeamRequest
from teams.roles import requires


@require_http_methods(["GET", "POST"])
@requires("prepare")
@step_page("check")
def campaign_check(request: TeamRequest, campaign: Campaign) -> HttpResponseBase:
    """Show what the check found, or request another one."""
    if request.method == "POST":
        with refusal_as_message(request):
            if "exclude_campaign" in request.POST:
                campaign = drafts.exclude_campaign(
                    campaign, _earlier(request, campaign), by=request.user
                )
            checks.request_check(campaign, by=request.user)
        return redirect(steps.url_of(campaign, "check"))
    fragment = "result" if wants_fragment(request) else ""
    return _render(request, campaign, fragment)


def _earlier(request: TeamRequest, campaign: Campaign) -> Campaign | None:
    form = ExclusionForm(request.POST, campaign=campaign)
    if not form.is_valid():
        raise Refused(_("Choose one of the campaigns in the list. Nothing was changed."))
    earlier: Campaign | None = form.cleaned_data["exclude_campaign"]
    return earlier


@require_safe
@requires("prepare")
@step_page("check")
def campaign_result(request: TeamRequest, campaign: Campaign) -> HttpResponseBase:
    """Show what the check has found so far: the live region of its page."""
    return _render(request, campaign, "result")


class Tile(NamedTuple):
    """How the page shows an outcome: its tone, its name, what it means."""

    tone: str
    label: Label
    note: Label = ""
    # Shown only where there are such rows.
    is_rare: bool = False


# In the order of the page. The audience has the note on the rows that are ready.
OUTCOMES = {
    Outcome.READY: Tile("ok", gettext_lazy("Ready")),
    Outcome.REPAIRED: Tile("ok", gettext_lazy("Repaired"), gettext_lazy("and ready, too")),
    Outcome.DUPLICATE: Tile(
        "warn", gettext_lazy("Duplicate"), gettext_lazy("the first one is kept")
    ),
    Outcome.INVALID: Tile("bad", gettext_lazy("Invalid"), gettext_lazy("can't be sent")),
    Outcome.OPTED_OUT: Tile("warn", gettext_lazy("Opted out"), gettext_lazy("never written to")),
    Outcome.EXCLUDED: Tile(
        "warn", gettext_lazy("Skipped"), gettext_lazy("got an earlier campaign"), is_rare=True
    ),
    Outcome.FREQUENCY_CAP: Tile(
        "warn",
        gettext_lazy("Frequency limit"),
        gettext_lazy("reached for marketing messages"),
        is_rare=True,
    ),
}
# Which rows are shown first: those that a person can do something about.
SHOWN_FIRST = (
    Outcome.INVALID,
    Outcome.DUPLICATE,
    Outcome.OPTED_OUT,
    Outcome.FREQUENCY_CAP,
    Outcome.EXCLUDED,
    Outcome.REPAIRED,
    Outcome.READY,
)


def _render(request: TeamRequest, campaign: Campaign, fragment: str) -> HttpResponseBase:
    check: Check | None = getattr(campaign, "check_result", None)
    context: dict[str, Any] = {"check": check}
    if check is None or not check.is_open:
        context["exclusion_form"] = ExclusionForm(campaign=campaign)
    if check is None or check.is_open:
        context["worker_is_off"] = not tasks.worker_is_alive()
    else:
        context |= _found(campaign, check, request.GET.get("rows"))
    return render_step(request, campaign, "check", fragment=fragment, **context)


def _found(campaign: Campaign, check: Check, wanted: str | None) -> dict[str, Any]:
    audience = audience_of(campaign)
    counts = {outcome: getattr(check, outcome) for outcome in OUTCOMES}
    if wanted in counts:
        shown = Outcome(wanted)
    else:
        shown = next((outcome for outcome in SHOWN_FIRST if counts[outcome]), Outcome.READY)
    columns = audience.columns(check)[:SAMPLE_CELLS]
    rows = [
        row._replace(
            sentences=[formats.sentence(text) for text in row.sentences],
            cells=audience.cells(row.cells),
        )
        for row in itertools.starmap(ReportRow, check.details.get("samples", {}).get(shown, []))
    ]
    return {
        "tiles": [
            {
                "outcome": outcome.value,
                "count": counts[outcome],
                "tone": tile.tone,
                "label": tile.label,
                "note": tile.note or audience.ready_note,
                "is_open": outcome == shown,
            }
            for outcome, tile in OUTCOMES.items()
            if counts[outcome] or not tile.is_rare
        ],
        "shown": shown.value,
        "shown_label": OUTCOMES[shown].label,
        "shown_count": counts[shown],
        "rows": padded(rows, columns),
        "columns": columns,
        "notes": [
            (formats.sentence(note), count)
            for note, count in sorted(check.details.get("notes", []), key=lambda note: -note[1])
        ],
    }


@require_safe
@requires("prepare")
@step_page("check")
def campaign_rows(request: TeamRequest, campaign: Campaign, outcome: str) -> HttpResponseBase:
    """Download all rows of one outcome, numbered as in the person's own file."""
    check: Check | None = getattr(campaign, "check_result", None)
    if outcome not in OUTCOMES or check is None or not downloads.has_report(check):
        raise Http404
    rows = downloads.rows_of(check, outcome)
    response = StreamingHttpResponse(safe_csv(rows), content_type="text/csv; charset=utf-8")
    return attachment(response, f"{slugify(campaign.name) or 'campaign'}-{outcome}.csv")
