"""A draft: its name, template, file and mapping. An edit deletes the check.

Each edit is one event of the audit log. The log holds names of fields, kinds and counts; never
phone numbers, texts, or names of people and files.
"""

import hashlib
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Any

from django.conf import settings
from django.core.files.base import File
from django.db import DatabaseError, transaction
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from campaigns.audiences import KINDS, audience_of
from campaigns.models import Campaign, Check, HeaderMedia, Upload, upload_path
from campaigns.suggestions import Stored, read_head
from core.disk import saving
from core.errors import Refused
from message_templates.models import MessageTemplate
from teams.models import Team, User
from teams.services import audit

TOO_LATE = gettext_lazy(
    "This campaign has been launched, so it can't be changed any more. Nothing was changed."
)

# What is stored of the first rows: enough to recognise the columns by.
HEAD_ROWS, HEAD_LENGTH = 20, 200


@transaction.atomic
def create_campaign(
    team: Team,
    *,
    by: User | None,
    name: str = "",
    template: MessageTemplate | None = None,
    audience: str = Campaign.Audience.FILE,
    phone: str = "",
) -> Campaign:
    """Make a draft. Without a name it gets that of its template and the day.

    `phone` is the one number of a draft to one number, where it is known.
    """
    today = timezone.localdate()
    about = str(KINDS[audience, ""].draft_name)
    if template:
        about = template.name.replace("_", " ").capitalize()[:100]
    campaign = Campaign.objects.create(
        team=team,
        name=name or f"{about} – {today.day} {today:%b %Y}",
        audience=audience,
        mapping={"phone": phone, "values": {}} if phone else None,
        created_by=by,
    )
    audit(team, "campaign created", by=by, subject=str(campaign.uuid))
    if template:
        choose_template(campaign, template, by=by)
    return campaign


@contextmanager
def edit(
    campaign: Campaign, *, by: User | None, field: str, before: object = "", after: object = ""
) -> Iterator[None]:
    """Make the changes inside the block one edit of a draft. Raise `Refused` after the launch.

    `before` and `after` go to the audit log: never put there what belongs to a person.
    """
    with transaction.atomic():
        _reopen(campaign)
        audit(
            campaign.team,
            "campaign edited",
            by=by,
            subject=str(campaign.uuid),
            before={field: before},
            after={field: after},
        )
        yield


def _reopen(campaign: Campaign) -> None:
    """Make the campaign a draft without a check. Raise `Refused` after the launch."""
    edited = Campaign.objects.filter(pk=campaign.pk, status__in=Campaign.EDITABLE).update(
        status=Campaign.Status.DRAFT, digest="", recipient_count=0
    )
    if not edited:
        raise Refused(str(TOO_LATE))
    check = Check.objects.filter(campaign=campaign).first()
    if check:
        check.delete()
        transaction.on_commit(lambda: remove_report(check.report), robust=True)


def remove_report(report: str) -> None:
    """Delete the file of a check's report, if there is one."""
    if report:
        (settings.MEDIA_ROOT / report).unlink(missing_ok=True)


@transaction.atomic
def rename(campaign: Campaign, name: str, *, by: User | None) -> Campaign:
    """Give the draft another name; its check stays. Return the campaign."""
    if not Campaign.objects.filter(pk=campaign.pk, status__in=Campaign.EDITABLE).update(name=name):
        raise Refused(str(TOO_LATE))
    # A name may be that of a person: the log says only that it changed.
    audit(
        campaign.team,
        "campaign edited",
        by=by,
        subject=str(campaign.uuid),
        before={"name": {"length": len(campaign.name)}},
        after={"name": {"length": len(name)}},
    )
    campaign.refresh_from_db()
    return campaign


def choose_template(campaign: Campaign, template: MessageTemplate, *, by: User | None) -> Campaign:
    """Set the template and suggest its mapping. Return the campaign. Raise `Refused`.

    Choosing the same template again is no edit.
    """
    if not template.is_sendable:
        raise Refused(
            _("{template} can't be sent from here: {reason}").format(
                template=template.name, reason=template.unsendable_reason
            )
        )
    if campaign.template_id == template.pk:
        return campaign
    campaign.refresh_from_db()
    mapping = audience_of(campaign).mapping_for(template)
    with edit(
        campaign,
        by=by,
        field="template",
        before=str(campaign.template or ""),
        after=str(template),
    ):
        Campaign.objects.filter(pk=campaign.pk).update(template=template, mapping=mapping)
        if _media_kind(template) != _media_kind(campaign.template):
            # An image is no video; and nobody can see what a media id names.
            HeaderMedia.objects.filter(campaign=campaign).delete()
    campaign.refresh_from_db()
    return campaign


def _media_kind(template: MessageTemplate | None) -> str:
    header = template.content.header if template else None
    return header.media if header else ""


