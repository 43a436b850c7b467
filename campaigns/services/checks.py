"""The check: every row of the file, against the mapping, the template and the opt-outs."""

import hashlib
import json
import os
import secrets
import shutil
import tempfile
from itertools import islice
from pathlib import Path

from django.conf import settings
from django.db import connection, transaction
from django.utils import timezone

from audience import check, contact_fields, process
from audience.check import Outcome
from audience.mapping import Fixed, Mapping
from campaigns.models import Campaign, Check, Recipient
from campaigns.services import exclusions, groups, media
from campaigns.services.drafts import edit, limits, remove_report
from contacts.models import OptOut
from contacts.services import opted_out_of
from core import formats, phones, sentences
from core.errors import Refused
from message_templates import components
from spreadsheets.cells import Cell, Row, SpreadsheetError
from tasks import services as tasks

# Rows a transaction: small ones leave the other writers of SQLite room between them.
ROWS_A_TRANSACTION = 1000


def request_check(campaign, *, by):
    """Ask for the check of the file. Raise `Refused` where something is still missing."""
    missing = what_is_missing(campaign)
    if missing:
        raise Refused(missing)
    with edit(campaign):
        Check.objects.create(campaign=campaign, requested_at=timezone.now())
        tasks.request("check_campaign", campaign.pk)


def what_is_missing(campaign):
    """Return what a check still needs, as an instruction, or ''."""
    if campaign.template is None:
        return "Choose a template first."
    if not campaign.template.is_sendable:
        return f"Choose another template: {campaign.template.unsendable_reason}"
    if campaign.audience == Campaign.Audience.GROUP:
        if not hasattr(campaign, "group"):
            return "Choose a group first."
    elif not campaign.is_to_one and not hasattr(campaign, "upload"):
        return "Upload a file first."
    return what_is_unmapped(campaign) or media.what_is_missing(campaign)


def what_is_unmapped(campaign):
    """Return which value has no source yet, as an instruction, or ''."""
    if campaign.is_to_one:
        return _what_is_untyped(campaign)
    mapping = campaign.mapping or {"phone_column": None, "values": {}}
    if mapping["phone_column"] is None:
        return "Say which column holds the phone numbers."
    for name in campaign.template.placeholders:
        if mapping["values"].get(name) is None:
            if campaign.goes_through_group:
                return f"{{{{{name}}}}} has no text yet. Type the text that everyone gets."
            return f"{{{{{name}}}}} has no column yet. Choose one, or type a text for everyone."
    return ""


def _what_is_untyped(campaign):
    typed = campaign.mapping or {"phone": "", "values": {}}
    if not typed["phone"]:
        return "Type the phone number."
    for name in campaign.template.placeholders:
        if typed["values"].get(name) is None:
            return f"Type a text for {{{{{name}}}}}."
    return ""


def verdict_on_number(campaign):
    """Return the `recipients.Checked` of the number and the values that were typed."""
    template, team, typed = campaign.template, campaign.team, campaign.mapping
    lengths = components.limits(template.components)
    parsed = phones.parse(typed["phone"], region=team.default_region)
    gone, out = (), ()
    if isinstance(parsed, phones.Phone):
        gone = opted_out_of(team, [parsed.e164])
        if exclusions.has_frequency_cap(campaign, template.category):
            enough = exclusions.over_frequency_cap(campaign).filter(phone=parsed.e164)
            out = [check.Exclusion(Outcome.FREQUENCY_CAP, set(enough), exclusions.too_often(team))]
    texts = {name: typed["values"][name]["text"] for name in template.placeholders}
    row = Row(1, (Cell(typed["phone"], typed["phone"], "text"),))
    verdicts = check.check_recipients(
        [row],
        Mapping(0, {name: Fixed(text) for name, text in texts.items()}),
        rules=check.Rules(
            placeholders=tuple(template.placeholders),
            body=template.content.body,
            body_warn=lengths.warn,
            body_limit=lengths.error,
        ),
        region=team.default_region,
        opted_out=gone,
        exclusions=out,
        header=False,
    )
    return next(verdicts)


