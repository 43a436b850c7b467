"""The recipients of a launched campaign: listed, searched, downloaded."""

from collections.abc import Callable, Iterator, Sequence
from typing import NamedTuple
from uuid import UUID

from django.db.models import QuerySet
from django.http import HttpResponse, HttpResponseBase, StreamingHttpResponse
from django.utils import timezone
from django.utils.text import slugify
from django.utils.translation import gettext as _
from django.views.decorators.http import require_safe

from campaigns.models import Campaign, Recipient
from core import phones
from core.formats import sentence
from core.listing import keyset_page, render_list
from sending.batch_words import words_of
from sending.forms import RecipientFilter
from sending.message_state import advice_for, reason_of
from sending.pages import get_campaign, redirect_to_step
from sending.progress import BatchProgress
from sending.progress_queries import load_progress
from spreadsheets.csv_writer import safe_csv
from teams.requests import TeamRequest

PAGE_SIZE = 50


class Row(NamedTuple):
    """A recipient and the sentences that explain the status, each '' if there is none."""

    person: Recipient
    reason: str
    advice: str
    tries: int


class BatchSlice(NamedTuple):
    """A batch as the download needs it.

    `last` is the position of its last recipient, `number` is None outside of batches,
    `open_question` the sentence about what ChumiAI does not report, '' if everything is known.
    """

    last: int
    number: int | None
    open_question: str


@require_safe
def campaign_recipients(request: TeamRequest, uuid: UUID) -> HttpResponse:
    """List the recipients of a launched campaign, with the status of each."""
    campaign = get_campaign(request, uuid)
    if campaign.is_editable:
        return redirect_to_step(campaign)
    filters, people = _filtered(request, campaign)
    page = keyset_page(
        people,
        order=("position",),
        after=_person_at(campaign, request.GET.get("after", "")),
        size=PAGE_SIZE,
        cursor="position",
    )
    reason = filters.reason
    context = {
        "campaign": campaign,
        "filters": filters,
        "reason": sentence(reason.sentence) if reason else "",
        "page": page,
        "rows": [_row(campaign, person) for person in page.rows],
    }
    return render_list(
        request,
        "sending/campaign_recipients.html",
        "results",
        context,
        around=lambda: {"open_questions": _open_questions(campaign)},
    )


def _row(campaign: Campaign, person: Recipient) -> Row:
    return Row(person, reason_of(campaign, person), advice_for(person), _tries(person))


def _tries(person: Recipient) -> int:
    return person.retries + 1 if person.status in Recipient.SUBMITTED else 0


def _filtered(
    request: TeamRequest, campaign: Campaign
) -> tuple[RecipientFilter, QuerySet[Recipient]]:
    """Return the filters of the query string, and the recipients that match them."""
    filters = RecipientFilter(
        request.GET, region=campaign.team.default_region, whole_only=not request.may["prepare"]
    )
    people = Recipient.objects.filter(campaign=campaign).select_related("decided_by")
    return filters, filters.filter(people)


def _person_at(campaign: Campaign, text: str) -> Recipient | None:
    """Return the last recipient of the page before, or None."""
    if not (text.isascii() and text.isdecimal() and len(text) < 10):
        return None
    return Recipient.objects.filter(campaign=campaign, position=int(text)).first()


@require_safe
def campaign_recipients_export(request: TeamRequest, uuid: UUID) -> HttpResponseBase:
    """Stream the recipients that the filters of the page leave, as a CSV."""
    campaign = get_campaign(request, uuid)
    _filters, people = _filtered(request, campaign)
    write_phone = str if request.may["prepare"] else phones.mask
    name = slugify(campaign.name) or "campaign"
    return StreamingHttpResponse(
        safe_csv(_csv_rows(campaign, people, write_phone)),
        content_type="text/csv; charset=utf-8",
        headers={"Content-Disposition": f'attachment; filename="{name}-recipients.csv"'},
    )


def _csv_rows(
    campaign: Campaign, people: QuerySet[Recipient], write_phone: Callable[[str], str]
) -> Iterator[Sequence[str]]:
    yield (
        _("Row"),
        _("Phone"),
        _("Status"),
        _("Reason"),
        _("What to do"),
        _("Tries"),
        _("Batch"),
        _("About the batch"),
    )
    slices = iter(_slices(campaign))
    current = BatchSlice(0, None, "")
    for person in people.order_by("position").iterator(chunk_size=1000):
        while person.position > current.last:
            current = next(slices, BatchSlice(person.position, None, ""))
        row = _row(campaign, person)
        yield (
            str(person.row_number),
            write_phone(person.phone),
            person.state_label,
            row.reason,
            row.advice,
            str(row.tries or ""),
            str(current.number or ""),
            "" if person.retries else current.open_question,
        )


def _slices(campaign: Campaign) -> list[BatchSlice]:
    now = timezone.now()
    slices = []
    for batch in load_progress(campaign).batches:
        words = words_of(campaign, batch, now)
        question = words.sentence if _is_open_question(batch) else ""
        slices.append(BatchSlice(batch.last, batch.number, question))
    return slices


def _open_questions(campaign: Campaign) -> list[str]:
    """Return a sentence for each batch of which ChumiAI does not report every result."""
    text = _("Batch {number}: {sentence}")
    return [
        text.format(number=found.number, sentence=found.open_question)
        for found in _slices(campaign)
        if found.open_question
    ]


def _is_open_question(batch: BatchProgress) -> bool:
    """Return True if the status of single recipients is not known for certain."""
    counters_only = batch.job is not None and not batch.job.has_row_results
    return bool(batch.unconfirmed or batch.unreported or (counters_only and batch.failed))
