"""The kinds of audience: what the steps, the check, the launch and the pages ask of each.

`audience_of(campaign)` returns the object for a campaign. A new kind is one class, one row of the
table `KINDS`, one choice of `Campaign.Audience` and one template of its texts. Elsewhere the kind
is only chosen (`services/groups.py`) or filtered by (`CampaignQuerySet`, the filter of the list).
"""

import hashlib
import json
import os
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar

from django.conf import settings
from django.db.models import QuerySet
from django.utils.functional import Promise
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from audience import contact_fields, process
from audience.check import Outcome, Rules, check_mapping, check_recipients
from audience.mapping import Mapping
from campaigns import group_rules
from campaigns.models import Campaign, Check, GroupChoice, Upload
from campaigns.services import exclusions
from campaigns.suggestions import MISSING, Stored, contact_mapping, is_intact, read_head
from contacts.models import Contact, ContactGroup, OptOut
from core import formats, phones, sentences
from core.sentences import Sentence, gettext_noop, ngettext_noop
from message_templates import components
from message_templates.models import MessageTemplate
from spreadsheets.cells import Cell, Row, SpreadsheetError

Kind, Way, Engine = Campaign.Audience, GroupChoice.Way, Campaign.Engine
Label = str | Promise

DOUBLED = ngettext_noop(
    "{count} of the members shares a number with another member. ChumiAI may write to them twice.",
    "{count} of the members share a number with another member. ChumiAI may write to them twice.",
)
NO_MEMBERS = gettext_noop("This group has no members. Add them in ChumiAI, or choose another.")
REFRESHED = gettext_noop("The contacts were refreshed during the check. Check the group again.")
# Quotes the label of `Way.EXPANDED`.
CHECK_EVERY_MEMBER = gettext_noop("Choose “Check every member” instead.")
# The check of a group shows at most this many of the contacts' custom fields.
CUSTOM_SHOWN = 16


def audience_of(campaign: Campaign) -> "Audience":
    """Return the audience of the campaign as it is now."""
    in_group = campaign.audience == Kind.GROUP and hasattr(campaign, "group")
    return KINDS[campaign.audience, campaign.group.way if in_group else ""](campaign)


def steps_before(kind: str) -> dict[str, Label]:
    """Return the steps of a campaign of the kind that does not exist yet."""
    return KINDS[kind, ""].steps


@dataclass(frozen=True, slots=True)
class Found:
    """What a check found: the counts, and where the rows are (see `audience.process`)."""

    summary: dict[str, Any]
    # Names the content for the digest.
    content: str
    ready: Path = Path(os.devnull)
    report: Path | None = None


class CheckFailed(Exception):
    """The whole list can't be checked; `errors` are sentences in their stored form."""

    def __init__(self, *errors: str | list[Any]) -> None:
        super().__init__(*errors)
        self.errors = list(errors)


