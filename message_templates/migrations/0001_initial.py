import uuid
import django.db.models.deletion
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
            name='MessageTemplate',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('uuid', models.UUIDField(default=uuid.uuid4, editable=False, unique=True)),
                ('remote_id', models.CharField(blank=True, max_length=200)),
                ('name', models.CharField(max_length=512)),
                ('language', models.CharField(max_length=20)),
                ('category', models.CharField(blank=True, max_length=40)),
                ('status', models.CharField(max_length=40)),
                ('status_assumed', models.BooleanField(default=False)),
                ('quality', models.CharField(blank=True, max_length=20)),
                ('parameter_format', models.CharField(default='POSITIONAL', max_length=20)),
                ('components', models.JSONField(default=list)),
                ('rejected_reason', models.CharField(blank=True, max_length=500)),
                ('unsendable_code', models.CharField(blank=True, max_length=40)),
                ('content_hash', models.CharField(blank=True, max_length=64)),
                ('raw', models.JSONField(default=dict)),
                ('first_seen_at', models.DateTimeField()),
                ('changed_at', models.DateTimeField()),
                ('vanished_at', models.DateTimeField(null=True)),
                ('status_reported_at', models.DateTimeField(null=True)),
                ('quality_reported_at', models.DateTimeField(null=True)),
                ('category_reported_at', models.DateTimeField(null=True)),
            ],
            options={
                'ordering': ['name', 'language'],
            },
        ),
        migrations.CreateModel(
            name='TemplateSync',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('state', models.CharField(choices=[('requested', 'Waiting to start'), ('running', 'Updating'), ('succeeded', 'Updated'), ('failed', 'Failed')], default='requested', max_length=10)),
                ('requested_at', models.DateTimeField()),
                ('finished_at', models.DateTimeField(null=True)),
                ('waits_until', models.DateTimeField(null=True)),
                ('error', models.CharField(blank=True, max_length=300)),
                ('fetches', models.PositiveSmallIntegerField(default=0)),
                ('total', models.PositiveIntegerField(default=0)),
                ('added', models.PositiveIntegerField(default=0)),
                ('changed', models.PositiveIntegerField(default=0)),
                ('vanished', models.PositiveIntegerField(default=0)),
                ('skipped', models.PositiveIntegerField(default=0)),
            ],
            options={
                'abstract': False,
            },
        ),
        migrations.AddField(
            model_name='messagetemplate',
            name='team',
            field=models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='message_templates', to='teams.team'),
        ),
        migrations.AddField(
            model_name='templatesync',
            name='requested_by',
            field=models.ForeignKey(null=True, on_delete=django.db.models.deletion.SET_NULL, related_name='+', to=settings.AUTH_USER_MODEL),
        ),
        migrations.AddField(
            model_name='templatesync',
            name='team',
            field=models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='+', to='teams.team'),
        ),
        migrations.AddConstraint(
            model_name='messagetemplate',
            constraint=models.UniqueConstraint(fields=('team', 'name', 'language'), name='one_template_a_language'),
        ),
        migrations.AddConstraint(
            model_name='templatesync',
            constraint=models.UniqueConstraint(condition=models.Q(('finished_at', None)), fields=('team',), name='one_unfinished_templatesync_a_team'),
        ),
        migrations.AddConstraint(
            model_name='templatesync',
            constraint=models.CheckConstraint(condition=models.Q(models.Q(('finished_at', None), ('state__in', ('requested', 'running'))), models.Q(('finished_at__isnull', False), ('state__in', ('succeeded', 'failed'))), _connector='OR'), name='finished_templatesync_has_its_time'),
        ),
    ]
