"""The people of a launched campaign: listed, searched, downloaded."""

from django.http import StreamingHttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils.text import slugify
from django.views.decorators.http import require_safe

from campaigns import steps
from campaigns.models import Campaign, Recipient
from core import phones
from sending.forms import RecipientFilter
from sending.message_state import reason_of
from sending.progress_queries import load_progress
from spreadsheets.csv_writer import safe_csv
from whatsapp.errors import explain

PAGE_SIZE = 50
CSV_HEADER = (
    "Row", "Phone", "State", "Reason", "What to do", "Tries", "Part", "About the part"
)  # fmt: skip


@require_safe
def campaign_recipients(request, uuid):
    """List the people of a launched campaign, with what became of each."""
    campaign = _get_campaign(request, uuid)
    if campaign.is_editable:
        return redirect(steps.url_of(campaign, steps.open_step(campaign)))
    filters, people = _filtered(request, campaign)
    after = _position(request.GET.get("after", ""))
    page = list(people.filter(position__gt=after).order_by("position")[: PAGE_SIZE + 1])
    for person in page:
        person.why, person.advice = reason_of(campaign, person), advice_for(person)
    context = {
        "campaign": campaign,
        "filters": filters,
        "people": page[:PAGE_SIZE],
        "next": page[PAGE_SIZE - 1].position if len(page) > PAGE_SIZE else None,
        "is_first_page": not after,
        "tried": Recipient.SUBMITTED,
    }
    if request.htmx and not request.htmx.boosted:
        return render(request, "sending/campaign_recipients.html#results", context)
    vague = [f"Part {number}: {words}" for _, number, words in _slices(campaign) if words]
    return render(request, "sending/campaign_recipients.html", context | {"vague": vague})


def _get_campaign(request, uuid):
    campaigns = Campaign.objects.for_team(request.team).select_related("team", "exclude_campaign")
    return get_object_or_404(campaigns, uuid=uuid)


def _filtered(request, campaign):
    """Return the filters of the query string, and the people whom they leave."""
    filters = RecipientFilter(
        request.GET, region=campaign.team.default_region, whole_only=not request.may["prepare"]
    )
    people = Recipient.objects.filter(campaign=campaign).select_related("decided_by")
    return filters, filters.filter(people)


def _position(text):
    """Return the position after which the page begins, 0 for what is none."""
    return int(text) if text.isascii() and text.isdecimal() and len(text) < 10 else 0


@require_safe
def campaign_recipients_export(request, uuid):
    """Stream the people, narrowed down as on their page, with what became of each, as a CSV."""
    campaign = _get_campaign(request, uuid)
    _, people = _filtered(request, campaign)
    written = str if request.may["prepare"] else phones.mask
    return StreamingHttpResponse(
        safe_csv(_csv_rows(campaign, people, written)),
        content_type="text/csv; charset=utf-8",
        headers={
            "Content-Disposition": "attachment; "
            f'filename="{slugify(campaign.name) or "campaign"}-recipients.csv"'
        },
    )


def _csv_rows(campaign, people, written):
    yield CSV_HEADER
    slices = iter(_slices(campaign))
    last, number, about = 0, "", ""
    for person in people.order_by("position").iterator(chunk_size=1000):
        while person.position > last:
            last, number, about = next(slices, (person.position, "", ""))
        yield (
            str(person.row_number),
            written(person.phone),
            person.state_label,
            reason_of(campaign, person),
            advice_for(person),
            str(person.retries + 1) if person.status in Recipient.SUBMITTED else "",
            number,
            "" if person.retries else about,
        )


def advice_for(person):
    """Return what to do about a failure, '' where there is none."""
    if person.status != Recipient.Status.FAILED:
        return ""
    # A refusal without a code of WhatsApp's has ChumiAI's own words instead.
    has_code = person.failure_code is not None
    return explain(person.failure_code).advice if has_code or not person.reason else ""


def _slices(campaign):
    """Return (last position, part number, what ChumiAI leaves unsaid about it) of each part."""
    return [
        (part.last, str(part.number), part.words if _is_vague(part) else "")
        for part in load_progress(campaign).parts
    ]


def _is_vague(part):
    """Say whether the words of the part are needed to read the states of its people."""
    counters_only = part.job is not None and not part.job.has_row_results
    return bool(part.unconfirmed or part.unreported or (counters_only and part.failed))