class Audience:
    """A list of people that is checked row by row in a child process."""

    # The word of a step stands in its URL, its view and its template. The label of "media" is
    # that of what the template needs; without media there is no such step.
    steps: ClassVar[dict[str, Label]]
    # The step that chooses the people, and the one that says what each of them gets.
    source_step: ClassVar[str]
    values_step: ClassVar[str] = "values"
    # The template with the texts of the pages, one partial for each.
    texts: ClassVar[str] = ""
    # The name of a draft that has no template yet.
    draft_name: ClassVar[Label] = gettext_lazy("Campaign")
    # How the check and its downloads call a row, and the rows that are ready.
    row_title: ClassVar[Label] = gettext_lazy("Row")
    ready_note: ClassVar[Label]
    # A person may switch a campaign to this kind.
    can_be_chosen: ClassVar[bool] = False
    # One message to one number, without a list.
    is_single: ClassVar[bool] = False
    # Everyone gets the same text, and we have no row for each recipient.
    same_for_all: ClassVar[bool] = False
    # The size is counted again before the first message; a person confirms a change.
    is_recounted: ClassVar[bool] = False
    # The review page: everyone gets it, or some rows are skipped.
    everyone_gets_it: ClassVar[Label] = ""
    skipped_rows: ClassVar[tuple[str, str]]
    # The sending methods that are possible, () for any.
    engines: ClassVar[tuple[Campaign.Engine, ...]] = ()

    def __init__(self, campaign: Campaign) -> None:
        self.campaign = campaign

    # The draft

    @property
    def source_name(self) -> str:
        """Return the name of the file or the group, '' before one is chosen."""
        raise NotImplementedError

    def what_is_missing(self) -> str:
        """Return the instruction to choose the people, '' once they are chosen."""
        raise NotImplementedError

    def what_is_unmapped(self) -> str:
        """Return which value has no source yet, as an instruction, or ''."""
        mapping = self.campaign.mapping or {"phone_column": None, "values": {}}
        if mapping["phone_column"] is None:
            return _("Choose the column that holds the phone numbers.")
        for name in _template_of(self.campaign).placeholders:
            if mapping["values"].get(name) is None:
                return str(self._no_source).format(placeholder=f"{{{{{name}}}}}")
        return ""

    _no_source: ClassVar[Label] = gettext_lazy(
        "{placeholder} has no column yet. Choose one, or type a text for everyone."
    )

    def mapping_for(self, template: MessageTemplate) -> Stored:
        """Return the mapping to suggest when the campaign gets another template."""
        raise NotImplementedError

    def step_of_check(self, *, has_media: bool) -> str:
        """Return the step that asks for the check."""
        return "check" if has_media else self.values_step

    def columns_to_choose(self) -> list[str] | None:
        """Return the columns for phone and values, None if there is nothing to choose."""
        return None

    # The first row, for the pages before the check

    def phone_of_first(self) -> str:
        """Return the phone of the first row as it is written, or ''."""
        return self.cell_of_first((self.campaign.mapping or {}).get("phone_column"))

    def cell_of_first(self, column: int | None) -> str:
        """Return the text in the column of the first row, or ''."""
        return ""

    def contact_of_first(self) -> Contact | None:
        """Return the contact with the phone of the first row."""
        team = self.campaign.team
        parsed = phones.parse(self.phone_of_first(), region=team.default_region)
        if not isinstance(parsed, phones.Phone):
            return None
        return Contact.objects.current(team).filter(phone=parsed.e164).order_by("id").first()

    # The check

    def check(self, folder: Path) -> Found:
        """Check every row in a child process. Raise `CheckFailed` for the whole list.

        The rows are written to files in `folder`.
        """
        template = _template_of(self.campaign)
        request = self.request(folder) | {
            "action": "check",
            "limits": {"rows": settings.MAX_ROWS},
            "mapping": self.campaign.mapping,
            "region": self.campaign.team.default_region,
            "opted_out_path": _written(folder, "opted_out", self._opted_out()),
            "exclusions": [
                {
                    "outcome": outcome,
                    "path": _written(folder, outcome, excluded),
                    "problem": sentences.to_json(problem),
                }
                for outcome, excluded, problem in exclusions.of_check(self.campaign)
            ],
            "out_dir": str(folder),
            "rules": rules_of(template),
        }
        try:
            summary = process.run(request, timeout=settings.CHECK_SECONDS)
        except SpreadsheetError as error:
            raise CheckFailed(sentences.to_json(error.sentence)) from None
        if summary["column_errors"]:
            raise CheckFailed(*summary["column_errors"])
        ready = folder / "ready.jsonl"
        with ready.open("rb") as file:
            content = hashlib.file_digest(file, "sha256").hexdigest()
        return Found(summary, content, ready, folder / "report.jsonl")

    def request(self, folder: Path) -> dict[str, Any]:
        """Return what the child process needs to find the rows."""
        raise NotImplementedError

    def _opted_out(self) -> QuerySet[Any, str]:
        return OptOut.objects.for_team(self.campaign.team).phones()

    def record_checked(self) -> None:
        """Store what the check read about the source; call it in the transaction of the result."""

    def columns(self, check: Check) -> list[str]:
        """Return the names of the columns that the check shows beside the phone."""
        raise NotImplementedError

    def cells(self, cells: list[str]) -> list[str]:
        """Return the cells of a checked row that stand in these columns."""
        return cells

    def number_of(self, phone: str, cells: list[str]) -> str:
        """Return what a download shows as the phone of a checked row."""
        return phone

    # The launch

    def digest_part(self) -> Any:
        """Name where the people come from, as a part of the campaign's digest."""
        raise NotImplementedError

    def snapshot(self) -> dict[str, Any]:
        """Return where people and values come from, as it is frozen at the launch."""
        return {"mapping": self.campaign.mapping}

    def what_blocks(self) -> str:
        """Return why the campaign may not be launched now, or ''."""
        return ""


