import django.db.models.deletion
from django.db import migrations, models

from conversations import indexes


def make(apps, editor):
    indexes.make(editor.connection)


def drop(apps, editor):
    indexes.drop(editor.connection)


class Migration(migrations.Migration):

    dependencies = [
        ("campaigns", "0009_told_since"),
        ("conversations", "0003_indexes"),
    ]

    operations = [
        migrations.RunPython(drop, make),
        migrations.RemoveIndex("conversation", "conversation_spoken"),
        migrations.RemoveIndex("message", "message_answers"),
        migrations.RemoveField("conversation", "preview"),
        migrations.RemoveField("conversation", "preview_inbound"),
        migrations.AddField(
            "conversation",
            "last_message",
            models.ForeignKey(
                editable=False,
                null=True,
                on_delete=django.db.models.deletion.SET_NULL,
                related_name="+",
                to="conversations.message",
            ),
        ),
        migrations.RenameField("conversation", "history_read_at", "history_synced_at"),
        migrations.AlterField(
            "conversation",
            "history",
            models.CharField(
                blank=True,
                choices=[
                    ("", "Never requested"),
                    ("requested", "Requested"),
                    ("synced", "Synced"),
                    ("not_offered", "Not offered"),
                    ("failed", "Failed"),
                ],
                default="",
                max_length=12,
            ),
        ),
        migrations.RenameField("message", "at_is_told", "at_is_reported"),
        migrations.RenameField("message", "answers", "attributed_to"),
        migrations.AlterField(
            "message",
            "status",
            models.PositiveSmallIntegerField(
                choices=[
                    (0, "Status unknown"),
                    (1, "Accepted"),
                    (2, "Held by WhatsApp"),
                    (3, "Sent"),
                    (4, "Failed"),
                    (5, "Delivered"),
                    (6, "Read"),
                ],
                default=0,
            ),
        ),
        migrations.AddIndex(
            "conversation",
            models.Index(
                condition=models.Q(last_message__isnull=False),
                fields=["team", "-last_message_at", "-id"],
                name="conversation_listed",
            ),
        ),
        migrations.AddIndex(
            "message",
            models.Index(
                condition=models.Q(attributed_to__isnull=False),
                fields=["attributed_to", "conversation"],
                name="message_attributed_to",
            ),
        ),
        migrations.RunPython(make, drop),
    ]
