"""Every change of the copy of the templates."""

from dataclasses import replace
from typing import Any

from django.db import transaction
from django.utils import timezone

from chumi_api.types import Listing, Template, TemplateUpdate
from core.columns import fit, fit_identity
from message_templates.models import MessageTemplate, TemplateSync
from message_templates.sendability import Unsendable, why_unsendable
from tasks import services as tasks
from teams.models import Team, User
from teams.services import audit
from teams.sync_runs import SyncRun, SyncRunQuerySet

# The fields that a sync copies; a template counts as changed when one of them differs.
COPIED = (
    "remote_id",
    "category",
    "status",
    "status_assumed",
    "quality",
    "parameter_format",
    "components",
    "rejected_reason",
)
# Words of webhooks for a status or a quality that the list calls otherwise.
REPORTED_STATUSES = {"REINSTATED": "APPROVED", "UNPAUSED": "APPROVED"}
REPORTED_QUALITIES = {"HIGH": "GREEN", "MEDIUM": "YELLOW", "LOW": "RED"}


@transaction.atomic
def request_sync(team: Team, *, by: User | None = None) -> TemplateSync:
    """Request a sync; return the unfinished one where there is one."""
    sync, is_new = TemplateSync.objects.request(team, by=by)
    if is_new:
        audit(team, "template sync requested", by=by)
        tasks.request("sync_templates", team.pk)
    return sync


@transaction.atomic
def apply_sync(sync: TemplateSync, templates: Listing[Template]) -> bool:
    """Write ChumiAI's whole list, as a diff by (name, language). Return True if it differed.

    A template that is no longer listed is kept and marked.
    """
    skipped = templates.skipped
    now = timezone.now()
    known = {(t.name, t.language): t for t in MessageTemplate.objects.for_team(sync.team)}
    listed = {(t.name, t.language): t for t in map(_fitting, templates)}
    added = changed = vanished = 0
    for identity, remote in listed.items():
        row = known.get(identity)
        is_new = row is None
        if row is None:
            row = MessageTemplate(
                team=sync.team, name=remote.name, language=remote.language, first_seen_at=now
            )
        values = fit(MessageTemplate, {name: _plain(getattr(remote, name)) for name in COPIED})
        differs = row.vanished_at is not None or any(
            getattr(row, field) != value for field, value in values.items()
        )
        code = row.unsendable_code
        for field, value in values.items():
            setattr(row, field, value)
        row.vanished_at = None
        _set_unsendable_code(row)
        if not is_new and not differs and row.unsendable_code == code:
            continue
        row.raw = remote.raw
        row.status_reported_at = row.quality_reported_at = row.category_reported_at = None
        row.changed_at = now
        row.save()
        added += is_new
        changed += differs and not is_new
    for identity, row in known.items():
        if identity not in listed and row.vanished_at is None:
            row.vanished_at = row.changed_at = now
            row.unsendable_code = Unsendable.VANISHED
            row.save(update_fields=["vanished_at", "changed_at", "unsendable_code"])
            vanished += 1
    _this(sync).update(
        total=len(listed),
        skipped=skipped,
        added=sync.added + added,
        changed=sync.changed + changed,
        vanished=sync.vanished + vanished,
        fetches=sync.fetches + 1,
        waits_until=None,
    )
    return bool(added or changed or vanished)


def _fitting(template: Template) -> Template:
    """Return the template with a language that fits; one that was cut can't be sent."""
    language = fit_identity(MessageTemplate, "language", template.language)
    return replace(template, language=language, remote_id=template.remote_id or "")


def _plain(value: Any) -> Any:
    return list(value) if isinstance(value, tuple) else value


def _set_unsendable_code(row: MessageTemplate) -> None:
    row.unsendable_code = (
        why_unsendable(
            components=row.components,
            language=row.language,
            category=row.category,
            status=row.status,
            vanished=row.vanished_at is not None,
        )
        or ""
    )


@transaction.atomic
def record_update(team: Team, update: TemplateUpdate) -> list[MessageTemplate]:
    """Write what a webhook reports of a template. Return the templates that it concerns.

    Webhooks may come late: a value that was reported for a later moment stays.
    """
    rows = MessageTemplate.objects.for_team(team).order_by("pk")
    found = list(rows.filter(remote_id=update.remote_id)) if update.remote_id else []
    if not found and update.name:
        rows = rows.filter(name=update.name)
        found = list(rows.filter(language=update.language) if update.language else rows[:2])
        if len(found) > 1:
            # The update does not say which of several languages it means.
            return []
    for row in found:
        _apply_update(row, update)
    return found


def _apply_update(row: MessageTemplate, update: TemplateUpdate) -> None:
    at = update.at or timezone.now()
    reported = fit(
        MessageTemplate,
        {
            "status": REPORTED_STATUSES.get(update.status, update.status),
            "quality": REPORTED_QUALITIES.get(update.quality, update.quality),
            "category": update.category,
        },
    )
    for field, value in reported.items():
        before = getattr(row, f"{field}_reported_at")
        if not value or (before is not None and before > at):
            continue
        if field == "status":
            row.rejected_reason = update.reason[:500]
            row.status_assumed = False
        if getattr(row, field) != value:
            row.changed_at = timezone.now()
        setattr(row, field, value)
        setattr(row, f"{field}_reported_at", at)
    _set_unsendable_code(row)
    row.save()


def record_sync_started(sync: TemplateSync) -> None:
    """Record that ChumiAI has started its own sync with Meta."""
    _this(sync).update(state=SyncRun.State.RUNNING)


def record_sync_waits(sync: TemplateSync, seconds: float) -> None:
    """Record that ChumiAI is busy and is asked again after `seconds`."""
    _this(sync).wait(seconds)


def record_sync_succeeded(sync: TemplateSync) -> None:
    _this(sync).finish(SyncRun.State.SUCCEEDED)


def record_sync_failed(sync: TemplateSync, problem: str) -> None:
    """Finish the sync with a sentence for people; the templates stay as they were."""
    _this(sync).finish(SyncRun.State.FAILED, problem)


def _this(sync: TemplateSync) -> SyncRunQuerySet[TemplateSync]:
    return TemplateSync.objects.filter(pk=sync.pk)
