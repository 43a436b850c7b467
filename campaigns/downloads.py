"""What people download: a sample to fill in, and the rows of a check."""

import io
import json

from django.conf import settings

from audience.check import Outcome
from campaigns.models import Campaign, Recipient
from core import formats
from message_templates import components
from spreadsheets.xlsx_writer import write_clean_xlsx

# Not a phone number on purpose: left in the file, this row is refused and nobody is bothered.
SAMPLE_PHONE = "024 412 3456 (example: replace it)"


def sample_file(template):
    """Return the bytes of a small .xlsx with the columns that the template needs."""
    names = template.placeholders if template else []
    samples = (
        components.sample_values(template.components, template.parameter_format)
        if template
        else {}
    )
    header = ["Phone", *(f"Value {name}" if name.isdecimal() else name for name in names)]
    example = [SAMPLE_PHONE, *(samples.get(name, f"text for {{{{{name}}}}}") for name in names)]
    file = io.BytesIO()
    write_clean_xlsx(file, header, [example])
    return file.getvalue()


def rows_of(check, outcome):
    """Yield the texts of a download, header first: the row, the phone, what there is to say."""
    first = "Member" if check.campaign.audience == Campaign.Audience.GROUP else "Row"
    if outcome == Outcome.READY:
        yield [first, "Phone", "Notes", *check.campaign.template.placeholders]
        yield from _ready_rows(check)
        return
    told = "What was repaired" if outcome == Outcome.REPAIRED else "What is the matter"
    yield [first, "Phone", told, *columns_of(check)]
    for number, _, _, phone, sentences, cells in _reported(check, outcome):
        # What is no number can't be repaired unless one sees it.
        shown = phone or (cells[0] if first == "Member" else "")
        yield [str(number), shown, _joined(sentences), *cells_of(check, cells)]


def columns_of(check):
    """Return the names of the columns that a checked row has, beside its phone for a member."""
    if check.campaign.audience == Campaign.Audience.GROUP:
        return check.details.get("header", [])[1:]
    return check.campaign.upload.columns


def cells_of(check, cells):
    """Return the cells under these columns."""
    return cells[1:] if check.campaign.audience == Campaign.Audience.GROUP else cells


def _ready_rows(check):
    # The report tells of a ready row only where there is something to say about it.
    repaired = {row[0] for row in _reported(check, Outcome.REPAIRED)}
    found = Recipient.objects.filter(campaign=check.campaign).order_by("position")
    for number, phone, notes, values in found.values_list(
        "row_number", "phone", "notes", "values"
    ).iterator():
        if number not in repaired:
            yield [str(number), phone, _joined(notes), *values]


def _joined(sentences):
    """Return stored sentences as one text, in the language of the page."""
    return " ".join(map(formats.sentence, sentences))


def _reported(check, outcome):
    with (settings.MEDIA_ROOT / check.report).open(encoding="utf-8") as lines:
        for line in lines:
            row = json.loads(line)
            if row[1] == outcome:
                yield row


def has_report(check):
    """Say whether the rows of the check are still kept."""
    return bool(check.report) and (settings.MEDIA_ROOT / check.report).is_file()
