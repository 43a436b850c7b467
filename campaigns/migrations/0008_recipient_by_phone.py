from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [("campaigns", "0007_receipts")]

    operations = [
        migrations.AddIndex(
            model_name="recipient",
            index=models.Index(fields=["phone", "settled_at"], name="recipient_by_phone"),
        ),
    ]
