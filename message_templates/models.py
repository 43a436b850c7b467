"""The copy of the team's WhatsApp templates, and the record of each sync."""

import uuid
from typing import Any, Self

from django.db import models
from django.utils.functional import cached_property
from django.utils.safestring import SafeString
from django.utils.translation import gettext, gettext_noop, ngettext

from core.formats import number
from message_templates import components, labels, sendability, versions
from message_templates.components import Content
from message_templates.sendability import Unsendable
from teams.models import Team
from teams.sync_runs import SyncRun, SyncRunQuerySet, unreadable


class MessageTemplateQuerySet(models.QuerySet["MessageTemplate"]):
    def for_team(self, team: Team) -> Self:
        return self.filter(team=team)

    def offered(self) -> Self:
        """Return the templates that ChumiAI listed in the last sync."""
        return self.filter(vanished_at=None)

    def sendable(self) -> Self:
        return self.offered().filter(unsendable_code="")

    def unsendable(self) -> Self:
        """Return those that ChumiAI lists and that can't be sent from here."""
        return self.offered().exclude(unsendable_code="")


class MessageTemplate(models.Model):
    """A WhatsApp template as ChumiAI last listed it; its identity is (name, language)."""

    uuid = models.UUIDField(default=uuid.uuid4, unique=True, editable=False)
    team = models.ForeignKey(Team, models.CASCADE, related_name="message_templates")
    remote_id = models.CharField(max_length=200, blank=True)
    # WhatsApp allows 512 characters; the language is kept exactly as received.
    name = models.CharField(max_length=512)
    language = models.CharField(max_length=20)
    category = models.CharField(max_length=40, blank=True)
    status = models.CharField(max_length=40)
    status_assumed = models.BooleanField(default=False)
    quality = models.CharField(max_length=20, blank=True)
    parameter_format = models.CharField(max_length=20, default="POSITIONAL")
    components = models.JSONField(default=list)
    rejected_reason = models.CharField(max_length=500, blank=True)
    # A code of `Unsendable`, or '' for a template that can be sent; stored for the filters.
    unsendable_code = models.CharField(max_length=40, blank=True)
    # What a recipient sees and what values are filled into, see `versions`.
    content_hash = models.CharField(max_length=64, blank=True)
    raw = models.JSONField(default=dict)
    first_seen_at = models.DateTimeField()
    changed_at = models.DateTimeField()
    vanished_at = models.DateTimeField(null=True)
    # When webhooks reported each of them, between two syncs.
    status_reported_at = models.DateTimeField(null=True)
    quality_reported_at = models.DateTimeField(null=True)
    category_reported_at = models.DateTimeField(null=True)

    objects = MessageTemplateQuerySet.as_manager()

    class Meta:
        ordering = ["name", "language"]
        constraints = [
            models.UniqueConstraint(
                fields=["team", "name", "language"], name="one_template_a_language"
            )
        ]

    def __str__(self) -> str:
        return f"{self.name} ({self.language})"

    def save(self, *args: Any, **kwargs: Any) -> None:
        # Whatever wrote the content: what is compared before a message goes out is never older.
        self.content_hash = versions.hash_of(self.version)
        if (fields := kwargs.get("update_fields")) is not None:
            kwargs["update_fields"] = {*fields, "content_hash"}
        super().save(*args, **kwargs)

    @property
    def is_sendable(self) -> bool:
        return not self.unsendable_code

    @property
    def unsendable_reason(self) -> str:
        """Return why it can't be sent from here as a sentence or two, '' when it can."""
        return str(Unsendable(self.unsendable_code).label) if self.unsendable_code else ""

    @cached_property
    def content(self) -> Content:
        return components.parse(self.components)

    @cached_property
    def placeholders(self) -> list[str]:
        return components.placeholders(self.components)

    @property
    def needs_media(self) -> bool:
        """Return True if each campaign has to give an image, video or document."""
        return bool(self.content.header and self.content.header.media)

    @property
    def media_note(self) -> str:
        """Return how a campaign with this template's media is sent, '' without media."""
        header = self.content.header
        return str(labels.MEDIA_NOTES.get(header.media, "")) if header else ""

    @property
    def version(self) -> versions.Version:
        return versions.version_of(
            category=self.category,
            components=self.components,
            parameter_format=self.parameter_format,
        )

    @property
    def body_html(self) -> SafeString:
        """Return the body as the phone shows it, with its placeholders marked."""
        return components.format_whatsapp(self.content.body)

    @cached_property
    def samples(self) -> dict[str, str]:
        """Return the example values that WhatsApp approved it with, by placeholder."""
        return components.sample_values(self.components)

    @property
    def sample_html(self) -> SafeString:
        """Return the body as the phone shows it, with the example values."""
        return components.format_whatsapp(self.content.body, self.samples)

    @property
    def must_be_tested(self) -> bool:
        """Return True if a campaign starts only after a test of it was accepted."""
        return sendability.must_be_tested(self.components)

    @property
    def warnings(self) -> list[str]:
        """Return what a person should know before sending it."""
        return sendability.warnings(
            components=self.components,
            status=self.status,
            quality=self.quality,
        )

    @property
    def badge(self) -> tuple[str, str]:
        """Return the label and the tone of its badge."""
        return labels.badge(
            status=self.status,
            quality=self.quality,
            sendable=self.is_sendable,
            vanished=self.vanished_at is not None,
        )

    @property
    def language_name(self) -> str:
        return labels.language(self.language)

    @property
    def category_name(self) -> str:
        return labels.label(labels.CATEGORIES, self.category)

    def contains(self, text: str) -> bool:
        """Return True if the name or the body contains `text`, given in lower case."""
        return text in self.name.lower() or text in self.content.body.lower()


class TemplateSync(SyncRun):
    """One sync of the templates: who requested it, how it ended, what it changed."""

    # How often the list was fetched: ChumiAI may answer before its own sync with Meta has ended.
    fetches = models.PositiveSmallIntegerField(default=0)
    total = models.PositiveIntegerField(default=0)
    added = models.PositiveIntegerField(default=0)
    changed = models.PositiveIntegerField(default=0)
    vanished = models.PositiveIntegerField(default=0)
    # Entries of ChumiAI's list that could not be understood.
    skipped = models.PositiveIntegerField(default=0)

    objects = SyncRunQuerySet["TemplateSync"].as_manager()

    class Meta(SyncRun.Meta):
        pass

    @property
    def received_so_far(self) -> str:
        if self.fetches:
            return gettext(
                "ChumiAI is still fetching templates from WhatsApp. We check again in a moment."
            )
        if self.state == SyncRun.State.RUNNING:
            return gettext("Fetching the list of templates.")
        return ""

    @property
    def summary(self) -> str:
        """Return what it found: `12 templates, 2 added, 1 changed, 1 no longer listed`."""
        total = ngettext("{count} template", "{count} templates", self.total)
        changes = [
            gettext(text).format(count=number(count))
            for text, count in (
                (gettext_noop("{count} added"), self.added),
                (gettext_noop("{count} changed"), self.changed),
                (gettext_noop("{count} no longer listed"), self.vanished),
            )
            if count
        ]
        changes = changes or [gettext("nothing changed")]
        if self.skipped:
            changes.append(unreadable(self.skipped))
        return ", ".join([total.format(count=number(self.total)), *changes])
