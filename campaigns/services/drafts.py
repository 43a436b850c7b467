"""A draft: its name, template, file and mapping. Any edit forgets the check."""

import hashlib
from contextlib import contextmanager

from django.conf import settings
from django.db import transaction
from django.utils import timezone

from audience import contact_fields, process
from campaigns.models import Campaign, Check, GroupChoice, HeaderMedia, Upload
from contacts.models import ContactSync
from core import formats
from core.errors import Refused
from message_templates import components
from spreadsheets.cells import SpreadsheetError
from teams.services import audit

TOO_LATE = "This campaign has been launched, so it can't be changed any more. Nothing was changed."

# What is kept of the first rows: enough to recognise the columns by.
HEAD_ROWS, HEAD_LENGTH = 20, 200


@transaction.atomic
def create_campaign(
    team, *, by, name="", template=None, audience=Campaign.Audience.FILE, phone=""
):
    """Make a draft. Without a name it is called after its template and the day.

    `phone` is the one number of a draft to one number, where it is known.
    """
    today = timezone.localdate()
    kind = "Message" if audience == Campaign.Audience.NUMBER else "Campaign"
    about = template.name.replace("_", " ").capitalize()[:100] if template else kind
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
def edit(campaign):
    """Make the changes inside the block one edit of a draft. Raise `Refused` after the launch."""
    with transaction.atomic():
        edited = Campaign.objects.filter(pk=campaign.pk, status__in=Campaign.EDITABLE).update(
            status=Campaign.Status.DRAFT, digest="", recipient_count=0
        )
        if not edited:
            raise Refused(TOO_LATE)
        _forget_check(campaign)
        yield


def rename(campaign, name, *, by):
    """Give the draft another name; what was checked stays checked."""
    if not Campaign.objects.filter(pk=campaign.pk, status__in=Campaign.EDITABLE).update(name=name):
        raise Refused(TOO_LATE)
    campaign.refresh_from_db()


def _forget_check(campaign):
    """Delete the check and, with the transaction, the report that lists the rows."""
    check = Check.objects.filter(campaign=campaign).first()
    if check:
        check.delete()
        transaction.on_commit(lambda: remove_report(check.report))


def remove_report(report):
    """Delete the file of a check's report, where there is one."""
    if report:
        (settings.MEDIA_ROOT / report).unlink(missing_ok=True)


def choose_template(campaign, template, *, by):
    """Set the template; the mapping is suggested anew. Raise `Refused`.

    To choose the same template again is no edit.
    """
    if not template.is_sendable:
        raise Refused(f"{template.name} can't be sent from here: {template.unsendable_reason}")
    if campaign.template_id == template.pk:
        return
    upload = Upload.objects.filter(campaign=campaign).first()
    mapping = _suggestion(upload, template) if upload else _still_typed(campaign, template)
    group = GroupChoice.objects.filter(campaign=campaign).first()
    if group:
        mapping = group_mapping(campaign.team, template)
    if group and group.way == GroupChoice.Way.ENDPOINT:
        mapping = contact_fields.only_fixed(mapping)
    with edit(campaign):
        Campaign.objects.filter(pk=campaign.pk).update(template=template, mapping=mapping)
        if _media_kind(template) != _media_kind(campaign.template):
            # A picture is no video; and an id, which nobody can look at, tells no kind.
            HeaderMedia.objects.filter(campaign=campaign).delete()
    campaign.refresh_from_db()


def _still_typed(campaign, template):
    """Return what was typed for one number as far as another template takes it, or None."""
    if not campaign.is_to_one or not campaign.mapping:
        return None
    values = campaign.mapping["values"]
    return campaign.mapping | {
        "values": {name: values.get(name) for name in template.placeholders}
    }


def group_mapping(team, template):
    """Return what the contacts' fields suggest for the template, with gaps."""
    current = ContactSync.objects.current(team)
    hints = components.hints(template.content.body, template.placeholders)
    return contact_fields.suggest(
        template.placeholders,
        {name: hint.before for name, hint in hints.items()},
        contact_fields.offered(current.custom_fields if current else []),
    )


def _media_kind(template):
    return template.content.header.media if template and template.needs_media else ""