def check_number(campaign, *, by):
    """Check what was typed, at once, and make the campaign ready. Raise `Refused`."""
    with edit(campaign):
        campaign.refresh_from_db()
        if missing := what_is_missing(campaign):
            raise Refused(missing)
        verdict = verdict_on_number(campaign)
        if not verdict.outcome.is_sendable:
            raise Refused(formats.sentence(verdict.problem))
        now = timezone.now()
        notes = [sentences.to_json(note) for note in verdict.notes]
        row = [verdict.row.number, verdict.phone, verdict.values, notes]
        campaign.check_result = Check.objects.create(
            campaign=campaign,
            state=Check.State.DONE,
            requested_at=now,
            finished_at=now,
            rows=1,
            ready_sha256=hashlib.sha256(json.dumps(row).encode()).hexdigest(),
            **{verdict.outcome.value: 1},
        )
        Recipient.objects.filter(campaign=campaign).delete()
        Recipient.objects.create(
            campaign=campaign,
            position=1,
            row_number=1,
            phone=verdict.phone,
            values=verdict.values,
            notes=notes,
        )
        Campaign.objects.filter(pk=campaign.pk, status=Campaign.Status.DRAFT).update(
            status=Campaign.Status.READY, digest=digest_of(campaign), recipient_count=1
        )
    campaign.refresh_from_db()


def run_check(check):
    """Read the file in a child process, store the recipients, and make the campaign ready."""
    campaign = check.campaign
    token = secrets.token_hex(16)
    mine = Check.objects.filter(pk=check.pk, state=Check.State.REQUESTED)
    if not mine.update(token=token):
        return
    mine = mine.filter(token=token)
    with tempfile.TemporaryDirectory(prefix="chumi-check-") as folder:
        try:
            if campaign.goes_through_group:
                summary, content = groups.check_endpoint(campaign, _rules(campaign.template))
                if _store_recipients(mine, campaign, Path(os.devnull)):
                    _finish(mine, campaign, summary, report="", ready_sha256=content)
                return
            summary = process.run(_request(campaign, Path(folder)), timeout=settings.CHECK_SECONDS)
        except SpreadsheetError as error:
            _fail(mine, [sentences.to_json(error.sentence)])
            return
        if summary["column_errors"]:
            _fail(mine, summary["column_errors"])
            return
        ready = Path(folder) / "ready.jsonl"
        if not _store_recipients(mine, campaign, ready):
            return
        summary["overlap"] = exclusions.overlap(campaign)
        report = f"reports/{campaign.team_id}/{token}.jsonl"
        target = settings.MEDIA_ROOT / report
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(Path(folder) / "report.jsonl", target)
        if not _finish(mine, campaign, summary, report=report, ready_sha256=_sha256(ready)):
            remove_report(report)


def _fail(mine, errors):
    mine.update(state=Check.State.FAILED, errors=errors, finished_at=timezone.now())


def _request(campaign, folder):
    source = _source_request(campaign, folder)
    gone = OptOut.objects.for_team(campaign.team).phones()
    if campaign.audience == Campaign.Audience.GROUP:
        gone = gone.union(groups.opted_out_at_chumiai(campaign))
    opted_out = _written(folder, "opted_out", gone)
    return source | {
        "action": "check",
        "limits": limits(),
        "mapping": campaign.mapping,
        "region": campaign.team.default_region,
        "opted_out_path": opted_out,
        "exclusions": _exclusions(campaign, folder),
        "out_dir": str(folder),
        "rules": _rules(campaign.template),
    }


def _source_request(campaign, folder):
    """Return what the child process needs to know of the rows."""
    if campaign.audience == Campaign.Audience.GROUP:
        return groups.members_request(campaign, folder)
    request = {"path": campaign.upload.file.path, "header": campaign.upload.has_header}
    if contact_fields.used_in(campaign.mapping):
        path = folder / "contacts.jsonl"
        groups.write_contacts(campaign, path)
        request["contacts_path"] = str(path)
    return request


def _rules(template):
    lengths = components.limits(template.components)
    return {
        "placeholders": template.placeholders,
        "body": template.content.body,
        "body_warn": lengths.warn,
        "body_limit": lengths.error,
    }


