"""The step that shows what the check found."""

from django.contrib import messages
from django.http import Http404, StreamingHttpResponse
from django.shortcuts import redirect, render
from django.utils.text import slugify
from django.views.decorators.http import require_http_methods, require_safe

from audience.check import Outcome
from audience.process import SAMPLE_CELLS
from campaigns import downloads, steps
from campaigns.forms import ExclusionForm
from campaigns.models import Campaign
from campaigns.pages import attachment, padded, step_page
from campaigns.services import checks, drafts
from core import formats
from core.errors import Refused
from spreadsheets.csv_writer import safe_csv
from tasks import services as tasks
from teams.roles import requires


@require_http_methods(["GET", "POST"])
@requires("prepare")
@step_page("check")
def campaign_check(request, campaign):
    """Show what the check found, or ask for another one."""
    if request.method == "POST":
        try:
            if "exclude_campaign" in request.POST:
                form = ExclusionForm(request.POST, campaign=campaign)
                if not form.is_valid():
                    raise Refused("Choose one of the campaigns of the list. Nothing was changed.")
                drafts.exclude_campaign(
                    campaign, form.cleaned_data["exclude_campaign"], by=request.user
                )
            checks.request_check(campaign, by=request.user)
        except Refused as error:
            messages.error(request, str(error))
        return redirect(steps.url_of(campaign, "check"))
    template = "campaigns/campaign_check.html"
    if request.htmx and not request.htmx.boosted:
        template += "#result"
    return render(request, template, _check_context(request, campaign))


@require_safe
@requires("prepare")
@step_page("check")
def campaign_result(request, campaign):
    """Show what the check has found so far: the live region of its page."""
    return render(
        request, "campaigns/campaign_check.html#result", _check_context(request, campaign)
    )


# The outcomes in the order of the tiles: the tone, the word, what it means.
OUTCOMES = {
    Outcome.READY: ("ok", "Ready", "as they stand in the file"),
    Outcome.REPAIRED: ("ok", "Repaired", "and ready, too"),
    Outcome.DUPLICATE: ("warn", "Duplicate", "the first one is kept"),
    Outcome.INVALID: ("bad", "Invalid", "can't be sent"),
    Outcome.OPTED_OUT: ("warn", "Opted out", "never written to"),
    Outcome.EXCLUDED: ("warn", "Left out", "got an earlier campaign"),
    Outcome.FREQUENCY_CAP: ("warn", "Had enough", "of marketing messages lately"),
}
# These have a tile only where they say something.
SELDOM = (Outcome.EXCLUDED, Outcome.FREQUENCY_CAP)
GROUP_NOTES = {Outcome.READY: "as ChumiAI has them"}
# Which rows are shown where nobody asked: those about which there is something to do.
WORTH_A_LOOK = (
    Outcome.INVALID,
    Outcome.DUPLICATE,
    Outcome.OPTED_OUT,
    Outcome.FREQUENCY_CAP,
    Outcome.EXCLUDED,
    Outcome.REPAIRED,
    Outcome.READY,
)


def _check_context(request, campaign):
    check = getattr(campaign, "check_result", None)
    context = {"campaign": campaign, "steps": steps.bar(campaign, "check"), "check": check}
    if check is None or not check.is_open:
        context["exclusion_form"] = ExclusionForm(campaign=campaign)
    if check is None or check.is_open:
        return context | {"worker_is_off": not tasks.worker_is_alive()}
    counts = {outcome: getattr(check, outcome) for outcome in OUTCOMES}
    is_group = campaign.audience == Campaign.Audience.GROUP
    asked = request.GET.get("rows")
    shown = (
        Outcome(asked)
        if asked in counts
        else next((outcome for outcome in WORTH_A_LOOK if counts[outcome]), Outcome.READY)
    )
    columns = downloads.columns_of(check)[:SAMPLE_CELLS]
    rows = [
        [*others, [formats.sentence(text) for text in sentences], downloads.cells_of(check, cells)]
        for *others, sentences, cells in check.details.get("samples", {}).get(shown, [])
    ]
    return context | {
        "tiles": [
            {
                "outcome": outcome.value,
                "count": counts[outcome],
                "tone": tone,
                "label": label,
                "note": GROUP_NOTES.get(outcome, note) if is_group else note,
                "is_open": outcome == shown,
            }
            for outcome, (tone, label, note) in OUTCOMES.items()
            if counts[outcome] or outcome not in SELDOM
        ],
        "shown": shown.value,
        "shown_label": OUTCOMES[shown][1],
        "shown_count": counts[shown],
        "rows": padded(rows, columns),
        "columns": columns,
        "notes": [
            (formats.sentence(note), number)
            for note, number in sorted(check.details.get("notes", []), key=lambda note: -note[1])
        ],
    }


@require_safe
@requires("prepare")
@step_page("check")
def campaign_rows(request, campaign, outcome):
    """Download all rows of one outcome, numbered as in the person's own file."""
    check = getattr(campaign, "check_result", None)
    if outcome not in OUTCOMES or check is None or not downloads.has_report(check):
        raise Http404
    rows = downloads.rows_of(check, outcome)
    response = StreamingHttpResponse(safe_csv(rows), content_type="text/csv; charset=utf-8")
    return attachment(response, f"{slugify(campaign.name) or 'campaign'}-{outcome}.csv")