def attach_upload(campaign, file, *, name, by):
    """Store the file, read its first rows, suggest the mapping. Raise `Refused`.

    `file` is a Django `File`. What can't be read is refused before anything is replaced.
    """
    if file.size > settings.MAX_UPLOAD_BYTES:
        limit = settings.MAX_UPLOAD_BYTES // (1024 * 1024)
        raise Refused(
            f"This file is larger than {limit} MB. Split it, or remove the sheets and pictures "
            "that are not needed."
        )
    upload = Upload(
        campaign=campaign,
        name=name[-255:],
        size=file.size,
        sha256=_sha256(file),
        uploaded_by=by,
    )
    upload.file.save(name, file, save=False)
    try:
        head = _read_head(upload, campaign.template)
        upload.has_header = head["has_header"]
        upload.head = [
            [number, [text[:HEAD_LENGTH] for text in texts]]
            for number, texts, _ in head["rows"][:HEAD_ROWS]
        ]
        with edit(campaign):
            old = Upload.objects.filter(campaign=campaign).first()
            if old:
                old.delete()
                transaction.on_commit(lambda: old.file.delete(save=False))
            upload.save()
            Campaign.objects.filter(pk=campaign.pk).update(mapping=head["suggestion"])
    except Refused:
        upload.file.delete(save=False)
        # The row that was never saved must not pass for the campaign's file.
        campaign.refresh_from_db()
        raise
    campaign.refresh_from_db()
    return upload


def set_header(campaign, has_header, *, by):
    """Say whether the first row names the columns. Raise `Refused`."""
    upload = Upload.objects.get(campaign=campaign)
    if upload.has_header == has_header:
        return
    upload.has_header = has_header
    mapping = _suggestion(upload, campaign.template) if campaign.template else None
    with edit(campaign):
        Upload.objects.filter(pk=upload.pk).update(has_header=has_header)
        Campaign.objects.filter(pk=campaign.pk).update(mapping=mapping)
    campaign.refresh_from_db()


def set_mapping(campaign, mapping, *, by):
    """Store where phone and values come from: the stored form of a `recipients.Mapping`.

    None stands for what is not known yet, so that an unfinished step is kept, too. What
    stands there already is no edit: a page that saves itself must not undo its own check.
    """
    with transaction.atomic():
        if Campaign.objects.get(pk=campaign.pk).mapping != mapping:
            with edit(campaign):
                Campaign.objects.filter(pk=campaign.pk).update(mapping=mapping)
    campaign.refresh_from_db()


def exclude_campaign(campaign, earlier, *, by):
    """Leave out whoever got the `earlier` campaign, or None. What stands there is no edit."""
    if campaign.exclude_campaign_id != (earlier and earlier.pk):
        with edit(campaign):
            Campaign.objects.filter(pk=campaign.pk).update(exclude_campaign=earlier)
    campaign.refresh_from_db()


def delete_draft(campaign, *, by):
    """Delete a campaign that was never launched."""
    with edit(campaign):
        upload = Upload.objects.filter(campaign=campaign).first()
        audit(campaign.team, "draft deleted", by=by, subject=str(campaign.uuid))
        Campaign.objects.filter(pk=campaign.pk).delete()
        if upload:
            transaction.on_commit(lambda: upload.file.delete(save=False))


def limits():
    """Return the limits of a file, as the child process takes them."""
    return {"rows": settings.MAX_ROWS}


def _suggestion(upload, template):
    return _read_head(upload, template, header=upload.has_header)["suggestion"]


def _read_head(upload, template, **request):
    """Let a child process read the first rows and, for a template, suggest the mapping.

    Raise `Refused`.
    """
    request |= {"action": "head", "path": upload.file.path, "limits": limits()}
    if template:
        hints = components.hints(template.content.body, template.placeholders)
        request |= {
            "placeholders": template.placeholders,
            "hints": {name: hint.before for name, hint in hints.items()},
            "region": template.team.default_region,
        }
    try:
        return process.run(request, timeout=settings.CHECK_SECONDS)
    except SpreadsheetError as error:
        raise Refused(formats.sentence(error.sentence)) from None


def _sha256(file):
    digest = hashlib.sha256()
    for chunk in file.chunks():
        digest.update(chunk)
    file.seek(0)
    return digest.hexdigest()
