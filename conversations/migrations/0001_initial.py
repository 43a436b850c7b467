import django.db.models.deletion
import django.db.models.functions.text
import django.db.models.lookups
import uuid
from django.db import migrations, models


from conversations import indexes


def make(apps, editor):
    indexes.make(editor.connection)


def drop(apps, editor):
    indexes.drop(editor.connection)


class Migration(migrations.Migration):

    initial = True

    dependencies = [
        ('campaigns', '0001_initial'),
        ('teams', '0001_initial'),
    ]

    operations = [
        migrations.CreateModel(
            name='Conversation',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('uuid', models.UUIDField(default=uuid.uuid4, editable=False, unique=True)),
                ('phone', models.CharField(max_length=64)),
                ('name', models.CharField(blank=True, max_length=300)),
                ('named_at', models.DateTimeField(null=True)),
                ('folded', models.TextField(blank=True)),
                ('last_message_at', models.DateTimeField()),
                ('last_inbound_at', models.DateTimeField(null=True)),
                ('unread_count', models.PositiveIntegerField(default=0)),
                ('read_until', models.DateTimeField(null=True)),
                ('version', models.PositiveIntegerField(default=0)),
                ('history', models.CharField(blank=True, choices=[('', 'Never requested'), ('requested', 'Requested'), ('synced', 'Synced'), ('not_offered', 'Not offered'), ('failed', 'Failed')], default='', max_length=12)),
                ('history_requested_at', models.DateTimeField(null=True)),
                ('history_synced_at', models.DateTimeField(null=True)),
                ('history_skipped', models.PositiveIntegerField(default=0)),
                ('history_error', models.CharField(blank=True, max_length=300)),
            ],
        ),
        migrations.CreateModel(
            name='Message',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('remote_id', models.CharField(max_length=200)),
                ('inbound', models.BooleanField()),
                ('kind', models.CharField(blank=True, max_length=40)),
                ('text', models.TextField(blank=True)),
                ('payload', models.CharField(blank=True, max_length=512)),
                ('reply_to', models.CharField(blank=True, max_length=200)),
                ('media_kind', models.CharField(blank=True, max_length=20)),
                ('media_type', models.CharField(blank=True, max_length=100)),
                ('media_name', models.CharField(blank=True, max_length=512)),
                ('media_size', models.PositiveBigIntegerField(null=True)),
                ('template_name', models.CharField(blank=True, max_length=512)),
                ('status', models.PositiveSmallIntegerField(choices=[(0, 'Status unknown'), (1, 'Accepted'), (2, 'Held by WhatsApp'), (3, 'Sent'), (4, 'Failed'), (5, 'Delivered'), (6, 'Read')], default=0)),
                ('code', models.IntegerField(null=True)),
                ('at', models.DateTimeField()),
                ('at_is_reported', models.BooleanField(default=True)),
                ('folded', models.TextField(blank=True)),
            ],
        ),
        migrations.AddField(
            model_name='conversation',
            name='team',
            field=models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='conversations', to='teams.team'),
        ),
        migrations.AddField(
            model_name='message',
            name='attributed_to',
            field=models.ForeignKey(null=True, on_delete=django.db.models.deletion.SET_NULL, related_name='+', to='campaigns.campaign'),
        ),
        migrations.AddField(
            model_name='message',
            name='conversation',
            field=models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='messages', to='conversations.conversation'),
        ),
        migrations.AddField(
            model_name='message',
            name='recipient',
            field=models.OneToOneField(db_constraint=False, null=True, on_delete=django.db.models.deletion.DO_NOTHING, related_name='message', to='campaigns.recipient'),
        ),
        migrations.AddField(
            model_name='message',
            name='team',
            field=models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='+', to='teams.team'),
        ),
        migrations.AddField(
            model_name='conversation',
            name='last_message',
            field=models.ForeignKey(editable=False, null=True, on_delete=django.db.models.deletion.SET_NULL, related_name='+', to='conversations.message'),
        ),
        migrations.AddIndex(
            model_name='message',
            index=models.Index(fields=['conversation', '-at', '-id'], name='message_thread'),
        ),
        migrations.AddIndex(
            model_name='message',
            index=models.Index(condition=models.Q(('inbound', True)), fields=['conversation', '-at'], name='message_inbound'),
        ),
        migrations.AddIndex(
            model_name='message',
            index=models.Index(condition=models.Q(('kind', 'reaction')), fields=['team', 'reply_to'], name='message_reaction_to'),
        ),
        migrations.AddIndex(
            model_name='message',
            index=models.Index(condition=models.Q(('attributed_to__isnull', False)), fields=['attributed_to', 'conversation'], name='message_attributed_to'),
        ),
        migrations.AddConstraint(
            model_name='message',
            constraint=models.UniqueConstraint(fields=('team', 'remote_id'), name='one_message_an_id'),
        ),
        migrations.AddIndex(
            model_name='conversation',
            index=models.Index(condition=models.Q(('last_message__isnull', False)), fields=['team', '-last_message_at', '-id'], name='conversation_listed'),
        ),
        migrations.AddIndex(
            model_name='conversation',
            index=models.Index(condition=models.Q(('unread_count__gt', 0)), fields=['team', '-last_message_at', '-id'], name='conversation_unread'),
        ),
        migrations.AddConstraint(
            model_name='conversation',
            constraint=models.UniqueConstraint(fields=('team', 'phone'), name='one_conversation_a_phone'),
        ),
        migrations.AddConstraint(
            model_name='conversation',
            constraint=models.CheckConstraint(condition=models.Q(models.Q(('phone__startswith', '+'), _negated=True), models.Q(models.Q(('phone__startswith', '+')), models.Q(('phone__startswith', '+0'), _negated=True), django.db.models.lookups.GreaterThan(django.db.models.functions.text.Length(models.F('phone')), 7), django.db.models.lookups.LessThan(django.db.models.functions.text.Length(models.F('phone')), 17), django.db.models.lookups.Exact(models.Func(django.db.models.functions.text.Substr(models.F('phone'), 2), models.Value('0123456789'), function='LTRIM', output_field=models.TextField()), models.Value(''))), _connector='OR'), name='conversation_phone_is_e164'),
        ),
        migrations.RunPython(make, drop),
    ]
