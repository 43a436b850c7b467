import core.sentence_field
import django.core.validators
import django.db.models.deletion
import django.db.models.functions.text
import django.utils.timezone
import teams.models
import uuid
from django.conf import settings
from django.db import migrations, models


class Migration(migrations.Migration):

    initial = True

    dependencies = [
        ('auth', '0012_alter_user_first_name_max_length'),
    ]

    operations = [
        migrations.CreateModel(
            name='Team',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('name', models.CharField(max_length=100)),
                ('slug', models.SlugField(help_text='Part of the address: /t/…/', unique=True)),
                ('default_region', models.CharField(default='GH', help_text='Two letters, such as GH. Numbers without a country code belong to it.', max_length=2, verbose_name='country of local numbers')),
                ('confirm_above', models.PositiveIntegerField(default=50, help_text='To launch to more people than this, a person must type the number.')),
                ('batch_size', models.PositiveIntegerField(default=500, help_text='People in one batch. Pause and stop take effect between batches.', validators=[django.core.validators.MinValueValidator(10), django.core.validators.MaxValueValidator(10000)])),
                ('open_jobs', models.PositiveSmallIntegerField(default=2, help_text='Batches of a campaign that ChumiAI may process at the same time.', validators=[django.core.validators.MinValueValidator(1), django.core.validators.MaxValueValidator(20)])),
                ('singly_up_to', models.PositiveIntegerField(default=250, help_text='Campaigns to at most this many people are sent one by one, unless the person who launches chooses otherwise.', verbose_name='send one by one up to')),
                ('messages_per_second', models.FloatField(default=5, help_text='The pace of campaigns that are sent one by one.', validators=[django.core.validators.MinValueValidator(0.1), django.core.validators.MaxValueValidator(200)])),
                ('parallel_sends', models.PositiveSmallIntegerField(default=4, help_text='Messages that may be in progress at the same time.', validators=[django.core.validators.MinValueValidator(1), django.core.validators.MaxValueValidator(32)])),
                ('pause_at_failures', models.PositiveSmallIntegerField(default=25, help_text='In per cent of the last 50 messages. The campaign then waits for a person.', validators=[django.core.validators.MinValueValidator(1), django.core.validators.MaxValueValidator(100)], verbose_name='pause at this share of failures')),
                ('marketing_messages', models.PositiveSmallIntegerField(default=1, help_text='The frequency limit: at most this many in the hours below, over all campaigns. People at the limit are skipped. 0: no limit.', verbose_name='marketing messages to a person')),
                ('marketing_hours', models.PositiveSmallIntegerField(default=24, validators=[django.core.validators.MinValueValidator(1), django.core.validators.MaxValueValidator(744)], verbose_name='hours in which they are counted')),
                ('created_at', models.DateTimeField(auto_now_add=True)),
            ],
        ),
        migrations.CreateModel(
            name='User',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('password', models.CharField(max_length=128, verbose_name='password')),
                ('last_login', models.DateTimeField(blank=True, null=True, verbose_name='last login')),
                ('is_superuser', models.BooleanField(default=False, help_text='Designates that this user has all permissions without explicitly assigning them.', verbose_name='superuser status')),
                ('first_name', models.CharField(blank=True, max_length=150, verbose_name='first name')),
                ('last_name', models.CharField(blank=True, max_length=150, verbose_name='last name')),
                ('is_staff', models.BooleanField(default=False, help_text='Designates whether the user can log into this admin site.', verbose_name='staff status')),
                ('is_active', models.BooleanField(default=True, help_text='Designates whether this user should be treated as active. Unselect this instead of deleting accounts.', verbose_name='active')),
                ('date_joined', models.DateTimeField(default=django.utils.timezone.now, verbose_name='date joined')),
                ('email', models.EmailField(max_length=254, unique=True, validators=[django.core.validators.RegexValidator('\\A[!-~]+\\Z', 'Use an address of plain letters, digits and signs only.')], verbose_name='email address')),
                ('security_stamp', models.CharField(default=teams.models.new_security_stamp, editable=False, max_length=32)),
                ('groups', models.ManyToManyField(blank=True, help_text='The groups this user belongs to. A user will get all permissions granted to each of their groups.', related_name='user_set', related_query_name='user', to='auth.group', verbose_name='groups')),
                ('user_permissions', models.ManyToManyField(blank=True, help_text='Specific permissions for this user.', related_name='user_set', related_query_name='user', to='auth.permission', verbose_name='user permissions')),
            ],
            options={
                'verbose_name': 'user',
                'verbose_name_plural': 'users',
                'abstract': False,
                'constraints': [models.CheckConstraint(condition=models.Q(('email', django.db.models.functions.text.Lower('email'))), name='address_in_lower_case')],
            },
            managers=[
                ('objects', teams.models.UserManager()),
            ],
        ),
        migrations.CreateModel(
            name='Connection',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('base_url', models.CharField(max_length=200)),
                ('key_ciphertext', models.TextField(blank=True, editable=False)),
                ('key_last4', models.CharField(blank=True, editable=False, max_length=4)),
                ('key_fingerprint', models.CharField(blank=True, editable=False, max_length=64)),
                ('scopes', models.JSONField(default=dict, editable=False)),
                ('problem', core.sentence_field.SentenceField(blank=True, editable=False)),
                ('problem_said', models.CharField(blank=True, editable=False, max_length=200)),
                ('checks', models.JSONField(default=list, editable=False)),
                ('tested_at', models.DateTimeField(editable=False, null=True)),
                ('checked_at', models.DateTimeField(editable=False, null=True)),
                ('changed_at', models.DateTimeField(auto_now=True)),
                ('team', models.OneToOneField(on_delete=django.db.models.deletion.CASCADE, related_name='connection', to='teams.team')),
            ],
        ),
        migrations.CreateModel(
            name='Membership',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('role', models.CharField(choices=[('viewer', 'Viewer'), ('marketer', 'Marketer'), ('manager', 'Manager')], default='marketer', max_length=10)),
                ('created_at', models.DateTimeField(auto_now_add=True)),
                ('user', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='memberships', to=settings.AUTH_USER_MODEL)),
                ('team', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='memberships', to='teams.team')),
            ],
            options={
                'constraints': [models.UniqueConstraint(fields=('team', 'user'), name='one_membership_a_team'), models.CheckConstraint(condition=models.Q(('role__in', ['viewer', 'marketer', 'manager'])), name='known_role')],
            },
        ),
        migrations.CreateModel(
            name='AuditEvent',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('uuid', models.UUIDField(default=uuid.uuid4, unique=True)),
                ('at', models.DateTimeField(auto_now_add=True)),
                ('action', models.CharField(max_length=50)),
                ('subject', models.CharField(blank=True, max_length=200)),
                ('before', models.JSONField(default=dict)),
                ('after', models.JSONField(default=dict)),
                ('user', models.ForeignKey(null=True, on_delete=django.db.models.deletion.PROTECT, related_name='+', to=settings.AUTH_USER_MODEL)),
                ('user_email', models.EmailField(blank=True, max_length=254)),
                ('team', models.ForeignKey(null=True, on_delete=django.db.models.deletion.PROTECT, related_name='audit_events', to='teams.team')),
            ],
            options={
                'indexes': [models.Index(fields=['team', '-at'], name='audit_by_team')],
            },
        ),
    ]