def _exclusions(campaign, folder):
    """Write who is left out beyond the opt-outs, as the child process takes it."""
    found = []
    if campaign.exclude_campaign:
        phones = exclusions.already_sent_to(campaign.exclude_campaign).values_list(
            "phone", flat=True
        )
        found.append((Outcome.EXCLUDED, phones, exclusions.already_in(campaign)))
    if exclusions.has_frequency_cap(campaign, campaign.template.category):
        phones = exclusions.over_frequency_cap(campaign)
        found.append((Outcome.FREQUENCY_CAP, phones, exclusions.too_often(campaign.team)))
    return [
        {
            "outcome": outcome,
            "path": _written(folder, outcome, phones),
            "problem": sentences.to_json(problem),
        }
        for outcome, phones, problem in found
    ]


def _written(folder, name, phones):
    """Write phones to a file, one a line. Return its path."""
    path = folder / f"{name}.txt"
    with path.open("w") as file:
        for phone in phones.iterator():
            file.write(f"{phone}\n")
    return str(path)


def _store_recipients(mine, campaign, path):
    """Insert the sendable rows. Return False as soon as the check is no longer wanted.

    Each transaction begins by writing the check's own row: after an edit it is gone, and
    another run's token stands in it, so a run that was frozen for long writes nothing.
    """
    with transaction.atomic():
        if not mine.update(state=Check.State.REQUESTED):
            return False
        Recipient.objects.filter(campaign=campaign).delete()
    position = 0
    with path.open() as lines:
        while chunk := list(islice(lines, ROWS_A_TRANSACTION)):
            rows = []
            for line in chunk:
                position += 1
                row_number, phone, values, notes = json.loads(line)
                rows.append(
                    (
                        campaign.pk,
                        position,
                        row_number,
                        phone,
                        json.dumps(values),
                        json.dumps(notes),
                        Recipient.Status.PENDING.value,
                    )
                )
            with transaction.atomic():
                if not mine.update(state=Check.State.REQUESTED):
                    return False
                _insert(rows)
    return True


def _insert(rows):
    # Model instances cost ten times the insert itself, and a file may have a million rows.
    sql = (
        f"INSERT INTO {Recipient._meta.db_table} "
        '(campaign_id, position, row_number, phone, "values", notes, status, '
        "remote_id, reason, retries) VALUES (%s, %s, %s, %s, %s, %s, %s, '', '', 0)"
    )
    with connection.cursor() as cursor:
        cursor.executemany(sql, rows)


@transaction.atomic
def _finish(mine, campaign, summary, *, report, ready_sha256):
    """Write what was found. Return False when the check is no longer wanted."""
    counts = summary["counts"]
    done = mine.update(
        state=Check.State.DONE,
        finished_at=timezone.now(),
        rows=summary["total"],
        ready=counts["ready"],
        repaired=counts["repaired"],
        duplicate=counts["duplicate"],
        invalid=counts["invalid"],
        opted_out=counts["opted_out"],
        excluded=counts["excluded"],
        frequency_cap=counts["frequency_cap"],
        details={
            key: summary[key]
            for key in (
                "header",
                "hidden",
                "longest",
                "notes",
                "overlap",
                "problems",
                "samples",
                "values",
            )
            if key in summary
        },
        report=report,
        ready_sha256=ready_sha256,
    )
    if not done:
        return False
    check = Check.objects.get(campaign=campaign)
    if campaign.audience == Campaign.Audience.GROUP:
        groups.record_size(campaign)
    if check.sendable:
        campaign.check_result = check
        Campaign.objects.filter(pk=campaign.pk, status=Campaign.Status.DRAFT).update(
            status=Campaign.Status.READY,
            digest=digest_of(campaign),
            recipient_count=check.sendable,
        )
    return True


def digest_of(campaign):
    """Name what would be sent: the same content to the same people has the same digest."""
    template = campaign.template
    content = [
        template.name,
        template.language,
        template.body_hash,
        template.is_sendable,
        campaign.mapping,
        _source_of(campaign),
        campaign.check_result.ready_sha256,
        media.content_of(campaign),
    ]
    if campaign.exclude_campaign_id:
        content.append(campaign.exclude_campaign_id)
    return hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()


def _source_of(campaign):
    """Name where the people come from."""
    if campaign.is_to_one:
        return ""
    if campaign.audience == Campaign.Audience.GROUP:
        return [campaign.group.remote_id, campaign.group.way]
    return campaign.upload.sha256


def _sha256(path):
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
