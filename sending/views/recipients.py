"""The recipients of a launched campaign: listed, searched, downloaded."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import NamedTuple
from uuid import UUID

from django.db.models import QuerySet
from django.http import HttpResponse, HttpResponseBase, StreamingHttpResponse
from django.utils.text import slugify
from django.utils.translation import gettext as _
from django.views.decorators.http import require_safe

from campaigns.models import Campaign, Recipient
from core import clocks, phones
from core.formats import sentence
from core.listing import keyset_page, render_list
from sending.batch_words import words_of
from sending.forms import UNNAMED, RecipientFilter, may_be_unnamed
from sending.message_state import advice_for, reason_of
from sending.pages import get_campaign, redirect_to_step
from sending.progress import Progress
from sending.progress_queries import load_progress
from spreadsheets.csv_writer import safe_csv
from teams.requests import TeamRequest

PAGE_SIZE = 50


class Row(NamedTuple):
    """A recipient, the status in words, and its sentences, each '' if there is none."""

    person: Recipient
    label: str
    reason: str
    advice: str
    tries: int
    # '' for that of the status.
    tone: str


class BatchSlice(NamedTuple):
    """A batch as the list and the download need it.

    `last` is the position of its last recipient, `number` is None outside of batches,
    `open_question` the sentence about what ChumiAI does not report, '' if everything is known.
    `names_all` is False if ChumiAI counts results without naming the people.
    """

    last: int
    number: int | None
    open_question: str = ""
    names_all: bool = True


@require_safe
def campaign_recipients(request: TeamRequest, uuid: UUID) -> HttpResponse:
    """List the recipients of a launched campaign, with the status of each."""
    campaign = get_campaign(request, uuid)
    if campaign.is_editable:
        return redirect_to_step(campaign)
    progress = load_progress(campaign)
    filters, people = _filtered(request, campaign, progress)
    page = keyset_page(
        people,
        order=("position",),
        after=_person_at(campaign, request.GET.get("after", "")),
        size=PAGE_SIZE,
        cursor="position",
    )
    reason = filters.reason
    slices = _slices(campaign, progress)
    context = {
        "campaign": campaign,
        "progress": progress,
        "filters": filters,
        "reason": sentence(reason.sentence) if reason else "",
        "page": page,
        "rows": [_row(campaign, person, part) for person, part in _with_slices(page.rows, slices)],
    }
    return render_list(
        request,
        "sending/campaign_recipients.html",
        "results",
        context,
        around=lambda: {"open_questions": _open_questions(slices)},
    )


def _row(campaign: Campaign, person: Recipient, part: BatchSlice) -> Row:
    is_unnamed = not part.names_all and may_be_unnamed(person)
    return Row(
        person,
        label=str(UNNAMED) if is_unnamed else person.state_label,
        reason=reason_of(campaign, person),
        advice=advice_for(person),
        tries=_tries(person),
        tone="warn" if is_unnamed else "",
    )


def _with_slices(
    people: Iterable[Recipient], slices: Iterable[BatchSlice]
) -> Iterator[tuple[Recipient, BatchSlice]]:
    """Return people, in the order of the file, each with the batch that they are in."""
    following = iter(slices)
    current = BatchSlice(0, None)
    for person in people:
        while person.position > current.last:
            current = next(following, BatchSlice(person.position, None))
        yield person, current


def _tries(person: Recipient) -> int:
    return person.retries + 1 if person.status in Recipient.SUBMITTED else 0


def _filtered(
    request: TeamRequest, campaign: Campaign, progress: Progress
) -> tuple[RecipientFilter, QuerySet[Recipient]]:
    """Return the filters of the query string, and the recipients that match them."""
    filters = RecipientFilter(
        request.GET,
        region=campaign.team.default_region,
        whole_only=not request.may["prepare"],
        unnamed=[batch.batch.pk for batch in progress.open_questions],
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
    progress = load_progress(campaign)
    _filters, people = _filtered(request, campaign, progress)
    write_phone = str if request.may["prepare"] else phones.mask
    name = slugify(campaign.name) or "campaign"
    return StreamingHttpResponse(
        safe_csv(_csv_rows(campaign, people, _slices(campaign, progress), write_phone)),
        content_type="text/csv; charset=utf-8",
        headers={"Content-Disposition": f'attachment; filename="{name}-recipients.csv"'},
    )


def _csv_rows(
    campaign: Campaign,
    people: QuerySet[Recipient],
    slices: Iterable[BatchSlice],
    write_phone: Callable[[str], str],
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
    listed = people.order_by("position").iterator(chunk_size=1000)
    for person, current in _with_slices(listed, slices):
        row = _row(campaign, person, current)
        yield (
            str(person.row_number),
            write_phone(person.phone),
            row.label,
            row.reason,
            row.advice,
            str(row.tries or ""),
            str(current.number or ""),
            "" if person.retries else current.open_question,
        )


def _slices(campaign: Campaign, progress: Progress) -> list[BatchSlice]:
    now = clocks.now()
    return [
        BatchSlice(
            batch.last,
            batch.number,
            words_of(campaign, batch, now).sentence
            if batch.unconfirmed or batch.is_open_question
            else "",
            not batch.is_open_question,
        )
        for batch in progress.batches
    ]


def _open_questions(slices: Iterable[BatchSlice]) -> list[str]:
    """Return a sentence for each batch of which ChumiAI does not report every result."""
    text = _("Batch {number}: {sentence}")
    return [
        text.format(number=found.number, sentence=found.open_question)
        for found in slices
        if found.open_question
    ]
