import django.db.models.deletion
import webhooks.models
from django.db import migrations, models


class Migration(migrations.Migration):

    initial = True

    dependencies = [
        ('teams', '0001_initial'),
    ]

    operations = [
        migrations.CreateModel(
            name='Webhook',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('secret_hash', models.CharField(editable=False, max_length=64, unique=True)),
                ('secret_ciphertext', models.TextField(editable=False)),
                ('made_at', models.DateTimeField()),
                ('signing_ciphertext', models.TextField(blank=True, editable=False)),
                ('signing_before_ciphertext', models.TextField(blank=True, editable=False)),
                ('signing_changed_at', models.DateTimeField(null=True)),
                ('stop_words', models.TextField(blank=True, default=webhooks.models.default_stop_words)),
                ('last_event_at', models.DateTimeField(null=True)),
                ('arrived', models.JSONField(default=dict)),
                ('last_unknown', models.CharField(blank=True, max_length=60)),
                ('team', models.OneToOneField(on_delete=django.db.models.deletion.CASCADE, related_name='webhook', to='teams.team')),
            ],
        ),
        migrations.CreateModel(
            name='Delivery',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('digest', models.CharField(max_length=64)),
                ('ciphertext', models.TextField()),
                ('received_at', models.DateTimeField()),
                ('processed_at', models.DateTimeField(null=True)),
                ('tries', models.PositiveSmallIntegerField(default=0)),
                ('next_try_at', models.DateTimeField(null=True)),
                ('error', models.CharField(blank=True, max_length=100)),
                ('team', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='deliveries', to='teams.team')),
            ],
            options={
                'verbose_name_plural': 'deliveries',
                'indexes': [models.Index(condition=models.Q(('processed_at', None)), fields=['team', 'id'], name='delivery_waiting'), models.Index(fields=['received_at'], name='delivery_by_age')],
                'constraints': [models.UniqueConstraint(fields=('team', 'digest'), name='one_delivery_a_body')],
            },
        ),
        migrations.CreateModel(
            name='WebhookEvent',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('key', models.CharField(max_length=64)),
                ('kind', models.CharField(max_length=60)),
                ('state', models.CharField(choices=[('applied', 'Applied'), ('waiting', 'Waiting for its message'), ('unmatched', 'No message found'), ('unknown', 'Unknown kind')], default='applied', max_length=10)),
                ('data', models.JSONField(default=dict)),
                ('received_at', models.DateTimeField()),
                ('tries', models.PositiveSmallIntegerField(default=0)),
                ('next_try_at', models.DateTimeField(null=True)),
                ('team', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='webhook_events', to='teams.team')),
            ],
            options={
                'indexes': [models.Index(condition=models.Q(('state', 'waiting')), fields=['team', 'next_try_at'], name='event_waiting'), models.Index(fields=['received_at'], name='event_by_age')],
                'constraints': [models.UniqueConstraint(fields=('team', 'key'), name='one_row_an_event')],
            },
        ),
    ]
