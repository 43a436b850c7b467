"""Every change of the mirror of the templates."""

from django.db import transaction
from django.utils import timezone

from message_templates import components
from message_templates.models import MessageTemplate, TemplateSync
from tasks import services as tasks
from teams.services import audit

# The fields of a template whose change is worth telling.
COMPARED = (
    "remote_id",
    "category",
    "status",
    "status_assumed",
    "quality",
    "parameter_format",
    "components",
    "rejected_reason",
)


@transaction.atomic
def request_sync(team, *, by=None):
    """Ask for a sync; while one is open, return that one."""
    sync, is_new = TemplateSync.objects.request(team, by=by)
    if is_new:
        audit(team, "template sync requested", by=by)
        tasks.request("sync_templates", team.pk)
    return sync


@transaction.atomic
def apply_sync(sync, templates):
    """Write what ChumiAI listed: a diff by (name, language). What vanished is kept and marked.

    `templates` is the whole list of `chumi_api.types.Template`. Return whether anything differed.
    """
    now = timezone.now()
    known = {(t.name, t.language): t for t in MessageTemplate.objects.for_team(sync.team)}
    listed = {(t.name, t.language): t for t in templates}
    added = changed = vanished = 0
    for identity, remote in listed.items():
        row = known.get(identity)
        fresh = row is None
        if fresh:
            row = MessageTemplate(
                team=sync.team, name=remote.name, language=remote.language, first_seen_at=now
            )
        values = {field: _plain(getattr(remote, field)) for field in COMPARED}
        reason = components.why_not_sendable(
            components=values["components"],
            parameter_format=remote.parameter_format,
            category=remote.category,
            status=remote.status,
            vanished=False,
        )
        differs = row.vanished_at is not None or any(
            getattr(row, field) != value for field, value in values.items()
        )
        if not fresh and not differs and row.unsendable_reason == reason:
            continue
        for field, value in values.items():
            setattr(row, field, value)
        row.vanished_at, row.unsendable_reason, row.raw = None, reason, remote.raw
        row.status_told_at = row.quality_told_at = row.category_told_at = None
        row.changed_at = now
        row.save()
        added += fresh
        changed += differs and not fresh
    for identity, row in known.items():
        if identity not in listed and row.vanished_at is None:
            row.vanished_at = row.changed_at = now
            row.unsendable_reason = "ChumiAI does not list this template any more."
            row.save(update_fields=["vanished_at", "changed_at", "unsendable_reason"])
            vanished += 1
    TemplateSync.objects.filter(pk=sync.pk).update(
        total=len(listed),
        added=sync.added + added,
        changed=sync.changed + changed,
        vanished=sync.vanished + vanished,
        looks=sync.looks + 1,
    )
    return bool(added or changed or vanished)


# WhatsApp's words in news, where they are others than in the list.
TOLD_STATUSES = {"REINSTATED": "APPROVED", "UNPAUSED": "APPROVED"}
TOLD_QUALITIES = {"HIGH": "GREEN", "MEDIUM": "YELLOW", "LOW": "RED"}


@transaction.atomic
def record_update(team, update):
    """Write a `chumi_api.types.TemplateUpdate`. Return the templates that it is about.

    News may come late: what was told at a later moment stays.
    """
    rows = MessageTemplate.objects.for_team(team).order_by("pk")
    found = list(rows.filter(remote_id=update.remote_id)) if update.remote_id else []
    if not found and update.name:
        rows = rows.filter(name=update.name)
        found = list(rows.filter(language=update.language) if update.language else rows[:2])
        if len(found) > 1:
            # One language of several, and nobody says which.
            return []
    for row in found:
        _apply_update(row, update)
    return found


def _apply_update(row, update):
    at = update.at or timezone.now()
    told = {
        "status": TOLD_STATUSES.get(update.status, update.status)[:40],
        "quality": TOLD_QUALITIES.get(update.quality, update.quality)[:20],
        "category": update.category[:40],
    }
    for field, value in told.items():
        before = getattr(row, f"{field}_told_at")
        if not value or (before is not None and before > at):
            continue
        if field == "status":
            row.rejected_reason = update.reason[:500]
            row.status_assumed = False
        if getattr(row, field) != value:
            row.changed_at = timezone.now()
        setattr(row, field, value)
        setattr(row, f"{field}_told_at", at)
    row.unsendable_reason = components.why_not_sendable(
        components=row.components,
        parameter_format=row.parameter_format,
        category=row.category,
        status=row.status,
        vanished=row.vanished_at is not None,
    )
    row.save()


def _plain(value):
    return list(value) if isinstance(value, tuple) else value


def record_sync_waits(sync, seconds):
    """Say on the open sync why nothing moves."""
    TemplateSync.objects.filter(pk=sync.pk).note(
        f"Too many requests. Waiting {seconds:.0f} seconds, then carrying on."
    )


def record_sync_succeeded(sync):
    TemplateSync.objects.filter(pk=sync.pk).finish(TemplateSync.State.SUCCEEDED)


def record_sync_failed(sync, problem):
    """End the sync with a sentence for people; the mirror stays as it was."""
    TemplateSync.objects.filter(pk=sync.pk).finish(TemplateSync.State.FAILED, problem)
