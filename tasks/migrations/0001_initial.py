from django.db import migrations, models


class Migration(migrations.Migration):

    initial = True

    dependencies = [
    ]

    operations = [
        migrations.CreateModel(
            name='Continuity',
            fields=[
                ('id', models.PositiveSmallIntegerField(default=1, primary_key=True, serialize=False)),
                ('identity', models.CharField(max_length=32)),
                ('counter', models.PositiveBigIntegerField(default=0)),
                ('token', models.CharField(max_length=32)),
                ('claimed_at', models.DateTimeField(null=True)),
                ('database', models.CharField(blank=True, max_length=100)),
                ('doubted_at', models.DateTimeField(null=True)),
            ],
            options={
                'verbose_name_plural': 'continuity',
                'constraints': [models.CheckConstraint(condition=models.Q(('id', 1)), name='one_continuity')],
            },
        ),
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
