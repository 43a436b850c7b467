"""The mapping to suggest: from the first rows of a file, or from the contact fields."""

from typing import Any

from django.conf import settings

from audience import contact_fields, process
from campaigns.models import Upload
from contacts.models import ContactSync
from core import formats
from core.errors import Refused
from message_templates import components
from message_templates.models import MessageTemplate
from spreadsheets.cells import SpreadsheetError
from teams.models import Team

# The stored form of an `audience` Mapping, with None for what is not known yet.
Stored = dict[str, Any] | None


def read_head(
    upload: Upload, template: MessageTemplate | None, *, header: bool | None = None
) -> dict[str, Any]:
    """Return the answer of the child process on the first rows of a file.

    `template` asks for the mapping to suggest; `header` says if the first row names the columns,
    None lets the child process find out. Raise `Refused`.
    """
    request: dict[str, Any] = {
        "action": "head",
        "path": upload.file.path,
        "limits": {"rows": settings.MAX_ROWS},
    }
    if header is not None:
        request["header"] = header
    if template:
        request |= {
            "placeholders": template.placeholders,
            "hints": _hints(template),
            "region": template.team.default_region,
        }
    try:
        return process.run(request, timeout=settings.CHECK_SECONDS)
    except SpreadsheetError as error:
        raise Refused(formats.sentence(error.sentence)) from None


def contact_mapping(team: Team, template: MessageTemplate) -> dict[str, Any]:
    """Return the mapping of the template's placeholders to contact fields, with gaps."""
    current = ContactSync.objects.current(team)
    return contact_fields.suggest(
        template.placeholders,
        _hints(template),
        contact_fields.offered(current.custom_fields if current else []),
    )


def _hints(template: MessageTemplate) -> dict[str, str]:
    """Return the words before each placeholder."""
    hints = components.hints(template.content.body, template.placeholders)
    return {name: hint.before for name, hint in hints.items()}