class File(Audience):
    """The rows of a file."""

    steps = {
        "template": gettext_lazy("Template"),
        "file": gettext_lazy("File"),
        "values": gettext_lazy("Columns"),
        "media": "",
        "check": gettext_lazy("Check"),
        "preview": gettext_lazy("Preview"),
        "review": gettext_lazy("Review and send"),
    }
    source_step = "file"
    texts = "campaigns/audience_file.html"
    ready_note = gettext_lazy("as they stand in the file")
    can_be_chosen = True
    everyone_gets_it = gettext_lazy("Every row of the file gets the message.")
    skipped_rows = ngettext_noop(
        "{count} row is skipped: {reasons}.", "{count} rows are skipped: {reasons}."
    )

    @property
    def source_name(self) -> str:
        return self.campaign.upload.name if hasattr(self.campaign, "upload") else ""

    def what_is_missing(self) -> str:
        return "" if hasattr(self.campaign, "upload") else _("Upload a file first.")

    def mapping_for(self, template: MessageTemplate) -> Stored:
        upload: Upload | None = getattr(self.campaign, "upload", None)
        if upload is None:
            return None
        suggestion: Stored = read_head(upload, template, header=upload.has_header)["suggestion"]
        return suggestion

    def columns_to_choose(self) -> list[str] | None:
        return self._columns()

    def cell_of_first(self, column: int | None) -> str:
        sample = self.campaign.upload.sample if hasattr(self.campaign, "upload") else []
        cells = sample[0][1] if sample else []
        return cells[column].strip() if column is not None and column < len(cells) else ""

    def request(self, folder: Path) -> dict[str, Any]:
        upload = self.campaign.upload
        if not is_intact(upload):
            raise CheckFailed(MISSING)
        request = {"path": upload.file.path, "header": upload.has_header}
        if fields := contact_fields.used_in(self.campaign.mapping):
            request["contacts_path"] = str(self._write_contacts(folder, fields))
        return request

    def _write_contacts(self, folder: Path, fields: Iterable[str]) -> Path:
        """Write the fields of each contact, one line a phone: [phone, {field: text}]."""
        path, seen = folder / "contacts.jsonl", set()
        known = Contact.objects.current(self.campaign.team).exclude(phone="").order_by("id")
        with path.open("w", encoding="utf-8") as file:
            for contact in known.iterator():
                if contact.phone not in seen:
                    seen.add(contact.phone)
                    texts = {field: contact_fields.text_of(contact, field) for field in fields}
                    file.write(json.dumps([contact.phone, texts], ensure_ascii=False) + "\n")
        return path

    def columns(self, check: Check) -> list[str]:
        return self._columns()

    def _columns(self) -> list[str]:
        columns: list[str] = self.campaign.upload.columns
        return columns

    def digest_part(self) -> Any:
        return self.campaign.upload.sha256

    def snapshot(self) -> dict[str, Any]:
        upload = self.campaign.upload
        return super().snapshot() | {"file": upload.name, "file_sha256": upload.sha256}


