from django.db import migrations


class Migration(migrations.Migration):
    dependencies = [("teams", "0002_marketing_limit")]

    operations = [
        migrations.RenameField("connection", old_name="lane", new_name="key_fingerprint"),
    ]