def attach_upload(
    campaign: Campaign, file: "File[Any]", *, name: str, by: User | None
) -> Campaign:
    """Store the file, read its first rows, suggest the mapping. Return the campaign.

    Raise `Refused` for a file that can't be read, `NotSaved` if the disk fails; what was there
    before then stays, and nothing else.
    """
    if file.size > settings.MAX_UPLOAD_BYTES:
        raise Refused(
            _(
                "This file is larger than {limit} MB. Split it, or remove the sheets and images "
                "that are not needed."
            ).format(limit=settings.MAX_UPLOAD_BYTES // (1024 * 1024))
        )
    old = Upload.objects.filter(campaign=campaign).first()
    upload = Upload(
        campaign=campaign,
        name=name[-255:],
        size=file.size,
        sha256=_sha256(file),
        uploaded_by=by,
    )
    # Named here, so that half a file on a full disk can be removed.
    upload.file.name = path = upload_path(upload, name)
    with _removed_if_not_kept(upload, path), saving():
        upload.file.storage.save(path, file)
        head = read_head(upload, campaign.template)
        upload.has_header = head["has_header"]
        upload.head = [
            [number, [text[:HEAD_LENGTH] for text in texts]]
            for number, texts, _hidden in head["rows"][:HEAD_ROWS]
        ]
        with edit(campaign, by=by, field="file", before=_size_of(old), after=_size_of(upload)):
            if old:
                old.delete()
                transaction.on_commit(lambda: old.file.delete(save=False), robust=True)
            upload.save()
            Campaign.objects.filter(pk=campaign.pk).update(mapping=head["suggestion"])
    campaign.refresh_from_db()
    return campaign


@contextmanager
def _removed_if_not_kept(upload: Upload, path: str) -> Iterator[None]:
    """Delete the file if an error left no row that names it."""
    try:
        yield
    except BaseException:
        # If the database can't say so, a file too many is better than one too few.
        with suppress(DatabaseError, OSError):
            if not Upload.objects.filter(file=path).exists():
                upload.file.storage.delete(path)
            # The unsaved row must not pass for the campaign's file.
            upload.campaign.refresh_from_db()
        raise


def _size_of(upload: Upload | None) -> dict[str, int]:
    return {"bytes": upload.size, "columns": len(upload.columns)} if upload else {}


def set_header(campaign: Campaign, has_header: bool, *, by: User | None) -> Campaign:
    """Set whether the first row names the columns. Return the campaign. Raise `Refused`."""
    upload = Upload.objects.get(campaign=campaign)
    before = upload.has_header
    if before == has_header:
        return campaign
    upload.has_header = has_header
    mapping = None
    if campaign.template:
        mapping = read_head(upload, campaign.template, header=has_header)["suggestion"]
    with edit(campaign, by=by, field="has_header", before=before, after=has_header):
        Upload.objects.filter(pk=upload.pk).update(has_header=has_header)
        Campaign.objects.filter(pk=campaign.pk).update(mapping=mapping)
    campaign.refresh_from_db()
    return campaign


def set_mapping(campaign: Campaign, mapping: Stored, *, by: User | None) -> Campaign:
    """Store where phone and values come from: the stored form of an `audience` Mapping.

    None stands for what is not known yet, so that an unfinished step is stored, too. The same
    mapping again is no edit: a page that saves itself must not delete its own check. Return the
    campaign.
    """
    with transaction.atomic():
        before = Campaign.objects.get(pk=campaign.pk).mapping
        if before != mapping:
            with edit(
                campaign,
                by=by,
                field="mapping",
                before=_sources_of(before),
                after=_sources_of(mapping),
            ):
                Campaign.objects.filter(pk=campaign.pk).update(mapping=mapping)
    campaign.refresh_from_db()
    return campaign


def _sources_of(mapping: Stored) -> dict[str, Any]:
    """Return of which kind each source is, without the texts and the number that were typed."""
    if mapping is None:
        return {}
    kinds = ("column", "field", "text")
    values = {
        name: next((kind for kind in kinds if kind in (source or {})), "")
        for name, source in mapping["values"].items()
    }
    phone = mapping.get("phone_column", "typed" if mapping.get("phone") else None)
    return {"phone": phone, "values": values}


def exclude_campaign(campaign: Campaign, earlier: Campaign | None, *, by: User | None) -> Campaign:
    """Skip the people who got the `earlier` campaign; None skips no one. Return the campaign.

    The same choice again is no edit.
    """
    if campaign.exclude_campaign_id != (earlier.pk if earlier else None):
        before = campaign.exclude_campaign
        with edit(
            campaign,
            by=by,
            field="exclude_campaign",
            before=str(before.uuid) if before else "",
            after=str(earlier.uuid) if earlier else "",
        ):
            Campaign.objects.filter(pk=campaign.pk).update(exclude_campaign=earlier)
    campaign.refresh_from_db()
    return campaign


@transaction.atomic
def delete_draft(campaign: Campaign, *, by: User | None) -> None:
    """Delete a campaign that was never launched."""
    _reopen(campaign)
    upload = Upload.objects.filter(campaign=campaign).first()
    audit(campaign.team, "draft deleted", by=by, subject=str(campaign.uuid))
    Campaign.objects.filter(pk=campaign.pk).delete()
    if upload:
        transaction.on_commit(lambda: upload.file.delete(save=False), robust=True)


def _sha256(file: "File[Any]") -> str:
    digest = hashlib.sha256()
    for chunk in file.chunks():
        digest.update(chunk)
    file.seek(0)
    return digest.hexdigest()