class Members(Audience):
    """The members of a group in ChumiAI, each checked and sent to like the row of a file."""

    steps = {
        "template": gettext_lazy("Template"),
        "group": gettext_lazy("Group"),
        "values": gettext_lazy("Values"),
        "media": "",
        "check": gettext_lazy("Check"),
        "preview": gettext_lazy("Preview"),
        "review": gettext_lazy("Review and send"),
    }
    source_step = "group"
    texts = "campaigns/audience_group.html"
    row_title = gettext_lazy("Member")
    ready_note = gettext_lazy("as ChumiAI has them")
    can_be_chosen = True
    is_recounted = True
    everyone_gets_it = gettext_lazy("Every member of the group gets the message.")
    skipped_rows = ngettext_noop(
        "{count} member is skipped: {reasons}.", "{count} members are skipped: {reasons}."
    )

    def __init__(self, campaign: Campaign) -> None:
        super().__init__(campaign)
        # The group as the check read it.
        self._checked: ContactGroup | None = None

    @property
    def source_name(self) -> str:
        return self.campaign.group.name if hasattr(self.campaign, "group") else ""

    def what_is_missing(self) -> str:
        return "" if hasattr(self.campaign, "group") else _("Choose a group first.")

    def mapping_for(self, template: MessageTemplate) -> Stored:
        return contact_mapping(self.campaign.team, template) if self.source_name else None

    def contact_of_first(self) -> Contact | None:
        group = group_rules.current_group(self.campaign) if self.source_name else None
        return Contact.objects.of_group(group).first() if group else None

    def phone_of_first(self) -> str:
        member = self.contact_of_first()
        return (member.phone or member.raw_phone) if member else ""

    def request(self, folder: Path) -> dict[str, Any]:
        """Write the members and return their part of the request."""
        group = self._group_to_check()
        if problem := group_rules.why_not_expanded(group):
            raise CheckFailed(sentences.to_json(problem))
        fields = self._fields(group)
        path, written = folder / "members.jsonl", 0
        with path.open("w", encoding="utf-8") as file:
            for contact in Contact.objects.of_group(group).iterator():
                texts = [
                    (contact.phone or contact.raw_phone)
                    if field == "phone"
                    else contact_fields.text_of(contact, field)
                    for field in fields
                ]
                file.write(json.dumps(texts, ensure_ascii=False) + "\n")
                written += 1
        _refuse_torn(group, written)
        return {
            "members_path": str(path),
            "fields": list(fields),
            "columns": list(fields.values()),
        }

    def _fields(self, group: ContactGroup) -> dict[str, str]:
        """Return {field: label} of what the check shows of each member, the phone first."""
        used = contact_fields.labels_of_used(self.campaign.mapping)
        custom = contact_fields.offered(group.sync.custom_fields[:CUSTOM_SHOWN])
        built_in = contact_fields.BUILT_IN
        fields = {"name": built_in["name"], "email": built_in["email"]} | used | custom
        if "first_name" not in used:
            del fields["first_name"]
        return {"phone": gettext_noop("Phone")} | fields

    def _group_to_check(self) -> ContactGroup:
        group = group_rules.current_group(self.campaign)
        if group is None:
            raise CheckFailed(group_rules.VANISHED)
        if not group.size:
            raise CheckFailed(NO_MEMBERS)
        self._checked = group
        return group

    def _opted_out(self) -> QuerySet[Any, str]:
        """Return the numbers of our list and those that ChumiAI marks as opted out."""
        marked = Contact.objects.filter(memberships__group=self._checked, opted_out=True)
        marked_phones = marked.exclude(phone="").values_list("phone", flat=True)
        return super()._opted_out().union(marked_phones)

    def record_checked(self) -> None:
        if self._checked:
            GroupChoice.objects.filter(campaign=self.campaign).update(
                size=self._checked.size, read_at=self._checked.synced_at
            )

    def columns(self, check: Check) -> list[str]:
        # The phone has a column of its own.
        columns: list[str] = check.details.get("header", [])
        return [formats.sentence(label) for label in columns[1:]]

    def cells(self, cells: list[str]) -> list[str]:
        return cells[1:]

    def number_of(self, phone: str, cells: list[str]) -> str:
        # A text that is no phone number has to be shown, or nobody can correct it.
        return phone or cells[0]

    def digest_part(self) -> Any:
        return [self.campaign.group.remote_id, self.campaign.group.way]

    def snapshot(self) -> dict[str, Any]:
        group = self.campaign.group
        return super().snapshot() | {
            "group": {
                "name": group.name,
                "remote_id": group.remote_id,
                "size": group.size,
                "read_at": group.read_at.isoformat(),
                "way": group.way,
            }
        }


