"""The mapping to suggest: from the first rows of a file, or from the contact fields."""

import hashlib
from typing import Any

from django.conf import settings

from audience import contact_fields, process
from campaigns.models import Upload
from contacts.models import ContactSync
from core import formats
from core.errors import Refused
from core.sentences import gettext_noop
from message_templates import components
from message_templates.models import MessageTemplate
from spreadsheets.cells import SpreadsheetError
from teams.models import Team

# The stored form of an `audience` Mapping, with None for what is not known yet.
Stored = dict[str, Any] | None
# Of a worker with another data folder, a disk that went away, a backup without the files.
MISSING = gettext_noop(
    "Our server can't find the uploaded file. Nothing is wrong with it: tell your administrator."
)


def read_head(
    upload: Upload, template: MessageTemplate | None, *, header: bool | None = None
) -> dict[str, Any]:
    """Return the answer of the child process on the first rows of a file.

    `template` asks for the mapping to suggest; `header` says if the first row names the columns,
    None lets the child process find out. Raise `Refused`.
    """
    if not is_intact(upload):
        raise Refused(formats.sentence(MISSING))
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


def is_intact(upload: Upload) -> bool:
    """Return True if this process finds the file as it was uploaded."""
    try:
        with upload.file.storage.open(upload.file.name or "") as file:
            return hashlib.file_digest(file, "sha256").hexdigest() == upload.sha256
    except OSError:
        return False


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
