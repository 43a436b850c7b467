from django.db import migrations, models


class Migration(migrations.Migration):

    initial = True

    dependencies = [
    ]

    operations = [
        migrations.CreateModel(
            name='Worker',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('name', models.CharField(max_length=100, unique=True)),
                ('started_at', models.DateTimeField()),
                ('seen_at', models.DateTimeField(db_index=True)),
                ('stopped_at', models.DateTimeField(null=True)),
                ('store_away_since', models.DateTimeField(null=True)),
                ('clock_ahead', models.FloatField(default=0)),
                ('data_folder', models.CharField(blank=True, max_length=32)),
            ],
        ),
        migrations.CreateModel(
            name='Task',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('name', models.CharField(max_length=40)),
                ('key', models.CharField(max_length=64)),
                ('due_at', models.DateTimeField(null=True)),
                ('wanted', models.PositiveIntegerField(default=0)),
                ('leased_until', models.DateTimeField(null=True)),
                ('token', models.CharField(blank=True, max_length=32)),
                ('tries', models.PositiveIntegerField(default=0)),
                ('last_error', models.CharField(blank=True, max_length=200)),
                ('changed_at', models.DateTimeField(auto_now=True)),
            ],
            options={
                'indexes': [models.Index(condition=models.Q(('due_at', None), _negated=True), fields=['due_at'], name='task_due')],
                'constraints': [models.UniqueConstraint(fields=('name', 'key'), name='one_task_a_subject')],
            },
        ),
    ]
