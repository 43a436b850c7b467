import campaigns.models
import django.db.models.deletion
import django.db.models.functions.text
import django.db.models.lookups
import uuid
from django.conf import settings
from django.db import migrations, models


class Migration(migrations.Migration):

    initial = True

    dependencies = [
        ('message_templates', '0001_initial'),
        ('teams', '0001_initial'),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.CreateModel(
            name='Campaign',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('uuid', models.UUIDField(default=uuid.uuid4, editable=False, unique=True)),
                ('name', models.CharField(max_length=120)),
                ('audience', models.CharField(choices=[('file', 'A file'), ('group', 'A ChumiAI group'), ('number', 'One number')], default='file', max_length=10)),
                ('is_test', models.BooleanField(default=False)),
                ('mapping', models.JSONField(null=True)),
                ('engine', models.CharField(blank=True, choices=[('batches', 'Fast (batches)'), ('singly', 'One by one'), ('group', 'To the group by ChumiAI')], max_length=10)),
                ('status', models.CharField(choices=[('draft', 'Draft'), ('ready', 'Ready to send'), ('queued', 'Starting'), ('sending', 'Sending'), ('paused', 'Paused'), ('stopped', 'Stopped'), ('completed', 'Finished')], default='draft', max_length=10)),
                ('pause_reason', models.CharField(blank=True, choices=[('restored_copy', 'This may be a restored copy'), ('person', 'Paused by a person'), ('not_connected', 'ChumiAI is not connected'), ('unauthorized', 'ChumiAI refused the key'), ('forbidden', 'The key lacks a permission'), ('rejected', 'ChumiAI refused a batch'), ('account', 'WhatsApp stopped the account'), ('unconfirmed', 'No clear answer from ChumiAI'), ('failures', 'Too many messages failed'), ('template', "The template can't be sent any more"), ('not_tested', 'A test of the template has to be accepted first'), ('template_changed', 'The template has changed since this campaign was checked'), ('group_changed', 'The group changed since it was checked'), ('group_refused', 'ChumiAI may not send to this group by itself')], max_length=20)),
                ('pause_details', models.JSONField(default=dict)),
                ('wait_reason', models.CharField(blank=True, choices=[('switched_off', 'Sending is switched off on this server'), ('rate_limited', 'ChumiAI limits the requests'), ('unreachable', "ChumiAI can't be reached"), ('whatsapp', "WhatsApp can't take messages"), ('group_count', 'The group is being counted'), ('template_read', 'The template is being read again'), ('batch_in_flight', 'Another batch is being submitted'), ('open_jobs', 'ChumiAI is still sending earlier batches'), ('disk', "The server can't write to its disk")], max_length=20)),
                ('wait_until', models.DateTimeField(null=True)),
                ('wait_details', models.JSONField(default=dict)),
                ('digest', models.CharField(blank=True, max_length=64)),
                ('recipient_count', models.PositiveIntegerField(default=0)),
                ('snapshot', models.JSONField(null=True)),
                ('template_hash', models.CharField(blank=True, max_length=64)),
                ('template_read_at', models.DateTimeField(null=True)),
                ('intent', models.UUIDField(editable=False, null=True, unique=True)),
                ('created_at', models.DateTimeField(auto_now_add=True)),
                ('launched_at', models.DateTimeField(null=True)),
                ('consent', models.CharField(blank=True, max_length=300)),
                ('finished_at', models.DateTimeField(null=True)),
                ('failures_since', models.DateTimeField(null=True)),
                ('changed_at', models.DateTimeField(auto_now=True)),
            ],
        ),
        migrations.CreateModel(
            name='Check',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('token', models.CharField(blank=True, max_length=32)),
                ('state', models.CharField(choices=[('requested', 'Checking'), ('done', 'Checked'), ('failed', 'Not checked')], default='requested', max_length=10)),
                ('requested_at', models.DateTimeField()),
                ('finished_at', models.DateTimeField(null=True)),
                ('rows', models.PositiveIntegerField(default=0)),
                ('ready', models.PositiveIntegerField(default=0)),
                ('repaired', models.PositiveIntegerField(default=0)),
                ('duplicate', models.PositiveIntegerField(default=0)),
                ('invalid', models.PositiveIntegerField(default=0)),
                ('opted_out', models.PositiveIntegerField(default=0)),
                ('excluded', models.PositiveIntegerField(default=0)),
                ('frequency_cap', models.PositiveIntegerField(default=0)),
                ('template', models.JSONField(default=dict)),
                ('details', models.JSONField(default=dict)),
                ('report', models.CharField(blank=True, max_length=200)),
                ('ready_sha256', models.CharField(blank=True, max_length=64)),
                ('errors', models.JSONField(default=list)),
            ],
        ),
        migrations.CreateModel(
            name='GroupChoice',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('remote_id', models.CharField(max_length=200)),
                ('group_uuid', models.UUIDField()),
                ('name', models.CharField(max_length=300)),
                ('way', models.CharField(choices=[('expanded', 'Check every member'), ('endpoint', 'Let ChumiAI send')], default='expanded', max_length=10)),
                ('size', models.PositiveIntegerField()),
                ('read_at', models.DateTimeField()),
                ('counted_size', models.PositiveIntegerField(null=True)),
                ('counted_at', models.DateTimeField(null=True)),
            ],
        ),
        migrations.CreateModel(
            name='HeaderMedia',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('link', models.CharField(blank=True, max_length=2000)),
                ('media_id', models.CharField(blank=True, max_length=200)),
                ('state', models.CharField(choices=[('requested', 'Checking'), ('good', 'Usable'), ('bad', 'Not usable'), ('unseen', 'Not checked')], max_length=10)),
                ('content_type', models.CharField(blank=True, max_length=100)),
                ('size', models.PositiveBigIntegerField(null=True)),
                ('stored_problem', models.JSONField(blank=True, default=str)),
                ('requested_at', models.DateTimeField()),
                ('checked_at', models.DateTimeField(null=True)),
            ],
            options={
                'verbose_name_plural': 'header media',
            },
        ),
        migrations.CreateModel(
            name='Recipient',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('position', models.PositiveIntegerField()),
                ('row_number', models.PositiveIntegerField()),
                ('phone', models.CharField(max_length=16)),
                ('values', models.JSONField(default=list)),
                ('notes', models.JSONField(default=list)),
                ('status', models.CharField(choices=[('pending', 'Waiting'), ('submitting', 'Sending'), ('accepted', 'Accepted'), ('failed', 'Failed'), ('unconfirmed', 'Unconfirmed'), ('skipped', 'Skipped')], default='pending', max_length=12)),
                ('remote_id', models.CharField(blank=True, max_length=200)),
                ('delivery_status', models.PositiveSmallIntegerField(choices=[(0, 'Not reported'), (1, 'Held by WhatsApp'), (2, 'Sent'), (3, 'Delivered'), (4, 'Read')], db_default=0, default=0)),
                ('retries', models.PositiveSmallIntegerField(default=0)),
                ('failure_code', models.IntegerField(null=True)),
                ('settled_at', models.DateTimeField(null=True)),
                ('skip_reason', models.CharField(blank=True, choices=[('opted_out', 'Opted out'), ('earlier_campaign', 'In an earlier campaign'), ('frequency_cap', 'Frequency limit'), ('stopped', 'Campaign stopped'), ('decided', 'Skipped by a person')], db_default='', max_length=20)),
                ('decision', models.CharField(blank=True, choices=[('send_again', 'Send again'), ('count_as_sent', 'Count as sent'), ('skip', 'Skip')], db_default='', max_length=20)),
                ('reason', models.CharField(blank=True, max_length=300)),
            ],
        ),
        migrations.CreateModel(
            name='Upload',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('file', models.FileField(max_length=200, upload_to=campaigns.models.upload_path)),
                ('name', models.CharField(max_length=255)),
                ('size', models.PositiveBigIntegerField()),
                ('sha256', models.CharField(max_length=64)),
                ('has_header', models.BooleanField(default=True)),
                ('head', models.JSONField(default=list)),
                ('uploaded_at', models.DateTimeField(auto_now_add=True)),
            ],
        ),
        migrations.AddField(
            model_name='campaign',
            name='created_by',
            field=models.ForeignKey(null=True, on_delete=django.db.models.deletion.SET_NULL, related_name='+', to=settings.AUTH_USER_MODEL),
        ),
        migrations.AddField(
            model_name='campaign',
            name='exclude_campaign',
            field=models.ForeignKey(null=True, on_delete=django.db.models.deletion.PROTECT, related_name='+', to='campaigns.campaign'),
        ),
        migrations.AddField(
            model_name='campaign',
            name='launched_by',
            field=models.ForeignKey(null=True, on_delete=django.db.models.deletion.SET_NULL, related_name='+', to=settings.AUTH_USER_MODEL),
        ),
        migrations.AddField(
            model_name='campaign',
            name='team',
            field=models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='campaigns', to='teams.team'),
        ),
        migrations.AddField(
            model_name='campaign',
            name='template',
            field=models.ForeignKey(null=True, on_delete=django.db.models.deletion.PROTECT, related_name='campaigns', to='message_templates.messagetemplate'),
        ),
        migrations.AddField(
            model_name='campaign',
            name='test_of',
            field=models.ForeignKey(null=True, on_delete=django.db.models.deletion.SET_NULL, related_name='tests', to='campaigns.campaign'),
        ),
        migrations.AddField(
            model_name='check',
            name='campaign',
            field=models.OneToOneField(on_delete=django.db.models.deletion.CASCADE, related_name='check_result', to='campaigns.campaign'),
        ),
        migrations.AddField(
            model_name='groupchoice',
            name='campaign',
            field=models.OneToOneField(on_delete=django.db.models.deletion.CASCADE, related_name='group', to='campaigns.campaign'),
        ),
        migrations.AddField(
            model_name='headermedia',
            name='campaign',
            field=models.OneToOneField(on_delete=django.db.models.deletion.CASCADE, related_name='header_media', to='campaigns.campaign'),
        ),
        migrations.AddField(
            model_name='recipient',
            name='campaign',
            field=models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='recipients', to='campaigns.campaign'),
        ),
        migrations.AddField(
            model_name='recipient',
            name='decided_by',
            field=models.ForeignKey(db_index=False, null=True, on_delete=django.db.models.deletion.SET_NULL, related_name='+', to=settings.AUTH_USER_MODEL),
        ),
        migrations.AddField(
            model_name='upload',
            name='campaign',
            field=models.OneToOneField(on_delete=django.db.models.deletion.CASCADE, related_name='upload', to='campaigns.campaign'),
        ),
        migrations.AddField(
            model_name='upload',
            name='uploaded_by',
            field=models.ForeignKey(null=True, on_delete=django.db.models.deletion.SET_NULL, related_name='+', to=settings.AUTH_USER_MODEL),
        ),
        migrations.AddIndex(
            model_name='campaign',
            index=models.Index(fields=['team', '-created_at', '-id'], name='campaign_list'),
        ),
        migrations.AddConstraint(
            model_name='campaign',
            constraint=models.CheckConstraint(condition=models.Q(models.Q(('launched_at', None), ('status__in', ('draft', 'ready'))), models.Q(('engine__in', ('batches', 'singly', 'group')), ('intent__isnull', False), ('launched_at__isnull', False), ('snapshot__isnull', False), ('status__in', ('queued', 'sending', 'paused', 'stopped', 'completed'))), _connector='OR'), name='launched_at_is_set_exactly_when_launched'),
        ),
        migrations.AddConstraint(
            model_name='campaign',
            constraint=models.CheckConstraint(condition=models.Q(models.Q(('status', 'paused'), models.Q(('pause_reason', ''), _negated=True)), models.Q(models.Q(('status', 'paused'), _negated=True), ('pause_reason', '')), _connector='OR'), name='paused_for_a_reason'),
        ),
        migrations.AddConstraint(
            model_name='campaign',
            constraint=models.CheckConstraint(condition=models.Q(models.Q(('finished_at__isnull', False), ('status__in', ('stopped', 'completed'))), models.Q(models.Q(('status__in', ('stopped', 'completed')), _negated=True), ('finished_at', None)), _connector='OR'), name='finished_at_is_set_exactly_when_finished'),
        ),
        migrations.AddConstraint(
            model_name='headermedia',
            constraint=models.CheckConstraint(condition=models.Q(models.Q(('link', ''), models.Q(('media_id', ''), _negated=True)), models.Q(models.Q(('link', ''), _negated=True), ('media_id', '')), _connector='OR'), name='media_by_link_or_by_id'),
        ),
        migrations.AddIndex(
            model_name='recipient',
            index=models.Index(fields=['campaign', 'status', 'position'], name='recipient_by_status'),
        ),
        migrations.AddIndex(
            model_name='recipient',
            index=models.Index(condition=models.Q(('retries__gt', 0)), fields=['campaign'], name='recipient_retried'),
        ),
        migrations.AddIndex(
            model_name='recipient',
            index=models.Index(fields=['phone', 'settled_at'], name='recipient_by_phone'),
        ),
        migrations.AddIndex(
            model_name='recipient',
            index=models.Index(condition=models.Q(('remote_id', ''), _negated=True), fields=['remote_id'], name='recipient_of_message'),
        ),
        migrations.AddIndex(
            model_name='recipient',
            index=models.Index(condition=models.Q(('delivery_status__gt', 0)), fields=['campaign', 'delivery_status'], name='recipient_by_receipt'),
        ),
        migrations.AddConstraint(
            model_name='recipient',
            constraint=models.UniqueConstraint(fields=('campaign', 'phone'), name='one_message_a_phone'),
        ),
        migrations.AddConstraint(
            model_name='recipient',
            constraint=models.UniqueConstraint(fields=('campaign', 'position'), name='one_position_each'),
        ),
        migrations.AddConstraint(
            model_name='recipient',
            constraint=models.CheckConstraint(condition=models.Q(models.Q(('status', 'skipped'), models.Q(('skip_reason', ''), _negated=True)), models.Q(models.Q(('status', 'skipped'), _negated=True), ('skip_reason', '')), _connector='OR'), name='skipped_for_a_reason'),
        ),
        migrations.AddConstraint(
            model_name='recipient',
            constraint=models.CheckConstraint(condition=models.Q(models.Q(('phone__startswith', '+')), models.Q(('phone__startswith', '+0'), _negated=True), django.db.models.lookups.GreaterThan(django.db.models.functions.text.Length(models.F('phone')), 7), django.db.models.lookups.LessThan(django.db.models.functions.text.Length(models.F('phone')), 17), django.db.models.lookups.Exact(models.Func(django.db.models.functions.text.Substr(models.F('phone'), 2), models.Value('0123456789'), function='LTRIM', output_field=models.TextField()), models.Value(''))), name='recipient_phone_is_e164'),
        ),
    ]
