"""The check: every row against the mapping, the template, the opt-outs and the exclusions."""

import hashlib
import json
import secrets
import shutil
import tempfile
from collections.abc import Sequence
from itertools import islice
from pathlib import Path
from typing import Any

from django.conf import settings
from django.db import connection, transaction
from django.db.models import QuerySet
from django.utils.translation import gettext as _

from audience import check
from audience.mapping import Fixed, Mapping
from audience.report import ReadyRow
from campaigns.audiences import Audience, CheckFailed, audience_of, rules_of
from campaigns.models import Campaign, Check, Recipient
from campaigns.services import exclusions, media
from campaigns.services.drafts import edit, remove_report
from contacts.services import opted_out_of
from core import clocks, formats, phones, sentences
from core.disk import NotSaved, Trouble, new_file, saving
from core.errors import Refused
from core.sentences import gettext_noop
from message_templates import versions
from spreadsheets.cells import Cell, Row
from tasks import services as tasks
from teams.models import User

# Rows per transaction: few enough that other writers of SQLite get a turn between them.
ROWS_A_TRANSACTION = 1000

NOT_STORED = {
    Trouble.NO_ROOM: gettext_noop(
        "There is no room on the server for the result of the check. Nothing is lost. "
        "Tell your administrator, then check again."
    ),
    Trouble.NOT_WRITABLE: gettext_noop(
        "The server can't write the result of the check. Nothing is lost. "
        "Tell your administrator, then check again."
    ),
}


def request_check(campaign: Campaign, *, by: User | None) -> Campaign:
    """Request the check of the audience. Return the campaign. Raise `Refused`."""
    missing = what_is_missing(campaign)
    if missing:
        raise Refused(missing)
    with edit(campaign, by=by, field="check", after=Check.State.REQUESTED):
        Check.objects.create(campaign=campaign, requested_at=clocks.now())
        tasks.request("check_campaign", campaign.pk)
    campaign.refresh_from_db()
    return campaign


def what_is_missing(campaign: Campaign) -> str:
    """Return what a check still needs, as an instruction, or ''."""
    template, audience = campaign.template, audience_of(campaign)
    if template is None:
        return _("Choose a template first.")
    if not template.is_sendable:
        return _("Choose another template: {reason}").format(reason=template.unsendable_reason)
    return (
        audience.what_is_missing()
        or audience.what_is_unmapped()
        or media.what_is_missing(campaign)
    )


def verdict_on_number(campaign: Campaign) -> check.Checked:
    """Return the verdict on the number and the values that were typed."""
    template, team, typed = campaign.template, campaign.team, campaign.mapping
    assert template is not None and typed is not None
    parsed = phones.parse(typed["phone"], region=team.default_region)
    opted_out: set[str] = set()
    excluded: list[check.Exclusion] = []
    if isinstance(parsed, phones.Phone):
        opted_out = opted_out_of(team, [parsed.e164])
        excluded = [
            check.Exclusion(outcome, set(found.filter(phone=parsed.e164)), problem)
            for outcome, found, problem in exclusions.of_check(campaign)
        ]
    texts = {name: typed["values"][name]["text"] for name in template.placeholders}
    verdicts = check.check_recipients(
        [Row(1, (Cell(typed["phone"], typed["phone"], "text"),))],
        Mapping(0, {name: Fixed(text) for name, text in texts.items()}),
        rules=check.Rules(**rules_of(template)),
        region=team.default_region,
        opted_out=opted_out,
        exclusions=excluded,
        header=False,
    )
    return next(verdicts)


def check_number(campaign: Campaign, *, by: User | None) -> Campaign:
    """Check what was typed, without a task, and make the campaign ready. Raise `Refused`.

    Return the campaign.
    """
    with edit(campaign, by=by, field="check", after=Check.State.DONE):
        campaign.refresh_from_db()
        if missing := what_is_missing(campaign):
            raise Refused(missing)
        verdict = verdict_on_number(campaign)
        if not verdict.outcome.is_sendable:
            raise Refused(formats.sentence(verdict.problem))
        now = clocks.now()
        notes = [sentences.to_json(note) for note in verdict.notes]
        row = [verdict.row.number, verdict.phone, verdict.values, notes]
        checked = Check.objects.create(
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
            phone=verdict.phone or "",
            values=verdict.values,
            notes=notes,
        )
        _make_ready(campaign, checked)
    campaign.refresh_from_db()
    return campaign


