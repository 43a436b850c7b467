from django.db import migrations, models


class Migration(migrations.Migration):
    """What was told is reported; why a template can't be sent is a code."""

    dependencies = [("message_templates", "0003_sync_run")]

    operations = [
        migrations.RenameField("messagetemplate", "status_told_at", "status_reported_at"),
        migrations.RenameField("messagetemplate", "quality_told_at", "quality_reported_at"),
        migrations.RenameField("messagetemplate", "category_told_at", "category_reported_at"),
        migrations.RemoveField("messagetemplate", "unsendable_reason"),
        migrations.AddField(
            "messagetemplate",
            "unsendable_code",
            models.CharField(blank=True, default="", max_length=40),
            preserve_default=False,
        ),
        migrations.RenameField("templatesync", "looks", "fetches"),
    ]
