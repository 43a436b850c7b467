"""Every change of the copy of the templates."""

from collections.abc import Iterable
from dataclasses import replace
from typing import Any

from django.db import transaction

from chumi_api.types import Listing, Template, TemplateUpdate
from core import clocks
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
# Where ChumiAI may put Meta's id beside its own.
RAW_IDS = ("id", "metaTemplateId", "meta_template_id", "templateId", "template_id", "hsm_id")
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
    known = {(t.name, t.language): t for t in MessageTemplate.objects.for_team(sync.team)}
    listed = _by_identity(templates)
    added = changed = vanished = 0
    for identity, remote in listed.items():
        row = known.get(identity)
        is_new = row is None
        if row is None:
            row = MessageTemplate(
                team=sync.team,
                name=remote.name,
                language=remote.language,
                first_seen_at=clocks.now(),
            )
        differed = _copy(row, remote)
        added += is_new
        changed += differed and not is_new
    for identity, row in known.items():
        if identity not in listed:
            vanished += _mark_vanished(row)
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


@transaction.atomic
def record_read(template: MessageTemplate, listed: Iterable[Template]) -> None:
    """Write what ChumiAI's list says of one template, outside of a sync. The others stay."""
    row = MessageTemplate.objects.select_for_update().get(pk=template.pk)
    remote = _by_identity(listed).get((row.name, row.language))
    if remote is None:
        _mark_vanished(row)
    else:
        _copy(row, remote)


def _by_identity(templates: Iterable[Template]) -> dict[tuple[str, str], Template]:
    """Return the templates by (name, language).

    WhatsApp may list two of the same name and language, one of them rejected: the one that can
    be sent counts, and among equals the first.
    """
    found: dict[tuple[str, str], Template] = {}
    for template in map(_fitting, templates):
        other = found.setdefault((template.name, template.language), template)
        if other is not template and _rank(template) > _rank(other):
            found[template.name, template.language] = template
    return found


def _rank(template: Template) -> int:
    """Return how far a template is from being sent; the highest can be."""
    is_approved = template.status == "APPROVED"
    why = why_unsendable(
        components=_plain(template.components),
        parameter_format=template.parameter_format,
        category=template.category,
        status=template.status,
    )
    return is_approved + (why is None)


def _copy(row: MessageTemplate, remote: Template) -> bool:
    """Copy a template of ChumiAI's list to its row. Return True if it differed."""
    values = fit(MessageTemplate, {name: _plain(getattr(remote, name)) for name in COPIED})
    values["remote_id"] = values["remote_id"] or row.remote_id
    differs = row.vanished_at is not None or any(
        getattr(row, field) != value for field, value in values.items()
    )
    code = row.unsendable_code
    for field, value in values.items():
        setattr(row, field, value)
    row.vanished_at = None
    _set_unsendable_code(row)
    if row.pk and not differs and row.unsendable_code == code:
        return False
    row.raw = remote.raw
    row.status_reported_at = row.quality_reported_at = row.category_reported_at = None
    row.changed_at = clocks.now()
    row.save()
    return differs


def _mark_vanished(row: MessageTemplate) -> bool:
    """Mark a template that ChumiAI no longer lists. Return False if it was marked before."""
    if row.vanished_at is not None:
        return False
    row.vanished_at = row.changed_at = clocks.now()
    row.unsendable_code = Unsendable.VANISHED
    row.save(update_fields=["vanished_at", "changed_at", "unsendable_code"])
    return True


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

    Webhooks may come late: a value that was reported for a later moment stays. WhatsApp may have
    had other templates of the same name, so one with another id is not ours.
    """
    rows = MessageTemplate.objects.for_team(team).order_by("pk")
    found = list(rows.filter(remote_id=update.remote_id)) if update.remote_id else []
    if not found and update.name:
        rows = rows.filter(name=update.name)
        if update.language:
            rows = rows.filter(language=update.language)
        found = list(rows)
        if len(found) > 1:
            # The update does not say which of several languages it means.
            return []
        found = [row for row in found if not _is_another(row, update.remote_id)]
    for row in found:
        _apply_update(row, update)
    return found


def _is_another(row: MessageTemplate, named: str) -> bool:
    """Return True if `named` is the id of another template than the row.

    Meta's ids are digits. ChumiAI may list ids of its own instead, or beside them; those alone
    can't be compared with Meta's.
    """
    given = (row.raw.get(key) for key in RAW_IDS)
    known = {row.remote_id, *(str(value) for value in given if value)}
    return named.isdigit() and named not in known and any(id_.isdigit() for id_ in known)


def _apply_update(row: MessageTemplate, update: TemplateUpdate) -> None:
    at = update.at or clocks.now()
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
            row.changed_at = clocks.now()
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
