from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('campaigns', '0011_is_test'),
    ]

    operations = [
        migrations.RenameField(
            model_name='bulkjob',
            old_name='lost_at',
            new_name='stopped_polling_at',
        ),
        migrations.AddField(
            model_name='bulkjob',
            name='stopped_polling_because',
            field=models.CharField(blank=True, choices=[('lost', 'ChumiAI no longer lists this job.'), ('given_up', 'This job did not end within a day, so we stopped asking. Press Refresh to look again.')], max_length=10),
        ),
    ]
