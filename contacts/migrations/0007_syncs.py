from django.db import migrations


class Migration(migrations.Migration):
    """What was read is synced, what was told is reported."""

    dependencies = [("contacts", "0006_sync_run")]

    operations = [
        migrations.RenameField("contactsync", "contacts_read", "contacts_synced"),
        migrations.RenameField("contactsync", "groups_read", "groups_synced"),
        migrations.RenameField("contactgroup", "told_size", "reported_size"),
        migrations.RenameField("contactgroup", "read_at", "synced_at"),
    ]
