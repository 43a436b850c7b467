import django.db.models.deletion
import django.db.models.functions.text
import django.db.models.lookups
import django.utils.timezone
import uuid
from django.conf import settings
from django.db import migrations, models


class Migration(migrations.Migration):

    initial = True

    dependencies = [
        ('teams', '0001_initial'),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.CreateModel(
            name='Contact',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('uuid', models.UUIDField(editable=False)),
                ('remote_id', models.CharField(blank=True, max_length=200)),
                ('name', models.CharField(blank=True, max_length=300)),
                ('search_name', models.CharField(blank=True, max_length=300)),
                ('sort_key', models.CharField(max_length=60)),
                ('phone', models.CharField(blank=True, max_length=16)),
                ('raw_phone', models.CharField(blank=True, max_length=60)),
                ('email', models.CharField(blank=True, max_length=200)),
                ('tags', models.JSONField(default=list)),
                ('custom', models.JSONField(default=dict)),
                ('opted_out', models.BooleanField(null=True)),
                ('added_at', models.DateTimeField(null=True)),
            ],
        ),
        migrations.CreateModel(
            name='ContactGroup',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('uuid', models.UUIDField(editable=False)),
                ('remote_id', models.CharField(max_length=200)),
                ('name', models.CharField(max_length=300)),
                ('description', models.CharField(blank=True, max_length=500)),
                ('reported_size', models.PositiveIntegerField(null=True)),
                ('size', models.PositiveIntegerField(default=0)),
                ('synced_at', models.DateTimeField(null=True)),
                ('problem', models.CharField(blank=True, choices=[('gone', 'ChumiAI does not have this group any more.'), ('unreadable', 'ChumiAI could not give the members of this group.')], max_length=12)),
            ],
        ),
        migrations.CreateModel(
            name='ContactSync',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('state', models.CharField(choices=[('requested', 'Waiting to start'), ('running', 'Updating'), ('succeeded', 'Updated'), ('failed', 'Failed')], default='requested', max_length=10)),
                ('requested_at', models.DateTimeField()),
                ('finished_at', models.DateTimeField(null=True)),
                ('waits_until', models.DateTimeField(null=True)),
                ('error', models.CharField(blank=True, max_length=300)),
                ('token', models.CharField(blank=True, max_length=32)),
                ('contacts_synced', models.PositiveIntegerField(default=0)),
                ('groups_total', models.PositiveIntegerField(default=0)),
                ('groups_synced', models.PositiveIntegerField(default=0)),
                ('skipped', models.PositiveIntegerField(default=0)),
                ('custom_fields', models.JSONField(default=list)),
            ],
            options={
                'abstract': False,
            },
        ),
        migrations.CreateModel(
            name='GroupMembership',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
            ],
        ),
        migrations.CreateModel(
            name='OptOut',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('uuid', models.UUIDField(default=uuid.uuid4, editable=False, unique=True)),
                ('phone', models.CharField(max_length=16)),
                ('source', models.CharField(choices=[('by_hand', 'Added by hand'), ('import', 'Imported'), ('keyword', 'Replied STOP'), ('button', 'Pressed a stop button'), ('whatsapp', 'Opted out in WhatsApp'), ('chumiai', 'Opted out in ChumiAI')], default='by_hand', max_length=20)),
                ('reason', models.CharField(blank=True, max_length=200)),
                ('message', models.TextField(blank=True)),
                ('created_at', models.DateTimeField(default=django.utils.timezone.now)),
                ('lifted_at', models.DateTimeField(null=True)),
                ('lifted_reason', models.CharField(blank=True, max_length=200)),
            ],
        ),
        migrations.CreateModel(
            name='UnreadableOptOut',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('uuid', models.UUIDField(default=uuid.uuid4, editable=False, unique=True)),
                ('key', models.CharField(max_length=64)),
                ('number', models.CharField(blank=True, max_length=64)),
                ('name', models.CharField(blank=True, max_length=300)),
                ('source', models.CharField(choices=[('by_hand', 'Added by hand'), ('import', 'Imported'), ('keyword', 'Replied STOP'), ('button', 'Pressed a stop button'), ('whatsapp', 'Opted out in WhatsApp'), ('chumiai', 'Opted out in ChumiAI')], max_length=20)),
                ('message', models.TextField(blank=True)),
                ('created_at', models.DateTimeField()),
                ('decision', models.CharField(blank=True, choices=[('added', 'Added to the list'), ('dismissed', 'Not a stop')], max_length=10)),
                ('decided_at', models.DateTimeField(null=True)),
                ('decided_by', models.ForeignKey(null=True, on_delete=django.db.models.deletion.SET_NULL, related_name='+', to=settings.AUTH_USER_MODEL)),
                ('team', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='unreadable_opt_outs', to='teams.team')),
            ],
            options={
                'indexes': [models.Index(condition=models.Q(('decision', '')), fields=['team', 'created_at'], name='unreadable_opt_out_waiting')],
                'constraints': [models.UniqueConstraint(fields=('team', 'key'), name='one_unreadable_opt_out_a_key'), models.CheckConstraint(condition=models.Q(models.Q(('decided_at', None), ('decision', '')), models.Q(models.Q(('decision', ''), _negated=True), ('decided_at__isnull', False)), _connector='OR'), name='decided_unreadable_opt_out_has_its_time')],
            },
        ),
        migrations.AddField(
            model_name='contactsync',
            name='requested_by',
            field=models.ForeignKey(null=True, on_delete=django.db.models.deletion.SET_NULL, related_name='+', to=settings.AUTH_USER_MODEL),
        ),
        migrations.AddField(
            model_name='contactsync',
            name='team',
            field=models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='+', to='teams.team'),
        ),
        migrations.AddField(
            model_name='contactgroup',
            name='sync',
            field=models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='groups', to='contacts.contactsync'),
        ),
        migrations.AddField(
            model_name='contact',
            name='sync',
            field=models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='contacts', to='contacts.contactsync'),
        ),
        migrations.AddField(
            model_name='groupmembership',
            name='contact',
            field=models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='memberships', to='contacts.contact'),
        ),
        migrations.AddField(
            model_name='groupmembership',
            name='group',
            field=models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='memberships', to='contacts.contactgroup'),
        ),
        migrations.AddField(
            model_name='optout',
            name='created_by',
            field=models.ForeignKey(null=True, on_delete=django.db.models.deletion.SET_NULL, related_name='+', to=settings.AUTH_USER_MODEL),
        ),
        migrations.AddField(
            model_name='optout',
            name='lifted_by',
            field=models.ForeignKey(null=True, on_delete=django.db.models.deletion.SET_NULL, related_name='+', to=settings.AUTH_USER_MODEL),
        ),
        migrations.AddField(
            model_name='optout',
            name='team',
            field=models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='opt_outs', to='teams.team'),
        ),
        migrations.AddConstraint(
            model_name='contactsync',
            constraint=models.UniqueConstraint(condition=models.Q(('finished_at', None)), fields=('team',), name='one_unfinished_contactsync_a_team'),
        ),
        migrations.AddConstraint(
            model_name='contactsync',
            constraint=models.CheckConstraint(condition=models.Q(models.Q(('finished_at', None), ('state__in', ('requested', 'running'))), models.Q(('finished_at__isnull', False), ('state__in', ('succeeded', 'failed'))), _connector='OR'), name='finished_contactsync_has_its_time'),
        ),
        migrations.AddIndex(
            model_name='contactgroup',
            index=models.Index(fields=['sync', 'name', 'id'], name='group_list'),
        ),
        migrations.AddConstraint(
            model_name='contactgroup',
            constraint=models.UniqueConstraint(fields=('sync', 'uuid'), name='one_group_a_sync'),
        ),
        migrations.AddIndex(
            model_name='contact',
            index=models.Index(fields=['sync', 'sort_key', 'id'], name='contact_list'),
        ),
        migrations.AddIndex(
            model_name='contact',
            index=models.Index(fields=['sync', 'phone'], name='contact_by_phone'),
        ),
        migrations.AddConstraint(
            model_name='contact',
            constraint=models.UniqueConstraint(fields=('sync', 'uuid'), name='one_contact_a_sync'),
        ),
        migrations.AddConstraint(
            model_name='contact',
            constraint=models.CheckConstraint(condition=models.Q(('phone', ''), models.Q(models.Q(('phone__startswith', '+')), models.Q(('phone__startswith', '+0'), _negated=True), django.db.models.lookups.GreaterThan(django.db.models.functions.text.Length(models.F('phone')), 7), django.db.models.lookups.LessThan(django.db.models.functions.text.Length(models.F('phone')), 17), django.db.models.lookups.Exact(models.Func(django.db.models.functions.text.Substr(models.F('phone'), 2), models.Value('0123456789'), function='LTRIM', output_field=models.TextField()), models.Value(''))), _connector='OR'), name='contact_phone_is_e164'),
        ),
        migrations.AddConstraint(
            model_name='groupmembership',
            constraint=models.UniqueConstraint(fields=('group', 'contact'), name='a_member_once'),
        ),
        migrations.AddIndex(
            model_name='optout',
            index=models.Index(fields=['team', '-created_at', '-id'], name='opt_out_list'),
        ),
        migrations.AddIndex(
            model_name='optout',
            index=models.Index(fields=['team', 'phone'], name='opt_outs_of_phone'),
        ),
        migrations.AddConstraint(
            model_name='optout',
            constraint=models.UniqueConstraint(condition=models.Q(('lifted_at', None)), fields=('team', 'phone'), name='one_opt_out_in_force_a_phone'),
        ),
        migrations.AddConstraint(
            model_name='optout',
            constraint=models.CheckConstraint(condition=models.Q(('lifted_at', None), models.Q(('lifted_reason', ''), _negated=True), _connector='OR'), name='lifted_for_a_reason'),
        ),
        migrations.AddConstraint(
            model_name='optout',
            constraint=models.CheckConstraint(condition=models.Q(models.Q(('phone__startswith', '+')), models.Q(('phone__startswith', '+0'), _negated=True), django.db.models.lookups.GreaterThan(django.db.models.functions.text.Length(models.F('phone')), 7), django.db.models.lookups.LessThan(django.db.models.functions.text.Length(models.F('phone')), 17), django.db.models.lookups.Exact(models.Func(django.db.models.functions.text.Substr(models.F('phone'), 2), models.Value('0123456789'), function='LTRIM', output_field=models.TextField()), models.Value(''))), name='opt_out_phone_is_e164'),
        ),
    ]
