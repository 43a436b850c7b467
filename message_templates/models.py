"""The mirror of the team's WhatsApp templates, and the record of each sync."""

import uuid

from django.db import models
from django.utils.functional import cached_property

from message_templates import components, labels
from teams.models import Team
from teams.sync_runs import SyncRun


class MessageTemplateQuerySet(models.QuerySet):
    def for_team(self, team):
        return self.filter(team=team)

    def offered(self):
        """Return the templates that ChumiAI listed in the last sync."""
        return self.filter(vanished_at=None)

    def sendable(self):
        return self.offered().filter(unsendable_reason="")


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
    # A plain sentence, or '' when it can be sent from here: kept so that lists can filter.
    unsendable_reason = models.CharField(max_length=300, blank=True)
    raw = models.JSONField(default=dict)
    first_seen_at = models.DateTimeField()
    changed_at = models.DateTimeField()
    vanished_at = models.DateTimeField(null=True)
    # When WhatsApp itself told of each, between two syncs.
    status_told_at = models.DateTimeField(null=True)
    quality_told_at = models.DateTimeField(null=True)
    category_told_at = models.DateTimeField(null=True)

    objects = MessageTemplateQuerySet.as_manager()

    class Meta:
        ordering = ["name", "language"]
        constraints = [
            models.UniqueConstraint(
                fields=["team", "name", "language"], name="one_template_a_language"
            )
        ]

    def __str__(self):
        return f"{self.name} ({self.language})"

    @property
    def is_sendable(self):
        return not self.unsendable_reason

    @cached_property
    def content(self):
        return components.parse(self.components)

    @cached_property
    def placeholders(self):
        return components.placeholders(self.components, self.parameter_format)

    @property
    def needs_media(self):
        """Say whether a picture, video or document has to be given for its header."""
        return bool(self.content.header and self.content.header.media)

    @property
    def body_hash(self):
        return components.body_hash(self.components)

    @property
    def body_html(self):
        """The body as the phone shows it, with its placeholders marked."""
        return components.format_whatsapp(self.content.body)

    @cached_property
    def samples(self):
        """The example values that WhatsApp approved the template with, by placeholder."""
        return components.sample_values(self.components, self.parameter_format)

    @property
    def sample_html(self):
        """The body as the phone shows it, with the example values put in."""
        return components.format_whatsapp(self.content.body, self.samples)

    @property
    def warnings(self):
        """What a person should know before sending it."""
        return components.warnings(
            components=self.components,
            parameter_format=self.parameter_format,
            quality=self.quality,
        )

    @property
    def badge(self):
        """Return the label and the tone of its badge."""
        return labels.badge(
            status=self.status,
            quality=self.quality,
            sendable=self.is_sendable,
            vanished=self.vanished_at is not None,
        )

    @property
    def language_name(self):
        return labels.language(self.language)

    @property
    def category_name(self):
        return labels.plain(self.category)

    def says(self, text):
        """Say whether the name or the body contains `text`, given in lower case."""
        return text in self.name.lower() or text in self.content.body.lower()


class TemplateSync(SyncRun):
    """One sync of the templates, and what it changed."""

    # How often the list was fetched: ChumiAI may sync in the background.
    looks = models.PositiveSmallIntegerField(default=0)
    total = models.PositiveIntegerField(default=0)
    added = models.PositiveIntegerField(default=0)
    changed = models.PositiveIntegerField(default=0)
    vanished = models.PositiveIntegerField(default=0)

    @property
    def summary(self):
        """Say what it found: `12 templates, 2 added, 1 changed, 1 no longer listed`."""
        told = [f"{self.total:,} template{'' if self.total == 1 else 's'}"]
        told += [f"{self.added:,} added"] if self.added else []
        told += [f"{self.changed:,} changed"] if self.changed else []
        told += [f"{self.vanished:,} no longer listed"] if self.vanished else []
        return ", ".join(told) if len(told) > 1 else f"{told[0]}, nothing changed"