def run_check(check: Check) -> None:
    """Read the audience, store the recipients, and make the campaign ready."""
    campaign = check.campaign
    token = secrets.token_hex(16)
    mine = Check.objects.filter(pk=check.pk, state=Check.State.REQUESTED)
    if not mine.update(token=token):
        return
    mine, audience = mine.filter(token=token), audience_of(campaign)
    try:
        with saving(), tempfile.TemporaryDirectory(prefix="chumi-check-") as folder:
            found = audience.check(Path(folder))
            if not _store_recipients(mine, campaign, found.ready):
                return
            report = _keep_report(f"reports/{campaign.team_id}/{token}.jsonl", found.report)
    except CheckFailed as failed:
        _fail(mine, failed.errors)
        return
    except NotSaved as failed:
        _fail(mine, [NOT_STORED[failed.trouble]])
        return
    summary = found.summary | {"overlap": exclusions.overlap(campaign)}
    if not _finish(mine, audience, summary, report=report, ready_sha256=found.content):
        remove_report(report)


def _fail(mine: QuerySet[Check], errors: Sequence[str | list[Any]]) -> None:
    mine.update(state=Check.State.FAILED, errors=errors, finished_at=clocks.now())


def _keep_report(name: str, written: Path | None) -> str:
    """Copy the report of the child process under MEDIA_ROOT. Return its name, '' without one."""
    if written is None:
        return ""
    with written.open("rb") as source, new_file(settings.MEDIA_ROOT / name) as target:
        shutil.copyfileobj(source, target)
    return name


def _store_recipients(mine: QuerySet[Check], campaign: Campaign, path: Path) -> bool:
    """Insert the rows to send. Return False as soon as the check is out of date.

    Each transaction first updates the row of the check. After an edit that row is gone, or has
    the token of another run: a run that was frozen for long then writes nothing.
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
                row = ReadyRow(*json.loads(line))
                rows.append(
                    (
                        campaign.pk,
                        position,
                        row.number,
                        row.phone,
                        json.dumps(row.values),
                        json.dumps(row.notes),
                        Recipient.Status.PENDING.value,
                    )
                )
            with transaction.atomic():
                if not mine.update(state=Check.State.REQUESTED):
                    return False
                _insert(rows)
    return True


def _insert(rows: list[tuple[Any, ...]]) -> None:
    # Building model instances takes ten times as long, and a file may have a million rows.
    sql = (
        f"INSERT INTO {Recipient._meta.db_table} "
        '(campaign_id, position, row_number, phone, "values", notes, status, '
        "remote_id, reason, retries) VALUES (%s, %s, %s, %s, %s, %s, %s, '', '', 0)"
    )
    with connection.cursor() as cursor:
        cursor.executemany(sql, rows)


# The keys of the child process's answer that the pages show.
DETAILS = (
    "header", "hidden", "longest", "notes", "overlap", "problems", "samples", "values",
)  # fmt: skip


@transaction.atomic
def _finish(
    mine: QuerySet[Check],
    audience: Audience,
    summary: dict[str, Any],
    *,
    report: str,
    ready_sha256: str,
) -> bool:
    """Store the result. Return False when the check is out of date."""
    counts = summary["counts"]
    done = mine.update(
        state=Check.State.DONE,
        finished_at=clocks.now(),
        rows=summary["total"],
        **{outcome.value: counts[outcome.value] for outcome in check.Outcome},
        details={key: summary[key] for key in DETAILS if key in summary},
        report=report,
        ready_sha256=ready_sha256,
    )
    if not done:
        return False
    audience.record_checked()
    checked = Check.objects.get(campaign=audience.campaign)
    if checked.sendable:
        _make_ready(audience.campaign, checked)
    return True


def _make_ready(campaign: Campaign, checked: Check) -> None:
    Campaign.objects.filter(pk=campaign.pk, status=Campaign.Status.DRAFT).update(
        status=Campaign.Status.READY,
        digest=_digest(campaign, checked),
        recipient_count=checked.sendable,
    )
    template = campaign.template
    assert template is not None
    Check.objects.filter(pk=checked.pk).update(template=template.version)


def template_changes(campaign: Campaign) -> list[versions.Change]:
    """Return what changed of the template since the campaign was checked, as it is now."""
    checked, template = campaign.check_result.template, campaign.template
    return versions.changes(checked, template.version) if checked and template else []


def digest_of(campaign: Campaign) -> str:
    """Name what would be sent: the same content to the same people has the same digest."""
    return _digest(campaign, campaign.check_result)


def _digest(campaign: Campaign, checked: Check) -> str:
    template = campaign.template
    assert template is not None
    content = [
        template.name,
        template.language,
        template.content_hash,
        template.is_sendable,
        campaign.mapping,
        audience_of(campaign).digest_part(),
        checked.ready_sha256,
        media.content_of(campaign),
    ]
    if campaign.exclude_campaign_id:
        content.append(campaign.exclude_campaign_id)
    return hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()
