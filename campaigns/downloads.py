"""What people download: a sample to fill in, and the rows of a check."""

import io
import json
from collections.abc import Iterator
from typing import Any

from django.conf import settings
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from audience.check import Outcome
from audience.report import ReportRow
from campaigns.audiences import audience_of
from campaigns.models import Check, Recipient
from core import formats
from message_templates import components
from message_templates.models import MessageTemplate
from spreadsheets.xlsx_writer import write_clean_xlsx

# No phone number on purpose: a row that is left in the file is refused.
SAMPLE_PHONE = gettext_lazy("024 412 3456 (example: replace it)")


def sample_file(template: MessageTemplate | None) -> bytes:
    """Return a small .xlsx with the columns that the template needs."""
    names = template.placeholders if template else []
    samples = components.sample_values(template.components) if template else {}
    header = [
        _("Phone"),
        *(_("Value {name}").format(name=name) if name.isdecimal() else name for name in names),
    ]
    texts = (
        samples.get(name, _("text for {placeholder}").format(placeholder=f"{{{{{name}}}}}"))
        for name in names
    )
    file = io.BytesIO()
    write_clean_xlsx(file, header, [[str(SAMPLE_PHONE), *texts]])
    return file.getvalue()


def rows_of(check: Check, outcome: str) -> Iterator[list[str]]:
    """Yield the rows of a download, header first: the row, the phone, the notes, the cells."""
    audience = audience_of(check.campaign)
    template = check.campaign.template
    if outcome == Outcome.READY:
        placeholders = template.placeholders if template else []
        yield [str(audience.row_title), _("Phone"), _("Notes"), *placeholders]
        yield from _ready_rows(check)
        return
    notes = _("What was repaired") if outcome == Outcome.REPAIRED else _("What is wrong")
    yield [str(audience.row_title), _("Phone"), notes, *audience.columns(check)]
    for row in _reported(check, outcome):
        shown = audience.number_of(row.phone or "", row.cells)
        yield [str(row.number), shown, _joined(row.sentences), *audience.cells(row.cells)]


def _ready_rows(check: Check) -> Iterator[list[str]]:
    # The report has a ready row only where there are notes on it.
    repaired = {row.number for row in _reported(check, Outcome.REPAIRED)}
    found = Recipient.objects.filter(campaign=check.campaign).order_by("position")
    for number, phone, notes, values in found.values_list(
        "row_number", "phone", "notes", "values"
    ).iterator():
        if number not in repaired:
            yield [str(number), phone, _joined(notes), *values]


def _joined(sentences: list[Any]) -> str:
    """Return stored sentences as one text, in the language of the page."""
    return " ".join(map(formats.sentence, sentences))


def _reported(check: Check, outcome: str) -> Iterator[ReportRow]:
    with (settings.MEDIA_ROOT / check.report).open(encoding="utf-8") as lines:
        for line in lines:
            row = ReportRow(*json.loads(line))
            if row.outcome == outcome:
                yield row


def has_report(check: Check) -> bool:
    """Return True if the rows of the check are still stored."""
    return bool(check.report) and (settings.MEDIA_ROOT / check.report).is_file()
