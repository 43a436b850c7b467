import django.db.models.deletion
import django.db.models.functions.text
import django.db.models.lookups
import uuid
from django.conf import settings
from django.db import migrations, models


class Migration(migrations.Migration):

    initial = True

    dependencies = [
        ('campaigns', '0001_initial'),
        ('teams', '0001_initial'),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.CreateModel(
            name='BulkJob',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('key_fingerprint', models.CharField(blank=True, max_length=64)),
                ('uuid', models.UUIDField(default=uuid.uuid4, editable=False, unique=True)),
                ('remote_id', models.CharField(max_length=200)),
                ('state', models.CharField(choices=[('queued', 'Waiting at ChumiAI'), ('running', 'Running'), ('paused', 'Paused at ChumiAI'), ('completed', 'Finished'), ('completed_with_errors', 'Finished, some failed'), ('failed', 'Failed'), ('cancelled', 'Cancelled at ChumiAI'), ('unknown', 'Not clear')], default='unknown', max_length=24)),
                ('raw_state', models.CharField(blank=True, max_length=60)),
                ('template_name', models.CharField(blank=True, max_length=512)),
                ('language', models.CharField(blank=True, max_length=20)),
                ('file_name', models.CharField(blank=True, max_length=255)),
                ('total', models.PositiveIntegerField(null=True)),
                ('processed', models.PositiveIntegerField(default=0)),
                ('accepted', models.PositiveIntegerField(default=0)),
                ('failed', models.PositiveIntegerField(default=0)),
                ('skipped', models.PositiveIntegerField(default=0)),
                ('named', models.PositiveIntegerField(default=0)),
                ('counters_wrong', models.BooleanField(default=False)),
                ('failures_seen', models.BooleanField(default=False)),
                ('error', models.CharField(blank=True, max_length=300)),
                ('watched_until', models.DateTimeField(null=True)),
                ('polls_unchanged', models.PositiveIntegerField(default=0)),
                ('created_at', models.DateTimeField(null=True)),
                ('started_at', models.DateTimeField(null=True)),
                ('completed_at', models.DateTimeField(null=True)),
                ('first_seen_at', models.DateTimeField()),
                ('asked_at', models.DateTimeField(null=True)),
                ('changed_at', models.DateTimeField()),
                ('next_poll_at', models.DateTimeField(null=True)),
                ('stopped_polling_at', models.DateTimeField(null=True)),
                ('stopped_polling_because', models.CharField(blank=True, choices=[('not_listed', 'ChumiAI no longer lists this job.'), ('timed_out', 'This job did not end within a day, so we stopped asking. Refresh to ask again.')], max_length=10)),
            ],
        ),
        migrations.CreateModel(
            name='JobPolling',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('waits_until', models.DateTimeField()),
            ],
        ),
        migrations.CreateModel(
            name='JobSync',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('state', models.CharField(choices=[('requested', 'Waiting to start'), ('running', 'Updating'), ('succeeded', 'Updated'), ('failed', 'Failed')], default='requested', max_length=10)),
                ('requested_at', models.DateTimeField()),
                ('finished_at', models.DateTimeField(null=True)),
                ('waits_until', models.DateTimeField(null=True)),
                ('error', models.CharField(blank=True, max_length=300)),
                ('skipped', models.PositiveIntegerField(default=0)),
            ],
            options={
                'abstract': False,
            },
        ),
        migrations.CreateModel(
            name='ReceiptSource',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('reporting_since', models.DateTimeField(null=True)),
                ('delivered_since', models.DateTimeField(null=True)),
                ('read_since', models.DateTimeField(null=True)),
            ],
        ),
        migrations.CreateModel(
            name='TestNumber',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('uuid', models.UUIDField(default=uuid.uuid4, editable=False, unique=True)),
                ('place', models.PositiveSmallIntegerField()),
                ('label', models.CharField(max_length=60)),
                ('phone', models.CharField(max_length=16)),
                ('created_at', models.DateTimeField(auto_now_add=True)),
            ],
            options={
                'ordering': ['place'],
            },
        ),
        migrations.CreateModel(
            name='Attempt',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('token', models.CharField(max_length=32, unique=True)),
                ('key_fingerprint', models.CharField(blank=True, max_length=64)),
                ('started_at', models.DateTimeField()),
                ('finished_at', models.DateTimeField(null=True)),
                ('outcome', models.CharField(choices=[('open', 'In progress'), ('accepted', 'Accepted'), ('rejected', 'Refused'), ('not_sent', 'Not sent'), ('unconfirmed', 'Unconfirmed'), ('decided', 'Unconfirmed, settled by a person')], default='open', max_length=12)),
                ('file', models.CharField(blank=True, max_length=200)),
                ('file_name', models.CharField(blank=True, max_length=100)),
                ('file_sha256', models.CharField(blank=True, max_length=64)),
                ('rows', models.PositiveIntegerField(default=1)),
                ('baseline', models.JSONField(default=list)),
                ('response_status', models.PositiveSmallIntegerField(null=True)),
                ('request_id', models.CharField(blank=True, max_length=200)),
                ('code', models.IntegerField(null=True)),
                ('raw', models.TextField(blank=True)),
                ('error', models.CharField(blank=True, max_length=400)),
                ('campaign', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='attempts', to='campaigns.campaign')),
                ('recipient', models.ForeignKey(null=True, on_delete=django.db.models.deletion.CASCADE, related_name='attempts', to='campaigns.recipient')),
            ],
        ),
        migrations.CreateModel(
            name='Batch',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('uuid', models.UUIDField(default=uuid.uuid4, editable=False, unique=True)),
                ('number', models.PositiveIntegerField()),
                ('first', models.PositiveIntegerField()),
                ('last', models.PositiveIntegerField()),
                ('submitted', models.PositiveIntegerField(default=0)),
                ('skipped', models.PositiveIntegerField(default=0)),
                ('status', models.CharField(choices=[('pending', 'Waiting'), ('submitting', 'Being submitted'), ('accepted', 'Accepted'), ('rejected', 'Refused'), ('unconfirmed', 'Unconfirmed'), ('skipped', 'Skipped')], default='pending', max_length=12)),
                ('token', models.CharField(blank=True, max_length=32)),
                ('key_fingerprint', models.CharField(blank=True, max_length=64)),
                ('claimed_at', models.DateTimeField(null=True)),
                ('settled_at', models.DateTimeField(null=True)),
                ('details', models.JSONField(default=dict)),
                ('searches', models.PositiveSmallIntegerField(default=0)),
                ('candidates', models.PositiveSmallIntegerField(default=0)),
                ('next_search_at', models.DateTimeField(null=True)),
                ('search_ended_at', models.DateTimeField(null=True)),
                ('decision', models.CharField(blank=True, choices=[('send_again', 'Send again'), ('count_as_sent', 'Count as sent'), ('skip', 'Skip')], max_length=20)),
                ('failure_noticed_at', models.DateTimeField(null=True)),
                ('campaign', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='batches', to='campaigns.campaign')),
            ],
            options={
                'verbose_name_plural': 'batches',
                'ordering': ['number'],
            },
        ),
        migrations.AddField(
            model_name='batch',
            name='decided_by',
            field=models.ForeignKey(null=True, on_delete=django.db.models.deletion.SET_NULL, related_name='+', to=settings.AUTH_USER_MODEL),
        ),
        migrations.AddField(
            model_name='attempt',
            name='batch',
            field=models.ForeignKey(null=True, on_delete=django.db.models.deletion.CASCADE, related_name='attempts', to='sending.batch'),
        ),
        migrations.AddField(
            model_name='bulkjob',
            name='batch',
            field=models.OneToOneField(null=True, on_delete=django.db.models.deletion.SET_NULL, related_name='job', to='sending.batch'),
        ),
        migrations.AddField(
            model_name='bulkjob',
            name='team',
            field=models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='bulk_jobs', to='teams.team'),
        ),
        migrations.AddField(
            model_name='jobpolling',
            name='team',
            field=models.OneToOneField(on_delete=django.db.models.deletion.CASCADE, related_name='+', to='teams.team'),
        ),
        migrations.AddField(
            model_name='jobsync',
            name='requested_by',
            field=models.ForeignKey(null=True, on_delete=django.db.models.deletion.SET_NULL, related_name='+', to=settings.AUTH_USER_MODEL),
        ),
        migrations.AddField(
            model_name='jobsync',
            name='team',
            field=models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='+', to='teams.team'),
        ),
        migrations.AddField(
            model_name='receiptsource',
            name='team',
            field=models.OneToOneField(on_delete=django.db.models.deletion.CASCADE, related_name='receipt_source', to='teams.team'),
        ),
        migrations.AddField(
            model_name='testnumber',
            name='created_by',
            field=models.ForeignKey(null=True, on_delete=django.db.models.deletion.SET_NULL, related_name='+', to=settings.AUTH_USER_MODEL),
        ),
        migrations.AddField(
            model_name='testnumber',
            name='team',
            field=models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='test_numbers', to='teams.team'),
        ),
        migrations.AddConstraint(
            model_name='batch',
            constraint=models.UniqueConstraint(fields=('campaign', 'number'), name='one_batch_a_number'),
        ),
        migrations.AddConstraint(
            model_name='batch',
            constraint=models.UniqueConstraint(condition=models.Q(('status', 'submitting')), fields=('key_fingerprint',), name='one_batch_in_flight_a_key'),
        ),
        migrations.AddConstraint(
            model_name='batch',
            constraint=models.CheckConstraint(condition=models.Q(('first__lte', models.F('last'))), name='batch_has_people'),
        ),
        migrations.AddConstraint(
            model_name='batch',
            constraint=models.CheckConstraint(condition=models.Q(models.Q(('claimed_at', None), ('status', 'pending')), models.Q(('status', 'pending'), _negated=True), _connector='OR'), name='pending_batch_is_unclaimed'),
        ),
        migrations.AddIndex(
            model_name='attempt',
            index=models.Index(fields=['campaign', '-finished_at'], name='attempt_by_end'),
        ),
        migrations.AddIndex(
            model_name='attempt',
            index=models.Index(condition=models.Q(('outcome', 'open')), fields=['started_at'], name='attempt_open'),
        ),
        migrations.AddConstraint(
            model_name='attempt',
            constraint=models.UniqueConstraint(condition=models.Q(('outcome__in', ('open', 'unconfirmed'))), fields=('batch',), name='one_live_attempt_a_batch'),
        ),
        migrations.AddConstraint(
            model_name='attempt',
            constraint=models.UniqueConstraint(condition=models.Q(('outcome__in', ('open', 'unconfirmed'))), fields=('recipient',), name='one_live_attempt_a_recipient'),
        ),
        migrations.AddConstraint(
            model_name='attempt',
            constraint=models.CheckConstraint(condition=models.Q(models.Q(('batch', None), ('recipient__isnull', False)), models.Q(('batch__isnull', False), ('recipient', None)), _connector='OR'), name='attempt_at_a_batch_or_at_a_person'),
        ),
        migrations.AddIndex(
            model_name='bulkjob',
            index=models.Index(fields=['team', '-first_seen_at', '-id'], name='job_list'),
        ),
        migrations.AddIndex(
            model_name='bulkjob',
            index=models.Index(condition=models.Q(('next_poll_at', None), _negated=True), fields=['next_poll_at'], name='job_poll'),
        ),
        migrations.AddConstraint(
            model_name='bulkjob',
            constraint=models.UniqueConstraint(fields=('team', 'remote_id'), name='one_row_a_remote_job'),
        ),
        migrations.AddConstraint(
            model_name='bulkjob',
            constraint=models.UniqueConstraint(condition=models.Q(('batch__isnull', False)), fields=('key_fingerprint', 'remote_id'), name='a_remote_job_is_linked_once'),
        ),
        migrations.AddConstraint(
            model_name='jobsync',
            constraint=models.UniqueConstraint(condition=models.Q(('finished_at', None)), fields=('team',), name='one_unfinished_jobsync_a_team'),
        ),
        migrations.AddConstraint(
            model_name='jobsync',
            constraint=models.CheckConstraint(condition=models.Q(models.Q(('finished_at', None), ('state__in', ('requested', 'running'))), models.Q(('finished_at__isnull', False), ('state__in', ('succeeded', 'failed'))), _connector='OR'), name='finished_jobsync_has_its_time'),
        ),
        migrations.AddConstraint(
            model_name='testnumber',
            constraint=models.UniqueConstraint(fields=('team', 'phone'), name='one_test_number_a_phone'),
        ),
        migrations.AddConstraint(
            model_name='testnumber',
            constraint=models.UniqueConstraint(fields=('team', 'place'), name='one_test_number_a_place'),
        ),
        migrations.AddConstraint(
            model_name='testnumber',
            constraint=models.CheckConstraint(condition=models.Q(('place__range', (1, 5))), name='at_most_five_test_numbers'),
        ),
        migrations.AddConstraint(
            model_name='testnumber',
            constraint=models.CheckConstraint(condition=models.Q(models.Q(('phone__startswith', '+')), models.Q(('phone__startswith', '+0'), _negated=True), django.db.models.lookups.GreaterThan(django.db.models.functions.text.Length(models.F('phone')), 7), django.db.models.lookups.LessThan(django.db.models.functions.text.Length(models.F('phone')), 17), django.db.models.lookups.Exact(models.Func(django.db.models.functions.text.Substr(models.F('phone'), 2), models.Value('0123456789'), function='LTRIM', output_field=models.TextField()), models.Value(''))), name='test_number_phone_is_e164'),
        ),
    ]