class ThroughGroup(Members):
    """A group whose members ChumiAI finds when it sends: the same text for everyone."""

    same_for_all = True
    engines = (Engine.GROUP,)
    _no_source = gettext_lazy("{placeholder} has no text yet. Type the text that everyone gets.")

    def mapping_for(self, template: MessageTemplate) -> Stored:
        return contact_fields.only_fixed(super().mapping_for(template))

    def check(self, folder: Path) -> Found:
        """Check the text that everyone gets, and who is in the group."""
        group = self._group_to_check()
        if refused := group_rules.why_not_through_group(self.campaign, group):
            raise CheckFailed(sentences.to_json(refused), CHECK_EVERY_MEMBER)
        numbers = list(Contact.objects.of_group(group).values_list("phone", flat=True))
        _refuse_torn(group, len(numbers))
        values, notes = self._check_text(numbers[0])
        digest = hashlib.sha256("\n".join(sorted(numbers)).encode())
        digest.update(json.dumps(values).encode())
        if doubled := group.size - len(set(numbers)):
            notes.append([sentences.to_json(Sentence(DOUBLED, {"count": doubled})), doubled])
        summary = {
            "total": group.size,
            "counts": dict.fromkeys(Outcome, 0) | {Outcome.READY: group.size},
            "header": [],
            "hidden": 0,
            "longest": None,
            "notes": notes,
            "problems": [],
            "samples": {},
            "values": values,
        }
        return Found(summary, digest.hexdigest())

    def _check_text(self, phone: str) -> tuple[list[str], list[list[Any]]]:
        """Return the values for everyone and the notes on them, checked as those of `phone`."""
        rules = Rules(**rules_of(_template_of(self.campaign)))
        mapping = Mapping.from_json(self.campaign.mapping or {})
        if errors := check_mapping(mapping, rules=rules, width=1):
            raise CheckFailed(*map(sentences.to_json, errors))
        row = Row(1, (Cell(phone, phone, "text"),))
        [checked] = check_recipients([row], mapping, rules=rules, header=False)
        if not checked.outcome.is_sendable:
            raise CheckFailed(sentences.to_json(checked.problem))
        return list(checked.values), [[sentences.to_json(note), 1] for note in checked.notes]

    def snapshot(self) -> dict[str, Any]:
        return super().snapshot() | {"values": self.campaign.check_result.details["values"]}

    def what_blocks(self) -> str:
        group = group_rules.current_group(self.campaign)
        if group is None:
            return formats.sentence(group_rules.VANISHED)
        return formats.sentence(group_rules.why_not_through_group(self.campaign, group))


class Number(Audience):
    """One number and its values, typed by a person."""

    steps = {
        "template": gettext_lazy("Template"),
        "number": gettext_lazy("Number and values"),
        "media": "",
        "review": gettext_lazy("Review and send"),
    }
    source_step = values_step = "number"
    draft_name = gettext_lazy("Message")
    is_single = True
    engines = (Engine.SINGLY,)

    @property
    def source_name(self) -> str:
        return ""

    def what_is_missing(self) -> str:
        # The number is typed on the same page as the values.
        return ""

    def what_is_unmapped(self) -> str:
        typed = self.campaign.mapping or {"phone": "", "values": {}}
        if not typed["phone"]:
            return _("Type the phone number.")
        for name in _template_of(self.campaign).placeholders:
            if typed["values"].get(name) is None:
                return _("Type a text for {placeholder}.").format(placeholder=f"{{{{{name}}}}}")
        return ""

    def mapping_for(self, template: MessageTemplate) -> Stored:
        """Keep what was typed as far as the other template takes it."""
        mapping = self.campaign.mapping
        if not mapping:
            return None
        values = {name: mapping["values"].get(name) for name in template.placeholders}
        return {**mapping, "values": values}

    def step_of_check(self, *, has_media: bool) -> str:
        # The last step checks what was typed.
        return "media" if has_media else "number"

    def digest_part(self) -> Any:
        return ""

    def snapshot(self) -> dict[str, Any]:
        # Number and values stand in the row of the recipient.
        return {}


# By `Campaign.audience` and the way of the group, '' before one is chosen.
KINDS: dict[tuple[str, str], type[Audience]] = {
    (Kind.FILE, ""): File,
    (Kind.GROUP, ""): Members,
    (Kind.GROUP, Way.EXPANDED): Members,
    (Kind.GROUP, Way.ENDPOINT): ThroughGroup,
    (Kind.NUMBER, ""): Number,
}


def rules_of(template: MessageTemplate) -> dict[str, Any]:
    """Return what a template asks of the values: the fields of `audience.check.Rules`."""
    lengths = components.limits(template.components)
    return {
        "placeholders": tuple(template.placeholders),
        "body": template.content.body,
        "body_warn": lengths.warn,
        "body_limit": lengths.error,
    }


def _template_of(campaign: Campaign) -> MessageTemplate:
    assert campaign.template is not None, "a template is chosen before the people"
    return campaign.template


def _written(folder: Path, name: str, numbers: QuerySet[Any, str]) -> str:
    """Write phone numbers to a file, one per line. Return its path."""
    path = folder / f"{name}.txt"
    with path.open("w") as file:
        file.writelines(f"{phone}\n" for phone in numbers.iterator())
    return str(path)


def _refuse_torn(group: ContactGroup, members: int) -> None:
    """Refuse members that another sync replaced while they were read."""
    if members != group.size:
        raise CheckFailed(REFRESHED)
